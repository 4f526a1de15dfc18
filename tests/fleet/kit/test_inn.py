"""ИНН of persons: the check digits hold, and a wrong one is seen."""

import pytest

from fleet.kit.inn import is_person_inn

GOOD = ("230400001250", "630500003453")


@pytest.mark.parametrize("inn", GOOD)
def test_an_inn_with_a_changed_digit_is_refused(inn: str) -> None:
    assert is_person_inn(inn)
    for place, digit in enumerate(inn):
        changed = inn[:place] + str((int(digit) + 1) % 10) + inn[place + 1 :]
        assert not is_person_inn(changed)


@pytest.mark.parametrize("text", ["", "7701000019", GOOD[0] + "0", "23040000125x", "²" * 12])
def test_an_invalid_inn_of_a_person_is_refused(text: str) -> None:
    assert not is_person_inn(text)
