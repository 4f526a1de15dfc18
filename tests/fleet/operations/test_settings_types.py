"""Uploads and downloads of settings: the paths that an obedient register does not take."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from fleet.operations.rules import StatusCause
from fleet.operations.types.contract import (
    Done,
    Failed,
    OperationSnapshot,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.settings_download import SettingsDownload, SettingsDownloadParams
from fleet.operations.types.settings_upload import (
    SettingsUpload,
    SettingsUploadParams,
)
from fleet.operations.types.step_script import MAX_RESTARTS, WRONG_MODE
from protocol.kktpc.commands import BY_NAME, encode_answer, encode_failure, parse_request
from protocol.kktpc.settings import SETTINGS
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.conftest import START

UPLOAD, DOWNLOAD = SettingsUpload(), SettingsDownload()
CABINET = SettingsUploadParams(settings={"278": "a-rather-long-name.example", "279": 8080})
MAX_STEPS = 1000

Answer = Callable[[str, bytes], bytes]
"""What a register says to a command, given the command's name and bytes."""


def conversation(platform: Platform, params: Any, answer: Answer) -> tuple[StepOutcome, list[str]]:
    """The end of an operation and the names of the commands that it took."""
    operation_type = UPLOAD if isinstance(params, SettingsUploadParams) else DOWNLOAD
    outcome = operation_type.next_step(OperationSnapshot(platform, params), None)
    names: list[str] = []
    for _ in range(MAX_STEPS):
        if not isinstance(outcome, Send):
            return outcome, names
        names.append(parse_request(outcome.command)[0].name)
        said = answer(names[-1], outcome.command)
        order = OperationSnapshot(platform, params, outcome.progress)
        outcome = operation_type.next_step(order, said)
    raise AssertionError("the operation does not end")


def obedient(platform: Platform) -> SimulatedRegister:
    return SimulatedRegister("00106900000001", platform, 69, Random(1), START)


def but(register: SimulatedRegister, **answers: bytes) -> Answer:
    """The register's answers, except to the commands of these names."""
    return lambda name, command: (
        answers[name] if name in answers else register.execute(command, START)
    )


SHORT_CELL = encode_answer("read_table", value=bytes(8))
MISFITS = {
    "a cell too short": (
        {"read_table": SHORT_CELL},
        Failed(StatusCause.SETTING_UNFIT, {"setting": "278"}),
    ),
    "garbage for a cell": (
        {"read_table": b"\xff"},
        Failed(StatusCause.BAD_ANSWER, {"code": "malformed"}),
    ),
    "garbage after a write": (
        {"write_table": b""},
        Failed(StatusCause.BAD_ANSWER, {"code": "malformed"}),
    ),
    "garbage instead of a mode": (
        {"enter_mode": b""},
        Failed(StatusCause.BAD_ANSWER, {"code": "malformed"}),
    ),
    "no such cell": (
        {"read_table": encode_failure(BY_NAME["read_table"], 0x92)},
        Failed(StatusCause.SETTING_FAILED, {"setting": 278, "code": 0x92}),
    ),
    "a value refused": (
        {"write_table": encode_failure(BY_NAME["write_table"], 0x13)},
        Failed(StatusCause.SETTING_FAILED, {"setting": 278, "code": 0x13}),
    ),
    "the mode never holds": (
        {"write_table": encode_failure(BY_NAME["write_table"], WRONG_MODE)},
        Failed(StatusCause.SETTING_FAILED, {"setting": 278, "code": WRONG_MODE}),
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_programming_mode_is_left_in_every_case(misfit: str) -> None:
    answers, end = MISFITS[misfit]
    register = obedient(Platform.V2_5)
    outcome, names = conversation(Platform.V2_5, CABINET, but(register, **answers))
    assert outcome == end
    assert names[-1] == "leave_mode" and register.mode == 0
    assert names.count("enter_mode") <= MAX_RESTARTS + 1


def test_refused_mode_is_not_left() -> None:
    refused = encode_failure(BY_NAME["enter_mode"], 0x8C)
    outcome, names = conversation(
        Platform.V2_5, CABINET, but(obedient(Platform.V2_5), enter_mode=refused)
    )
    assert outcome == Failed(StatusCause.COMMAND_FAILED, {"command": "enter_mode", "code": 0x8C})
    assert names == ["enter_mode"]


def test_cell_that_has_the_value_is_not_written() -> None:
    register = obedient(Platform.V2_5)
    done, _ = conversation(Platform.V2_5, CABINET, but(register))
    assert done == Done({"written": [278, 279], "unchanged": []})
    again, names = conversation(Platform.V2_5, CABINET, but(register))
    assert again == Done({"written": [], "unchanged": [278, 279]})
    assert "write_table" not in names


def test_lost_mode_is_entered_again_and_nothing_is_written_twice() -> None:
    register = obedient(Platform.V2_5)
    writes = 0

    def answer(name: str, command: bytes) -> bytes:
        nonlocal writes
        writes += name == "write_table"
        if name == "write_table" and writes == 2:
            register.power_cycle()
        return register.execute(command, START)

    outcome, names = conversation(Platform.V2_5, CABINET, answer)
    assert outcome == Done({"written": [278, 279], "unchanged": []})
    assert names.count("write_table") == 3 and names.count("enter_mode") == 2


def test_other_settings_of_a_shared_cell_keep_their_bits() -> None:
    register = obedient(Platform.V2_5)
    for number, value in ((3, True), (4, True), (3, False)):
        params = SettingsUploadParams(settings={str(number): value})
        outcome, _ = conversation(Platform.V2_5, params, but(register))
        assert isinstance(outcome, Done)
    assert [register.memory.value(number) for number in (3, 4, 5)] == [False, True, False]


def test_refused_setting_by_number_fails_the_operation() -> None:
    refused = encode_failure(BY_NAME["write_setting"], 0x13)
    outcome, names = conversation(
        Platform.V5_0, CABINET, but(obedient(Platform.V5_0), write_setting=refused)
    )
    assert outcome == Failed(StatusCause.SETTING_FAILED, {"setting": 278, "code": 0x13})
    assert names == ["write_setting"]


@pytest.mark.parametrize("platform", Platform)
def test_full_download_reads_every_reachable_setting(platform: Platform) -> None:
    register = obedient(platform)
    outcome, _ = conversation(platform, SettingsDownloadParams(), but(register))
    assert isinstance(outcome, Done)
    expected = {
        str(number): register.memory.value(number)
        for number, setting in SETTINGS[platform].items()
        if setting.reachable
    }
    assert outcome.result == {"settings": expected, "missing": {}}


def test_settings_absent_from_the_register_are_listed_as_missing() -> None:
    unknown = encode_failure(BY_NAME["read_setting"], 0x93)
    outcome, _ = conversation(
        Platform.V5_0,
        SettingsDownloadParams(settings=["278"]),
        but(obedient(Platform.V5_0), read_setting=unknown),
    )
    assert outcome == Done({"settings": {}, "missing": {"278": 0x93}})


@pytest.mark.parametrize(
    ("platform", "keys"),
    [(Platform.V2_5, ("278", "Т19Р1П9")), (Platform.V5_0, ("278", "0278"))],
)
def test_two_spellings_of_one_setting_are_refused(
    platform: Platform, keys: tuple[str, str]
) -> None:
    params = SettingsUploadParams(settings=dict.fromkeys(keys, "host.example"))
    verdict = UPLOAD.objection(TargetRegister("00106900000001", platform, 69, ""), params)
    assert verdict is not None
    assert (verdict.refusal.code, verdict.params) == ("setting_repeated", {"setting": 278})


@pytest.mark.parametrize("key", ["270", "0270", " 270", "Т17Р6П1", "17.6.1", "t17r6f1"])
def test_secret_setting_is_hidden_in_every_spelling(key: str) -> None:
    shown = UPLOAD.without_secrets({"settings": {key: "пароль", "279": 80}})
    assert "пароль" not in str(shown) and shown["settings"]["279"] == 80
    assert "пароль" not in str(DOWNLOAD.without_secrets({"settings": {key: "пароль"}}))


def test_parameters_without_settings_are_returned_unchanged() -> None:
    assert DOWNLOAD.without_secrets({"settings": ["270"]}) == {"settings": ["270"]}
    assert DOWNLOAD.without_secrets({}) == {}
