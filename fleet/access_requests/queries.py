"""Queries of access requests: a partner's own, and the queue of support."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from fleet.access_requests.errors import FILE_NOT_FOUND, REQUEST_NOT_FOUND
from fleet.access_requests.form import Organisation
from fleet.access_requests.models import AccessRequest, ConsentFile, RequestedRegister
from fleet.access_requests.recognition import FileKind
from fleet.access_requests.rules import RefusalReason, RequestStatus, reason_text
from fleet.accounts.models import Partner
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.inn import NamedInn
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.language import Language
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.registers.models import CashRegister


class RequestFilter(PageQuery):
    """Conditions of the list; all given ones must hold."""

    status: RequestStatus | None = None
    client_inn: NamedInn | None = None


class QueueFilter(RequestFilter):
    """Conditions of the queue; all given ones must hold."""

    partner_id: int | None = Field(default=None, ge=1, lt=MAX_INTEGER)


class RequestKey(Input):
    """Key of an access request."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class FileKey(Input):
    """Key of a file."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class FileView(BaseModel):
    """A file of a consent."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str = Field(description="As its sender called it.")
    kind: FileKind
    size: int = Field(description="Bytes.")
    sha256: str
    uploaded_at: datetime


class WaitingFiles(BaseModel):
    """Files that can be sent with a request or removed."""

    items: list[FileView]


class RequestRow(BaseModel):
    """A request in the partner's list."""

    id: int
    client_inn: str
    consent_date: date
    status: RequestStatus
    reason: RefusalReason | None = Field(description="Of a refusal.")
    reason_text: str = Field(description="The same in words.")
    comment: str = Field(description="Of the support.")
    registers: int = Field(description="How many were asked for.")
    granted: int = Field(description="How many were handed over by its decision.")
    created_at: datetime
    created_by: int
    decided_at: datetime | None
    changed_at: datetime


class RequestedRegisterView(BaseModel):
    """A register of a request; ``granted_at`` = when it was transferred to the partner."""

    serial_number: str
    granted_at: datetime | None


class RequestCard(RequestRow):
    """A request with its registers and files."""

    serial_numbers: list[RequestedRegisterView]
    files: list[FileView]


class RequestingPartner(BaseModel):
    """The partner that made the request, as the consent must name it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    inn: str
    code: str = Field(description="Code of the organisation.")


class QueueRow(RequestRow):
    """A request in the queue of support."""

    partner: RequestingPartner
    decided_by: int | None


class QueuedRegisterView(RequestedRegisterView):
    """A register of a request as support sees it."""

    owner_inn: str = Field(description="As the register says; empty until it has.")
    owner_name: str
    partner_id: int | None = Field(description="Whose it is now.")
    partner_name: str


class QueueCard(QueueRow):
    """A request with the data for its decision."""

    serial_numbers: list[QueuedRegisterView]
    files: list[FileView]


FILTERS: Filters = {
    "status": lambda status: AccessRequest.status == status,
    "client_inn": lambda inn: AccessRequest.client_inn == inn,
}
QUEUE_FILTERS: Filters = {
    **FILTERS,
    "partner_id": lambda partner_id: AccessRequest.partner_id == partner_id,
}

_OF_REQUEST = RequestedRegister.request_id == AccessRequest.id


def _counted() -> Select[AccessRequest, int, int]:
    registers, granted = (
        select(count).where(_OF_REQUEST).correlate(AccessRequest).scalar_subquery()
        for count in (func.count(), func.count(RequestedRegister.granted_at))
    )
    return select(AccessRequest, registers, granted)


def requests_visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the condition of requests that the employee may see and withdraw.

    All of the partner's; for a limited employee only their own, since others name other clients.
    """
    own = AccessRequest.partner_id == actor.partner_id
    return own & (AccessRequest.created_by == actor.employee_id) if actor.limited else own


def files_visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the condition of files that the employee may see: as for ``requests_visible_to``."""
    own = ConsentFile.partner_id == actor.partner_id
    return own & (ConsentFile.uploaded_by == actor.employee_id) if actor.limited else own


NEWEST_FIRST: Final = Keyset(RequestKey, {"id": AccessRequest.id}, down=True)
OLDEST_FIRST: Final = Keyset(RequestKey, {"id": AccessRequest.id})


async def page(act: Act, query: RequestFilter) -> Page[RequestRow]:
    """Return a page of the partner's requests, newest first."""
    mine = _counted().where(requests_visible_to(act.actor), *conditions(FILTERS, query))
    found = (await act.db.execute(NEWEST_FIRST.page(mine, query))).all()
    return page_of(
        found,
        query.limit,
        show=lambda row: RequestRow(**_shown(*row, act.language)),
        position=lambda row: RequestKey(id=row[0].id),
    )


async def queue(act: Act, query: QueueFilter) -> Page[QueueRow]:
    """Return a page of the requests of all partners, oldest first (the next to decide)."""
    chosen = _with_partner().where(*conditions(QUEUE_FILTERS, query))
    found = (await act.db.execute(OLDEST_FIRST.page(chosen, query))).all()
    return page_of(
        found,
        query.limit,
        show=lambda row: QueueRow(**_queued(*row, act.language)),
        position=lambda row: RequestKey(id=row[0].id),
    )


def _with_partner() -> Select[AccessRequest, int, int, Partner]:
    return _counted().add_columns(Partner).join(Partner, Partner.id == AccessRequest.partner_id)


async def card(act: Act, request_id: int) -> RequestCard:
    """Return a request of the partner; raise ``REQUEST_NOT_FOUND``."""
    mine = (AccessRequest.id == request_id) & requests_visible_to(act.actor)
    found = (await act.db.execute(_counted().where(mine))).one_or_none()
    if found is None:
        raise REQUEST_NOT_FOUND(id=request_id)
    asked = (
        select(RequestedRegister)
        .where(RequestedRegister.request_id == request_id)
        .order_by(RequestedRegister.serial_number)
    )
    return RequestCard(
        **_shown(*found, act.language),
        serial_numbers=[
            RequestedRegisterView(serial_number=row.serial_number, granted_at=row.granted_at)
            for row in await act.db.scalars(asked)
        ],
        files=await _files(act.db, request_id),
    )


async def queue_card(act: Act, request_id: int) -> QueueCard:
    """Return a request of any partner, for support; raise ``REQUEST_NOT_FOUND``."""
    statement = _with_partner().where(AccessRequest.id == request_id)
    found = (await act.db.execute(statement)).one_or_none()
    if found is None:
        raise REQUEST_NOT_FOUND(id=request_id)
    return QueueCard(
        **_queued(*found, act.language),
        serial_numbers=await _examined(act.db, request_id),
        files=await _files(act.db, request_id),
    )


async def _examined(db: AsyncSession, request_id: int) -> list[QueuedRegisterView]:
    rows = await db.execute(
        select(
            RequestedRegister.serial_number,
            RequestedRegister.granted_at,
            CashRegister.owner_inn,
            CashRegister.owner_name,
            CashRegister.partner_id,
            func.coalesce(Partner.name, "").label("partner_name"),
        )
        .join(CashRegister, CashRegister.serial_number == RequestedRegister.serial_number)
        .outerjoin(Partner, Partner.id == CashRegister.partner_id)
        .where(RequestedRegister.request_id == request_id)
        .order_by(RequestedRegister.serial_number)
    )
    return [QueuedRegisterView(**row) for row in rows.mappings()]


async def _files(db: AsyncSession, request_id: int) -> list[FileView]:
    mine = select(ConsentFile).where(ConsentFile.request_id == request_id)
    return [FileView.model_validate(row) for row in await db.scalars(mine.order_by(ConsentFile.id))]


async def waiting_files(db: AsyncSession, actor: Actor) -> WaitingFiles:
    """Return the visible files that belong to no request yet, oldest first."""
    mine = select(ConsentFile).where(files_visible_to(actor), ConsentFile.request_id.is_(None))
    found = await db.scalars(mine.order_by(ConsentFile.id))
    return WaitingFiles(items=[FileView.model_validate(row) for row in found])


async def own_file(db: AsyncSession, actor: Actor, file_id: int) -> ConsentFile:
    """Return a file of the partner with its content, sent or not; raise ``FILE_NOT_FOUND``."""
    return await _file(db, file_id, files_visible_to(actor))


async def sent_file(db: AsyncSession, file_id: int) -> ConsentFile:
    """Return a file of any request with its content, for support; raise ``FILE_NOT_FOUND``."""
    return await _file(db, file_id, ConsentFile.request_id.is_not(None))


async def _file(db: AsyncSession, file_id: int, allowed: ColumnElement[bool]) -> ConsentFile:
    statement = select(ConsentFile).where(ConsentFile.id == file_id, allowed)
    found = await db.scalar(statement.options(undefer(ConsentFile.content)))
    if found is None:
        raise FILE_NOT_FOUND(id=file_id)
    return found


async def organisation(db: AsyncSession, actor: Actor) -> Organisation:
    """Return the actor's partner as the consent form names it."""
    partner = await db.get_one(Partner, actor.partner_id)
    return Organisation(partner.name, partner.inn, partner.code)


def _shown(row: AccessRequest, registers: int, granted: int, language: Language) -> dict[str, Any]:
    counted = ("reason_text", "registers", "granted")
    shown = {name: getattr(row, name) for name in RequestRow.model_fields if name not in counted}
    text = reason_text(row.reason, language) if row.reason else ""
    return {**shown, "reason_text": text, "registers": registers, "granted": granted}


def _queued(
    row: AccessRequest, registers: int, granted: int, partner: Partner, language: Language
) -> Mapping[str, Any]:
    shown = _shown(row, registers, granted, language)
    return {
        **shown,
        "partner": RequestingPartner.model_validate(partner),
        "decided_by": row.decided_by,
    }
