"""The partner's side: claiming registers, attaching consents, sending and withdrawing requests."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.access_requests.errors import (
    CLIENT_INN_WRONG,
    FILE_NOT_FOUND,
    FILE_SENT,
    FILE_UNAVAILABLE,
    NOT_PROCESSING,
    NOTHING_TO_REQUEST,
    REQUEST_NOT_FOUND,
    REQUEST_OPEN,
    TOO_MANY_FILES_WAITING,
)
from fleet.access_requests.models import AccessRequest, ConsentFile, RequestedRegister
from fleet.access_requests.queries import files_visible_to, requests_visible_to
from fleet.access_requests.recognition import FileKind, recognise
from fleet.access_requests.rules import (
    FILE_KEPT_FOR,
    MAX_FILES_WAITING,
    AccessRoute,
    RegisterFacts,
    RequestStatus,
    judge,
    refuse_consent,
)
from fleet.accounts.employees import widen_scope
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import delete_portion, lock_until_commit, select_for_update
from fleet.kit.inn import is_inn
from fleet.kit.verdicts import RefusedItem, Verdicts
from fleet.registers import service as registers
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own
from fleet.registers.rules import read_serials


class Claim(NamedTuple):
    """Registers of a claim, by outcome."""

    added: list[str]
    by_request: list[str]
    """Registers that can only be obtained by a request."""
    refused: list[RefusedItem[str]]


@dataclass(frozen=True, slots=True)
class NewAccessRequest:
    """A partner's request; ``files`` are ids of its files that belong to no request yet."""

    client_inn: str
    serial_numbers: Sequence[str]
    consent_date: date
    files: Sequence[int]


class CheckedFile(NamedTuple):
    """A file that may be a consent."""

    name: str
    kind: FileKind
    content: bytes
    sha256: str


async def claim(act: Act, client_inn: str, typed: Sequence[str]) -> Claim:
    """Add those registers of a client to the account that need no request.

    The rows are locked while they are judged, so the second of two partners that claim a register
    at once finds it bound.  Raise ``CLIENT_INN_WRONG`` for an invalid INN, unless one of the
    registers reports it.
    """
    good, refused = read_serials(typed)
    await registers.lock_registers(act.db, good)
    known, seen = await lock_register_facts(act.db, good), await find_own(act.db, act.actor, good)
    if not is_inn(client_inn) and client_inn not in {each.owner_inn for each in known.values()}:
        raise CLIENT_INN_WRONG()
    ways = {serial: judge(known[serial], serial in seen, client_inn) for serial in good}
    new = [serial for serial, way in ways.items() if way is AccessRoute.BY_NUMBER]
    enrolled = await registers.enrol(act, new) if new else Verdicts([], [])
    free = [serial for serial, way in ways.items() if way is AccessRoute.AT_ONCE]
    await registers.hand_over(act, free, act.actor.partner_id)
    await widen_scope(act.db, act.actor, free)
    objects = [f"register:{serial}" for serial in free]
    after = {"client_inn": client_inn}
    await audit.write(act, "access_requests.claimed", objects, after=after)
    return Claim(
        added=[*free, *enrolled.accepted],
        by_request=[serial for serial, way in ways.items() if way is AccessRoute.BY_REQUEST],
        refused=[
            *(
                RefusedItem(each, way)
                for each, way in ways.items()
                if not isinstance(way, AccessRoute)
            ),
            *enrolled.refused,
            *refused,
        ],
    )


async def lock_register_facts(
    db: AsyncSession, serials: Collection[str]
) -> dict[str, RegisterFacts]:
    """Return the facts of these registers by serial number, their rows locked until the commit."""
    columns = select(
        CashRegister.serial_number,
        CashRegister.partner_id,
        CashRegister.fiscalised,
        CashRegister.owner_inn,
    )
    these = columns.where(CashRegister.serial_number.in_(serials))
    ordered = select_for_update(db, these.order_by(CashRegister.serial_number), wait=True)
    rows = await db.execute(ordered)
    return {serial: RegisterFacts(partner, yes, inn) for serial, partner, yes, inn in rows}


async def send(act: Act, new_request: NewAccessRequest) -> tuple[AccessRequest, Claim]:
    """Create a request for the registers that need one; add or refuse the others.

    Raise an error for an unsuitable consent date, for files that are not the partner's or were sent
    already, if no register needs the request, and if the partner has an open one for this client.
    """
    if unfit := refuse_consent(new_request.consent_date, act.now):
        raise unfit
    claimed = await claim(act, new_request.client_inn, new_request.serial_numbers)
    if not claimed.by_request:
        raise NOTHING_TO_REQUEST()
    request = await _open(act, new_request)
    rows = [{"request_id": request.id, "serial_number": each} for each in claimed.by_request]
    await act.db.execute(insert(RequestedRegister), rows)
    await _attach(act.db, act.actor, request.id, new_request.files)
    after = {
        "client_inn": new_request.client_inn,
        "consent_date": new_request.consent_date.isoformat(),
        "serial_numbers": claimed.by_request,
        "files": list(new_request.files),
    }
    objects = [f"access_request:{request.id}"]
    await audit.write(act, "access_requests.sent", objects, after=after)
    return request, claimed


async def _open(act: Act, new_request: NewAccessRequest) -> AccessRequest:
    values = {
        "partner_id": act.actor.partner_id,
        "client_inn": new_request.client_inn,
        "consent_date": new_request.consent_date,
        "status": RequestStatus.PROCESSING,
        "comment": "",
        "language": act.language,
        "created_at": act.now,
        "created_by": act.actor.employee_id,
        "changed_at": act.now,
    }
    only_one = insert_into(act.db, AccessRequest).values(values).on_conflict_do_nothing()
    request: AccessRequest | None = await act.db.scalar(only_one.returning(AccessRequest))
    if request is None:
        raise REQUEST_OPEN()
    return request


async def _attach(db: AsyncSession, actor: Actor, request_id: int, files: Sequence[int]) -> None:
    waiting = files_visible_to(actor) & ConsentFile.request_id.is_(None)
    taken = await db.scalars(
        update(ConsentFile)
        .where(ConsentFile.id.in_(files), waiting)
        .values(request_id=request_id)
        .returning(ConsentFile.id)
    )
    found = set(taken)
    for file_id in files:
        if file_id not in found:
            raise FILE_UNAVAILABLE(id=file_id)


async def withdraw(act: Act, request_id: int) -> None:
    """Withdraw a request that is not decided yet; repeating it changes nothing.

    Raise ``REQUEST_NOT_FOUND`` or ``NOT_PROCESSING``.
    """
    mine = (AccessRequest.id == request_id) & requests_visible_to(act.actor)
    request = await act.db.scalar(
        select_for_update(act.db, select(AccessRequest).where(mine), wait=True)
    )
    if request is None:
        raise REQUEST_NOT_FOUND(id=request_id)
    if request.status is RequestStatus.WITHDRAWN:
        return
    if request.status is not RequestStatus.PROCESSING:
        raise NOT_PROCESSING(id=request_id)
    request.status, request.changed_at = RequestStatus.WITHDRAWN, act.now
    objects = [f"access_request:{request_id}"]
    await audit.write(act, "access_requests.withdrawn", objects)


def check_file(name: str, content: bytes) -> CheckedFile:
    """Return the file with its kind and digest; raise the errors of ``recognition.recognise``.

    It takes a second or two for the largest file, so call it in a thread.
    """
    kind = recognise(name, content)
    return CheckedFile(name, kind, content, sha256(content).hexdigest())


async def add_file(act: Act, file: CheckedFile) -> ConsentFile:
    """Store a file for a later request; raise ``TOO_MANY_FILES_WAITING`` at the limit.

    A lock makes simultaneous uploads of a partner count each other.
    """
    await lock_until_commit(act.db, "consent_files", act.actor.partner_id)
    mine = (ConsentFile.partner_id == act.actor.partner_id) & ConsentFile.request_id.is_(None)
    waiting = await act.db.scalar(select(func.count()).select_from(ConsentFile).where(mine))
    if (waiting or 0) >= MAX_FILES_WAITING:
        raise TOO_MANY_FILES_WAITING(limit=MAX_FILES_WAITING)
    row = ConsentFile(
        partner_id=act.actor.partner_id,
        name=file.name,
        kind=file.kind,
        size=len(file.content),
        sha256=file.sha256,
        content=file.content,
        uploaded_at=act.now,
        uploaded_by=act.actor.employee_id,
    )
    act.db.add(row)
    await act.db.flush()
    objects, after = [f"consent_file:{row.id}"], {"name": row.name, "sha256": row.sha256}
    await audit.write(act, "access_requests.file_attached", objects, after=after)
    return row


async def remove_file(act: Act, file_id: int) -> None:
    """Delete a file that belongs to no request; raise ``FILE_SENT`` or ``FILE_NOT_FOUND``."""
    mine = (ConsentFile.id == file_id) & files_visible_to(act.actor)
    gone = delete(ConsentFile).where(mine, ConsentFile.request_id.is_(None))
    if await act.db.scalar(gone.returning(ConsentFile.id)) is None:
        sent = await act.db.scalar(select(ConsentFile.id).where(mine))
        raise (FILE_SENT if sent else FILE_NOT_FOUND)(id=file_id)
    objects = [f"consent_file:{file_id}"]
    await audit.write(act, "access_requests.file_removed", objects)


async def delete_expired_files(act: Act, limit: int) -> int:
    """Delete at most ``limit`` files that no request used in time; return how many."""
    return await delete_portion(
        act.db,
        table_of(ConsentFile),
        "request_id IS NULL AND uploaded_at <= :uploaded_at",
        limit,
        uploaded_at=act.now - FILE_KEPT_FOR,
    )
