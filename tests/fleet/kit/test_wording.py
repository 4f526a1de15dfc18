"""Sentences for people: counting, durations, quotes."""

import pytest

from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.language import BilingualText, Language
from fleet.kit.wording import counted, duration, fill, nest_quotes


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 касс"), (1, "1 касса"), (2, "2 кассы"), (5, "5 касс"), (11, "11 касс")]
    + [(14, "14 касс"), (21, "21 касса"), (112, "112 касс"), (1003, "1003 кассы")],
)
def test_a_russian_number_takes_the_form_of_its_noun(number: int, said: str) -> None:
    assert counted(number, ("касса", "кассы", "касс")) == said


@pytest.mark.parametrize(("number", "said"), [(0, "0 files"), (1, "1 file"), (21, "21 files")])
def test_an_english_number_has_one_plural(number: int, said: str) -> None:
    assert counted(number, ("file", "files")) == said


@pytest.mark.parametrize(
    ("seconds", "russian", "english"),
    [
        (0, "1 секунду", "1 second"),
        (4.2, "5 секунд", "5 seconds"),
        (60, "1 минуту", "1 minute"),
        (888, "15 минут", "15 minutes"),
        (3600, "1 час", "1 hour"),
        (3601, "2 часа", "2 hours"),
    ],
)
def test_a_duration_is_rounded_up(seconds: float, russian: str, english: str) -> None:
    assert duration(seconds, Language.RU) == russian
    assert duration(seconds, Language.EN) == english


def test_inner_quotation_marks_differ_from_outer_ones() -> None:
    assert nest_quotes("«ООО «Ромашка»» и «Юг»") == "«ООО „Ромашка“» и «Юг»"
    assert nest_quotes("ООО «Ромашка») »") == "ООО «Ромашка») »"


def test_a_sentence_formats_numbers_durations_and_bilingual_words() -> None:
    sentence = BilingualText(
        "{who}: {n:файл|файла|файлов}, через {s:duration}",
        "{who}: {n:file|files}, in {s:duration}",
    )
    params = {"who": BilingualText("инженер", "engineer"), "n": 2, "s": 120}
    assert fill(sentence, Language.RU, params) == "инженер: 2 файла, через 2 минуты"
    assert fill(sentence, Language.EN, params) == "engineer: 2 files, in 2 minutes"
    with pytest.raises(KeyError):
        fill(sentence, Language.RU, {})


def test_a_refusal_does_not_double_the_quotes_of_an_organisation() -> None:
    taken = Refusal(ErrorKind.CONFLICT, "x", ru="Группа «{name}» есть.", en="'{name}' exists.")
    assert taken.message(Language.RU, name="ООО «Юг»") == "Группа «ООО „Юг“» есть."
