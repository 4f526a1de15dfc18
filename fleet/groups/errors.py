"""Why a group cannot be made, moved or filled, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

_CONFLICT = ErrorKind.CONFLICT

GROUP_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "group_not_found",
    field="id",
    ru="Группы {id} среди групп вашей организации нет. Выберите группу из дерева групп.",
    en="Group {id} is not among your organisation's groups. Choose one of the tree of groups.",
)
GROUP_NAME_TAKEN = Refusal(
    _CONFLICT,
    "group_name_taken",
    field="name",
    ru="Группа «{name}» на этом месте уже есть. Выберите другое название или место.",
    en="There is a group '{name}' in this place already. Choose another name or place.",
)
GROUP_UNDER_ITSELF = Refusal(
    _CONFLICT,
    "group_under_itself",
    field="parent_id",
    ru="Группу нельзя переместить в неё саму или в её подгруппу. Выберите другое место.",
    en="A group cannot be moved into itself or into a group under it. Choose another place.",
)
GROUP_TOO_DEEP = Refusal(
    _CONFLICT,
    "group_too_deep",
    field="parent_id",
    ru="Вложенность групп — не больше {most} уровней. Выберите место выше.",
    en="Groups are nested at most {most} levels deep. Choose a higher place.",
)
TOO_MANY_GROUPS = Refusal(
    _CONFLICT,
    "too_many_groups",
    field="name",
    ru="В организации уже {most} групп, больше нельзя. Удалите ненужные.",
    en="Your organisation has {most} groups already, the most there may be. Delete some.",
)
GROUP_HOLDS_REGISTERS = Refusal(
    _CONFLICT,
    "group_holds_registers",
    field="parent_id",
    ru="В группе {id} есть ККТ (возможно, скрытые), а они размещаются только в группах без "
    "подгрупп. Сначала уберите ККТ из неё.",
    en="Group {id} holds registers (maybe hidden ones), which stand only in groups without "
    "subgroups. Take the registers out of it first.",
)
GROUP_HAS_SUBGROUPS = Refusal(
    _CONFLICT,
    "group_has_subgroups",
    field="id",
    ru="В группе {id} есть подгруппы, а ККТ размещаются только в группах без подгрупп. Выберите "
    "одну из подгрупп.",
    en="Group {id} has subgroups, and registers stand only in groups without them. Choose one of "
    "the subgroups.",
)
