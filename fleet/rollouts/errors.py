"""Refusals of roll-outs that cannot be made, shown or changed."""

from collections.abc import Mapping

from fleet.kit.errors import DomainError, ErrorKind, Refusal
from fleet.rollouts.rules import MAX_REGISTERS, RolloutStatus

ROLLOUT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "rollout_not_found",
    ru="Поэтапное обновление {id} не найдено. Проверьте номер в списке.",
    en="Roll-out {id} is not found. Check the number in the list.",
    field="id",
)
WRONG_STATUS = Refusal(
    ErrorKind.CONFLICT,
    "rollout_status",
    ru="Поэтапное обновление {id} {ru}.",
    en="Roll-out {id} {en}.",
    field="id",
)
NO_REGISTERS = Refusal(
    ErrorKind.INVALID,
    "no_registers",
    ru="Ни одна касса вашей организации не подходит. Измените список или условия отбора.",
    en="No register of your organisation fits. Change the list or the selection.",
    field="serial_numbers",
)
LIST_OR_SELECTION = Refusal(
    ErrorKind.INVALID,
    "list_or_selection",
    ru="Укажите либо список касс, либо условия отбора.",
    en="Give either a list of registers or a selection.",
    field="serial_numbers",
)
TOO_MANY_REGISTERS = Refusal(
    ErrorKind.INVALID,
    "too_many_registers",
    ru=f"Под условия отбора подходит больше {MAX_REGISTERS} касс. Сузьте их.",
    en=f"More than {MAX_REGISTERS} registers match the selection. Narrow it.",
    field="selection",
)

_STANDING: Mapping[RolloutStatus, tuple[str, str]] = {
    RolloutStatus.RUNNING: (
        "выполняется: его можно приостановить или прекратить",
        "is running: it can be paused or aborted",
    ),
    RolloutStatus.PAUSED: (
        "приостановлено: его можно продолжить или прекратить",
        "is paused: it can be resumed or aborted",
    ),
    RolloutStatus.FINISHED: ("завершено: начните новое", "has finished: start a new one"),
    RolloutStatus.ABORTED: ("прекращено: начните новое", "was aborted: start a new one"),
}
"""Status of a roll-out in words, and the changes that it allows (``rules.TRANSITIONS``)."""


def wrong_status(rollout_id: int, status: RolloutStatus) -> DomainError:
    """Return the refusal of a change that a roll-out with this status does not allow."""
    russian, english = _STANDING[status]
    return WRONG_STATUS(id=rollout_id, ru=russian, en=english)
