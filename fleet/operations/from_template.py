"""An order that names a template: the template's content becomes the operation's parameters.

It is taken when the operation is created, so what happens to the template later changes nothing,
and the types stay pure.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER
from fleet.operations.errors import TEMPLATE_AND_CONTENT
from fleet.templates.queries import PARAMS


async def with_template_content(
    db: AsyncSession, actor: Actor, kind: str, params: Mapping[str, Any]
) -> Mapping[str, Any]:
    """``params`` with the content of their ``template_id`` in its place.

    Refuses a template that the partner does not have, and one beside a content of one's own.
    What is no number of a template is left for the type's own parameters to refuse.
    """
    id_, source = params.get("template_id"), PARAMS.get(kind)
    if source is None or type(id_) is not int or not 0 < id_ < MAX_INTEGER:
        return params
    found = await source(db, actor, id_)
    others = {name: value for name, value in params.items() if name != "template_id"}
    for name in sorted(found.keys() & others.keys()):
        raise TEMPLATE_AND_CONTENT(field=f"params.{name}", name=name)
    return {**found, **others}
