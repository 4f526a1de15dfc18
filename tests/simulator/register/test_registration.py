"""Rules of the fiscal drive: registering again and closing the archive, with their refusals."""

from random import Random

import pytest

from protocol.conversation.messages import StepDone, StepRefusal, StepRefused
from protocol.kktpc.commands import encode_request
from protocol.platforms import Platform
from simulator.register.fiscal_drive import LAST_REGISTRATION, DriveError, Phase
from simulator.register.keys import KeyStore, RegisterKey
from simulator.register.simulated_register import SimulatedRegister
from simulator.register.state import RECEIPT_CM
from tests.simulator.conftest import NOON

DONE = b"\x55\x00\x00"
OLD, NEW = RegisterKey(1, bytes(32)), RegisterKey(2, bytes(range(32)))


@pytest.fixture
def register() -> SimulatedRegister:
    """Of platform 5.0 (no modes), its shop closed, ready to be registered again."""
    found = SimulatedRegister("00106900000001", Platform.V5_0, 69, Random(1), NOON)
    found.faults.shift_forgotten = True
    for tag, value in ((1101, b"\x03"), (1062, b"\x21")):
        command = encode_request("write_requisite", tag=tag, value=value)
        assert found.execute(command, NOON) == DONE
    return found


def code(register: SimulatedRegister, name: str) -> int:
    return register.execute(encode_request(name), NOON)[1]


def test_requisites_are_used_by_one_registration(register: SimulatedRegister) -> None:
    assert code(register, "fiscalise") == 0
    assert register.taxation_types == 0x21 and register.requisites == {}
    register.drive.hand_over()
    assert code(register, "fiscalise") == 0x13


@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [(1018, bytes(12), 0x13), (1062, b"", 0x14), (1021, b"x" * 65, 0x14), (1203, b"1" * 10, 0x14)],
)
def test_a_wrong_requisite_is_refused(
    register: SimulatedRegister, tag: int, value: bytes, expected: int
) -> None:
    command = encode_request("write_requisite", tag=tag, value=value)
    assert register.execute(command, NOON)[1] == expected
    assert register.requisites == {1101: b"\x03", 1062: b"\x21"}


@pytest.mark.parametrize("name", ["fiscalise", "close_archive"])
def test_registration_waits_for_the_shift_and_the_ofd(
    register: SimulatedRegister, name: str
) -> None:
    command = encode_request(name)
    assert register.open_shift(NOON)
    assert register.do_step(1, 1, command, NOON) == StepRefused(1, StepRefusal.SHIFT_OPEN)
    assert code(register, name) == 0x9C
    assert register.close_shift(NOON)
    assert register.do_step(1, 1, command, NOON) == StepRefused(1, StepRefusal.RECEIPTS_UNSENT)
    assert code(register, name) == 0xED
    register.drive.hand_over()
    assert register.do_step(1, 1, command, NOON) == StepDone(1, 1, DONE)


def test_no_registration_follows_the_last_one(register: SimulatedRegister) -> None:
    register.drive.registrations_made = LAST_REGISTRATION - 1
    assert register.drive.register_again(NOON) is DriveError.NONE
    assert register.drive.registrations_left == 0
    documents = register.drive.documents
    assert register.drive.register_again(NOON) is DriveError.STORAGE_EXHAUSTED
    assert register.drive.documents == documents
    register.drive.hand_over()
    assert code(register, "fiscalise") == 0xEB and register.taxation_types != 0x21


def test_a_closed_drive_passes_through_its_phases(register: SimulatedRegister) -> None:
    drive = register.drive
    assert drive.close_archive(NOON) is DriveError.NONE
    assert (drive.phase, drive.unsent) == (Phase.POST_FISCAL, 1)
    drive.hand_over()
    assert drive.phase is Phase.ARCHIVE_READ
    assert drive.close_archive(NOON) is DriveError.WRONG_STATE
    assert drive.register_again(NOON) is DriveError.WRONG_STATE
    assert code(register, "close_archive") == 0xD4


def test_an_expired_drive_can_still_be_closed(register: SimulatedRegister) -> None:
    register.drive.valid_until = NOON
    assert register.drive.register_again(NOON) is DriveError.LIFE_EXPIRED
    assert register.drive.close_archive(NOON) is DriveError.NONE


def test_paperless_receipts_are_signed_without_paper(register: SimulatedRegister) -> None:
    register.prints_receipts = False
    register.faults.paper_out = True
    documents, printed, cuts = register.drive.documents, register.printed_cm, register.cuts
    assert register._sign(3, NOON, 0) == 3 and register._sign(3, NOON, RECEIPT_CM) == 0
    assert register.drive.documents == documents + 3
    assert (register.printed_cm, register.cuts) == (printed, cuts)


def test_a_candidate_key_replaces_the_old_one_after_acceptance() -> None:
    keys = KeyStore()
    assert keys.next_key(OLD) == OLD
    keys.candidate = NEW
    assert keys.next_key(OLD) == NEW
    keys.on_accepted(OLD)
    assert keys.candidate == NEW
    keys.on_accepted(NEW)
    assert keys == KeyStore(proven=NEW) and keys.next_key(OLD) == NEW


def test_a_candidate_key_is_dropped_after_a_refusal() -> None:
    keys = KeyStore(candidate=NEW)
    keys.on_refused(OLD)
    assert keys.next_key(OLD) == NEW
    keys.on_refused(NEW)
    assert keys.next_key(OLD) == OLD
