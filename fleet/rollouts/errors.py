"""What people are told when a roll-out cannot be had or changed."""

from fleet.kit.errors import ErrorKind, Refusal
from fleet.rollouts.rules import MAX_REGISTERS

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
    ru="Раскатка {id} сейчас «{status}»: это с ней сделать нельзя.",
    en="Roll-out {id} is '{status}' now: this cannot be done with it.",
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
