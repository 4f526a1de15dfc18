"""A script of steps: an operation that sends commands one after another, each needing success.

On platform 2.5 some commands need a mode.  A register that loses it (power, a cashier) is taken
back to it, from its ``enter_mode`` on; the mode is left at the end in every case.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.operations.rules import StatusCause
from fleet.operations.types.contract import Failed, Progress, Send, StepOutcome
from protocol.errors import RemoteError
from protocol.fields import Fields
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.kktpc.setting_types import SettingValue
from protocol.kktpc.settings import cell_length, encode_cell, encode_value, find
from protocol.platforms import Platform

REGISTRATION_MODE, PROGRAMMING_MODE, DRIVE_MODE = 1, 4, 6
SYSTEM_ADMINISTRATOR = "00000030"
"""Password with which the manufacturer's driver enters modes (KKT-PC 3.1, command 56)."""

WRONG_MODE = 0x66
MAX_RESTARTS = 3
"""Times that a register is taken back to a mode that it has lost (power, a cashier)."""

Findings = Mapping[str, Any]


def keep_nothing(answer: Fields) -> Findings:
    """Return no findings: most answers hold nothing to keep."""
    return {}


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One command of a script."""

    name: str
    command: bytes
    extract: Callable[[Fields], Findings | Failed] = keep_nothing
    """Function from a successful answer to the findings that join the result, or to a failure of
    the operation."""

    irrevocable: bool = False
    """True: the command cannot be undone.  Once it has been given, the script goes on to its end
    even if a cancellation was requested."""


def script_step(
    name: str,
    keep: Callable[[Fields], Findings | Failed] = keep_nothing,
    *,
    irrevocable: bool = False,
    **fields: Any,
) -> ScriptStep:
    """Return a step with the command of that name and these fields."""
    return ScriptStep(name, encode_request(name, **fields), keep, irrevocable)


def in_mode(mode: int, *steps: ScriptStep) -> tuple[ScriptStep, ...]:
    """Return the steps with one before that enters the mode and one after that leaves it."""
    enter = script_step("enter_mode", mode=mode, password=SYSTEM_ADMINISTRATOR)
    return enter, *steps, script_step("leave_mode")


def write_setting(platform: Platform, number: int, value: SettingValue) -> ScriptStep:
    """Return a step that writes a setting; on platform 2.5 it needs ``PROGRAMMING_MODE``.

    Raise ``SettingError`` if the platform has no such setting or it cannot have the value.
    """
    setting = find(platform, number)
    if setting.cell is None:
        raw = encode_value(setting, value)
        return script_step("write_setting", number=setting.number, value=raw)
    table, row, field = setting.cell
    raw = encode_cell(setting, value, cell_length(setting))
    return script_step("write_table", table=table, row=row, field=field, value=raw)


def advance(
    script: Sequence[ScriptStep],
    progress: Progress,
    answer: bytes | None,
    finish: Callable[[Findings], StepOutcome],
) -> StepOutcome:
    """Return the next command, or the outcome that ``finish`` makes of all findings.

    The script must be equal each time it is built for the same operation.
    """
    if answer is None:
        return _send_step(script, 0, {"kept": {}, "restarts": 0})
    if progress.get("failure"):
        failure = progress["failure"]
        return Failed(StatusCause(failure["cause"]), failure["detail"])
    at: int = progress["at"]
    kept = _read_findings(script[at], answer)
    if isinstance(kept, CommandFailed):
        return _command_failed(script, progress, kept)
    if isinstance(kept, Failed):
        return _fail_script(script, progress, kept)
    progress = {**progress, "kept": {**progress["kept"], **kept}}
    return (
        finish(progress["kept"]) if at + 1 == len(script) else _send_step(script, at + 1, progress)
    )


def is_committed(script: Sequence[ScriptStep], progress: Progress) -> bool:
    """Tell whether a command that cannot be undone has been given."""
    at: int = progress.get("at", -1)
    return any(each.irrevocable for each in script[: at + 1])


def abandon_script(script: Sequence[ScriptStep], progress: Progress) -> Send | None:
    """Return a command that leaves the mode of a script with modes, else ``None``."""
    if not any(each.name == "enter_mode" for each in script):
        return None
    return Send(encode_request("leave_mode"), progress, 99)


def _send_step(script: Sequence[ScriptStep], at: int, progress: Progress) -> Send:
    return Send(script[at].command, {**progress, "at": at}, 100 * at // len(script))


def _read_findings(done: ScriptStep, answer: bytes) -> Findings | Failed | CommandFailed:
    if done.name == "leave_mode":  # the mode may be left already: the answer decides nothing
        return {}
    try:
        found = parse_answer(BY_NAME[done.name], answer)
        return found if isinstance(found, CommandFailed) else done.extract(found)
    except RemoteError as error:
        return Failed(StatusCause.BAD_ANSWER, {"code": error.code})


def _command_failed(
    script: Sequence[ScriptStep], progress: Progress, found: CommandFailed
) -> StepOutcome:
    at, restarts = progress["at"], progress["restarts"]
    entries = [index for index, each in enumerate(script[:at]) if each.name == "enter_mode"]
    if found.code == WRONG_MODE and entries and restarts < MAX_RESTARTS:
        return _send_step(script, entries[-1], {**progress, "restarts": restarts + 1})
    detail = {"command": script[at].name, "code": found.code}
    return _fail_script(script, progress, Failed(StatusCause.COMMAND_FAILED, detail))


def _fail_script(script: Sequence[ScriptStep], progress: Progress, failed: Failed) -> StepOutcome:
    """Return the end of a failed script, after leaving its mode.

    The failure's detail includes the findings before it: some of them may be irrevocable.
    """
    detail = {**failed.detail, "kept": progress["kept"]}
    failure = {"cause": failed.cause, "detail": detail}
    return abandon_script(script, {**progress, "failure": failure}) or Failed(failed.cause, detail)
