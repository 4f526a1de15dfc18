"""Issuing licences."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into
from fleet.kit.errors import Refusal
from fleet.kit.verdicts import Verdicts, judge_each
from fleet.licences.errors import service_missing
from fleet.licences.models import IssuedLicence
from fleet.licences.rules import KINDS
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.queries import find_own
from fleet.registers.rules import SerialVerdicts, read_serials
from fleet.subscriptions.holdings import entitled_registers
from protocol.licences import MAX_NUMBER, Licence, LicenceKind


async def issue(
    act: Act, key: Ed25519PrivateKey, kind: LicenceKind, typed: Sequence[str]
) -> SerialVerdicts:
    """Sign a licence for each register that may have it; return a verdict for each register.

    A register that has a licence of the kind keeps it: the same licence is restored later.
    """
    serials, unfit = read_serials(typed)
    own = await find_own(act.db, act.actor, serials)
    brought = await _entitled_registers(act, list(own), kind)

    def refusal_of(serial: str) -> Refusal | None:
        register = own.get(serial)
        if register is None:
            return REGISTER_NOT_FOUND
        return (
            None if serial in brought else service_missing(kind, register.platform, register.model)
        )

    verdicts = judge_each(serials, refusal_of)
    rows = [_row(act.actor, key, kind, serial, act.now) for serial in verdicts.accepted]
    if rows:
        await _insert_issued(act, kind, rows)
    return Verdicts(verdicts.accepted, [*unfit, *verdicts.refused])


async def _insert_issued(act: Act, kind: LicenceKind, rows: list[dict[str, Any]]) -> None:
    # Sorted by the key, so that of two requests for the same registers one waits for the other.
    ordered = sorted(rows, key=lambda row: row["serial_number"])
    statement = insert_into(act.db, IssuedLicence).values(ordered)
    new = statement.on_conflict_do_nothing(index_elements=["serial_number", "kind"])
    issued = await act.db.scalars(new.returning(IssuedLicence.serial_number))
    objects = [f"register:{serial}" for serial in issued]
    await audit.write(act, "licences.issued", objects, after={"kind": kind})


async def _entitled_registers(
    act: Act, serial_numbers: Sequence[str], kind: LicenceKind
) -> set[str]:
    """Return the registers that may have the licence by one of its services.

    All of them may have it if the base licence includes it.
    """
    services = KINDS[kind].required_services
    found = set() if services else set(serial_numbers)
    for service in services:
        found |= await entitled_registers(act.db, serial_numbers, service, act.now)
    return found


def _row(
    actor: Actor, key: Ed25519PrivateKey, kind: LicenceKind, serial: str, now: datetime
) -> dict[str, Any]:
    issued_at = now.replace(microsecond=0)
    facts = Licence(serial, kind, issued_at, secrets.randbelow(MAX_NUMBER) + 1)
    return {
        "number": facts.number,
        "serial_number": serial,
        "kind": kind,
        "content": replace(facts, signature=key.sign(facts.signed)).encode(),
        "issued_at": issued_at,
        "issued_by": actor.employee_id,
    }
