"""Operations ordered without the admin API, by calling the services as one partner."""

from collections.abc import Sequence
from typing import Any, Final

from fleet.accounts.creation import create_partner
from fleet.accounts.roles import RIGHTS, Role
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.clock import utc_now
from fleet.kit.database import Database
from fleet.operations.ordering import OperationRequest, create
from fleet.operations.rules import Channel
from fleet.registers.service import enrol
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from protocol.platforms import Platform

AT_ONCE: Final = 500
UPLOAD: Final[dict[Platform, dict[str, Any]]] = {
    Platform.V5_0: {"278": "cabinet.example", "279": 8080},
    Platform.V2_5: {"Т19Р1П9": "cabinet.example", "Т19Р1П10": 8080},
}
"""Address and port of the cabinet (settings 278 and 279), as each platform names them."""


async def owner_of(database: Database, serials: Sequence[str]) -> Actor:
    """Create a partner with these registers; return an actor with every right."""
    async with database.transaction() as db:
        act = Act(db, None, utc_now())
        partner = await create_partner(act, "Ромашка")
        await grant(act, partner.id, Entitlement)
        rights = frozenset(RIGHTS[Role.ADMINISTRATOR])
        actor = Actor(1, partner.id, "anna", Role.ADMINISTRATOR, rights, 0)
        for start in range(0, len(serials), AT_ONCE):
            verdicts = await enrol(act.by(actor), serials[start : start + AT_ONCE])
            assert not verdicts.refused
    return actor


async def order(
    database: Database,
    actor: Actor,
    serials: Sequence[str],
    platform: Platform,
) -> dict[str, int]:
    """Order a settings upload for each register; return operation ids by serial number.

    No operation may be refused.
    """
    params = {"settings": UPLOAD[platform]}
    accepted: dict[str, int] = {}
    for start in range(0, len(serials), AT_ONCE):
        chosen = serials[start : start + AT_ONCE]
        request = OperationRequest("settings_upload", chosen, params, Channel.CASH_SERVER, None)
        async with database.transaction() as db:
            created = await create(Act(db, actor, utc_now()), request)
        assert created.refused == []
        accepted |= {serial: id_ for id_, serial in created.accepted}
    return accepted
