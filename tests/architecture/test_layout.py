"""Everything has one place: what may stand at the top and in each package."""

import configparser
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT

TOP = {
    "gateway",
    "protocol",
    "fleet",
    "simulator",
    "firmware_images",
    "tests",
    "deploy",
    "cash_server.py",
    "pyproject.toml",
    "Makefile",
    "README.md",
    # For people who change the project: what they touch, what has changed, hooks before a commit.
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ".pre-commit-config.yaml",
    # Decisions, architecture, running and benchmarks, which a README of 120 lines only links to.
    "docs",
    ".ci",
    ".gitignore",
    # The import contracts: read and changed as the map of the house, too long for pyproject.toml.
    ".importlinter",
}
NOT_OURS = {
    ".git",
    ".venv",
    "data",
    "build",
    "cash_server.egg-info",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
    ".schemathesis",
}
"""Made by tools and by running the program; .gitignore names them."""

FOLDERS = {
    "gateway": {"edge", "assistant"},
    "protocol": {"kktpc", "conversation"},
    "simulator": {"register", "calls", "kktpc", "web_requests", "bench", "scenarios"},
}


def features() -> set[str]:
    """The folders of the fleet: those that the tiers of .importlinter list."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return set(re.findall(r"\w+", parser["importlinter:tiers"]["layers"]))


def strangers(found: Iterable[Path], allowed: set[str]) -> list[str]:
    return sorted(path.name for path in found if path.name not in allowed)


def folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir() and path.name != "__pycache__"]


def unseen_folders(parent: Path) -> list[str]:
    """Folders of code without ``__init__.py``: import-linter would not look into them."""
    holders = {path.parent for path in parent.rglob("*.py")}
    return sorted(str(folder) for folder in holders if not (folder / "__init__.py").exists())


def test_the_top_holds_what_was_agreed() -> None:
    assert strangers(ROOT.iterdir(), TOP | NOT_OURS) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_hold_the_folders_that_were_agreed(package: str) -> None:
    allowed = FOLDERS | {"fleet": features()}
    assert strangers(folders(ROOT / package), allowed[package]) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_code_is_hidden_from_the_contracts(package: str) -> None:
    assert unseen_folders(ROOT / package) == []


def test_a_stranger_is_found(tmp_path: Path) -> None:
    for name in ("gateway", "scripts"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.md").touch()
    assert strangers(tmp_path.iterdir(), TOP) == ["notes.md", "scripts"]
    assert strangers(folders(tmp_path), {"gateway"}) == ["scripts"]


def test_hidden_code_is_found(tmp_path: Path) -> None:
    (tmp_path / "listeners").mkdir()
    (tmp_path / "listeners" / "tcp.py").touch()
    (tmp_path / "__init__.py").touch()
    assert unseen_folders(tmp_path) == [str(tmp_path / "listeners")]


def test_every_tier_is_read() -> None:
    assert {"kit", "operations", "device_port", "console"} <= features()
