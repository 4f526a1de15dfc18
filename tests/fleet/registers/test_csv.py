"""The CSV file: its columns, its encoding, and what it must not carry."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import update

from fleet.kit.database import Database
from fleet.registers import export
from fleet.registers.models import CashRegister
from fleet.telemetry.models import RegisterState
from fleet.telemetry.rules import CONDITIONS
from tests.fleet.conftest import START, Api, HandClock
from tests.fleet.registers.conftest import Call, serial
from tests.fleet.registers.test_list import anna as anna

HEADINGS = [
    "Серийный номер",
    "Наименование",
    "Модель",
    "Адрес установки",
    "Версия прошивки",
    "Название клиента",
    "ИНН клиента",
    "Серийный номер ФН",
    "Дата активации ФН",
    "Дата окончания действия ФН",
    "Дата проведения ревизии блока управления",
    "Дата установки версии ФФД",
    "Наличие беспроводных интерфейсов",
    "Интерфейс связи с ПК",
    "Интерфейс передачи статистики",
    "Номер версии загрузчика",
    "Состояние ККТ",
    "Доступное количество перерегистраций",
    "Прогнозируемый срок действия ФН",
    "Количество неотправленных чеков в буфере",
    "Дата первого неотправленного чека",
    "Ошибка ФН",
    "Уровень заряда батареи, мВ",
    "Количество отработанных часов",
    "Объем отпечатанной ленты, м",
    "Количество отрезов ленты",
    "Дата и время последней связи с ОФД",
    "Ошибка ОФД",
]


async def download(api: Api, query: str = "", language: str = "ru") -> bytes:
    headers = {"Authorization": f"Bearer {api.token}", "Accept-Language": language}
    url = f"/api/v1/registers/file?{query}"
    async with api.client.get(url, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        disposition = answer.headers["Content-Disposition"]
        assert disposition == 'attachment; filename="devices_list_2026-03-02.csv"'
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Request-Id"]
        return await answer.read()


def rows(content: bytes) -> list[list[str]]:
    """As who reads the file sees it: the tabs that keep a spreadsheet from guessing are gone."""
    return [[cell.strip("\t") for cell in row] for row in raw(content)]


def raw(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


async def test_the_file_has_the_manuals_columns_for_every_register(
    anna: Api, call_in: Call, clock: HandClock
) -> None:
    battery = next(each for each in CONDITIONS if each.name == "battery_low")
    said = {
        "fiscal_drive_number": "9999078900012345",
        "fiscal_drive_activated_at": START - timedelta(days=100),
        "control_unit_revision": "7",
        "ffd_version": "1.2",
        "wireless": ["wifi", "gsm"],
        "host_interface": "usb",
        "statistics_interface": "ethernet",
        "loader_version": "5.1.3",
        "registrations_left": 11,
        "unsent_documents": 3,
        "first_unsent_at": START - timedelta(hours=12),
        "fiscal_drive_error": 0,
        "battery_mv": 2100,
        "uptime_h": 77,
        "printed_m": 12,
        "cuts": 345,
        "ofd_last_contact_at": START - timedelta(minutes=1),
        "ofd_error": 6,
    }
    profile = {
        "address": "Тверь; ул. «Садовая»",
        "owner_name": 'ООО "Ёлка"',
        "owner_inn": "7703864827",
        "fiscal_drive_number": "9999078900012345",
    }
    clock.forward(hours=-12)
    await call_in(2, mask=1 << battery.bit, profile=profile, documents=1000, **said)
    clock.forward(hours=12)
    await call_in(2, mask=1 << battery.bit, documents=1000, **said)
    content = await download(anna)
    assert content.startswith(b"\xef\xbb\xbf") and content.endswith(b"\r\n")
    found = rows(content)
    assert found[0] == HEADINGS and len(HEADINGS) == 28
    assert [row[0] for row in found[1:]] == [serial(number) for number in range(1, 10)]
    assert found[2] == [
        serial(2),
        "АТОЛ 77Ф",
        "69",
        "Тверь; ул. «Садовая»",
        "5.8.1",
        'ООО "Ёлка"',
        "7703864827",
        "9999078900012345",
        "22.11.2025",
        "22.12.2026",
        "7",
        "1.2",
        "wifi, gsm",
        "usb",
        "ethernet",
        "5.1.3",
        "На связи, Разряжена батарея RTC",
        "11",
        "22.12.2026",
        "3",
        "02.03.2026",
        "0",
        "2100",
        "77",
        "12",
        "345",
        "02.03.2026 11:59",
        "6",
    ]
    never = [serial(1), "АТОЛ 77Ф", "69", *[""] * 13, "Не выходила на связь", *[""] * 11]
    assert found[1] == never


async def test_numbers_and_versions_stay_text_in_a_spreadsheet(anna: Api, call_in: Call) -> None:
    said = {"control_unit_revision": "7", "ffd_version": "1.2", "loader_version": "5.1.3"}
    number = "9999078900012345"
    profile = {"owner_inn": "0703864827", "fiscal_drive_number": number, "address": "7"}
    await call_in(1, profile={**profile, "firmware_version": "5.8.1"}, cuts=345, **said)
    await call_in(2, profile={"firmware_version": "=1.2"}, control_unit_revision="B", cuts=1)
    content = await download(anna)
    _, one, two, *_ = raw(content)
    texts = (serial(1), "5.8.1", "0703864827", number, "7", "1.2", "5.1.3")
    assert [one[place] for place in (0, 4, 6, 7, 10, 11, 15)] == ["\t" + text for text in texts]
    assert (one[3], one[25]) == ("7", "345")
    assert (two[4], two[6], two[10]) == ("'=1.2", "", "B")
    chosen = await anna.post(
        "/registers/choose/file",
        data="\n".join(row[0] for row in raw(content)[1:]).encode(),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert len(chosen.json["accepted"]) == 9


async def test_file_has_the_values_of_the_list(anna: Api, call_in: Call) -> None:
    await call_in(3, profile={"owner_inn": "7703864827"})
    await anna.post("/registers/hide", {"serial_numbers": [serial(5)]})
    assert [row[0] for row in rows(await download(anna, "owner_inn=7703864827"))][1:] == [serial(3)]
    assert [row[0] for row in rows(await download(anna, "hidden=true"))][1:] == [serial(5)]
    assert len(rows(await download(anna, "status=never"))) == 8
    english = rows(await download(anna, language="en"))
    assert (english[0][0], english[3][16]) == ("Serial number", "Online")


async def test_file_has_the_chosen_columns(anna: Api, call_in: Call) -> None:
    name = "Общество с ограниченной ответственностью Северный хлеб"
    profile = {"owner_name": name, "firmware_version": "5.8.1", "fiscalised": True}
    told = {"owner_name": name, "printer": ["no_paper"], "clock": START, "battery_mv": 3100}
    await call_in(1, mask=1 << CONDITIONS[0].bit, profile=profile, **told)
    columns = "serial_number,owner_name,status,conditions,fiscalised,firmware_version,clock"
    query = f"model=69&columns={columns},printer,battery_mv,address,first_unsent_at"
    found = rows(await download(anna, query))
    assert found[0][1:4] == ["Наименование владельца", "Связь", "Неисправности"]
    assert found[0][6:9] == ["Часы ККТ", "Состояние принтера", "Напряжение батареи RTC"]
    words = ["На связи", CONDITIONS[0].label_ru, "да", "5.8.1", "02.03.2026 12:00", "no_paper"]
    assert found[1] == [serial(1), name, *words, "3100", "", ""]
    assert found[2][1:] == ["", "Не выходила на связь", "", "нет", "", "", "", "", "", ""]
    english = rows(await download(anna, "columns=status,fiscalised", language="en"))
    assert english[:2] == [["Connection", "Fiscalised"], ["Online", "yes"]]


@pytest.mark.parametrize("columns", ["price", "address,address", ""])
async def test_unknown_or_repeated_file_column_is_refused(anna: Api, columns: str) -> None:
    answer = await anna.get(f"/registers/file?columns={columns}")
    assert (answer.status, answer.json["code"]) == (422, "invalid_input")


async def test_every_column_that_can_be_shown_has_a_heading(anna: Api) -> None:
    available = (await anna.get("/registers/view")).json["available"]
    for language in ("ru", "en"):
        (heading, *_) = rows(await download(anna, "columns=" + ",".join(available), language))
        assert len(set(heading)) == len(available) and all(heading)


@pytest.mark.parametrize("text", ["=1+1", "+7", "-2", "@SUM(A1)", "\t=1", " =cmd|' /C calc'!A0"])
async def test_no_reported_text_becomes_a_formula(anna: Api, call_in: Call, text: str) -> None:
    await call_in(1, profile={"owner_name": text, "address": text})
    row = rows(await download(anna))[1]
    assert (row[3], row[5]) == ("'" + text, "'" + text)


@pytest.mark.parametrize("offset_min", [1500, -721, 32_767, -32_768])
async def test_impossible_utc_offset_counts_as_unknown(
    anna: Api, call_in: Call, database: Database, offset_min: int
) -> None:
    await call_in(1, profile={"utc_offset_min": offset_min}, fiscal_drive_activated_at=START)
    assert (await anna.get(f"/registers/{serial(1)}")).json["utc_offset_min"] is None
    # As it was kept before anybody looked at it.
    async with database.transaction() as db:
        await db.execute(update(CashRegister).values(utc_offset_min=offset_min))
    found = rows(await download(anna))
    assert (len(found), found[1][8]) == (10, "02.03.2026")


async def test_the_file_has_the_registers_that_the_list_shows(
    anna: Api, call_in: Call, clock: HandClock, database: Database
) -> None:
    """One calls again and one falls silent, and the job that keeps the column has not run."""
    for number in (1, 2):
        await call_in(number, profile={})
    clock.forward(hours=1)
    await call_in(3, profile={})
    async with database.transaction() as db:
        again = update(RegisterState).where(RegisterState.serial_number == serial(2))
        await db.execute(again.values(seen_at=clock()))
    found = rows(await download(anna, "status=offline"))
    assert [(row[0], row[16]) for row in found[1:]] == [(serial(1), "Нет связи")]
    clock.forward(hours=1)
    assert len(rows(await download(anna, "status=online"))) == 1


async def test_long_file_is_complete_in_pieces(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PORTION", 7)
    numbers = [serial(number) for number in range(1000, 1500)]
    await anna.post("/registers/enrol", {"serial_numbers": numbers})
    assert [row[0] for row in rows(await download(anna))][10:] == numbers


async def test_wrong_conditions_are_refused_before_the_file_begins(anna: Api) -> None:
    answer = await anna.get("/registers/file?model=1000&status=sometimes")
    assert (answer.status, len(answer.json["errors"])) == (422, 2)
