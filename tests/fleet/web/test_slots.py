"""Places are few for everybody, fewer for each partner, and come back."""

from contextlib import ExitStack

import pytest

from fleet.kit.errors import DomainError
from fleet.web.slots import Slots


def code_of(places: Slots, partner_id: int | None) -> str:
    """Why no place is given now; empty = one is."""
    try:
        with places.take(partner_id):
            return ""
    except DomainError as refused:
        return refused.code


def test_slots_are_limited_per_partner_and_in_total_and_are_released() -> None:
    places = Slots(3, 2)
    with ExitStack() as taken:
        for partner_id in (1, 1, 2):
            assert code_of(places, partner_id) == ""
            taken.enter_context(places.take(partner_id))
        assert [code_of(places, each) for each in (1, 2, None)] == [
            "too_many_files",
            "busy",
            "busy",
        ]
    with pytest.raises(RuntimeError), places.take(1):
        raise RuntimeError
    assert [code_of(places, each) for each in (1, 2, None)] == ["", "", ""]
