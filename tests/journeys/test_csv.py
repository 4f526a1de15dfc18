"""The list saved to a PC: what registers said over the wire stands in the columns."""

import csv
import io
from datetime import timedelta

from protocol.platforms import Platform
from tests.journeys.conftest import Deployment


async def test_saved_csv_contains_the_registers_readings(town: Deployment) -> None:
    five = await town.enrol_and_check_in(Platform.V5_0, 1)
    two = await town.enrol_and_check_in(Platform.V2_5, 2)
    await town.api.post("/registers/enrol", {"serial_numbers": ["00106100000003"]})
    headers = {"Authorization": f"Bearer {town.api.token}", "Accept-Language": "ru"}
    async with town.api.client.get("/api/v1/registers/file", headers=headers) as answer:
        name = f'filename="devices_list_{town.clock():%Y-%m-%d}.csv"'
        assert (answer.status, answer.headers["Content-Disposition"].endswith(name)) == (200, True)
        content = await answer.read()
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    read = csv.reader(text, delimiter=";")
    heading, *rows = [[cell.removeprefix("\t") for cell in row] for row in read]
    assert len(heading) == 28 and {len(row) for row in rows} == {28}
    lines = [dict(zip(heading, row, strict=True)) for row in rows]
    for line, register in zip(lines, (five, two), strict=False):
        told = register.reading(town.clock())
        assert line["Серийный номер"] == register.serial_number
        assert line["Версия прошивки"] == told["firmware_version"]
        assert line["Название клиента"] == told["owner_name"]
        assert line["ИНН клиента"] == told["owner_inn"]
        assert line["Адрес установки"] == told["address"]
        assert line["Серийный номер ФН"] == told["fiscal_drive_number"]
        assert line["Номер версии загрузчика"] == told["loader_version"]
        assert line["Интерфейс связи с ПК"] == told["host_interface"]
        offset = timedelta(minutes=told["utc_offset_min"])
        until = told["fiscal_drive_until"] + offset
        assert line["Дата окончания действия ФН"] == f"{until:%d.%m.%Y}"
        assert line["Состояние ККТ"].startswith("На связи")
    assert [lines[2][name] for name in ("Модель", "Состояние ККТ", "Версия прошивки")] == [
        "61",
        "Не выходила на связь",
        "",
    ]
