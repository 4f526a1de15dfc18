"""Preparation of an order's parameters: validation, and completion with facts of other features.

An operation type is pure and cannot ask later.  All facts are taken when the operation is ordered,
so a later change of a template or an image does not reach it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.firmware import service as firmware
from fleet.kit.act import Act
from fleet.kit.input import MAX_INTEGER
from fleet.kit.validation import refuse_input
from fleet.licences import queries as licences
from fleet.operations.errors import TEMPLATE_AND_CONTENT
from fleet.operations.types.contract import OperationType
from fleet.operations.types.firmware_transfer import FirmwareParams
from fleet.operations.types.licence_upload import LicenceUploadParams
from fleet.templates import queries as templates


class Prepared(NamedTuple):
    """The type and the parameters of an order; they do not depend on its registers."""

    operation_type: OperationType[Any]
    given: Mapping[str, Any]
    """Parameters as they were sent, with a template's content in place of its number.  A caller
    that orders the same again (a roll-out, for each wave) sends these."""
    params: Any
    """Parameters as the operation stores them: validated, with the facts of other features."""


async def prepare(
    act: Act, operation_type: OperationType[Any], sent: Mapping[str, Any]
) -> Prepared:
    """Return the parameters of an operation of this type; raise a refusal if they are wrong."""
    given = await _with_template_content(act, operation_type.kind, sent)
    params = read_params(operation_type, given)
    complete = _FACTS.get(operation_type.kind)
    if complete is not None:
        params = await complete(act.db, params)
    return Prepared(operation_type, given, params)


async def _with_template_content(act: Act, kind: str, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``sent`` with the content of its ``template_id`` in place of that number.

    Raise a refusal for a template that the partner does not have, and ``TEMPLATE_AND_CONTENT`` for
    values given beside those of the template.  A ``template_id`` that cannot be the number of a
    template stays in place: ``read_params`` refuses it.
    """
    id_, source = sent.get("template_id"), templates.PARAMS.get(kind)
    if source is None or type(id_) is not int or not 0 < id_ < MAX_INTEGER:
        return sent
    found = await source(act.db, act.actor, id_)
    others = {name: value for name, value in sent.items() if name != "template_id"}
    for name in sorted(found.keys() & others.keys()):
        raise TEMPLATE_AND_CONTENT(field=f"params.{name}", name=name)
    return {**found, **others}


def read_params(operation_type: OperationType[Any], params: Mapping[str, Any]) -> Any:
    """Return the type's own ``Params``; raise a refusal that names the wrong fields."""
    try:
        return operation_type.Params.model_validate(dict(params))
    except ValidationError as error:
        raise refuse_input(error, "params") from None


async def _image_facts(db: AsyncSession, params: FirmwareParams) -> FirmwareParams:
    return params.model_copy(update={"facts": await firmware.facts_of(db, params.image)})


async def _no_licence(_: AsyncSession, params: LicenceUploadParams) -> LicenceUploadParams:
    """Return the parameters without a licence; ``prepare_each`` adds each register's own."""
    return params.model_copy(update={"licence": None})


_FACTS: Final[Mapping[str, Callable[[AsyncSession, Any], Awaitable[Any]]]] = {
    "firmware_update": _image_facts,
    "platform_move": _image_facts,
    "licence_upload": _no_licence,
}


async def prepare_each(
    db: AsyncSession, params: Any, serial_numbers: Collection[str]
) -> Mapping[str, Any]:
    """Return the parameters of those registers that need others than ``params``."""
    if not isinstance(params, LicenceUploadParams):
        return {}
    issued = await licences.contents(db, serial_numbers, params.kind)
    return {
        serial: params.model_copy(update={"licence": content.hex()})
        for serial, content in issued.items()
    }
