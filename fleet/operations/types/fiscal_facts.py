"""Questions to the fiscal drive and its register, with answers as values that JSON can hold.

Times are by the register's own clock, which knows no time zone.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from fleet.operations.types.contract import Failed
from fleet.operations.types.step_script import ScriptStep, script_step
from protocol.fields import Fields
from protocol.kktpc import fiscal_drive, registers


def question_step(
    question: str, key: str, judge: Callable[[Fields], Failed | None] = lambda _: None
) -> ScriptStep:
    """Return a step that asks a question of ``protocol.kktpc.fiscal_drive``.

    The result holds the answer under ``key``, unless ``judge`` returns a failure of the operation.
    """
    asked = fiscal_drive.BY_NAME[question]

    def keep(answer: Fields) -> Mapping[str, Any] | Failed:
        found = fiscal_drive.parse_answer(asked, answer["data"])
        if failed := judge(found):
            return failed
        if "phase" in found:
            found["phase"] = fiscal_drive.PHASES.get(found["phase"], found["phase"])
        return {key: _json_value(found)}

    return script_step("ask_fiscal_drive", keep, question=asked.number)


def last_document_step() -> ScriptStep:
    """Return a step whose finding is ``document``: its number, time and fiscal sign."""
    return _register("last_document", "document")


def last_registration_step() -> ScriptStep:
    """Return a step whose finding is ``registration``: its document's number and time."""
    return _register("last_registration", "registration")


def _register(name: str, key: str) -> ScriptStep:
    row = registers.internal_register_named(name)

    def keep(answer: Fields) -> Mapping[str, Any]:
        return {key: _json_value(registers.parse_register(row, answer["data"]))}

    return script_step("read_register", keep, register=row.number)


def _json_value(found: Fields) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in found.items()
    }
