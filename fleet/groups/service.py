"""Changing the tree of groups, and which registers are in it.

A partner's tree changes by one transaction at a time (``lock_until_commit``): its rules speak of
rows that others may be adding at the same moment.
"""

from collections.abc import Sequence
from datetime import datetime
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


async def create(
    db: AsyncSession,
    actor: Actor,
    name: str,
    description: str,
    parent_id: int | None,
    now: datetime,
) -> Group:
    """A new leaf; refuses a place that the rules forbid or that holds registers."""
    tree = await _lock_tree(db, actor)
    check_new(tree, name, parent_id)
    await _check_empty(db, actor, parent_id)
    group = Group(
        partner_id=actor.partner_id,
        parent_id=parent_id,
        name=name,
        description=description,
        created_at=now,
        changed_at=now,
    )
    db.add(group)
    await db.flush()
    await _audit(db, actor, now, group, "groups.created", after=_audit_state(group))
    return group


async def change(
    db: AsyncSession, actor: Actor, id_: int, name: str, description: str, now: datetime
) -> Group:
    """Another name and description; refuses the name of a sibling."""
    tree = await _lock_tree(db, actor)
    check_name(tree, name, tree.node(id_).parent_id, id_)
    group = await db.get_one(Group, id_)
    new = {"name": name, "description": description}
    await _set(db, actor, group, new, "groups.changed", now)
    return group


async def move(
    db: AsyncSession, actor: Actor, id_: int, parent_id: int | None, now: datetime
) -> Group:
    """Put a group, with all under it, into another or (None) to the root."""
    tree = await _lock_tree(db, actor)
    check_move(tree, tree.node(id_), parent_id)
    await _check_empty(db, actor, parent_id)
    group = await db.get_one(Group, id_)
    await _set(db, actor, group, {"parent_id": parent_id}, "groups.moved", now)
    return group


async def remove(db: AsyncSession, actor: Actor, id_: int, now: datetime) -> None:
    """Delete a group and all under it; their registers stay, in no group."""
    tree = await _lock_tree(db, actor)
    ids = tree.branch(tree.node(id_).id)
    await registers_service.clear_groups(db, actor, ids, now)
    for group in await db.scalars(select(Group).where(Group.id.in_(ids))):
        await _audit(db, actor, now, group, "groups.removed", before=_audit_state(group))
    await db.execute(delete(Group).where(Group.id.in_(ids)))


async def add_registers(
    db: AsyncSession, actor: Actor, id_: int, typed: Sequence[str], now: datetime
) -> SerialVerdicts:
    """Put registers into a leaf, out of wherever they were; a verdict for each of ``typed``."""
    tree = await _lock_tree(db, actor)
    if tree.children(tree.node(id_).id):
        raise GROUP_HAS_SUBGROUPS(id=id_)
    return await registers_service.set_group(db, actor, typed, id_, now)


async def remove_registers(
    db: AsyncSession, actor: Actor, typed: Sequence[str], now: datetime
) -> SerialVerdicts:
    """Take registers out of their groups; one that was in none counts as done."""
    return await registers_service.set_group(db, actor, typed, None, now)


async def _lock_tree(db: AsyncSession, actor: Actor) -> Tree:
    await lock_until_commit(db, "groups", actor.partner_id)
    return await queries.load_tree(db, actor)


async def _check_empty(db: AsyncSession, actor: Actor, parent_id: int | None) -> None:
    if parent_id is not None and await registers.any_in_group(db, actor.partner_id, parent_id):
        raise GROUP_HOLDS_REGISTERS(id=parent_id)


async def _set(
    db: AsyncSession,
    actor: Actor,
    group: Group,
    values: dict[str, Any],
    what: str,
    now: datetime,
) -> None:
    """A change that changes nothing leaves no trace."""
    before = _audit_state(group)
    for name, value in values.items():
        setattr(group, name, value)
    after = _audit_state(group)
    if after != before:
        group.changed_at = now
        await db.flush()
        await _audit(db, actor, now, group, what, before=before, after=after)


def _audit_state(group: Group) -> State:
    return {
        "parent_id": group.parent_id,
        "name": group.name,
        "description": group.description,
    }


async def _audit(
    db: AsyncSession,
    actor: Actor,
    now: datetime,
    group: Group,
    what: str,
    *,
    before: State | None = None,
    after: State | None = None,
) -> None:
    await audit.write(Act(db, actor, now), what, [f"group:{group.id}"], before=before, after=after)
