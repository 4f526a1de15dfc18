"""What two do at the same time: one of them wins, and a register has one partner."""

import asyncio
from collections import Counter

from fleet.access_requests import decision, service
from fleet.access_requests.models import AccessRequest
from fleet.access_requests.rules import RefusalReason, RequestStatus
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.kit.language import Language
from tests.fleet.access_requests.conftest import INN, Place, owners, serial
from tests.fleet.access_requests.documents import PDF
from tests.fleet.conftest import START, Employ
from tests.pace import scaled

NOW = START


async def ask(database: Database, actor: Actor, serials: list[str]) -> int:
    """A request that waits for its decision; its id."""
    async with database.transaction() as db:
        examined = service.check_file("consent.pdf", PDF)
        file = await service.add_file(Act(db, actor, NOW), examined)
        wish = service.NewAccessRequest(INN, serials, NOW.date(), [file.id])
        request, _ = await service.send(Act(db, actor, NOW, Language.RU), wish)
        return request.id


async def grant(database: Database, actor: Actor, request_id: int) -> str:
    try:
        async with database.transaction() as db:
            await decision.grant(Act(db, actor, NOW), request_id, None, "")
    except DomainError as refused:
        return refused.code
    return "granted"


async def refuse(database: Database, actor: Actor, request_id: int) -> str:
    try:
        async with database.transaction() as db:
            reason = RefusalReason.NO_STAMP
            await decision.refuse(Act(db, actor, NOW), request_id, reason, "")
    except DomainError as refused:
        return refused.code
    return "refused"


async def status_of(database: Database, request_id: int) -> RequestStatus:
    async with database.read() as db:
        return (await db.get_one(AccessRequest, request_id)).status


async def test_only_one_of_two_simultaneous_decisions_counts(
    database: Database, employ: Employ, place: Place
) -> None:
    anna, boris, olga = await employ("anna"), await employ("boris"), await employ("olga")
    for number in range(5):
        await place(number, boris.partner_id)
        id_ = await ask(database, anna, [serial(number)])
        said = await asyncio.gather(
            grant(database, olga, id_),
            refuse(database, olga, id_),
            grant(database, olga, id_),
            refuse(database, olga, id_),
        )
        (won,) = set(said) - {"access_request_decided"}
        assert Counter(said) == {won: 1, "access_request_decided": 3}
        status, owner = await status_of(database, id_), (await owners(database))[serial(number)]
        granted = status in (RequestStatus.PARTIAL, RequestStatus.FULL)
        assert granted == (won == "granted") == (owner == anna.partner_id)


async def test_only_one_of_simultaneous_claims_gets_the_register(
    database: Database, employ: Employ, place: Place
) -> None:
    actors = [await employ(name) for name in ("anna", "boris", "clara")]
    for number in (1, 2, 3):
        await place(number, None)
    numbers = [serial(n) for n in (1, 2, 3, 4, 5)]

    async def claim(actor: Actor, serials: list[str]) -> list[str]:
        async with database.transaction() as db:
            return (await service.claim(Act(db, actor, NOW), INN, serials)).added

    got = await asyncio.gather(
        claim(actors[0], numbers), claim(actors[1], numbers[::-1]), claim(actors[2], numbers)
    )
    assert sorted(serial for each in got for serial in each) == numbers
    held = await owners(database)
    for actor, serials in zip(actors, got, strict=True):
        assert all(held[each] == actor.partner_id for each in serials)


async def test_only_one_of_simultaneous_requests_is_opened(
    database: Database, employ: Employ, place: Place
) -> None:
    anna, boris = await employ("anna"), await employ("boris")
    await place(1, boris.partner_id)

    async def send() -> str:
        try:
            await ask(database, anna, [serial(1)])
        except DomainError as refused:
            return refused.code
        return "sent"

    said = await asyncio.gather(*(send() for _ in range(4)))
    assert Counter(said) == {"sent": 1, "access_request_open": 3}


async def test_crossing_decisions_leave_each_register_with_one_partner(
    database: Database, employ: Employ, place: Place
) -> None:
    """Everybody asks for what the others have, and all is granted at once."""
    olga = await employ("olga")
    actors = [await employ(name) for name in ("anna", "boris", "clara")]
    for number, actor in enumerate(actors):
        await place(number, actor.partner_id)
    serials = [serial(number) for number in range(3)]
    ids = [
        await ask(database, actor, [s for s in serials if s != serials[number]])
        for number, actor in enumerate(actors)
    ]
    said = await asyncio.wait_for(
        asyncio.gather(*(grant(database, olga, id_) for id_ in ids)), scaled(20)
    )
    assert said == ["granted"] * 3
    held = await owners(database)
    for id_, actor in zip(ids, actors, strict=True):
        status = await status_of(database, id_)
        mine = {s for s, owner in held.items() if owner == actor.partner_id}
        asked = set(serials) - {serials[actors.index(actor)]}
        assert (status is RequestStatus.CLOSED) == (not mine & asked), (id_, held)
        assert (status is RequestStatus.FULL) == (mine == set(serials))
