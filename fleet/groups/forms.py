"""Request bodies of the endpoints of groups."""

from typing import Annotated

from pydantic import Field, StringConstraints

from fleet.groups.models import NAME_LENGTH
from fleet.kit.input import MAX_INTEGER, Input

GroupId = Annotated[int, Field(ge=1, lt=MAX_INTEGER)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH, pattern=r"\S"),
]


class GroupKey(Input):
    """Key of a group."""

    id: GroupId


class GroupBody(Input):
    """Name of a group, unique among its siblings, and its description."""

    name: Name
    description: str = Field(default="", max_length=1000)


class NewGroup(GroupBody):
    """A group to create."""

    parent_id: GroupId | None = Field(
        default=None, description="The group to make it in, which may not hold registers."
    )


class GroupMove(Input):
    """Group or root to move a group to."""

    parent_id: GroupId | None = Field(
        description="The group to move it into, which may not hold registers. None: to the root."
    )
