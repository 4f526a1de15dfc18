"""What people are told when a roll-out cannot be had or changed."""

from collections.abc import Mapping

from fleet.kit.errors import DomainError, ErrorKind, Refusal
from fleet.rollouts.rules import MAX_REGISTERS, RolloutStatus

ROLLOUT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "rollout_not_found",
    ru="Раскатка {id} не найдена. Проверьте номер в списке раскаток.",
    en="Roll-out {id} is not found. Check the number in the list of roll-outs.",
    field="id",
)
WRONG_STATUS = Refusal(
    ErrorKind.CONFLICT,
    "rollout_status",
    ru="Раскатка {id} {ru}.",
    en="Roll-out {id} {en}.",
    field="id",
)
NO_REGISTERS = Refusal(
    ErrorKind.INVALID,
    "no_registers",
    ru="Ни одна касса вашей организации не подходит: измените список или отбор.",
    en="No register of your organisation fits: change the list or the selection.",
    field="serial_numbers",
)
LIST_OR_SELECTION = Refusal(
    ErrorKind.INVALID,
    "list_or_selection",
    ru="Задайте одно из полей «serial_numbers» и «selection».",
    en="Give one of the fields 'serial_numbers' and 'selection'.",
    field="serial_numbers",
)
TOO_MANY_REGISTERS = Refusal(
    ErrorKind.INVALID,
    "too_many_registers",
    ru=f"Под отбор подходит больше {MAX_REGISTERS} касс. Сузьте его.",
    en=f"Over {MAX_REGISTERS} registers fit the selection. Narrow it.",
    field="selection",
)

_STANDING: Mapping[RolloutStatus, tuple[str, str]] = {
    RolloutStatus.RUNNING: (
        "идёт: её можно приостановить или прекратить",
        "is running: it can be paused or aborted",
    ),
    RolloutStatus.PAUSED: (
        "приостановлена: её можно продолжить или прекратить",
        "is paused: it can be resumed or aborted",
    ),
    RolloutStatus.FINISHED: ("завершена: начните новую", "has finished: start a new one"),
    RolloutStatus.ABORTED: ("прекращена: начните новую", "was aborted: start a new one"),
}
"""How it stands, and what can be done with it (``rules.TRANSITIONS``)."""


def wrong_status(rollout_id: int, status: RolloutStatus) -> DomainError:
    """What was asked for cannot be done with a roll-out that stands so."""
    russian, english = _STANDING[status]
    return WRONG_STATUS(id=rollout_id, ru=russian, en=english)
