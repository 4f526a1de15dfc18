"""Errors of groups of registers."""

from fleet.kit.errors import ErrorKind, Refusal

_CONFLICT = ErrorKind.CONFLICT

GROUP_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "group_not_found",
    field="id",
    ru="Группы {id} нет среди групп вашей организации. Выберите группу из дерева.",
    en="Group {id} is not among your organisation's groups. Choose one from the tree.",
)
GROUP_NAME_TAKEN = Refusal(
    _CONFLICT,
    "group_name_taken",
    field="name",
    ru="Группа «{name}» здесь уже есть. Выберите другое название или место.",
    en="There is already a group '{name}' here. Choose another name or place.",
)
GROUP_UNDER_ITSELF = Refusal(
    _CONFLICT,
    "group_under_itself",
    field="parent_id",
    ru="Группу нельзя переместить в неё саму или в её подгруппу. Выберите другое место.",
    en="A group cannot be moved into itself or into its own subgroup. Choose another place.",
)
GROUP_TOO_DEEP = Refusal(
    _CONFLICT,
    "group_too_deep",
    field="parent_id",
    ru="Вложенность групп — не больше {most:уровня|уровней|уровней}. Выберите место выше.",
    en="Groups can be nested at most {most:level|levels} deep. Choose a higher place.",
)
TOO_MANY_GROUPS = Refusal(
    _CONFLICT,
    "too_many_groups",
    field="name",
    ru="В организации уже {most:группа|группы|групп}, больше нельзя. Удалите ненужные.",
    en="Your organisation already has {most:group|groups}, the maximum. Delete those you do not "
    "need.",
)
GROUP_HOLDS_REGISTERS = Refusal(
    _CONFLICT,
    "group_holds_registers",
    field="parent_id",
    ru="В группе {id} есть кассы (возможно, скрытые), а кассы размещаются только в группах без "
    "подгрупп. Сначала уберите из неё кассы.",
    en="Group {id} has registers (perhaps hidden ones), and registers belong only in groups "
    "without subgroups. Move the registers out of it first.",
)
GROUP_HAS_SUBGROUPS = Refusal(
    _CONFLICT,
    "group_has_subgroups",
    field="id",
    ru="В группе {id} есть подгруппы, а кассы размещаются только в группах без подгрупп. "
    "Выберите одну из подгрупп.",
    en="Group {id} has subgroups, and registers belong only in groups without them. Choose one "
    "of the subgroups.",
)
