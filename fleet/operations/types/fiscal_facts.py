"""What operations with the fiscal drive ask it and its register, as values that JSON can hold.

Times are by the register's own clock, which knows no zone.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from fleet.operations.types.contract import Failed
from fleet.operations.types.errands import Errand, errand
from protocol.fields import Fields
from protocol.kktpc import fiscal_drive, registers


def ask(
    question: str, key: str, judge: Callable[[Fields], Failed | None] = lambda _: None
) -> Errand:
    """A question of ``protocol.kktpc.fiscal_drive``; the result holds its answer under ``key``,
    unless ``judge`` says that the operation fails for it."""
    asked = fiscal_drive.BY_NAME[question]

    def keep(answer: Fields) -> Mapping[str, Any] | Failed:
        found = fiscal_drive.parse_answer(asked, answer["data"])
        if failed := judge(found):
            return failed
        if "phase" in found:
            found["phase"] = fiscal_drive.PHASES.get(found["phase"], found["phase"])
        return {key: _plain(found)}

    return errand("ask_fiscal_drive", keep, question=asked.number)


def last_document() -> Errand:
    """The result holds ``document``: its number, time and fiscal sign."""
    return _register("last_document", "document")


def last_registration() -> Errand:
    """The result holds ``registration``: the number and time of its document."""
    return _register("last_registration", "registration")


def _register(name: str, key: str) -> Errand:
    row = registers.register_named(name)

    def keep(answer: Fields) -> Mapping[str, Any]:
        return {key: _plain(registers.parse_register(row, answer["data"]))}

    return errand("read_register", keep, register=row.number)


def _plain(found: Fields) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in found.items()
    }
