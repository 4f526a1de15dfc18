"""Pure rules of the tree of groups.

Only leaves have registers (ATOL Connect manual, "Работа с группами ККТ"); names are unique among
siblings.  A tree is limited in depth and size, so that it can be read and shown as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from fleet.groups.errors import (
    GROUP_NAME_TAKEN,
    GROUP_NOT_FOUND,
    GROUP_TOO_DEEP,
    GROUP_UNDER_ITSELF,
    TOO_MANY_GROUPS,
)
from fleet.kit.search import fold_case

MAX_DEPTH: Final = 32
"""Maximum number of levels: federal district, region, town, chain, shop and hall need fewer than
half."""

MAX_GROUPS: Final = 5000
"""Maximum number of a partner's groups: the tree is read at every change, in 0.05 s for so many."""


class Node(NamedTuple):
    """A group as the rules need it."""

    id: int
    parent_id: int | None
    name: str


class Tree:
    """The groups of one partner; ``None`` instead of an id is the root."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._children: dict[int | None, list[Node]] = {}
        for node in sorted(self._nodes.values(), key=lambda node: fold_case(node.name)):
            self._children.setdefault(node.parent_id, []).append(node)

    def __len__(self) -> int:
        return len(self._nodes)

    def node(self, id_: int, field: str = "id") -> Node:
        """Return the group with this id.

        Raise ``GROUP_NOT_FOUND``, which names the input ``field``.
        """
        if id_ not in self._nodes:
            raise GROUP_NOT_FOUND(field=field, id=id_)
        return self._nodes[id_]

    def children(self, id_: int | None) -> list[Node]:
        return self._children.get(id_, [])

    def walk(self, top: int | None = None, depth: int = 1) -> Iterator[tuple[Node, int]]:
        """Yield all groups below ``top`` with their depths in the order of a file tree.

        Siblings are in the order of names; each is followed by its subgroups.
        """
        for node in self.children(top):
            yield node, depth
            yield from self.walk(node.id, depth + 1)

    def branch(self, id_: int) -> list[int]:
        """Return the ids of a group and of all groups below it."""
        return [id_, *(node.id for node, _ in self.walk(id_))]

    def depth(self, id_: int | None) -> int:
        """Return the number of levels from the root to the group; 0 for the root."""
        return 0 if id_ is None else 1 + self.depth(self._nodes[id_].parent_id)

    def height(self, id_: int) -> int:
        """Return the number of levels of a group with its subgroups; 1 for a leaf."""
        return max((depth for _, depth in self.walk(id_, depth=2)), default=1)

    def totals(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Return, for each group, the sum of the counts of the group and all groups below it."""
        totals = {id_: counts.get(id_, 0) for id_ in self._nodes}
        for node, _ in reversed(list(self.walk())):
            if node.parent_id is not None:
                totals[node.parent_id] += totals[node.id]
        return totals


def check_new(tree: Tree, name: str, parent_id: int | None) -> None:
    """Raise an error if no group may be created there: limits, parent or name.

    Whether the parent has registers is checked by the caller.
    """
    if len(tree) >= MAX_GROUPS:
        raise TOO_MANY_GROUPS(most=MAX_GROUPS)
    if parent_id is not None:
        tree.node(parent_id, "parent_id")
    _check_depth(tree, parent_id, 1)
    check_name(tree, name, parent_id, None)


def check_move(tree: Tree, moved: Node, parent_id: int | None) -> None:
    """Raise an error if the group may not be moved there, as in ``check_new``."""
    if parent_id is not None:
        tree.node(parent_id, "parent_id")
        if parent_id in tree.branch(moved.id):
            raise GROUP_UNDER_ITSELF()
    _check_depth(tree, parent_id, tree.height(moved.id))
    check_name(tree, moved.name, parent_id, moved.id)


def check_name(tree: Tree, name: str, parent_id: int | None, own_id: int | None) -> None:
    """Raise ``GROUP_NAME_TAKEN`` if another group with the same parent has the name."""
    if any(node.name == name and node.id != own_id for node in tree.children(parent_id)):
        raise GROUP_NAME_TAKEN(name=name)


def _check_depth(tree: Tree, parent_id: int | None, height: int) -> None:
    if tree.depth(parent_id) + height > MAX_DEPTH:
        raise GROUP_TOO_DEEP(most=MAX_DEPTH)
