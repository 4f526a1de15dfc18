"""Changes of the tree of groups, and of the registers in them.

One transaction at a time may change a partner's tree (``lock_until_commit``): its rules depend on
rows that others might add at the same moment.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.audit.service import State
from fleet.groups import queries
from fleet.groups.errors import GROUP_HAS_SUBGROUPS, GROUP_HOLDS_REGISTERS
from fleet.groups.models import Group
from fleet.groups.rules import Tree, check_move, check_name, check_new
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.dialect import lock_until_commit
from fleet.registers import queries as registers
from fleet.registers import service as registers_service
from fleet.registers.rules import SerialVerdicts


async def create(act: Act, name: str, description: str, parent_id: int | None) -> Group:
    """Create a leaf; raise an error if the rules forbid the place or the parent has registers."""
    tree = await _lock_tree(act.db, act.actor)
    check_new(tree, name, parent_id)
    await _check_empty(act.db, act.actor, parent_id)
    group = Group(
        partner_id=act.actor.partner_id,
        parent_id=parent_id,
        name=name,
        description=description,
        created_at=act.now,
        changed_at=act.now,
    )
    act.db.add(group)
    await act.db.flush()
    await audit.write(act, "groups.created", [f"group:{group.id}"], after=_audit_state(group))
    return group


async def change(act: Act, id_: int, name: str, description: str) -> Group:
    """Change the name and description of a group; raise ``GROUP_NAME_TAKEN``."""
    tree = await _lock_tree(act.db, act.actor)
    check_name(tree, name, tree.node(id_).parent_id, id_)
    group = await act.db.get_one(Group, id_)
    new = {"name": name, "description": description}
    await _set(act, group, new, "groups.changed")
    return group


async def move(act: Act, id_: int, parent_id: int | None) -> Group:
    """Move a group with its subgroups into another group or (None) to the root."""
    tree = await _lock_tree(act.db, act.actor)
    check_move(tree, tree.node(id_), parent_id)
    await _check_empty(act.db, act.actor, parent_id)
    group = await act.db.get_one(Group, id_)
    await _set(act, group, {"parent_id": parent_id}, "groups.moved")
    return group


async def remove(act: Act, id_: int) -> None:
    """Delete a group and its subgroups; their registers stay without a group."""
    tree = await _lock_tree(act.db, act.actor)
    ids = tree.branch(tree.node(id_).id)
    await registers_service.clear_groups(act, ids)
    for group in await act.db.scalars(select(Group).where(Group.id.in_(ids))):
        await audit.write(act, "groups.removed", [f"group:{group.id}"], before=_audit_state(group))
    await act.db.execute(delete(Group).where(Group.id.in_(ids)))


async def add_registers(act: Act, id_: int, typed: Sequence[str]) -> SerialVerdicts:
    """Put registers into a leaf, out of their former groups.

    Return a verdict for each of ``typed``.
    """
    tree = await _lock_tree(act.db, act.actor)
    if tree.children(tree.node(id_).id):
        raise GROUP_HAS_SUBGROUPS(id=id_)
    return await registers_service.set_group(act, typed, id_)


async def remove_registers(act: Act, typed: Sequence[str]) -> SerialVerdicts:
    """Take registers out of their groups; one without a group counts as done."""
    return await registers_service.set_group(act, typed, None)


async def _lock_tree(db: AsyncSession, actor: Actor) -> Tree:
    await lock_until_commit(db, "groups", actor.partner_id)
    return await queries.load_tree(db, actor)


async def _check_empty(db: AsyncSession, actor: Actor, parent_id: int | None) -> None:
    if parent_id is not None and await registers.any_in_group(db, actor.partner_id, parent_id):
        raise GROUP_HOLDS_REGISTERS(id=parent_id)


async def _set(act: Act, group: Group, values: dict[str, Any], what: str) -> None:
    """Set columns and write the audit log; nothing is written if no value differs."""
    before = _audit_state(group)
    for name, value in values.items():
        setattr(group, name, value)
    after = _audit_state(group)
    if after != before:
        group.changed_at = act.now
        await act.db.flush()
        await audit.write(act, what, [f"group:{group.id}"], before=before, after=after)


def _audit_state(group: Group) -> State:
    return {
        "parent_id": group.parent_id,
        "name": group.name,
        "description": group.description,
    }
