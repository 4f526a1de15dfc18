"""Licences: issued to those whom a service brings them, once, each for its own register."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.language import Language
from fleet.licences import queries, service
from fleet.licences.models import IssuedLicence
from fleet.licences.rules import KINDS
from fleet.licences.signing import FILE_NAME, load_key, public_key
from fleet.registers.models import CashRegister
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.models import Grant
from protocol.licences import LicenceKind, decode
from tests.fleet.conftest import Api, Employ, HandClock
from tests.fleet.waiting import until_blocked
from tests.protocol.licence_issuer import ISSUING_KEY, LICENCE_ISSUER

ONE, TWO, FOREIGN = "00106100000001", "00106100000002", "00106100000003"
NEWGER = LicenceKind.NEWGER_AS_PRINTER


@pytest.fixture
async def anna(database: Database, employ: Employ) -> Actor:
    """Of a partner with two registers; a third one is Boris's."""
    anna, boris = await employ("anna"), await employ("boris")
    async with database.transaction() as db:
        for serial, actor in ((ONE, anna), (TWO, anna), (FOREIGN, boris)):
            db.add(CashRegister(serial_number=serial, partner_id=actor.partner_id, model=61))
    return anna


async def lose(db: AsyncSession, *entitlements: Entitlement) -> None:
    await db.execute(delete(Grant).where(Grant.entitlement.in_(entitlements)))


async def issue(
    database: Database, anna: Actor, clock: HandClock, kind: LicenceKind, *serials: str
) -> list[tuple[str, str]]:
    """Serial number -> an empty text; then those refused -> why."""
    async with database.transaction() as db:
        verdicts = await service.issue(Act(db, anna, clock()), ISSUING_KEY, kind, serials)
    refused = [(each.item, each.refusal.code) for each in verdicts.refused]
    return [*((serial, "") for serial in verdicts.accepted), *refused]


async def held(database: Database, kind: LicenceKind = NEWGER) -> dict[str, bytes]:
    async with database.read() as db:
        return await queries.contents(db, [ONE, TWO, FOREIGN], kind)


async def test_licence_names_its_register_and_is_signed(
    database: Database, anna: Actor, clock: HandClock
) -> None:
    clock.now = clock.now.replace(microsecond=123_456)
    assert await issue(database, anna, clock, NEWGER, ONE, TWO) == [(ONE, ""), (TWO, "")]
    contents = await held(database)
    assert set(contents) == {ONE, TWO}
    for serial, content in contents.items():
        licence = decode(content)
        assert (licence.serial_number, licence.kind) == (serial, NEWGER)
        assert licence.issued_at == clock().replace(microsecond=0)
        assert licence.is_genuine([LICENCE_ISSUER])
    assert len({decode(content).number for content in contents.values()}) == 2


async def test_issuing_again_keeps_the_same_licence(
    database: Database, anna: Actor, clock: HandClock
) -> None:
    await issue(database, anna, clock, NEWGER, ONE)
    before = await held(database)
    clock.forward(days=400)
    orders = (issue(database, anna, clock, NEWGER, ONE, TWO) for _ in range(4))
    assert await asyncio.gather(*orders) == [[(ONE, ""), (TWO, "")]] * 4
    after = await held(database)
    assert after[ONE] == before[ONE]
    async with database.read() as db:
        issued = select(AuditEntry.object).where(AuditEntry.what == "licences.issued")
        assert sorted(await db.scalars(issued)) == [f"register:{ONE}", f"register:{TWO}"]


async def test_concurrent_issues_for_the_same_registers_do_not_deadlock(
    database: Database, anna: Actor, clock: HandClock
) -> None:
    """Both go through the registers in one order, whatever was typed."""
    async with database.transaction() as db:
        await service.issue(Act(db, anna, clock()), ISSUING_KEY, NEWGER, [ONE])
        another = asyncio.create_task(issue(database, anna, clock, NEWGER, TWO, ONE))
        await until_blocked(database, another)
        await service.issue(Act(db, anna, clock()), ISSUING_KEY, NEWGER, [TWO])
    assert await another == [(TWO, ""), (ONE, "")]


async def test_every_serial_number_gets_its_verdict(
    database: Database, anna: Actor, clock: HandClock
) -> None:
    verdicts = await issue(database, anna, clock, NEWGER, ONE, "12", ONE, FOREIGN, " " + TWO)
    assert verdicts == [
        (ONE, ""),
        (TWO, ""),
        ("12", "serial_number_unfit"),
        (ONE, "serial_number_repeated"),
        (FOREIGN, "register_not_found"),
    ]
    assert set(await held(database)) == {ONE, TWO}


@pytest.mark.parametrize("kind", LicenceKind)
async def test_licence_is_issued_for_any_of_its_services_and_no_other(
    database: Database, anna: Actor, clock: HandClock, kind: LicenceKind
) -> None:
    needed = KINDS[kind].required_services
    others = [each for each in Entitlement if each not in needed]
    async with database.transaction() as db:
        await lose(db, *others, *needed[1:])
    assert await issue(database, anna, clock, kind, ONE) == [(ONE, "")]
    async with database.transaction() as db:
        await lose(db, *Entitlement)
    refused = "licence_not_brought" if needed else ""
    assert await issue(database, anna, clock, kind, TWO) == [(TWO, refused)]
    assert (TWO in await held(database, kind)) is not bool(needed)
    # What was issued stays, so that it can be restored.
    assert ONE in await held(database, kind)


async def test_refusal_names_the_service_to_buy(
    database: Database, anna: Actor, clock: HandClock
) -> None:
    async with database.transaction() as db:
        await lose(db, *Entitlement)
        kind = LicenceKind.PLATFORM_5_0
        verdicts = await service.issue(Act(db, anna, clock()), ISSUING_KEY, kind, [ONE])
    (refused,) = verdicts.refused
    told = refused.told(Language.RU)["message"]
    assert "«Обновление на П 5.0 по воздуху» или «Обновление на П 5.0 локально»" in told
    assert "«Платформа 5.0»" in told and told.count("«Платформа 5.0 локально»") == 1


async def test_register_has_one_licence_of_each_kind(
    database: Database, anna: Actor, clock: HandClock
) -> None:
    for kind in LicenceKind:
        await issue(database, anna, clock, kind, ONE)
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(IssuedLicence)) == 3


async def test_licences_are_issued_and_listed_through_the_api(
    api: Api, anna: Actor, employ: Employ
) -> None:
    await api.sign_in("anna")
    path = f"/registers/{ONE}/licences"
    assert await shown(api, path) == [(None, "Base licence", False)]
    order = {"kind": "platform_5_0", "serial_numbers": [ONE, FOREIGN]}
    answer = await api.post("/licences", order)
    assert answer.status == 200
    assert [row["serial_number"] for row in answer.json["accepted"]] == [ONE]
    assert [row["reason"] for row in answer.json["refused"]] == ["register_not_found"]
    assert await shown(api, path) == [
        (None, "Base licence", False),
        ("platform_5_0", "Platform 5.0", True),
    ]
    issuer = (await api.get("/licence-issuer")).json["public_key"]
    assert len(bytes.fromhex(issuer)) == 32
    assert (await api.get(f"/registers/{FOREIGN}/licences")).status == 404
    wrong = await api.post("/licences", {**order, "kind": "base"})
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "kind")
    await employ("oleg", Role.OBSERVER, anna.partner_id)
    await api.sign_in("oleg")
    assert (await api.post("/licences", order)).status == 403
    assert len(await shown(api, path)) == 2


async def shown(api: Api, path: str) -> list[tuple[Any, str, bool]]:
    answer = await api.get(path)
    assert answer.status == 200
    return [(row["kind"], row["label"], row["restorable"]) for row in answer.json["items"]]


def test_signing_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    config = FleetConfig(data=tmp_path / "new" / "data")
    known = public_key(config)
    path = config.data / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == load_key(config).private_bytes_raw()
    assert public_key(config) == known
    path.write_bytes(b"short")
    with pytest.raises(ValueError):
        load_key(config)
