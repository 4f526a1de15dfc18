"""A database with the reactions of the whole fleet, and the people of a story."""

from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select, update

from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.notifications.models import Letter
from fleet.registers.models import CashRegister
from fleet.wiring import REACTIONS
from tests.fleet.access_requests.documents import PDF
from tests.fleet.conftest import Api, Employ

INN = "7707083893"
OTHER_INN = "7736050003"

Place = Callable[..., Awaitable[str]]


def serial(number: int) -> str:
    return f"001069{number:08}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, REACTIONS)
    yield database
    await database.close()


@pytest.fixture
def place(database: Database) -> Place:
    """A register as it stands: ``await place(1, partner_id, INN)``; returns its number."""

    async def place(
        number: int,
        partner_id: int | None,
        owner_inn: str = INN,
        fiscalised: bool = True,
        **more: Any,
    ) -> str:
        values = {"partner_id": partner_id, "owner_inn": owner_inn, "fiscalised": fiscalised}
        async with database.transaction() as db:
            db.add(CashRegister(serial_number=serial(number), model=69, **values, **more))
        return serial(number)

    return place


async def owners(database: Database) -> dict[str, int | None]:
    """Serial number -> whose it is."""
    async with database.read() as db:
        rows = await db.execute(select(CashRegister.serial_number, CashRegister.partner_id))
        return {number: partner for number, partner in rows}


async def letters(database: Database) -> list[tuple[str, str]]:
    """(address, template) of everything in the outbox, in the order of writing."""
    async with database.read() as db:
        rows = await db.execute(select(Letter.to, Letter.template).order_by(Letter.id))
        return [(to, template) for to, template in rows]


class People:
    """Anna asks, Boris has the registers, Olga works at the support."""

    def __init__(self, api: Api, anna: Actor, boris: Actor, olga: Actor) -> None:
        self.api, self.anna, self.boris, self.olga = api, anna, boris, olga

    async def upload(self, name: str = "consent.pdf", content: bytes = PDF) -> Any:
        headers = {"Content-Type": "application/octet-stream"}
        path = f"/consent-files?name={quote(name)}"
        return await self.api.post(path, data=BytesIO(content), headers=headers)

    async def send(self, serials: list[str], inn: str = INN, **more: Any) -> Any:
        """A request with one good file."""
        file = (await self.upload()).json["id"]
        body = {"client_inn": inn, "serial_numbers": serials, "consent_date": "2026-02-20"}
        return await self.api.post("/access-requests", {**body, "files": [file], **more})


@pytest.fixture
async def people(api: Api, employ: Employ, database: Database) -> People:
    """All three have e-mail addresses; Anna has signed in."""
    anna, boris = await employ("anna"), await employ("boris")
    olga = await employ("olga", Role.SUPPORT_OPERATOR)
    async with database.transaction() as db:
        for login in ("anna", "boris", "olga"):
            email = update(Employee).where(Employee.login == login)
            await db.execute(email.values(email=f"{login}@example.org"))
    await api.sign_in("anna")
    return People(api, anna, boris, olga)
