"""Endpoints of access requests, for partners and for support."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fleet.access_requests import decision, form, queries, service
from fleet.access_requests.forms import (
    ClaimBody,
    ClaimReply,
    ClientQuery,
    ConsentUpload,
    FileName,
    FormQuery,
    GrantBody,
    Reasons,
    ReasonView,
    RefuseBody,
    RequestBody,
    RequestQuery,
    RequestReply,
)
from fleet.access_requests.models import ConsentFile
from fleet.access_requests.queries import (
    FileKey,
    FileView,
    QueueCard,
    QueueFilter,
    QueueRow,
    RequestCard,
    RequestFilter,
    RequestKey,
    RequestRow,
    WaitingFiles,
)
from fleet.access_requests.recognition import FORMATS
from fleet.access_requests.rules import RefusalReason, reason_text
from fleet.accounts.roles import Right
from fleet.kit.http import Attachment, Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.language import Language
from fleet.kit.paging import Page
from fleet.kit.verdicts import Verdicts
from fleet.registers.routes import SerialFile, to_reply
from fleet.registers.serial_file import TypedLine, read_file


def _claimed(
    claim: service.Claim, language: Language, typed: Sequence[TypedLine] = ()
) -> ClaimReply:
    """Return the reply; ``typed`` has the line numbers if the serial numbers came in a file."""
    verdicts = Verdicts([*claim.added, *claim.by_request], claim.refused)
    told = to_reply(verdicts, language, typed)
    count = len(claim.added)
    return ClaimReply(
        added=told.accepted[:count], by_request=told.accepted[count:], refused=told.refused
    )


MEDIA_TYPES = [kind.media_type for kind in FORMATS.values()]


def _download(file: ConsentFile) -> Attachment:
    """Return the file for download under a generated name: the sender's name may be anything."""
    name, media_type = f"consent-{file.id}.{file.kind}", FORMATS[file.kind].media_type
    return Attachment(name=name, media_type=media_type, content=file.content)


@endpoint("POST", "/access-requests/claim", right=Right.REGISTERS)
async def claim_registers(call: Call[Nothing, ClaimBody]) -> ClaimReply:
    """Add registers of a client that belong to no other partner."""
    body = call.body
    claim = await service.claim(call.act, body.client_inn, body.serial_numbers)
    return _claimed(claim, call.language)


@endpoint("POST", "/access-requests/claim/file", right=Right.REGISTERS)
async def claim_file(call: Call[ClientQuery, SerialFile]) -> ClaimReply:
    """Add registers of a client from a file with their serial numbers."""
    typed, inn = read_file(call.body.content), call.query.client_inn
    claim = await service.claim(call.act, inn, [each.text for each in typed])
    return _claimed(claim, call.language, typed)


@endpoint("POST", "/consent-files", right=Right.REGISTERS, status=201, own_transactions=True)
async def attach_file(call: Call[FileName, ConsentUpload]) -> FileView:
    """Attach a file of a signed consent; without a request it is deleted after 24 hours."""
    file = await asyncio.to_thread(service.check_file, call.query.name, call.body.content)
    async with call.acts.transaction() as act:
        row = await service.add_file(act, file)
        return FileView.model_validate(row)


@endpoint("GET", "/consent-files", right=Right.REGISTERS)
async def list_files(call: Call[Nothing, None]) -> WaitingFiles:
    """List the consent files that were not sent with a request yet."""
    return await queries.waiting_files(call.db, call.actor)


@endpoint("GET", "/consent-files/{id}", right=Right.REGISTERS, files=MEDIA_TYPES)
async def download_file(call: Call[FileKey, None]) -> Attachment:
    """Download a consent file of the partner."""
    return _download(await queries.own_file(call.db, call.actor, call.query.id))


@endpoint("DELETE", "/consent-files/{id}", right=Right.REGISTERS)
async def remove_file(call: Call[FileKey, None]) -> None:
    """Delete a consent file that was not sent with a request."""
    await service.remove_file(call.act, call.query.id)


@endpoint("POST", "/access-requests", right=Right.REGISTERS, status=201)
async def send_request(call: Call[Nothing, RequestBody]) -> RequestReply:
    """Request registers that another partner has, with the client's signed consent."""
    return await _send(call, service.NewAccessRequest(**dict(call.body)))


@endpoint("POST", "/access-requests/file", right=Right.REGISTERS, status=201)
async def send_file(call: Call[RequestQuery, SerialFile]) -> RequestReply:
    """Request registers that another partner has, from a file with their serial numbers."""
    typed = read_file(call.body.content)
    serials = [each.text for each in typed]
    return await _send(
        call, service.NewAccessRequest(**dict(call.query), serial_numbers=serials), typed
    )


async def _send(
    call: Call[Any, Any], new_request: service.NewAccessRequest, typed: Sequence[TypedLine] = ()
) -> RequestReply:
    request, claim = await service.send(call.act, new_request)
    card = await queries.card(call.act, request.id)
    return RequestReply(**dict(_claimed(claim, call.language, typed)), request=card)


@endpoint("GET", "/access-requests", right=Right.REGISTERS)
async def list_requests(call: Call[RequestFilter, None]) -> Page[RequestRow]:
    """List the partner's access requests, newest first."""
    return await queries.page(call.act, call.query)


@endpoint("GET", "/access-requests/{id}", right=Right.REGISTERS)
async def show_request(call: Call[RequestKey, None]) -> RequestCard:
    """Show an access request with its registers and files."""
    return await queries.card(call.act, call.query.id)


@endpoint("POST", "/access-requests/{id}/withdraw", right=Right.REGISTERS)
async def withdraw_request(call: Call[RequestKey, None]) -> None:
    """Withdraw an access request that is not decided yet."""
    await service.withdraw(call.act, call.query.id)


@endpoint("GET", "/consent-form", right=Right.REGISTERS, files=["application/pdf"])
async def download_form(call: Call[FormQuery, None]) -> Attachment:
    """Download the consent form as a PDF, for the client to sign."""
    partner = await queries.organisation(call.db, call.actor)
    owner = form.Owner(call.query.client_inn or "", call.query.client_name)
    content = await asyncio.to_thread(form.consent_form, partner, owner, call.act.now)
    return Attachment(name="consent.pdf", media_type="application/pdf", content=content)


@endpoint("GET", "/support/access-requests", right=Right.SUPPORT)
async def list_queue(call: Call[QueueFilter, None]) -> Page[QueueRow]:
    """List the access requests of all partners, oldest first, for support."""
    return await queries.queue(call.act, call.query)


@endpoint("GET", "/support/refusal-reasons", right=Right.SUPPORT)
async def list_reasons(call: Call[Nothing, None]) -> Reasons:
    """List the reasons for which an access request may be refused."""
    said = {reason: reason_text(reason, call.language) for reason in RefusalReason}
    return Reasons(items=[ReasonView(reason=reason, text=text) for reason, text in said.items()])


@endpoint("GET", "/support/access-requests/{id}", right=Right.SUPPORT)
async def show_queued(call: Call[RequestKey, None]) -> QueueCard:
    """Show an access request of any partner with the data for its decision."""
    return await queries.queue_card(call.act, call.query.id)


@endpoint("GET", "/support/consent-files/{id}", right=Right.SUPPORT, files=MEDIA_TYPES)
async def download_sent_file(call: Call[FileKey, None]) -> Attachment:
    """Download a consent file of any access request, for support."""
    return _download(await queries.sent_file(call.db, call.query.id))


@endpoint("POST", "/support/access-requests/{id}/grant", right=Right.SUPPORT)
async def grant_request(call: Call[RequestKey, GrantBody]) -> QueueCard:
    """Grant an access request: transfer all or some of its registers to the partner."""
    id_, body = call.query.id, call.body
    await decision.grant(call.act, id_, body.serial_numbers, body.comment)
    return await queries.queue_card(call.act, id_)


@endpoint("POST", "/support/access-requests/{id}/refuse", right=Right.SUPPORT)
async def refuse_request(call: Call[RequestKey, RefuseBody]) -> QueueCard:
    """Refuse an access request."""
    id_, body = call.query.id, call.body
    await decision.refuse(call.act, id_, body.reason, body.comment)
    return await queries.queue_card(call.act, id_)


ENDPOINTS = (
    claim_registers,
    claim_file,
    attach_file,
    list_files,
    download_file,
    remove_file,
    send_request,
    send_file,
    list_requests,
    show_request,
    withdraw_request,
    download_form,
    list_queue,
    list_reasons,
    show_queued,
    download_sent_file,
    grant_request,
    refuse_request,
)
