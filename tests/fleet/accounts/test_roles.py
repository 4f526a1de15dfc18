"""The matrix of rights, against the table of the manual row by row (support is our own)."""

from fleet.accounts.roles import RIGHT_NAMES, RIGHTS, ROLE_NAMES, Right, Role, granted_by_support

EVERYBODY = tuple(Role)
TECHNICAL = (
    Role.SOFTWARE_SPECIALIST,
    Role.ENGINEER,
    Role.CHIEF_ENGINEER,
    Role.ADMINISTRATOR,
    Role.ADMINISTRATOR_PLUS,
)
TABLE = {
    Right.MONITORING: EVERYBODY,
    Right.SUBSCRIPTIONS: (
        Role.MANAGER,
        Role.ENGINEER,
        Role.CHIEF_ENGINEER,
        Role.ADMINISTRATOR,
        Role.ADMINISTRATOR_PLUS,
    ),
    Right.FIRMWARE: TECHNICAL,
    Right.SETTINGS: TECHNICAL,
    Right.TEMPLATES: TECHNICAL,
    Right.ASSISTANTS: TECHNICAL,
    Right.REGISTERS: TECHNICAL,
    Right.ORGANISATION: (Role.ADMINISTRATOR, Role.ADMINISTRATOR_PLUS),
    Right.TRANSFER_SUBSCRIPTIONS: (Role.ADMINISTRATOR_PLUS,),
    Right.SUPPORT: (Role.SUPPORT_OPERATOR,),
}


def test_every_role_and_right_has_a_name_for_people() -> None:
    assert set(ROLE_NAMES) == set(Role) and set(RIGHT_NAMES) == set(Right)


def test_the_matrix_of_rights_equals_the_reviewed_table() -> None:
    assert set(RIGHTS) == set(Role) and set(TABLE) == set(Right)
    for right, roles in TABLE.items():
        assert {role for role, rights in RIGHTS.items() if right in rights} == set(roles), right


def test_rights_that_only_support_assigns_name_their_role() -> None:
    of_support = {right: granted_by_support(right) for right in Right}
    assert {right: role for right, role in of_support.items() if role} == {
        Right.TRANSFER_SUBSCRIPTIONS: Role.ADMINISTRATOR_PLUS,
        Right.SUPPORT: Role.SUPPORT_OPERATOR,
    }
