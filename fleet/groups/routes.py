"""Endpoints of groups."""

from fleet.accounts.roles import Right
from fleet.groups import queries, service
from fleet.groups.forms import GroupBody, GroupKey, GroupMove, NewGroup
from fleet.groups.queries import GroupTree, GroupView
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.registers.routes import RegisterVerdicts, SerialList, to_reply


@endpoint("GET", "/groups", right=Right.MONITORING)
async def list_groups(call: Call[Nothing, None]) -> GroupTree:
    """List the whole tree of groups with the number of registers in each."""
    return await queries.group_tree(call.db, call.actor)


@endpoint("GET", "/groups/{id}", right=Right.MONITORING)
async def show_group(call: Call[GroupKey, None]) -> GroupView:
    """Show a group with the number of its registers."""
    return await queries.group_view(call.db, call.actor, call.query.id)


@endpoint("POST", "/groups", right=Right.ORGANISATION, status=201)
async def create_group(call: Call[Nothing, NewGroup]) -> GroupView:
    """Create a group at the root, or in a group that holds no registers."""
    body = call.body
    group = await service.create(call.act, body.name, body.description, body.parent_id)
    return await queries.group_view(call.db, call.actor, group.id)


@endpoint("PUT", "/groups/{id}", right=Right.ORGANISATION)
async def change_group(call: Call[GroupKey, GroupBody]) -> GroupView:
    """Change the name and description of a group."""
    await service.change(call.act, call.query.id, call.body.name, call.body.description)
    return await queries.group_view(call.db, call.actor, call.query.id)


@endpoint("POST", "/groups/{id}/move", right=Right.ORGANISATION)
async def move_group(call: Call[GroupKey, GroupMove]) -> GroupView:
    """Move a group with its subgroups into another group or to the root."""
    await service.move(call.act, call.query.id, call.body.parent_id)
    return await queries.group_view(call.db, call.actor, call.query.id)


@endpoint("DELETE", "/groups/{id}", right=Right.ORGANISATION)
async def remove_group(call: Call[GroupKey, None]) -> None:
    """Delete a group and its subgroups permanently; their registers stay in the list."""
    await service.remove(call.act, call.query.id)


@endpoint("POST", "/groups/{id}/registers", right=Right.ORGANISATION)
async def group_registers(call: Call[GroupKey, SerialList]) -> RegisterVerdicts:
    """Put registers into a group without subgroups; they leave their former groups."""
    typed = call.body.serial_numbers
    verdicts = await service.add_registers(call.act, call.query.id, typed)
    return to_reply(verdicts, call.language)


@endpoint("POST", "/registers/ungroup", right=Right.ORGANISATION)
async def ungroup_registers(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Take registers out of their groups."""
    typed = call.body.serial_numbers
    verdicts = await service.remove_registers(call.act, typed)
    return to_reply(verdicts, call.language)


ENDPOINTS = (
    list_groups,
    show_group,
    create_group,
    change_group,
    move_group,
    remove_group,
    group_registers,
    ungroup_registers,
)
