"""Rules of serial numbers and presence, without a database."""

from datetime import timedelta

import pytest

from fleet.registers.rules import RegisterPresence, model_code, presence, read_serials, search_texts
from fleet.telemetry.events import Profile
from protocol.platforms import Platform
from tests.fleet.conftest import START

GOOD = "00107703864827"


def test_model_is_read_from_the_serial_number() -> None:
    assert model_code(GOOD) == 77


@pytest.mark.parametrize(
    "typed",
    ["", "0", GOOD[:-1], GOOD + "0", "00207703864827", "0010770386482x", "٠٠١٠٧٧٠٣٨٦٤٨٢٧", "\n"],
)
def test_invalid_serial_number_is_refused_as_typed(typed: str) -> None:
    good, refused = read_serials([typed])
    assert good == []
    assert [(v.item, v.refusal.code) for v in refused] == [(typed, "serial_number_unfit")]


def test_spaces_are_stripped_and_repetitions_refused() -> None:
    good, refused = read_serials([f" {GOOD}\t", GOOD])
    assert good == [GOOD]
    assert [v.refusal.code for v in refused] == ["serial_number_repeated"]


def test_register_is_online_for_half_an_hour_after_a_check_in() -> None:
    half_an_hour = timedelta(minutes=30)
    assert presence(None, START) is RegisterPresence.NEVER
    assert presence(START - half_an_hour, START) is RegisterPresence.OFFLINE
    assert (
        presence(START - half_an_hour + timedelta(microseconds=1), START) is RegisterPresence.ONLINE
    )


def test_search_ignores_the_case_of_russian_letters() -> None:
    numbers = ("", "9999078900012345", "7703864827")
    said = Profile(GOOD, Platform.V5_0, 77, 1, 2, "", "", True, *numbers, "ООО «Ёлка»", "", 180)
    assert search_texts(said) == (f"{GOOD}\n9999078900012345\n7703864827", "ооо «елка»")
    assert search_texts(said, "1-я Тверская").names == "ооо «елка»\n1-я тверская"
