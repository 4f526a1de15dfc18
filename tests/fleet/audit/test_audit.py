"""The audit log: what is written, what is masked, what the list shows."""

from datetime import timedelta

from fleet.accounts.roles import Role
from fleet.audit import service
from fleet.audit.rules import mask_secrets, search_text
from fleet.kit.act import Act
from fleet.kit.database import Database
from tests.fleet.conftest import Api, Employ, HandClock

SERIALS = [f"001069000000{n:02}" for n in range(12)]


def test_secrets_are_masked_at_any_depth() -> None:
    told = {
        "password": "a",
        "key_generation": 3,
        "parts": [{"api_token": "b", "name": "c"}, {"wifi_Password": "d"}],
        "secret": "",
    }
    assert mask_secrets(told) == {
        "password": "***",
        "key_generation": 3,
        "parts": [{"api_token": "***", "name": "c"}, {"wifi_Password": "***"}],
        "secret": "",
    }


async def test_the_list_shows_author_action_address_and_states(
    api: Api, employ: Employ, database: Database, clock: HandClock
) -> None:
    anna = await employ("anna")
    clock.forward(minutes=1)
    async with database.transaction() as db:
        await service.write(
            Act(db, anna, clock()),
            "registers.moved",
            ["register:1"],
            before={"address": "old", "password": "x"},
            after={"address": "new"},
        )
    await api.sign_in("anna")
    rows = (await api.get("/audit?what=registers.moved")).json["items"]
    assert len(rows) == 1 and rows[0].pop("id")
    assert rows[0] == {
        "at": "2026-03-02T09:01:00Z",
        "employee_id": anna.employee_id,
        "login": "anna",
        "address": "192.0.2.1",
        "what": "registers.moved",
        "object": "register:1",
        "before": {"address": "old", "password": "***"},
        "after": {"address": "new"},
    }


async def test_the_list_can_be_paged_and_filtered(
    api: Api, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    await employ("boris", Role.ADMINISTRATOR)
    await api.sign_in("anna")
    clock.forward(hours=1)
    await api.post("/registers/enrol", {"serial_numbers": SERIALS})
    objects: list[str] = []
    after = ""
    for _ in range(3):
        page = (await api.get(f"/audit?what=registers.enrolled&limit=5{after}")).json
        objects += [row["object"] for row in page["items"]]
        after = f"&after={page['next']}"
    assert page["next"] is None
    assert objects == [f"register:{serial}" for serial in reversed(SERIALS)]
    for query, count in (
        (f"object=register:{SERIALS[0]}", 1),
        (f"employee_id={anna.employee_id}", 13),
        ("from=2026-03-02T10:00:00Z", 12),
        ("to=2026-03-02T10:00:00Z&limit=2", 2),
    ):
        assert len((await api.get(f"/audit?{query}")).json["items"]) == count, query
    await api.sign_in("boris")
    assert {row["login"] for row in (await api.get("/audit")).json["items"]} <= {"boris", ""}


async def test_pages_are_ordered_by_the_time_of_the_change(
    api: Api, employ: Employ, database: Database, clock: HandClock
) -> None:
    anna = await employ("anna")
    for minutes in (3, 1, 2):
        at = clock() + timedelta(minutes=minutes)
        async with database.transaction() as db:
            objects = [f"a:{minutes}", f"b:{minutes}"]
            await service.write(Act(db, anna, at), "registers.moved", objects)
    await api.sign_in("anna")
    told: list[str] = []
    after = ""
    for _ in range(3):
        page = (await api.get(f"/audit?what=registers.moved&limit=2{after}")).json
        told += [row["object"] for row in page["items"]]
        after = f"&after={page['next']}"
    assert told == ["b:3", "a:3", "b:2", "a:2", "b:1", "a:1"] and page["next"] is None


def test_the_search_text_contains_every_word_of_an_entry() -> None:
    told = search_text("Anna", None, "", {"Адрес": ["Ёлкин, 5", {"n": 7}]}, ())
    assert told == "anna адрес елкин, 5 n 7"


async def test_the_search_finds_any_text_except_a_secret(
    api: Api, employ: Employ, database: Database, clock: HandClock
) -> None:
    anna = await employ("anna")
    async with database.transaction() as db:
        await service.write(
            Act(db, anna, clock()),
            "registers.moved",
            ["register:1", "register:2"],
            before={"address": "ул. Ёлкина", "password": "s3cret"},
            after={"address": "100% new_street"},
        )
    await api.sign_in("anna")
    for query, count in (
        ("%D0%81%D0%9B%D0%9A", 2),
        ("%D0%B5%D0%BB%D0%BA", 2),
        ("REGISTER:2", 1),
        ("192.0.2.1", 2),
        ("100%25", 2),
        ("new_s", 2),
        ("newxs", 0),
        ("s3cret", 0),
        ("moved", 2),
    ):
        assert len((await api.get(f"/audit?q={query}")).json["items"]) == count, query
    narrowed = await api.get("/audit?q=moved&object=register:1&what=registers.moved")
    assert len(narrowed.json["items"]) == 1
