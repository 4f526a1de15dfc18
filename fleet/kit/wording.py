"""Sentences for people: parameters are filled in, nouns agree with numbers, durations are words.

A sentence names its parameters in braces as ``str.format`` does and may add a format:

    {limit:файл|файла|файлов}     20 файлов (Russian: one, few, many)
    {limit:file|files}            20 files (English: one, other)
    {retry_after_s:duration}      seconds as "15 минут" or "15 minutes", rounded up
"""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any, Final

from fleet.kit.language import BilingualText, Language

MINUTE_S: Final = 60
HOUR_S: Final = 3600

_UNITS: Final = (
    (HOUR_S, BilingualText("час|часа|часов", "hour|hours")),
    (MINUTE_S, BilingualText("минуту|минуты|минут", "minute|minutes")),
    (1, BilingualText("секунду|секунды|секунд", "second|seconds")),
)
"""Units of time; the Russian forms are the accusative, as after «через»."""


def fill(sentence: BilingualText, language: Language, params: Mapping[str, object]) -> str:
    """Return the sentence in the language; raise ``KeyError`` for a missing parameter.

    A ``BilingualText`` among the parameters appears in that language.
    """
    said = {
        name: value.in_language(language) if isinstance(value, BilingualText) else value
        for name, value in params.items()
    }
    return nest_quotes(_Sentence(language).vformat(sentence.in_language(language), (), said))


def counted(number: int, forms: Sequence[str]) -> str:
    """Return the number with the right form of its noun: three forms in Russian, two in English."""
    return f"{number} {forms[_plural(number, len(forms))]}"


def duration(seconds: float, language: Language) -> str:
    """Return whole hours, minutes or seconds, rounded up so that nobody tries again too early."""
    unit, names = next((row for row in _UNITS if seconds >= row[0]), _UNITS[-1])
    return counted(max(1, int(-(-seconds // unit))), names.in_language(language).split("|"))


def nest_quotes(text: str) -> str:
    """Return the text with other quotation marks inside: «ООО «Ромашка»» as «ООО „Ромашка“»."""
    depth, found = 0, []
    for character in text:
        if character == "»" and depth:
            depth -= 1
            found.append("“" if depth else character)
        elif character == "«":
            found.append("„" if depth else character)
            depth += 1
        else:
            found.append(character)
    return "".join(found)


def _plural(number: int, forms: int) -> int:
    if forms == 2:
        return int(number != 1)
    last, tens = number % 10, number % 100 // 10
    if tens == 1 or last == 0 or last > 4:
        return 2
    return 0 if last == 1 else 1


class _Sentence(Formatter):
    """A formatter like ``str.format`` that also knows the formats in the module's docstring."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "duration":
            return duration(value, self._language)
        if "|" in format_spec:
            return counted(value, format_spec.split("|"))
        return str(super().format_field(value, format_spec))
