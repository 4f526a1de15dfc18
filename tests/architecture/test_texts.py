"""Texts that people read: one word for one thing, no codes, both languages."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest

import fleet
from fleet.kit.errors import Refusal
from fleet.kit.language import BilingualText
from gateway.assistant.reasons import in_russian
from gateway.assistant.texts import TEXTS
from protocol.kktpc.command_names import COMMAND_NAMES
from protocol.kktpc.commands import BY_NAME

ROOT: Final = Path(__file__).parents[2]
CYRILLIC: Final = re.compile("[А-Яа-яЁё]")
PARAMETER: Final = re.compile(r"\{[\w.]*(:[^{}]*)?\}")
BANNED: Final = {
    "символ, not знак": re.compile(r"\bзнак(а|ов|и|у|ом|ами|ах)?\b", re.I),
    "a duration in bare seconds": re.compile(r"через \{\} с\b"),
    "«…» within «…»": re.compile(r"«[^»]*«"),
    "an internal name": re.compile(r"\b[a-z]+_[a-z_]+\b"),
    "Ассистент with a capital": re.compile(r"\bассистент"),
    "поэтапное обновление, not раскатка": re.compile(r"\bраскатк", re.I),
    "сеанс связи, not разговор": re.compile(r"\bразговор", re.I),
    "личный кабинет, not a bare кабинет": re.compile(
        r"(?<!личном )(?<!личного )(?<!личному )(?<!личный )\bкабинет", re.I
    ),
    "a place in a list, not a path of the API": re.compile(r"\bGET /"),
}
OTHERS_WORDS: Final = ("protocol/settings", "protocol/setting_choices", "protocol/result_codes")
"""Tables of the manufacturer's own texts."""
CODES_STAND_IN: Final = ("fleet/registers/errors.py", "fleet/firmware/errors.py")
"""Paths of files are named there."""


def texts() -> Iterator[tuple[str, str]]:
    """Place and text of each Russian literal of the product that is not a docstring."""
    for folder in ("fleet", "gateway", "protocol"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if "migrations" in name or name.startswith(OTHERS_WORDS):
                continue
            for line, text in _literals(ast.parse(path.read_text("utf-8"))):
                if CYRILLIC.search(text):
                    yield f"{name}:{line}", text


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
            yield node.lineno, node.value


@pytest.mark.parametrize("rule", BANNED)
def test_no_russian_text_breaks_a_rule_of_wording(rule: str) -> None:
    broken = [
        f"{place} {text}"
        for place, text in texts()
        if BANNED[rule].search(PARAMETER.sub("{}", text))
        and not (rule == "an internal name" and place.startswith(CODES_STAND_IN))
    ]
    assert not broken, f"{rule}:\n" + "\n".join(broken)


def _said() -> Iterator[tuple[str, str, str]]:
    for module in pkgutil.walk_packages(fleet.__path__, "fleet."):
        if ".migrations." not in module.name and not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                yield from _pairs(f"{module.name}.{name}", value)


def _pairs(place: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, Refusal | BilingualText):
        yield place, value.ru, value.en
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(
            _pairs(f"{place}[{key}]", each) for key, each in value.items()
        )


def test_every_text_is_in_both_languages() -> None:
    found = list(_said())
    assert len(found) > 300
    for place, russian, english in found:
        bare = PARAMETER.sub("", russian)
        assert CYRILLIC.search(bare) or not re.search("[a-z]{3}", bare), f"{place}: {russian}"
        assert english and not CYRILLIC.search(english), f"{place}: {english}"


def test_every_command_has_a_name_for_people() -> None:
    assert set(BY_NAME) <= set(COMMAND_NAMES)
    for name in COMMAND_NAMES.values():
        assert CYRILLIC.search(name["ru"]) and name["en"].isascii()
        assert "_" not in name["ru"] + name["en"]


def test_the_assistant_speaks_both_languages() -> None:
    for name, words in TEXTS.items():
        named = [sorted(PARAMETER.findall(text)) for text in words.values()]
        assert set(words) == {"ru", "en"} and named[0] == named[1], name
        assert CYRILLIC.search(words["ru"]) and not CYRILLIC.search(words["en"]), name


@pytest.mark.parametrize(
    ("why", "russian"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "соединение отклонено"),
        ("no register answers on the line (timeout)", "касса не отвечает"),
        ("busy", "сервер перегружен"),
        ("Expected '=' (at line 3, column 5)", "ошибка в строке 3, символ 5"),
        ("открыта смена", "открыта смена"),
        ("5.9.1", "5.9.1"),
    ],
)
def test_a_reason_inside_a_russian_sentence_is_russian(why: object, russian: str) -> None:
    assert in_russian(why) == russian


def test_an_unknown_reason_is_quoted_as_the_systems_own() -> None:
    assert in_russian("flux overload") == "неизвестная ошибка (текст системы: «flux overload»)"
