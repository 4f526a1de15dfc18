"""Words of the tests about people: an outbox to read, employees to add."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from fleet.accounts import recovery
from fleet.kit.database import Database
from fleet.notifications.models import Letter
from tests.fleet.conftest import Answer, Api

BORIS: dict[str, Any] = {
    "full_name": "Борис Петров",
    "email": "Boris@Example.org",
    "phone": "+7 (495) 730-74-20",
    "role": "engineer",
    "scope": None,
}
NEW_PASSWORD = "battery staple"


async def letters(database: Database, to: str = "boris@example.org") -> list[Letter]:
    """What the outbox holds for an address, in the order of writing."""
    async with database.read() as db:
        found = select(Letter).where(Letter.to == to).order_by(Letter.id)
        return list(await db.scalars(found))


async def last_token(database: Database, to: str = "boris@example.org") -> str:
    """The secret of the link in the last letter."""
    letter = (await letters(database, to))[-1]
    return str(letter.params["link"]).rpartition("#")[2]


async def recover(
    api: Api, database: Database, now: datetime, email: str = BORIS["email"]
) -> Answer:
    """Somebody asks for links to an address, and the worker writes the letters."""
    answer = await api.post("/password-recovery", {"email": email})
    async with database.transaction() as db:
        await recovery.answer_requests(db, "http://127.0.0.1:8080", now, 100)
    return answer


async def add(api: Api, **more: Any) -> Any:
    """Boris, or somebody a little different, added by who has signed in."""
    answer = await api.post("/employees", BORIS | more)
    assert answer.status == 201, answer.json
    return answer.json


async def use(api: Api, token: str, password: str = NEW_PASSWORD) -> Answer:
    return await api.post("/password-links/use", {"token": token, "password": password})


async def add_activated(api: Api, database: Database, **more: Any) -> Any:
    """As ``add``, and the invitation has been taken."""
    card = await add(api, **more)
    answer = await use(api, await last_token(database, card["email"]))
    assert answer.status == 204, answer.json
    return card


def refusal_of(answer: Answer) -> tuple[int, str, str]:
    """Status, code and field of a refusal."""
    return answer.status, answer.json["code"], answer.json["field"]
