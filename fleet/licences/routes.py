"""Endpoints of licences.  The operation ``licence_upload`` with a kind restores them."""

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
    """Registers and the kind of licence to issue for them."""

    kind: LicenceKind = Field(description="What the licence is for.")


class LicenceIssuer(BaseModel):
    """The issuer of the licences of this server."""

    public_key: str = Field(description="Ed25519 public key: 64 hexadecimal digits.")


@endpoint("GET", "/registers/{serial_number}/licences", right=Right.MONITORING)
async def list_licences(call: Call[RegisterKey, None]) -> LicenceList:
    """List the licences of a register: the base licence, then the issued ones."""
    serial = call.query.serial_number
    return await queries.of_register(call.act, serial)


@endpoint("POST", "/licences", right=Right.SETTINGS)
async def issue(call: Call[Nothing, LicenceOrder]) -> RegisterVerdicts:
    """Issue a licence for each register that may have it and return a verdict for each register.

    A register that has a licence of the kind keeps it.
    """
    body = call.body
    key = load_key(call.config)
    serials = body.serial_numbers
    verdicts = await service.issue(call.act, key, body.kind, serials)
    return to_reply(verdicts, call.language)


@endpoint("GET", "/licence-issuer", right=Right.MONITORING)
async def show_issuer(call: Call[Nothing, None]) -> LicenceIssuer:
    """Show the public key with which registers verify the licences of this server."""
    return LicenceIssuer(public_key=public_key(call.config).hex())


ENDPOINTS = (list_licences, issue, show_issuer)
