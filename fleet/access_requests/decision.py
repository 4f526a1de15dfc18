"""Decisions of support on access requests, and later changes of what was granted.

Registers are locked before requests everywhere, so two decisions cannot deadlock.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.access_requests.errors import (
    NOT_OF_REQUEST,
    NOT_PROCESSING,
    REQUEST_NOT_FOUND,
    WRONG_OWNER_NOW,
)
from fleet.access_requests.letters import notify_partner
from fleet.access_requests.models import AccessRequest, RequestedRegister
from fleet.access_requests.rules import (
    GRANTED,
    RefusalReason,
    RequestStatus,
    reason_text,
)
from fleet.access_requests.service import lock_register_facts
from fleet.accounts.employees import widen_scope_of
from fleet.accounts.models import Partner
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.dialect import select_for_update
from fleet.kit.language import BilingualText, Language
from fleet.registers import service as registers
from fleet.registers.events import OwnersChanged, RegistersHandedOver
from fleet.registers.models import CashRegister
from fleet.registers.queries import owned_by_partner


async def grant(
    act: Act, request_id: int, serial_numbers: Sequence[str] | None, comment: str
) -> None:
    """Transfer registers of the request to its partner: ``serial_numbers``, or all if None.

    Raise ``NOT_OF_REQUEST`` for a register that the request does not name, ``WRONG_OWNER_NOW`` for
    one that reports another owner by now, and ``NOT_PROCESSING`` for a request with an outcome.
    """
    asked = await _requested_registers(act.db, request_id)
    given = sorted(set(asked if serial_numbers is None else serial_numbers))
    for serial in given:
        if serial not in asked:
            raise NOT_OF_REQUEST(serial_number=serial)
    known = await lock_register_facts(act.db, given)
    request = await _lock_processing(act.db, request_id)
    for serial, standing in known.items():
        if standing.owner_inn not in ("", request.client_inn):
            raise WRONG_OWNER_NOW(serial_number=serial)
    await registers.hand_over(act, given, request.partner_id)
    await widen_scope_of(act.db, request.created_by, given)
    mine = RequestedRegister.request_id == request_id
    these = update(RequestedRegister).where(mine, RequestedRegister.serial_number.in_(given))
    await act.db.execute(these.values(granted_at=act.now))
    status = await _extent(act.db, request)
    await _decide(act, request, status, comment, {"serial_numbers": given})
    params = {
        "client": await _client_of(act.db, request),
        "serial_numbers": ", ".join(given),
        "comment": comment,
    }
    await _notify_requester(act, request, "access_granted", params)


async def refuse(act: Act, request_id: int, reason: RefusalReason, comment: str) -> None:
    """Refuse the request and notify its author; raise ``NOT_PROCESSING`` if it has an outcome."""
    request = await _lock_processing(act.db, request_id)
    request.reason = reason
    await _decide(act, request, RequestStatus.REFUSED, comment, {"reason": reason})
    params = {
        "client": await _client_of(act.db, request),
        "reason": reason_text(reason, request.language),
        "comment": comment,
    }
    await _notify_requester(act, request, "access_refused", params)


async def _requested_registers(db: AsyncSession, request_id: int) -> set[str]:
    """Return the serial numbers of a request without a lock: they never change."""
    mine = RequestedRegister.request_id == request_id
    asked = set(await db.scalars(select(RequestedRegister.serial_number).where(mine)))
    if not asked:
        raise REQUEST_NOT_FOUND(id=request_id)
    return asked


async def _lock_processing(db: AsyncSession, request_id: int) -> AccessRequest:
    """Return the request, locked; the second of two simultaneous decisions finds it decided."""
    one = select(AccessRequest).where(AccessRequest.id == request_id)
    request: AccessRequest | None = await db.scalar(select_for_update(db, one, wait=True))
    if request is None:
        raise REQUEST_NOT_FOUND(id=request_id)
    if request.status is not RequestStatus.PROCESSING:
        raise NOT_PROCESSING(id=request_id)
    return request


async def _extent(db: AsyncSession, request: AccessRequest) -> RequestStatus:
    """Return FULL if the partner has all registers of the client, otherwise PARTIAL.

    The client's registers are those that report it as their owner, and those of the request.  The
    query looks for such a register partner by partner, because the index of the list begins with
    the partner.
    """
    asked = select(RequestedRegister.serial_number).where(
        RequestedRegister.request_id == request.id
    )
    elsewhere = CashRegister.partner_id.is_distinct_from(request.partner_id)
    of_client = CashRegister.owner_inn == request.client_inn
    nobodys = CashRegister.partner_id.is_(None) & CashRegister.hidden.in_((False, True))
    others = exists().where(owned_by_partner(Partner.id.expression), of_client).correlate(Partner)
    missing = (
        exists().where(CashRegister.serial_number.in_(asked), elsewhere),
        exists().where(nobodys, of_client),
        exists(select(Partner.id).where(Partner.id != request.partner_id, others)),
    )
    return RequestStatus.PARTIAL if await db.scalar(select(or_(*missing))) else RequestStatus.FULL


async def _decide(
    act: Act, request: AccessRequest, status: RequestStatus, comment: str, what: dict[str, Any]
) -> None:
    request.status, request.comment = status, comment
    request.decided_at = request.changed_at = act.now
    request.decided_by = act.actor.employee_id
    await _log(act, request, {**what, "comment": comment})


async def _log(act: Act, request: AccessRequest, more: Any) -> None:
    """Write audit entries: one of the server for the partner, and one of the operator for support.

    The partner's log does not name the operator.
    """
    objects, after = [f"access_request:{request.id}"], {"status": request.status, **more}
    what = f"access_requests.{request.status}"
    await audit.write(act.by(None), what, objects, after=after, partner_id=request.partner_id)
    if act.who is not None and act.who.partner_id != request.partner_id:
        await audit.write(act, what, objects, after=after)


async def _client_of(db: AsyncSession, request: AccessRequest) -> str:
    """Return the client for letters: the name that its registers report, and the INN."""
    asked = select(RequestedRegister.serial_number).where(
        RequestedRegister.request_id == request.id
    )
    named = (CashRegister.owner_inn == request.client_inn) & (CashRegister.owner_name != "")
    names = select(func.max(CashRegister.owner_name)).where(
        named, CashRegister.serial_number.in_(asked)
    )
    name: str | None = await db.scalar(names)
    inn = f"{BilingualText('ИНН', 'INN').in_language(request.language)} {request.client_inn}"
    return f"{name} ({inn})" if name else inn


async def _notify_requester(
    act: Act, request: AccessRequest, template: str, params: dict[str, str]
) -> None:
    to = replace(act, language=request.language)
    await notify_partner(to, request.partner_id, template, params, request.created_by)


async def on_registers_handed_over(act: Act, fact: RegistersHandedOver) -> None:
    """Update the requests that a transfer of registers concerns, and notify the former partners."""
    await _update_grants_of(act, [move.serial_number for move in fact.hand_overs])
    lost: dict[int, list[str]] = {}
    for move in fact.hand_overs:
        if move.from_partner_id is not None:
            lost.setdefault(move.from_partner_id, []).append(move.serial_number)
    for partner_id, serials in sorted(lost.items()):
        # No request caused this letter, so no language is known.
        params = {"serial_numbers": ", ".join(serials)}
        await notify_partner(
            replace(act, language=Language.RU), partner_id, "registers_handed_over", params
        )


async def on_owners_changed(act: Act, fact: OwnersChanged) -> None:
    """Update the granted requests of clients that have gained or lost registers."""
    await _update_grants(act, AccessRequest.client_inn.in_(fact.inns))


async def _update_grants_of(act: Act, serials: Sequence[str]) -> None:
    """Update the granted requests that name one of these registers or concern its owner."""
    naming = select(RequestedRegister.request_id).where(
        RequestedRegister.serial_number.in_(serials)
    )
    owners = select(CashRegister.owner_inn).where(
        CashRegister.serial_number.in_(serials), CashRegister.owner_inn != ""
    )
    concerned = AccessRequest.id.in_(naming) | AccessRequest.client_inn.in_(owners)
    await _update_grants(act, concerned)


async def _update_grants(act: Act, concerned: ColumnElement[bool]) -> None:
    """Set the status of granted requests: full, partial, or closed.

    A request is closed when its partner has none of the registers that the request granted.
    """
    granted = select(AccessRequest).where(AccessRequest.status.in_(GRANTED), concerned)
    ordered = select_for_update(act.db, granted.order_by(AccessRequest.id), wait=True)
    for request in (await act.db.scalars(ordered)).all():
        kept = await act.db.scalar(select(exists().where(*_kept(request))))
        status = await _extent(act.db, request) if kept else RequestStatus.CLOSED
        if request.status is not status:
            request.status, request.changed_at = status, act.now
            await _log(act.by(None), request, {})


def _kept(request: AccessRequest) -> tuple[ColumnElement[bool], ...]:
    """Return conditions of registers that the request granted and its partner still has."""
    return (
        RequestedRegister.request_id == request.id,
        RequestedRegister.granted_at.is_not(None),
        RequestedRegister.serial_number == CashRegister.serial_number,
        CashRegister.partner_id == request.partner_id,
    )
