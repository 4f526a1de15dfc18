"""What an operation has to know of other features, put into its parameters when it is ordered.

A type is pure: it cannot ask later.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.firmware import service as firmware
from fleet.kit.actor import Actor
from fleet.operations.types.firmware_transfer import FirmwareParams

Prepare = Callable[[AsyncSession, Actor, Any], Awaitable[Any]]
"""From parameters as they were asked for to parameters as they are kept."""


async def prepare(db: AsyncSession, actor: Actor, kind: str, params: Any) -> Any:
    """The parameters that an operation of this kind keeps."""
    with_facts = _PREPARE.get(kind)
    return params if with_facts is None else await with_facts(db, actor, params)


async def _image(db: AsyncSession, _: Actor, params: FirmwareParams) -> FirmwareParams:
    return params.model_copy(update={"facts": await firmware.facts_of(db, params.image)})


_PREPARE: Final[Mapping[str, Prepare]] = {"firmware_update": _image, "platform_move": _image}
