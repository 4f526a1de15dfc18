"""The list, the card and the history, over HTTP."""

from datetime import timedelta

import pytest
from sqlalchemy import case, insert, update

from fleet.kit.database import Database
from fleet.registers import listing
from fleet.registers.models import CashRegister
from fleet.telemetry.models import READINGS, RegisterState
from fleet.telemetry.rules import CONDITIONS
from protocol.telemetry import BLOCK_VERSION, FIELDS
from tests.fleet.conftest import START, Api, Employ, HandClock
from tests.fleet.registers.conftest import Call, make_block, serial


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Api:
    """An Administrator with registers 1 to 9, signed in; another partner has 50."""
    await employ("boris")
    await api.sign_in("boris")
    await api.post("/registers/enrol", {"serial_numbers": [serial(50)]})
    await employ("anna")
    await api.sign_in("anna")
    typed = [serial(n) for n in range(9, 0, -1)]
    answer = await api.post("/registers/enrol", {"serial_numbers": typed})
    assert [each["serial_number"] for each in answer.json["accepted"]] == typed
    return api


async def numbers(api: Api, query: str = "") -> list[int]:
    answer = await api.get(f"/registers?{query}")
    assert answer.status == 200, answer.json
    return [int(row["serial_number"][6:]) for row in answer.json["items"]]


async def walk(api: Api, query: str) -> list[int]:
    """Every page of the list, two registers on each."""
    found: list[int] = []
    after = ""
    for _ in range(10):
        page = (await api.get(f"/registers?limit=2&{query}{after}")).json
        found += [int(row["serial_number"][6:]) for row in page["items"]]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"
    raise AssertionError("the list does not end")


async def test_pages_have_each_register_once_in_every_order(
    anna: Api, call_in: Call, clock: HandClock
) -> None:
    for number, version in ((3, "5.8.1"), (7, "5.10.0"), (5, "5.8.1"), (1, "")):
        clock.forward(minutes=31)
        await call_in(number, profile={"firmware_version": version})
    up = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert await walk(anna, "") == await walk(anna, "sort=serial_number") == up
    assert await walk(anna, "sort=-serial_number") == up[::-1]
    by_version = [1, 2, 4, 6, 8, 9, 7, 3, 5]
    assert await walk(anna, "sort=firmware_version") == by_version
    assert await walk(anna, "sort=-firmware_version") == by_version[::-1]
    by_call = [2, 4, 6, 8, 9, 3, 7, 5, 1]
    assert await walk(anna, "sort=seen_at") == by_call
    assert await walk(anna, "sort=-seen_at") == by_call[::-1]


@pytest.mark.parametrize(
    ("near", "far", "promising", "rare"),
    [(1500, 30_000, 5, 10_000), (3, 5, 9, 10_000), (3, 3, 9, 1), (1, 1, 1, 2), (2, 6, 1, 1)],
)
async def test_common_and_rare_matches_have_the_same_order(
    anna: Api,
    call_in: Call,
    monkeypatch: pytest.MonkeyPatch,
    near: int,
    far: int,
    promising: int,
    rare: int,
) -> None:
    """However far the list is looked through, and however many count as rare."""
    monkeypatch.setattr(listing, "NEAR_DEPTH", near)
    monkeypatch.setattr(listing, "FAR_DEPTH", far)
    monkeypatch.setattr(listing, "MIN_NEAR_MATCHES", promising)
    monkeypatch.setattr(listing, "MAX_RARE_MATCHES", rare)
    for number in (2, 5, 6, 9):
        address = "7 км, Тверская, д. 77" if number % 2 else "Тверская, д. 7"
        await call_in(number, profile={"address": address, "firmware_version": "5.8.1"})
    for query, up in (
        ("sort=firmware_version", [1, 3, 4, 7, 8, 2, 5, 6, 9]),
        ("sort=address&firmware_version=5.8.1", [5, 9, 2, 6]),
        ("sort=address&status=never", [1, 3, 4, 7, 8]),
        ("sort=address&q=%D0%B4.%207", [5, 9, 2, 6]),  # д. 7
        ("sort=-serial_number&q=7%20%D0%BA%D0%BC", [9, 5]),  # 7 км
        ("q=%D0%B4.%2077", [5, 9]),  # д. 77
        ("q=%D0%B4.%2078", []),
    ):
        assert await walk(anna, query) == up, query


async def test_page_continues_after_a_register_that_left_the_list(anna: Api) -> None:
    page = (await anna.get("/registers?limit=4")).json
    await anna.post("/registers/hide", {"serial_numbers": [serial(4), serial(5)]})
    assert await numbers(anna, f"limit=4&after={page['next']}") == [6, 7, 8, 9]


async def test_page_mark_of_another_order_is_refused(anna: Api) -> None:
    mark = (await anna.get("/registers?limit=2&sort=seen_at")).json["next"]
    answer = await anna.get(f"/registers?limit=2&after={mark}")
    assert (answer.status, answer.json["code"]) == (422, "bad_cursor")


async def test_every_filter_selects_its_registers(
    anna: Api, call_in: Call, clock: HandClock, database: Database
) -> None:
    battery = next(c for c in CONDITIONS if c.name == "battery_low")
    await call_in(1, profile={"platform": "2.5", "firmware_version": "3689", "model": 57})
    clock.forward(minutes=30)
    await call_in(
        2,
        mask=1 << battery.bit,
        profile={
            "fiscalised": True,
            "ffd_version": "1.05",
            "owner_name": "ООО «100% Ёлка»",
            "owner_inn": "7703864827",
            "registration_number": "0000000003027865",
            "address": "Тверь, ул. Садовая",
        },
    )
    await call_in(51, profile={"owner_name": "ООО Ёлка"})
    await anna.post("/registers/hide", {"serial_numbers": [serial(3)]})
    await anna.post("/registers/block", {"serial_numbers": [serial(4)]})
    async with database.transaction() as db:
        await db.execute(
            update(CashRegister)
            .where(CashRegister.serial_number.in_([serial(5), serial(6)]))
            .values(group_id=case((CashRegister.serial_number == serial(5), 7), else_=8))
        )
    for query, expected in (
        ("status=online", [2]),
        ("status=offline", [1]),
        ("status=never", [4, 5, 6, 7, 8, 9]),
        ("platform=2.5", [1]),
        ("platform=5.0", [2]),
        ("model=57", [1]),
        ("model=999", []),
        ("firmware_version=3689", [1]),
        ("ffd_version=1.05", [2]),
        ("fiscalised=true", [2]),
        ("hidden=true", [3]),
        ("blocked=true", [4]),
        ("condition=battery_low", [2]),
        ("condition=printer_fault", []),
        (f"q={serial(9)}", [9]),
        ("q=0010690000", [1, 2, 4, 5, 6, 7, 8, 9]),
        ("q=00000009", [9]),
        ("q=7703864827", [2]),
        ("q=3027865", [2]),
        ("q=%D1%91%D0%BB%D0%9A%D0%B0", [2]),  # ёлКа
        ("q=%D0%B5%D0%BB%D0%BA%D0%B0", [2]),  # елка
        (f"q=%20{serial(9)}%0A", [9]),
        ("q=%20%20%D0%95%D0%BB%D0%BA%D0%B0", [2]),  # Елка
        ("q=100%25", [2]),
        ("q=1%25_", []),
        ("q=%D1%82%D0%B2%D0%B5%D1%80%D1%8C", [2]),  # тверь
        ("status=online,offline", [1, 2]),
        ("status=never,offline", [1, 4, 5, 6, 7, 8, 9]),
        ("platform=2.5,5.0", [1, 2]),
        ("model=57,999", [1]),
        ("firmware_version=3689,5.8.1", [1, 2]),
        ("ffd_version=1.2,1.05", [1, 2]),
        ("owner_inn=7703864827,500100732259", [2]),
        ("condition=printer_fault,battery_low", [2]),
        ("group_id=7,8", [5, 6]),
        ("group_id=8", [6]),
        ("grouped=true", [5, 6]),
        ("grouped=false&status=never", [4, 7, 8, 9]),
        ("status=online&platform=2.5", []),
    ):
        assert await numbers(anna, query) == expected, query
        total = (await anna.get(f"/registers/count?{query}")).json
        assert total == {"total": len(expected), "exact": True}, query


async def test_search_for_a_whole_number_finds_only_it(anna: Api, call_in: Call) -> None:
    drive, registration, inn = "9999078900012345", "0000000003027865", "7703864827"
    has: dict[int, dict[str, str]] = {
        1: {"fiscal_drive_number": drive},
        2: {"registration_number": registration},
        3: {"owner_inn": inn},
        4: {"address": f"Тверь, {inn} {drive} {registration} {serial(5)}"},
    }
    for number, said in has.items():
        await call_in(number, profile=said)
    found = {drive: [1], registration: [2], inn: [3], serial(5): [5]}
    for text, expected in found.items():
        assert await numbers(anna, f"q={text}") == expected
    # A number that none of the listed registers has is a text like others.
    await anna.post("/registers/hide", {"serial_numbers": [serial(n) for n in (1, 2, 3, 5)]})
    for text, expected in found.items():
        assert await numbers(anna, f"q={text}") == [4], text
        assert await numbers(anna, f"q={text}&hidden=true") == expected, text


async def test_register_that_connects_again_is_online_at_once(
    anna: Api, database: Database, call_in: Call, clock: HandClock
) -> None:
    await call_in(1, profile={})
    clock.forward(hours=1)
    await call_in(2, profile={})
    assert await numbers(anna, "status=offline") == [1]
    async with database.transaction() as db:  # it calls, and the job has not run since
        await db.execute(update(RegisterState).values(seen_at=clock()))
    assert await numbers(anna, "status=offline") == []


async def test_count_stops_at_its_limit(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_COUNTED", 8)
    assert (await anna.get("/registers/count")).json == {"total": 8, "exact": False}
    some = (await anna.get("/registers/count?q=0010690000000")).json
    assert some == {"total": 8, "exact": False}


@pytest.mark.parametrize("text", ["\U0001f600" * 256, '"' * 256, "\x01" * 256])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_page_mark_fits_the_longest_text(anna: Api, database: Database, text: str) -> None:
    """In a page mark each character of these takes four to six bytes."""
    async with database.transaction() as db:
        await db.execute(update(CashRegister).values(shown_address=text))
    assert await walk(anna, "sort=address") == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("sort", [name for name in listing.SORTS if name != "serial_number"])
async def test_every_order_has_every_register_once(anna: Api, call_in: Call, sort: str) -> None:
    for number in (2, 5, 7):
        said = {"owner_name": f"ООО {9 - number}", "owner_inn": f"770386482{number}"}
        more = {"address": f"Тверь, {number % 3}", "ffd_version": "1.05", "model": 50 + number}
        await call_in(number, profile={**said, **more})
    up = await walk(anna, f"sort={sort}")
    assert sorted(up) == list(range(1, 10))
    assert await walk(anna, f"sort=-{sort}") == up[::-1]


async def test_query_outside_its_limits_is_refused(anna: Api) -> None:
    for query, field in (
        ("q=ab", "q"),
        ("q=%20ab%20", "q"),
        ("model=1,x", "model.1"),
        ("status=", "status.0"),
        ("group_id=" + ",".join(map(str, range(1, 52))), "group_id"),
        ("sort=price", "sort"),
        ("owner_inn=77", "owner_inn.0"),
        ("owner_inn=77038648270", "owner_inn.0"),
    ):
        answer = await anna.get(f"/registers?{query}")
        assert answer.status == 422, query
        assert answer.json["errors"][0]["field"] == field, query
        assert "[0-9]" not in answer.json["detail"], query


async def test_indicator_shows_the_worst_condition(
    anna: Api, call_in: Call, clock: HandClock
) -> None:
    bits = {condition.name: 1 << condition.bit for condition in CONDITIONS}
    await call_in(2, mask=bits["hardware_error"])
    clock.forward(hours=1)
    await call_in(3)
    await call_in(4, mask=bits["battery_low"])
    await call_in(5, mask=bits["battery_low"] | bits["fiscal_drive_error"])
    rows = (await anna.get("/registers?limit=5")).json["items"]
    assert [row["indicator"] for row in rows] == ["grey", "red", "green", "yellow", "red"]


async def test_row_has_the_reported_data(anna: Api, call_in: Call, clock: HandClock) -> None:
    await call_in(2, mask=0b11, profile={"owner_name": "ООО Ёлка"})
    rows = (await anna.get("/registers?limit=2")).json["items"]
    assert rows[0]["status"] == "never" and rows[0]["seen_at"] is None
    assert (rows[0]["model"], rows[0]["model_name"]) == (69, "АТОЛ 77Ф")
    assert rows[0]["platform"] is None and rows[0]["firmware_version"] == ""
    assert rows[1]["status"] == "online" and rows[1]["seen_at"] == "2026-03-02T09:00:00Z"
    assert rows[1]["conditions"] == [c.name for c in CONDITIONS if c.bit in (0, 1)]
    assert (rows[1]["owner_name"], rows[1]["platform"]) == ("ООО Ёлка", "5.0")


async def test_the_card_labels_every_field_of_the_latest_reading(anna: Api, call_in: Call) -> None:
    assert (await anna.get(f"/registers/{serial(1)}")).json["telemetry"] == {}
    await call_in(1, uptime_h=5)
    await call_in(1, uptime_h=6, profile={})
    card = (await anna.get(f"/registers/{serial(1)}")).json
    assert list(card["telemetry"]) == [field.name for field in FIELDS]
    assert card["telemetry"]["uptime_h"] == {
        "label": "Hours worked",
        "value": 6,
        "unit": "h",
        "tab": "status",
    }
    assert card["fiscal_drive"]["valid_until"] is None
    assert (card["notices"], card["installed_address"], card["group_id"]) == (True, "", None)
    await anna.post("/registers/notices-off", {"serial_numbers": [serial(1)]})
    assert (await anna.get(f"/registers/{serial(1)}")).json["notices"] is False
    russian = await anna.get(f"/registers/{serial(1)}", headers={"Accept-Language": "ru"})
    hours = russian.json["telemetry"]["uptime_h"]
    assert (hours["label"], hours["unit"]) == ("Отработано часов", "ч")


async def test_history_is_paged_newest_first_even_within_a_moment(
    anna: Api, database: Database, call_in: Call, clock: HandClock
) -> None:
    for hours in range(3):
        await call_in(1, uptime_h=hours)
        clock.forward(minutes=5)
    async with database.transaction() as db:
        same = [
            {
                "serial_number": serial(1),
                "accepted_at": clock(),
                "block_version": BLOCK_VERSION,
                "block": make_block(uptime_h=hours),
            }
            for hours in range(3, 8)
        ]
        await db.execute(insert(READINGS), same)
    for limit in (1, 2, 3, 8):
        found: list[int] = []
        after = ""
        for _ in range(9):
            path = f"/registers/{serial(1)}/telemetry?limit={limit}{after}"
            page = (await anna.get(path)).json
            found += [row["values"]["uptime_h"] for row in page["items"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert found == [3, 4, 5, 6, 7, 2, 1, 0], limit


async def test_history_is_limited_to_a_time_span(
    anna: Api, call_in: Call, clock: HandClock
) -> None:
    for hours in range(4):
        await call_in(1, uptime_h=hours)
        clock.forward(hours=1)
    span = "from=2026-03-02T13:00:00%2B03:00&to=2026-03-02T12:00:00Z"
    page = (await anna.get(f"/registers/{serial(1)}/telemetry?{span}")).json
    assert [row["accepted_at"] for row in page["items"]] == [
        "2026-03-02T11:00:00Z",
        "2026-03-02T10:00:00Z",
    ]
    assert page["next"] is None


async def test_history_of_the_former_partner_is_not_shown(
    anna: Api, database: Database, call_in: Call, clock: HandClock
) -> None:
    await call_in(1, owner_name="ООО Прежний")
    clock.forward(hours=1)
    async with database.transaction() as db:
        (await db.get_one(CashRegister, serial(1))).enrolled_at = clock()
    await call_in(1, owner_name="ООО Новый")
    page = (await anna.get(f"/registers/{serial(1)}/telemetry")).json
    assert [row["values"]["owner_name"] for row in page["items"]] == ["ООО Новый"]


async def test_an_unclaimed_register_is_shown_to_nobody(anna: Api, call_in: Call) -> None:
    await call_in(60, profile={})
    assert 60 not in await numbers(anna)
    assert (await anna.get(f"/registers/{serial(60)}")).status == 404


async def test_verdicts_come_in_the_language_of_the_request(anna: Api) -> None:
    body = {"serial_numbers": [serial(1), "x"]}
    answer = await anna.post("/registers/enrol", body, headers={"Accept-Language": "ru"})
    assert answer.json["accepted"] == []
    reasons = [(each["serial_number"], each["reason"]) for each in answer.json["refused"]]
    assert reasons == [(serial(1), "already_yours"), ("x", "serial_number_unfit")]
    assert all("касс" in each["message"].lower() for each in answer.json["refused"])


async def test_the_card_forecasts_the_end_of_the_fiscal_drive(
    anna: Api, call_in: Call, clock: HandClock
) -> None:
    drive = {
        "fiscal_drive_number": "9999078900012345",
        "fiscal_drive_activated_at": START - timedelta(days=200),
        "fiscal_drive_until": START + timedelta(days=800),
    }
    clock.forward(days=-10)
    await call_in(1, profile={}, documents=100_000, **drive)
    clock.forward(days=10)
    await call_in(1, documents=150_000, **drive)
    card = (await anna.get(f"/registers/{serial(1)}")).json["fiscal_drive"]
    assert card == {
        "valid_until": "2028-05-10T09:00:00Z",
        "documents_per_day": 5000.0,
        "full_at": "2026-03-22T09:00:00Z",
    }


async def test_page_has_the_requested_telemetry_fields(anna: Api, call_in: Call) -> None:
    await call_in(1, profile={}, uptime_h=7, printer=["no_paper"])
    rows = (await anna.get("/registers?telemetry=uptime_h,printer&model=69")).json["items"]
    assert [row["telemetry"] for row in rows[:2]] == [{"uptime_h": 7, "printer": ["no_paper"]}, {}]
    assert (await anna.get("/registers")).json["items"][0]["telemetry"] == {}
    assert (await anna.get("/registers?telemetry=price")).status == 422
