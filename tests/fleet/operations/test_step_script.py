"""Operations that are lists of errands: the paths that an obedient register does not take."""

from collections.abc import Callable
from random import Random

import pytest

from fleet.operations.rules import StatusCause
from fleet.operations.types.archive_closing import ArchiveClosing, ArchiveClosingParams
from fleet.operations.types.contract import (
    Done,
    Failed,
    OperationSnapshot,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.licence_upload import LicenceUpload, LicenceUploadParams
from fleet.operations.types.paper_receipt import PaperReceipt, PaperReceiptParams
from fleet.operations.types.step_script import MAX_RESTARTS
from fleet.operations.types.versions import build_of, numbers_of
from protocol.kktpc.commands import BY_NAME, encode_answer, encode_failure, parse_request
from protocol.platforms import Platform
from simulator.register.fiscal_drive import Phase
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.conftest import START
from tests.fleet.operations.proofs import CODES

MAX_STEPS = 100
CLOSING, YES = ArchiveClosing(), ArchiveClosingParams(confirmed=True)
Answer = Callable[[str, bytes], bytes]


def closed_shop(platform: Platform) -> SimulatedRegister:
    register = SimulatedRegister("00106900000001", platform, 69, Random(1), START)
    register.faults.shift_forgotten = True
    return register


def conversation(platform: Platform, answer: Answer) -> tuple[StepOutcome, list[str]]:
    """The end of an archive closing and the names of the commands that it took."""
    outcome = CLOSING.next_step(OperationSnapshot(platform, YES), None)
    names: list[str] = []
    for _ in range(MAX_STEPS):
        if not isinstance(outcome, Send):
            return outcome, names
        names.append(parse_request(outcome.command)[0].name)
        said = answer(names[-1], outcome.command)
        outcome = CLOSING.next_step(OperationSnapshot(platform, YES, outcome.progress), said)
    raise AssertionError("the operation does not end")


def test_lost_mode_is_entered_again_and_the_script_goes_on() -> None:
    register = closed_shop(Platform.V2_5)
    lost = iter((True, False, False))

    def answer(name: str, command: bytes) -> bytes:
        if name == "close_archive" and next(lost):
            register.power_cycle()
        return register.execute(command, START)

    outcome, names = conversation(Platform.V2_5, answer)
    assert isinstance(outcome, Done) and register.mode == 0
    assert names.count("enter_mode") == names.count("close_archive") == 2
    assert names.count("ask_fiscal_drive") == 4


def test_mode_lost_too_often_fails_the_script_and_is_left() -> None:
    register = closed_shop(Platform.V2_5)
    wrong_mode = encode_failure(BY_NAME["close_archive"], 0x66)
    outcome, names = conversation(
        Platform.V2_5,
        lambda name, command: (
            wrong_mode if name == "close_archive" else register.execute(command, START)
        ),
    )
    assert isinstance(outcome, Failed) and outcome.cause is StatusCause.COMMAND_FAILED
    assert (outcome.detail["command"], outcome.detail["code"]) == ("close_archive", 0x66)
    assert names.count("enter_mode") == MAX_RESTARTS + 1 and names[-1] == "leave_mode"
    assert (register.mode, register.drive.phase) == (0, Phase.FISCAL)


@pytest.mark.parametrize("platform", list(Platform))
def test_failure_after_the_closing_includes_the_findings(platform: Platform) -> None:
    register = closed_shop(platform)
    asked = 0

    def answer(name: str, command: bytes) -> bytes:
        nonlocal asked
        asked += name == "ask_fiscal_drive"
        return b"\x55\xd5\x00" if asked == 4 else register.execute(command, START)

    outcome, _ = conversation(platform, answer)
    assert isinstance(outcome, Failed) and outcome.detail["code"] == 0xD5
    assert outcome.detail["kept"]["document"]["sign"] == register.drive.last_sign


def test_script_is_committed_from_its_irrevocable_command() -> None:
    register = closed_shop(Platform.V2_5)
    outcome = CLOSING.next_step(OperationSnapshot(Platform.V2_5, YES), None)
    committed: dict[str, bool] = {}
    while isinstance(outcome, Send):
        order = OperationSnapshot(Platform.V2_5, YES, outcome.progress)
        name = parse_request(outcome.command)[0].name
        committed.setdefault(name, CLOSING.is_committed(order))
        outcome = CLOSING.next_step(order, register.execute(outcome.command, START))
    assert [name for name, yes in committed.items() if yes] == [
        "close_archive",
        "read_register",
        "leave_mode",
    ]
    assert not CLOSING.is_committed(OperationSnapshot(Platform.V2_5, YES))


def test_protection_code_not_held_after_entry_fails_the_upload() -> None:
    kind, params = LicenceUpload(), LicenceUploadParams.model_validate(CODES)
    first = kind.next_step(OperationSnapshot(Platform.V2_5, params), None)
    assert isinstance(first, Send)
    entered = encode_answer("enter_protection_code")
    second = kind.next_step(OperationSnapshot(Platform.V2_5, params, first.progress), entered)
    assert isinstance(second, Send)
    no = encode_answer("read_protection_code", entered=False)
    outcome = kind.next_step(OperationSnapshot(Platform.V2_5, params, second.progress), no)
    assert isinstance(outcome, Failed) and outcome.cause is StatusCause.LICENCE_NOT_HELD
    assert outcome.detail["number"] == 7


def test_licences_are_shown_only_with_the_right_to_order() -> None:
    for wish in (CODES, {"kind": "web_dkkt", "licence": "AB12"}):
        shown = str(LicenceUpload().without_secrets(wish))
        assert "•••" in shown and "AB12" not in shown and "0102030405060708" not in shown


@pytest.mark.parametrize(
    ("platform", "firmware", "code"),
    [
        (Platform.V2_5, "3.0.3689", None),
        (Platform.V2_5, "3.0.10000", None),
        (Platform.V2_5, "3.0.3688", "firmware_too_old"),
        (Platform.V2_5, "3.0.999", "firmware_too_old"),
        (Platform.V2_5, "", "firmware_too_old"),
        (Platform.V5_0, "5.0.1", None),
        (Platform.V5_0, "", None),
        (None, "", "platform_unknown"),
    ],
)
def test_paper_receipt_needs_a_recent_build(
    platform: Platform | None, firmware: str, code: str | None
) -> None:
    target = TargetRegister("00106900000001", platform, 69, firmware)
    verdict = PaperReceipt().objection(target, PaperReceiptParams(enabled=False))
    assert (verdict and verdict.refusal.code) == code


def test_versions_are_compared_by_numbers() -> None:
    assert numbers_of("5.10.0") > numbers_of("5.8.14") > numbers_of("5.8")
    assert numbers_of("5.4.3-rc4") == (5, 4, 3) and numbers_of("") == ()
    assert (build_of("3.0.3689"), build_of("3689"), build_of("")) == (3689, 3689, 0)
