"""Every condition has a reading that breaks it and one that does not; nothing else moves."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.telemetry.rules import (
    BATTERY_LOW_MV,
    BY_NAME,
    CONDITIONS,
    UNSENT_MANY,
    broken_conditions,
    condition_mask,
)
from protocol.telemetry import BLOCK, BLOCK_VERSION, check
from tests.fleet.telemetry.readings import make_block

Said = Mapping[str, Any]

CASES: Mapping[str, tuple[tuple[Said, ...], tuple[Said, ...]]] = {
    "fiscal_drive_error": (({"fiscal_drive_error": 1},), ({"fiscal_drive_error": 0},)),
    "fiscal_drive_warning": (
        ({"fiscal_drive_warnings": ["replace_urgently"]}, {"fiscal_drive_warnings": ["bit_7"]}),
        ({"fiscal_drive_warnings": []},),
    ),
    "ofd_link_error": (
        ({"network_error": 2}, {"ofd_error": 5}, {"network_error": 2, "ofd_error": 5}),
        ({"network_error": 0, "ofd_error": 0},),
    ),
    "unsent_documents": (
        ({"unsent_documents": UNSENT_MANY},),
        ({"unsent_documents": UNSENT_MANY - 1},),
    ),
    "hardware_error": (({"hardware_error": 3},), ({"hardware_error": 0},)),
    "printer_fault": (
        ({"printer": ["no_paper"]}, {"printer": ["printer_error", "paper_near_end"]}),
        ({"printer": ["paper_near_end"]}, {"printer": []}),
    ),
    "battery_low": (({"battery_mv": BATTERY_LOW_MV - 1},), ({"battery_mv": BATTERY_LOW_MV},)),
    "shift_expired": (
        ({"shift_state": "expired"},),
        ({"shift_state": "open"}, {"shift_state": "closed"}),
    ),
}
"""Name to readings that break it and readings that mend it."""


def mask_of(said: Said) -> int:
    return condition_mask(check(BLOCK_VERSION, make_block(**said))[0])


@pytest.mark.parametrize("name", BY_NAME)
def test_every_condition_breaks_and_recovers(name: str) -> None:
    assert name in CASES, f"no case for {name}"
    breaking, mending = CASES[name]
    for said in breaking:
        assert broken_conditions(mask_of(said)) == (name,), said
    for said in mending:
        assert mask_of(said) == 0, said


def test_conditions_have_unique_names_labels_and_bits() -> None:
    assert len({each.bit for each in CONDITIONS}) == len(CONDITIONS)
    assert len(BY_NAME) == len(CONDITIONS)
    # The column is a signed 32-bit integer on PostgreSQL.
    assert all(0 <= each.bit < 31 for each in CONDITIONS)
    assert all(each.label_ru and each.label_en.isascii() for each in CONDITIONS)


def test_bits_of_conditions_never_change() -> None:
    """They stand in databases."""
    assert {each.name: each.bit for each in CONDITIONS} == {
        "fiscal_drive_error": 0,
        "fiscal_drive_warning": 1,
        "ofd_link_error": 2,
        "unsent_documents": 3,
        "hardware_error": 4,
        "printer_fault": 5,
        "battery_low": 6,
        "shift_expired": 7,
    }


def test_broken_conditions_lists_the_names_in_the_mask() -> None:
    everything = (1 << len(CONDITIONS)) - 1
    assert broken_conditions(everything) == tuple(each.name for each in CONDITIONS)
    assert broken_conditions(0) == ()


@given(st.binary(min_size=BLOCK.size, max_size=BLOCK.size))
def test_any_block_has_a_mask(block: bytes) -> None:
    assert 0 <= condition_mask(check(BLOCK_VERSION, block)[0]) < 1 << 31
