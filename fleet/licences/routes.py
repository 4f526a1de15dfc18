"""Endpoints of licences.  Restoring them is an operation: ``licence_upload`` with the kind."""

from pydantic import BaseModel, Field

from fleet.accounts.roles import Right
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.licences import queries, service
from fleet.licences.queries import LicenceList
from fleet.licences.signing import load_key, public_key
from fleet.registers.queries import RegisterKey
from fleet.registers.routes import RegisterVerdicts, SerialList, to_reply
from protocol.licences import LicenceKind


class LicenceOrder(SerialList):
    """For which registers, and for what."""

    kind: LicenceKind = Field(description="What the licence is for.")


class LicenceIssuer(BaseModel):
    """Who signs the licences of this server."""

    public_key: str = Field(description="Ed25519, 64 hexadecimal digits: what registers trust.")


@endpoint("GET", "/registers/{serial_number}/licences", right=Right.MONITORING)
async def list_licences(call: Call[RegisterKey, None]) -> LicenceList:
    """The licences of a register: the base one, and those that were issued."""
    serial = call.query.serial_number
    return await queries.of_register(call.db, call.actor, serial, call.language)


@endpoint("POST", "/licences", right=Right.SETTINGS)
async def issue(call: Call[Nothing, LicenceOrder]) -> RegisterVerdicts:
    """Issue a licence for each register that may have it; one that has it keeps it."""
    body = call.body
    key = load_key(call.config)
    serials = body.serial_numbers
    verdicts = await service.issue(call.db, call.actor, key, body.kind, serials, call.now)
    return to_reply(verdicts, call.language)


@endpoint("GET", "/licence-issuer", right=Right.MONITORING)
async def show_issuer(call: Call[Nothing, None]) -> LicenceIssuer:
    """The public key that registers know this server's licences by."""
    return LicenceIssuer(public_key=public_key(call.config).hex())


ENDPOINTS = (list_licences, issue, show_issuer)
