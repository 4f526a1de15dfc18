"""Queries of groups, limited to the actor's partner."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.groups.models import Group
from fleet.groups.rules import Node, Tree
from fleet.kit.actor import Actor
from fleet.registers import queries as registers


class GroupView(BaseModel):
    """A group with the number of its registers, hidden ones included."""

    id: int
    parent_id: int | None = Field(description="None: at the root.")
    name: str
    description: str
    depth: int = Field(description="1 at the root.")
    leaf: bool = Field(description="Without subgroups: only such a group takes registers.")
    registers: int = Field(description="In the group itself.")
    registers_total: int = Field(description="In the group and all under it.")
    created_at: datetime
    changed_at: datetime


class GroupTree(BaseModel):
    """All groups in the order of a file tree: by name, each followed by its subgroups."""

    items: list[GroupView]


async def load_tree(db: AsyncSession, actor: Actor) -> Tree:
    """Return the groups of the actor's partner as a tree."""
    columns = select(Group.id, Group.parent_id, Group.name)
    own = columns.where(Group.partner_id == actor.partner_id)
    return Tree(Node(*row) for row in await db.execute(own))


async def group_tree(db: AsyncSession, actor: Actor) -> GroupTree:
    """Return all groups of the partner, with the numbers of registers that the actor may see."""
    own = await db.scalars(select(Group).where(Group.partner_id == actor.partner_id))
    groups = {group.id: group for group in own}
    tree = Tree(Node(group.id, group.parent_id, group.name) for group in groups.values())
    counts = await registers.count_by_group(db, actor)
    totals = tree.totals(counts)
    views = [_view(tree, groups[node.id], depth, counts, totals) for node, depth in tree.walk()]
    return GroupTree(items=views)


async def group_view(db: AsyncSession, actor: Actor, id_: int) -> GroupView:
    """Return a group of the partner; raise ``GROUP_NOT_FOUND``."""
    groups = await load_tree(db, actor)
    depth = groups.depth(groups.node(id_).id)
    counts = await registers.count_by_group(db, actor, groups.branch(id_))
    return _view(groups, await db.get_one(Group, id_), depth, counts, groups.totals(counts))


def _view(
    tree: Tree,
    group: Group,
    depth: int,
    counts: Mapping[int, int],
    totals: Mapping[int, int],
) -> GroupView:
    return GroupView(
        id=group.id,
        parent_id=group.parent_id,
        name=group.name,
        description=group.description,
        depth=depth,
        leaf=not tree.children(group.id),
        registers=counts.get(group.id, 0),
        registers_total=totals[group.id],
        created_at=group.created_at,
        changed_at=group.changed_at,
    )
