"""What an operation has to know of other features, put into its parameters when it is ordered.

A type is pure: it cannot ask later.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.firmware import service as firmware
from fleet.kit.actor import Actor
from fleet.licences import queries as licences
from fleet.operations.types.firmware_transfer import FirmwareParams
from fleet.operations.types.licence_upload import LicenceUploadParams
from fleet.registers.rules import is_serial_number

Prepare = Callable[[AsyncSession, Actor, Any], Awaitable[Any]]
"""From parameters as they were asked for to parameters as they are kept."""


async def prepare(db: AsyncSession, actor: Actor, kind: str, params: Any) -> Any:
    """The parameters that an operation of this kind keeps."""
    with_facts = _PREPARERS.get(kind)
    return params if with_facts is None else await with_facts(db, actor, params)


async def prepare_each(
    db: AsyncSession, params: Any, serial_numbers: Sequence[str]
) -> Mapping[str, Any]:
    """The parameters of those registers that get others than ``params``."""
    if not isinstance(params, LicenceUploadParams):
        return {}
    known = list(filter(is_serial_number, serial_numbers))
    issued = await licences.contents(db, known, params.kind)
    return {
        serial: params.model_copy(update={"licence": content.hex()})
        for serial, content in issued.items()
    }


async def _image(db: AsyncSession, _: Actor, params: FirmwareParams) -> FirmwareParams:
    return params.model_copy(update={"facts": await firmware.facts_of(db, params.image)})


async def _no_licence(
    db: AsyncSession, _: Actor, params: LicenceUploadParams
) -> LicenceUploadParams:
    return params.model_copy(update={"licence": None})


_PREPARERS: Final[Mapping[str, Prepare]] = {
    "firmware_update": _image,
    "platform_move": _image,
    "licence_upload": _no_licence,
}
