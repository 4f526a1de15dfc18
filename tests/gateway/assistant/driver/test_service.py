"""The Assistant's way over the driver's web service: real HTTP, both platforms."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.assistant.driver import connection as web_service
from gateway.assistant.driver.client import DriverTimeouts, Listed, WebClient
from gateway.assistant.driver.reading import FIELDS, UNAVAILABLE_FIELDS, reading_from
from gateway.assistant.driver.register_memory import RegisterMemory
from gateway.assistant.register_connection import (
    ConnectionKind,
    RegisterConnection,
    RegisterIdentity,
    RegisterUnreachable,
    StepOutcomeUnknown,
)
from protocol import telemetry
from protocol.conversation.messages import StepRefusal
from protocol.kktpc import fiscal_drive, registers
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.kktpc.setting_types import CellForm, SettingKind
from protocol.kktpc.settings import (
    SETTINGS,
    cell_contains,
    cell_length,
    decode_value,
    encode_cell,
    encode_value,
    find,
)
from protocol.kktpc.text import encode_cp866
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.pace import scaled
from tests.simulator.web_requests.running_service import (
    SERIALS,
    Clock,
    RunningService,
    quiet_register,
    running_service,
)

BOTH = list(Platform)
IMPATIENT = DriverTimeouts(call_s=2.0, result_s=2.0)
MODE = "00000030"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BOTH)
def register(request: pytest.FixtureRequest, clock: Clock) -> SimulatedRegister:
    return quiet_register(request.param, clock)


@pytest.fixture
async def service(register: SimulatedRegister, clock: Clock) -> AsyncIterator[RunningService]:
    async with running_service(register, clock=clock) as found:
        yield found


@asynccontextmanager
async def way_to(service: RunningService, **more: Any) -> AsyncIterator[RegisterConnection]:
    (way,) = await web_service.find_registers(service.url, **{"timeouts": IMPATIENT, **more})
    try:
        yield way
    finally:
        await way.close()


@pytest.fixture
async def way(service: RunningService) -> AsyncIterator[RegisterConnection]:
    async with way_to(service) as found:
        yield found


def steps() -> Iterator[str]:
    yield from (f"operation/{number}" for number in range(1000))


class Asking:
    """Commands by name, each under a step of its own, and their good answers."""

    def __init__(self, way: RegisterConnection) -> None:
        self.way, self.steps = way, steps()

    async def raw(self, name: str, **fields: Any) -> bytes | StepRefusal:
        return await self.way.execute(encode_request(name, **fields), next(self.steps))

    async def good(self, name: str, **fields: Any) -> Any:
        answer = await self.raw(name, **fields)
        assert isinstance(answer, bytes), answer
        found = parse_answer(BY_NAME[name], answer)
        assert not isinstance(found, CommandFailed), found
        return found

    async def failed(self, name: str, **fields: Any) -> int:
        answer = await self.raw(name, **fields)
        assert isinstance(answer, bytes), answer
        found = parse_answer(BY_NAME[name], answer)
        assert isinstance(found, CommandFailed)
        return found.code


# ---- who is there -------------------------------------------------------------------------------


async def test_every_connected_register_is_found(clock: Clock) -> None:
    registers_ = [quiet_register(platform, clock) for platform in BOTH]
    async with running_service(*registers_, clock=clock, credentials=("shop", "пароль")) as service:
        ways = await web_service.find_registers(service.url, ("shop", "пароль"), timeouts=IMPATIENT)
        about = [way.identity for way in ways]
        for way in ways:
            await way.close()
        assert [(each.serial_number, each.platform, each.kind) for each in about] == [
            (SERIALS[platform], platform, ConnectionKind.WEB_SERVICE) for platform in BOTH
        ]
        assert [(each.model, each.firmware_version) for each in about] == [
            (61, "3.0.3689"),
            (57, "5.8.14"),
        ]
        assert about[0].place == f"{service.url}/api/v2?deviceID=1"
        with pytest.raises(RegisterUnreachable, match="401"):
            await web_service.find_registers(service.url, ("shop", "x"), timeouts=IMPATIENT)


async def test_the_platform_can_be_configured(service: RunningService) -> None:
    serial = service.registers[0].serial_number
    async with way_to(service, platforms={serial: Platform.V5_0}) as way:
        assert way.identity.platform is Platform.V5_0


async def test_a_register_with_a_blocked_queue_hides_no_other(clock: Clock) -> None:
    blocked, free = (quiet_register(platform, clock) for platform in BOTH)
    async with running_service(blocked, free, clock=clock) as service:
        blocked.faults.paper_out = True
        client = WebClient(service.url, None, IMPATIENT)
        await client.submit("1", "block", [{"type": "openShift"}])
        await client.close()
        patience = IMPATIENT._replace(result_s=0.2)
        (way,) = await web_service.find_registers(service.url, timeouts=patience)
        assert way.identity.serial_number == free.serial_number
        await way.close()


async def test_a_missing_service_makes_registers_unreachable() -> None:
    with pytest.raises(RegisterUnreachable):
        await web_service.find_registers("http://127.0.0.1:9", timeouts=IMPATIENT)


# ---- telemetry ----------------------------------------------------------------------------------


def test_every_field_is_told_or_said_not_to_be() -> None:
    """One of the tail may also wait for its line, and is empty until then."""
    known = FIELDS.keys() | UNAVAILABLE_FIELDS | {"reading_number"}
    assert set(telemetry.BLOCK.names) <= known <= set(telemetry.BY_NAME)
    assert not FIELDS.keys() & UNAVAILABLE_FIELDS


async def test_a_reading_equals_the_registers_own(
    way: RegisterConnection, register: SimulatedRegister, clock: Clock
) -> None:
    register.open_shift(clock.now)
    register.faults.paper_out = True
    register.faults.ofd_error, register.network_error = 5, 2
    clock.now += timedelta(hours=3)
    reading, own = await way.reading(), register.reading(clock.now)
    clock.now = clock.now.replace(microsecond=0)
    for name in FIELDS:
        told, true = reading[name], own[name]
        if isinstance(true, datetime):
            true = true.replace(microsecond=0)
        assert told == true, name
    decoded = telemetry.decode(telemetry.BLOCK_VERSION, telemetry.encode(reading))
    assert decoded["shift_state"] == "open" and decoded["printer"] == ["no_paper"]
    assert decoded["uptime_h"] == 0 and decoded["wireless"] == []
    assert (await way.reading())["reading_number"] == reading["reading_number"] + 1


@pytest.mark.parametrize("result", [None, [], {}, {"deviceInfo": []}, {"x": {"y": 1}}])
async def test_sparse_answers_still_give_a_reading(result: Any) -> None:
    answers = {name: result for name in ("getDeviceStatus", "getFnInfo", "ofdExchangeStatus")}
    shapes = {name: each if isinstance(each, dict) else {} for name, each in answers.items()}
    reading = reading_from(shapes, 1)
    assert telemetry.encode(reading)


def test_a_text_that_is_too_long_is_cut() -> None:
    told = {
        "organization": {"name": "Ы" * 500 + "\u2603", "vatin": "7" * 40},
        "ofd": {"port": 10**9},
    }
    reading = reading_from({"getRegistrationInfo": told}, 1)
    assert reading["owner_name"] == "Ы" * 256 and reading["ofd_port"] == 0xFFFF
    assert telemetry.encode(reading)


# ---- settings -----------------------------------------------------------------------------------


async def test_every_setting_of_5_0_is_read_and_written(clock: Clock) -> None:
    register = quiet_register(Platform.V5_0, clock)
    async with running_service(register, clock=clock) as service, way_to(service) as way:
        ask = Asking(way)
        for setting in SETTINGS[Platform.V5_0].values():
            found = await ask.good("read_setting", number=setting.number)
            assert decode_value(setting, found["value"]) == register.memory.value(setting.number)
        for number, value in ((278, "ks.example/kkt"), (279, 8080), (9, True), (184, "ЗА ПОКУПКА")):
            raw = encode_value(find(Platform.V5_0, number), value)
            await ask.good("write_setting", number=number, value=raw)
            assert register.memory.value(number) == value
        assert await ask.failed("read_setting", number=60_000) == 0x93
        assert await ask.failed("write_setting", number=60_000, value=b"\1") == 0x93
        assert await ask.failed("write_setting", number=279, value=bytes(4)) == 0x13


async def test_every_cell_of_2_5_is_read_as_the_register_would_answer(clock: Clock) -> None:
    register = quiet_register(Platform.V2_5, clock)
    cells = {each.cell: each for each in SETTINGS[Platform.V2_5].values() if each.cell}
    async with running_service(register, clock=clock) as service, way_to(service) as way:
        ask = Asking(way)
        for cell, setting in cells.items():
            assert cell is not None
            command = encode_request("read_table", table=cell.table, row=cell.row, field=cell.field)
            answer = await way.execute(command, next(ask.steps))
            if setting.form is not CellForm.CABINET:  # the driver hides the path
                assert answer == register.execute(command, clock.now)
        assert await ask.failed("read_table", table=99, row=1, field=1) == 0x93


@pytest.mark.parametrize(
    ("number", "value"),
    [(273, "OFD.EXAMPLE"), (182, "КАССА"), (274, 7788), (9, True), (278, "a.ru")],
)
async def test_a_cell_of_2_5_is_written(clock: Clock, number: int, value: Any) -> None:
    setting = find(Platform.V2_5, number)
    if setting.cell is None:
        pytest.skip("not on the wire")
    table, row, field = setting.cell
    register = quiet_register(Platform.V2_5, clock)
    async with running_service(register, clock=clock) as service, way_to(service) as way:
        ask = Asking(way)
        await ask.good("enter_mode", mode=4, password=MODE)
        current = (await ask.good("read_table", table=table, row=row, field=field))["value"]
        raw = encode_cell(setting, value, len(current), current)
        await ask.good("write_table", table=table, row=row, field=field, value=raw)
        await ask.good("leave_mode")
        back = (await ask.good("read_table", table=table, row=row, field=field))["value"]
        assert cell_contains(setting, value, back)


async def test_a_cabinet_with_a_path_is_unsupported(clock: Clock) -> None:
    register = quiet_register(Platform.V2_5, clock)
    setting = find(Platform.V2_5, 278)
    assert setting.cell and setting.kind is SettingKind.STRING
    raw = encode_cell(setting, "service.atol.ru/kkt", cell_length(setting))
    async with running_service(register, clock=clock) as service, way_to(service) as way:
        command = encode_request(
            "write_table", table=19, row=1, field=setting.cell.field, value=raw
        )
        assert await way.execute(command, "1/0") is StepRefusal.UNSUPPORTED
    assert register.memory.value(278) == "service.atol.ru/kkt"


# ---- questions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "clock",
        "last_closed_shift",
        "serial_number",
        "last_exchange_errors",
        "unsent_documents",
        "ffd_versions",
        "last_document",
    ],
)
async def test_an_internal_register_is_answered_as_by_the_register(
    way: RegisterConnection, register: SimulatedRegister, clock: Clock, name: str
) -> None:
    row = registers.internal_register_named(name)
    command = encode_request("read_register", register=row.number)
    answer = await way.execute(command, "1/0")
    own = register.execute(command, clock.now)
    assert isinstance(answer, bytes) and own.startswith(answer)
    assert answer == own or name == "ffd_versions"  # the meaning of its rest is not known


@pytest.mark.parametrize("name", ["status", "validity", "exchange", "number"])
async def test_a_drive_question_is_answered_as_by_the_register(
    way: RegisterConnection, register: SimulatedRegister, clock: Clock, name: str
) -> None:
    question = fiscal_drive.BY_NAME[name]
    command = encode_request("ask_fiscal_drive", question=question.number)
    answers = await way.execute(command, "1/0"), register.execute(command, clock.now)
    found = []
    for answer in answers:
        assert isinstance(answer, bytes)
        told = parse_answer(BY_NAME["ask_fiscal_drive"], answer)
        assert isinstance(told, dict)
        found.append(fiscal_drive.parse_answer(question, told["data"]))
    told, own = found
    if name == "validity":  # the way tells the day by the shop's clock
        told["valid_until"] = own["valid_until"] = None
    if name == "status":
        told.pop("last_document_at"), own.pop("last_document_at")
    assert told == own


async def test_state_and_versions_are_answered(
    way: RegisterConnection, register: SimulatedRegister, clock: Clock
) -> None:
    ask = Asking(way)
    register.licences[3] = b"12345678"
    state = await ask.good("read_state")
    assert state["short_serial"] == register.serial_number[-8:]
    assert state["flags"]["fiscalised"] and not state["flags"]["shift_open"]
    assert state["clock"] == register.local_clock(clock.now).replace(tzinfo=None)
    code = await ask.good("read_state_code")
    assert not any(code["flags"].values())
    for source in (0x01, 0x91):
        command = encode_request("read_version", source=source)
        assert await way.execute(command, next(ask.steps)) == register.execute(command, clock.now)
    assert await ask.raw("read_version", source=0xA0) is StepRefusal.UNSUPPORTED
    assert (await ask.good("read_protection_code", number=3))["entered"]
    assert not (await ask.good("read_protection_code", number=4))["entered"]


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"\xff\x01",
        encode_request("print_receipts", enabled=False),
        encode_request("enter_protection_code", number=1, code=b"12345678"),
        encode_request("write_licence", kind=1, licence=b"x" * 80),
        encode_request("rotate_key", generation=2),
        encode_request("template_apply"),
        encode_request("firmware_install"),
        encode_request("read_register", register=0x43),
        b"\xec\x00",
    ],
)
async def test_a_command_without_a_driver_task_is_unsupported(
    way: RegisterConnection, command: bytes
) -> None:
    assert await way.execute(command, "1/0") is StepRefusal.UNSUPPORTED


# ---- once ---------------------------------------------------------------------------------------

REQUISITES = {
    1101: b"\x03",
    1062: b"\x03",
    1021: encode_cp866("Кассир Иванова"),
    1203: b"500100732259",
}


async def write_requisites(ask: Asking) -> None:
    for tag, value in REQUISITES.items():
        await ask.good("write_requisite", tag=tag, value=value)


async def test_a_repeated_step_changes_the_registration_once(
    service: RunningService, register: SimulatedRegister, tmp_path: Path
) -> None:
    made, documents = register.drive.registrations_made, register.drive.documents
    async with way_to(service, memory_folder=tmp_path) as way:
        await write_requisites(Asking(way))
    file = tmp_path / f"web-service-{register.serial_number}.json"
    assert os.stat(file).st_mode & 0o777 == 0o600
    async with way_to(service, memory_folder=tmp_path) as way:  # the Assistant was started anew
        answers = [await way.execute(encode_request("fiscalise"), "7/5") for _ in range(3)]
        assert answers == [b"\x55\x00\x00"] * 3
    async with way_to(service, memory_folder=tmp_path) as way:
        assert await way.execute(encode_request("fiscalise"), "7/5") == b"\x55\x00\x00"
        ask = Asking(way)
        row = registers.internal_register_named("last_registration")
        told = await ask.good("read_register", register=row.number)
        assert registers.parse_register(row, told["data"])["document"] == documents + 1
        assert await ask.failed("fiscalise") == 0x13  # the requisites are used up
    assert register.drive.registrations_made == made + 1
    assert telemetry.TAXATION.decode(register.taxation_types) == ["osn", "usn_income"]
    assert RegisterMemory(file).requisites == {} and RegisterMemory(file).registration is not None


async def test_a_registration_with_a_lost_answer_is_found_in_the_drive(
    service: RunningService, register: SimulatedRegister
) -> None:
    """The service died with its history after A6; the report is then the drive's last document."""
    command = encode_request("fiscalise")
    async with way_to(service) as way:
        await write_requisites(Asking(way))
        before = await way.state_before(command)
        assert await way.execute(command, "7/5") == b"\x55\x00\x00"
    async with way_to(service) as way:  # knows nothing
        assert await way.recover_answer(command, before) == b"\x55\x00\x00"
        row = registers.internal_register_named("last_registration")
        told = await Asking(way).good("read_register", register=row.number)
        found = registers.parse_register(row, told["data"])
    assert found["document"] == register.drive.registered_document


async def test_an_archive_is_closed_once(
    way: RegisterConnection, register: SimulatedRegister
) -> None:
    command = encode_request("close_archive")
    before = await way.state_before(command)
    assert await way.recover_answer(command, before) is None
    answers = [await way.execute(command, "9/1") for _ in range(3)]
    assert answers == [b"\x55\x00\x00"] * 3
    assert register.drive.phase.value == "post_fiscal"
    assert await way.recover_answer(command, before) == b"\x55\x00\x00"
    assert await way.execute(command, "10/1") is StepRefusal.RECEIPTS_UNSENT


async def test_the_clock_is_set_once(way: RegisterConnection, register: SimulatedRegister) -> None:
    wanted, later = datetime(2026, 11, 22, 3, 4, 5), datetime(2026, 11, 23)
    for clock, step in ((wanted, "11/1"), (later, "11/2"), (wanted, "11/1")):
        answer = await way.execute(encode_request("set_clock", clock=clock), step)
        assert answer == b"\x55\x00\x00"
    assert (await way.reading())["clock"].replace(tzinfo=None) == later


async def test_two_commands_of_one_step_are_two_requests(way: RegisterConnection) -> None:
    for clock in (datetime(2026, 11, 22), datetime(2026, 11, 23)):
        await way.execute(encode_request("set_clock", clock=clock), "11/1")
    assert (await way.reading())["clock"].replace(tzinfo=None) == datetime(2026, 11, 23)


async def test_the_outcome_is_unknown_with_another_drive(
    way: RegisterConnection, register: SimulatedRegister
) -> None:
    command = encode_request("close_archive")
    before = await way.state_before(command)
    register.drive.number = "9999000000000001"
    with pytest.raises(StepOutcomeUnknown):
        await way.recover_answer(command, before)


@pytest.mark.parametrize("name", ["fiscalise", "close_archive"])
async def test_a_postponed_command_is_sent_again(
    way: RegisterConnection, register: SimulatedRegister, clock: Clock, name: str
) -> None:
    await write_requisites(Asking(way))
    register.open_shift(clock.now)
    command = encode_request(name)
    assert await way.execute(command, "3/0") is StepRefusal.SHIFT_OPEN
    register.close_shift(clock.now)
    assert await way.execute(command, "3/0") is StepRefusal.RECEIPTS_UNSENT
    register.drive.hand_over()
    assert await way.execute(command, "3/0") == b"\x55\x00\x00"


async def test_entering_drive_mode_is_postponed_as_by_a_register(
    clock: Clock,
) -> None:
    register = quiet_register(Platform.V2_5, clock)
    register.open_shift(clock.now)
    async with running_service(register, clock=clock) as service, way_to(service) as way:
        ask = Asking(way)
        assert await ask.raw("enter_mode", mode=6, password=MODE) is StepRefusal.SHIFT_OPEN
        assert await ask.raw("enter_mode", mode=4, password=MODE) == b"\x55\x00\x00"


async def test_invalid_requisites_are_refused(way: RegisterConnection) -> None:
    ask = Asking(way)
    for tag, value in ((1101, b"\x09"), (1062, b"\x00"), (1062, b"ab"), (1108, b"\x02")):
        assert await ask.failed("write_requisite", tag=tag, value=value) == 0x13
    assert await ask.raw("write_requisite", tag=4242, value=b"x") is StepRefusal.UNSUPPORTED
    assert await ask.failed("fiscalise") == 0x13


# ---- trouble ------------------------------------------------------------------------------------


async def test_another_register_under_the_same_id_is_not_touched(
    service: RunningService, way: RegisterConnection, register: SimulatedRegister, clock: Clock
) -> None:
    register.serial_number = "00106199999999"
    with pytest.raises(RegisterUnreachable, match="another register"):
        await way.reading()
    with pytest.raises(RegisterUnreachable, match="another register"):
        await way.execute(encode_request("close_archive"), "1/0")
    assert register.drive.phase.value == "fiscal"


async def test_a_stopped_service_is_unreachable_and_repeats_nothing_later(
    service: RunningService, register: SimulatedRegister
) -> None:
    """The new service has forgotten its history: what was done shows in the drive."""
    async with way_to(service) as way:
        command = encode_request("close_archive")
        before = await way.state_before(command)
        assert await way.execute(command, "1/0") == b"\x55\x00\x00"
        documents = register.drive.documents
        await service.stop()
        with pytest.raises(RegisterUnreachable):
            await way.execute(command, "1/0")
        with pytest.raises(RegisterUnreachable):
            await way.recover_answer(command, before)
        await service.start()
        assert await way.recover_answer(command, before) == b"\x55\x00\x00"
    assert register.drive.documents == documents


async def test_a_request_lost_with_a_killed_service_was_not_done(
    service: RunningService, register: SimulatedRegister
) -> None:
    """Blocked for want of paper, the request is never finished: nothing was done."""
    async with way_to(service, timeouts=replace_wait(10.0)) as way:
        before = await way.state_before(encode_request("close_archive"))
        service.registers[0].drive.hand_over()
        block = {"uuid": "block", "request": [{"type": "openShift"}]}
        register.faults.paper_out = True
        async with way._client._http.post(f"{service.url}/api/v2/requests", json=block) as done:  # type: ignore[attr-defined]
            assert done.status == 201
        under_way = asyncio.create_task(way.execute(encode_request("close_archive"), "1/0"))
        await asyncio.sleep(0.1)
        await service.stop()
        with pytest.raises(RegisterUnreachable):
            await under_way
        register.faults.paper_out = False
        await service.start()
        assert await way.recover_answer(encode_request("close_archive"), before) is None
        assert await way.execute(encode_request("close_archive"), "1/0") == b"\x55\x00\x00"


def replace_wait(result_s: float) -> DriverTimeouts:
    return IMPATIENT._replace(result_s=result_s)


async def test_an_endless_request_is_given_up(
    service: RunningService, register: SimulatedRegister
) -> None:
    register.faults.paper_out = True
    async with way_to(service, timeouts=replace_wait(0.2)) as way:
        await way._client.submit("1", "block", [{"type": "openShift"}])  # type: ignore[attr-defined]
        with pytest.raises(RegisterUnreachable, match="in time"):
            await way.reading()


NONSENSE = [
    b"",
    b"<html>",
    b"[]",
    b'{"results": []}',
    b'{"results": [7]}',
    b'{"results": "x"}',
    b"[" * 100_000,
    b'{"results": "' + b"x" * (2 << 20) + b'"}',
    b'[{"id": "1", "isActive": true, "connectionSettings": 5}]',
]


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
async def test_a_service_with_malformed_answers_is_unreachable(body: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/devices"):
            listed = b'[{"id": "1", "isActive": true}]'
            return web.Response(body=listed if not body.startswith(b"[{") else body)
        return web.Response(body=body, status=201 if request.method == "POST" else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        assert await web_service.find_registers(url, timeouts=IMPATIENT) == []
        client, way = WebClient(url, None, IMPATIENT), Listed("1", True, {})
        about = RegisterIdentity("0" * 14, Platform.V2_5, 1, "3", ConnectionKind.WEB_SERVICE, url)
        lost = web_service.WebServiceConnection(client, way, about, RegisterMemory())
        for call in (lost.reading(), lost.execute(encode_request("close_archive"), "1/1")):
            with pytest.raises(RegisterUnreachable):
                await call
        await lost.close()
    finally:
        await runner.cleanup()


async def test_a_silent_service_is_unreachable() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        patience = IMPATIENT._replace(call_s=0.2)
        with pytest.raises(RegisterUnreachable):
            await web_service.find_registers(f"http://127.0.0.1:{port}", timeouts=patience)
        await asyncio.wait_for(gone.wait(), scaled(2))
    finally:
        server.close()
