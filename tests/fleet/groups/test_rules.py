"""The tree of groups, without a database."""

import pytest

from fleet.groups import rules
from fleet.groups.rules import MAX_DEPTH, Node, Tree, check_move, check_name, check_new
from fleet.kit.errors import DomainError

#  1 Север     2 Юг
#  ├ 4 Апатиты └ 5 Сочи
#  └ 3 мурманск
#    └ 6 Порт
TOWNS = Tree(
    [
        Node(1, None, "Север"),
        Node(2, None, "Юг"),
        Node(3, 1, "мурманск"),
        Node(4, 1, "Апатиты"),
        Node(5, 2, "Сочи"),
        Node(6, 3, "Порт"),
    ]
)


def chain(length: int) -> Tree:
    return Tree(Node(n, n - 1 or None, f"{n}") for n in range(1, length + 1))


def refused(error: pytest.ExceptionInfo[DomainError]) -> tuple[str, str]:
    return error.value.code, error.value.field


def test_tree_is_listed_like_a_file_tree() -> None:
    assert [(node.id, depth) for node, depth in TOWNS.walk()] == [
        (1, 1),
        (4, 2),
        (3, 2),
        (6, 3),
        (2, 1),
        (5, 2),
    ]


def test_sort_order_ignores_case_and_yo() -> None:
    named = Tree(
        Node(id_, None, name) for id_, name in enumerate(("Ярославль", "ель", "Ёлкино"), 1)
    )
    assert [node.name for node in named.children(None)] == ["Ёлкино", "ель", "Ярославль"]


def test_branches_depths_and_heights() -> None:
    assert TOWNS.branch(1) == [1, 4, 3, 6]
    assert [TOWNS.depth(id_) for id_ in (None, 1, 3, 6)] == [0, 1, 2, 3]
    assert [TOWNS.height(id_) for id_ in (1, 3, 6)] == [3, 2, 1]


def test_registers_count_in_all_groups_above() -> None:
    assert TOWNS.totals({6: 2, 4: 1, 99: 7}) == {1: 3, 2: 0, 3: 2, 4: 1, 5: 0, 6: 2}


@pytest.mark.parametrize("parent_id", [3, 6])
def test_group_cannot_move_below_itself(parent_id: int) -> None:
    with pytest.raises(DomainError) as error:
        check_move(TOWNS, TOWNS.node(3), parent_id)
    assert refused(error) == ("group_under_itself", "parent_id")


def test_a_name_is_unique_among_siblings_only() -> None:
    check_new(TOWNS, "Порт", None)
    check_name(TOWNS, "Север", None, 1)
    for place, name in ((None, "Юг"), (3, "Порт")):
        with pytest.raises(DomainError) as error:
            check_new(TOWNS, name, place)
        assert refused(error) == ("group_name_taken", "name")


def test_depth_is_limited_for_new_and_moved_groups() -> None:
    deep = chain(MAX_DEPTH)
    check_new(deep, "last", MAX_DEPTH - 1)
    with pytest.raises(DomainError) as error:
        check_new(deep, "one more", MAX_DEPTH)
    assert refused(error) == ("group_too_deep", "parent_id")
    two = Tree([*(node for node, _ in deep.walk()), Node(100, None, "a"), Node(101, 100, "b")])
    check_move(two, two.node(100), MAX_DEPTH - 2)
    with pytest.raises(DomainError) as error:
        check_move(two, two.node(100), MAX_DEPTH - 1)
    assert refused(error) == ("group_too_deep", "parent_id")


def test_number_of_groups_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_GROUPS", 6)
    with pytest.raises(DomainError) as error:
        check_new(TOWNS, "one more", None)
    assert error.value.code == "too_many_groups"


def test_error_of_an_unknown_group_names_the_field() -> None:
    for field, call in (
        ("parent_id", lambda: check_new(TOWNS, "x", 99)),
        ("parent_id", lambda: check_move(TOWNS, TOWNS.node(1), 99)),
        ("id", lambda: TOWNS.node(99)),
    ):
        with pytest.raises(DomainError) as error:
            call()
        assert refused(error) == ("group_not_found", field)
