"""Documents tell the truth of today: links and paths lead somewhere, the README stays short."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import ROOT

MAX_README_LINES: Final = 120
DOCUMENTS: Final = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "protocol/README.md",
    "firmware_images/README.md",
    "fleet/GLOSSARY.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "deploy").rglob("*.md"))),
)
TOP_FOLDERS: Final = "gateway|protocol|fleet|simulator|firmware_images|tests|deploy|docs"

FENCE: Final = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
BACKTICKS: Final = re.compile(r"`([^`\n]+)`")
PATH: Final = re.compile(rf"((?:(?:{TOP_FOLDERS})/|cash_server\.py|Makefile)[\w./-]*?)(?:::(\w+))?")
HEADING: Final = re.compile(r"^#+ +(.*)$", re.MULTILINE)
DEFINITION: Final = r"^ *(?:async )?(?:def |class ){0}\b|^ *{0}\b[^=\n]* = "


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a document, as GitHub makes them."""
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text))
    return {title.strip().replace(" ", "-") for title in titles}


def broken_links(document: Path, text: str) -> Iterator[str]:
    """Yield the relative links that lead to no file, or to no heading of it."""
    for link in LINK.findall(FENCE.sub("", text)):
        place, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = document.parent / place if place else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            yield link


def wrong_paths(root: Path, text: str) -> Iterator[str]:
    """Yield the paths in backticks that are not there, or do not define what ``::`` names."""
    for words in BACKTICKS.findall(FENCE.sub("", text)):
        found = PATH.fullmatch(words)
        if found is None:
            continue
        path, name = root / found[1], found[2]
        if not path.exists() or (name and not defines(path.read_text("utf-8"), name)):
            yield words


def defines(source: str, name: str) -> bool:
    return re.search(DEFINITION.format(re.escape(name)), source, re.MULTILINE) is not None


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    assert list(broken_links(path, path.read_text("utf-8"))) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    assert list(wrong_paths(ROOT, (ROOT / document).read_text("utf-8"))) == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = LINK.findall((folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(path.name for path in folder.glob("0*.md"))


def test_broken_links_and_paths_are_found(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "one.py").write_text("LIMIT: int = 1\n\n\nasync def ask(): ...\n")
    document = tmp_path / "README.md"
    text = "# A heading\n[a](fleet/one.py) [b](#a-heading) [c](fleet/two.py) [d](#nothing)\n"
    document.write_text(text)
    assert list(broken_links(document, text)) == ["fleet/two.py", "#nothing"]
    named = ("one.py::LIMIT", "one.py::ask", "one.py::LIM", "two.py", "one.py")
    told = " ".join(f"`fleet/{each}`" for each in named)
    assert list(wrong_paths(tmp_path, told)) == ["fleet/one.py::LIM", "fleet/two.py"]
    assert list(wrong_paths(tmp_path, "`POST /fleet/two.py` and `fleet/<id>/up`")) == []
