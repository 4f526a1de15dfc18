"""The driver's web service: its endpoints, its tasks, and what it refuses (KKT-PC 6.1-6.4)."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.platforms import Platform
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.queue import MAX_KEPT, MAX_WAITING
from simulator.web_requests.served_register import ServedRegister, TaskContext
from simulator.web_requests.tasks import TASKS, perform
from tests.examples import examples
from tests.simulator.web_requests.running_service import (
    Clock,
    Http,
    RunningService,
    quiet_register,
    running_service,
)

BASE = "/api/v2"
PIECE = {"type": "position", "name": "Хлеб", "price": 45.5, "quantity": 2, "amount": 91}
CASH = {"type": "cash", "sum": 100}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=list(Platform))
async def service(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[RunningService]:
    other = Platform.V5_0 if request.param is Platform.V2_5 else Platform.V2_5
    registers = quiet_register(request.param, clock), quiet_register(other, clock)
    async with running_service(*registers, clock=clock) as found:
        yield found


@pytest.fixture
async def http(service: RunningService) -> AsyncIterator[Http]:
    async with ClientSession() as session:
        yield Http(session, service.url)


# ---- the shapes of KKT-PC 6.2, literally --------------------------------------------------------

SHAPES = json.loads("""
{
"getDeviceInfo": {"deviceInfo":{"configurationVersion":"3.0.5652","ffdVersion":"1.05",
  "firmwareVersion":"3.0.3689","fnFfdVersion":"1.05","model":61,"modelName":"АТОЛ",
  "receiptLineLength":20,"receiptLineLengthPix":20,"serial":"00106101234567"}},
"getDeviceStatus": {"deviceStatus":{"blocked":false,"cashDrawerOpened":true,"coverOpened":false,
  "currentDateTime":"2026-11-20T12:34:56+00:00","fiscal":true,"fnFiscal":true,"fnPresent":true,
  "paperPresent":false,"shift":"closed"}},
"getShiftStatus": {"shiftStatus":{"expiredTime":"1970-01-01T00:00:00+00:00","number":0,
  "state":"closed"}},
"getFnInfo": {"fnInfo":{"ffdVersion":"1.05","fnFfdVersion":"1.05","livePhase":"fiscalMode",
  "numberOfRegistrations":0,"registrationsRemaining":0,"serial":"9999078900000001",
  "validityDate":"1970-01-01T00:00:00+00:00","warnings":{"criticalError":false,
  "memoryOverflow":false,"needReplacement":false,"ofdTimeout":false,"resourceExhausted":false}}},
"getFnStatus": {"fnStatus":{"fiscalDocumentNumber":0,"fiscalReceiptNumber":0,"warnings":{
  "criticalError":false,"memoryOverflow":false,"needReplacement":false,"ofdTimeout":false,
  "resourceExhausted":false}}},
"ofdExchangeStatus": {"errors":{"documentNumber":0,"fn":{"code":0,"description":"Ошибок нет"},
  "fnCommandCode":0,"network":{"code":0,"description":"Ошибок нет"},
  "ofd":{"code":0,"description":"Ошибок нет"},
  "lastSuccessConnectionDateTime":"2026-11-20T12:34:56+00:00"},
  "status":{"notSentCount":0,"notSentFirstDocDateTime":"1970-01-01T00:00:00+00:00",
  "notSentFirstDocNumber":0}},
"getRegistrationInfo": {"device":{"autoMode":false,"bso":false,"encryption":false,"excise":false,
  "ffdVersion":"1.05","fnsUrl":"","gambling":false,"internet":false,"lottery":false,
  "machineInstallation":false,"machineNumber":"","offlineMode":false,"paymentsAddress":"",
  "registrationNumber":"","service":false,"ofdChannel":"ethernet"},"ofd":{"dns":"0.0.0.0",
  "host":"","name":"","port":0,"vatin":""},"organization":{"address":"","agents":[],"email":"",
  "name":"","taxationTypes":[],"vatin":""}},
"getCashDrawerStatus": {"cashDrawerStatus":{"cashDrawerOpened":true},"counters":{"cashSum":0}},
"getLicenses": {"licenses":[]}
}
""")


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return (
        "number"
        if isinstance(value, int | float) and value not in (True, False)
        else (
            type(value).__name__
            if not isinstance(value, int) or isinstance(value, bool)
            else "number"
        )
    )


@pytest.mark.parametrize("task", SHAPES)
async def test_an_answer_has_the_shape_of_the_drivers(http: Http, task: str) -> None:
    assert shape(await http.done(task)) == shape(SHAPES[task])


async def test_parameters_are_texts_and_each_has_its_own_error(http: Http) -> None:
    written = await http.done(
        "setDeviceParameters",
        deviceParameters=[
            {"key": 278, "value": "ks.atol.ru"},
            {"key": 279, "value": "99999"},
            {"key": 9, "value": "1"},
        ],
    )
    good, bad, flag = written["deviceParameters"]
    assert good == {"key": 278, "value": "ks.atol.ru"} and flag == {"key": 9, "value": "1"}
    assert (bad["key"], bad["errorCode"]) == (279, 13) and bad["errorDescription"]
    read = await http.done("getDeviceParameters", keys=[278, 279, 9, 60000])
    assert read["deviceParameters"][:3] == [
        {"key": 278, "value": "ks.atol.ru"},
        {"key": 279, "value": "80"},
        {"key": 9, "value": "1"},
    ]
    assert read["deviceParameters"][3]["errorCode"] == 13


async def test_the_driver_shows_only_the_host_of_a_cabinet(clock: Clock) -> None:
    register = quiet_register(Platform.V2_5, clock)
    async with running_service(register, clock=clock) as service, ClientSession() as session:
        read = await Http(session, service.url).done("getDeviceParameters", keys=[278, 279])
    assert read == {
        "deviceParameters": [{"key": 278, "value": "service.atol.ru"}, {"key": 279, "value": "80"}]
    }


# ---- a day in the shop --------------------------------------------------------------------------


async def test_a_shop_day_is_recorded_task_by_task(http: Http, service: RunningService) -> None:
    drive = service.registers[0].drive
    before = drive.documents
    assert await http.refused("sell", items=[PIECE], payments=[CASH]) == 73
    opened = await http.done("openShift", operator={"name": "Иванова", "vatin": ""})
    assert opened["fiscalParams"]["fiscalDocumentNumber"] == before + 1
    assert opened["fiscalParams"]["fnNumber"] == drive.number
    assert await http.refused("openShift") == 83
    assert (await http.done("getShiftStatus"))["shiftStatus"]["state"] == "opened"
    assert await http.done("cashIn", cashSum=500.25) == {"counters": {"cashSum": 500.25}}
    sold = await http.done("sell", items=[PIECE], payments=[CASH], total=91)
    assert sold["fiscalParams"]["total"] == 91 and sold["warnings"] == {"notPrinted": False}
    card = [{"type": "electronically", "sum": 91}]
    await http.done("sellReturn", items=[PIECE], payments=card)
    await http.done("sellCorrection", payments=[{"type": "cash", "sum": 10}])
    assert await http.refused("sell", items=[PIECE], payments=[{"type": "cash", "sum": 90}]) == 66
    assert await http.refused("cashOut", cashSum=10_000) == 53
    large = [{**PIECE, "price": 9000, "amount": 18_000}]
    paid = [{"type": "cash", "sum": 18_000}]
    assert await http.refused("sellReturn", items=large, payments=paid) == 53
    card_above = [{"type": "electronically", "sum": 100}]
    assert await http.refused("sell", items=[PIECE], payments=card_above) == 52
    assert service.registers[0].receipt is None
    assert await http.done("cashOut", cashSum=101.25) == {"counters": {"cashSum": 500}}
    totals = (await http.done("getShiftTotals"))["shiftTotals"]
    sold_and_back = (totals["receipts"][kind] for kind in ("sell", "sellReturn"))
    assert [(each["count"], each["sum"]) for each in sold_and_back] == [(2, 101), (1, 91)]
    assert totals["receipts"]["sellReturn"]["payments"]["electronically"] == 91
    assert (totals["income"], totals["outcome"]) == (
        {"count": 1, "sum": 500.25},
        {"count": 1, "sum": 101.25},
    )
    assert await http.done("reportX") == {} and await http.done("nonFiscal", items=[]) == {}
    assert await http.done("openCashDrawer") == {} and await http.done("printLastReceiptCopy") == {}
    closed = await http.done("closeShift")
    assert closed["fiscalParams"]["receiptsCount"] == 3
    assert await http.refused("closeShift") == 73
    assert drive.documents == before + 5
    last = await http.done("getFnDocument", fiscalDocumentNumber=drive.documents)
    assert last["documentTLV"]["1077"] == closed["fiscalParams"]["fiscalDocumentSign"]
    assert await http.refused("getFnDocument", fiscalDocumentNumber=1_000_000) == 123
    overall = (await http.done("getOverallTotals"))["overallTotals"]
    assert overall["receipts"]["sell"]["sum"] == 101


@pytest.mark.parametrize("quantity", [0, -1, 1e300, float("nan"), float("inf")])
async def test_a_quantity_out_of_bounds_is_refused(http: Http, quantity: float) -> None:
    await http.done("openShift")
    assert (
        await http.refused("sell", items=[{**PIECE, "quantity": quantity}], payments=[CASH]) == 17
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"payments": [CASH]},
        {"items": [], "payments": [CASH]},
        {"items": ["bread"], "payments": [CASH]},
        {"items": [{**PIECE, "price": "45"}], "payments": [CASH]},
        {"items": [{**PIECE, "price": -1}], "payments": [CASH]},
        {"items": [{**PIECE, "price": 1.001}], "payments": [CASH]},
        {"items": [{**PIECE, "quantity": "2"}], "payments": [CASH]},
        {"items": [PIECE], "payments": [{"type": "shells", "sum": 100}]},
        {"items": [PIECE], "payments": [{"type": [], "sum": 100}]},
        {"items": [PIECE]},
    ],
)
async def test_a_receipt_that_cannot_be_read_changes_nothing(
    http: Http, service: RunningService, wrong: dict[str, Any]
) -> None:
    await http.done("openShift")
    before = service.registers[0].drive.documents
    assert await http.refused("sell", **wrong) == 501
    assert service.registers[0].drive.documents == before


async def test_an_expired_shift_sells_nothing(http: Http, clock: Clock) -> None:
    await http.done("openShift")
    clock.now += timedelta(hours=25)
    assert (await http.done("getDeviceStatus"))["deviceStatus"]["shift"] == "expired"
    assert await http.refused("sell", items=[PIECE], payments=[CASH]) == 68
    await http.done("closeShift")


async def test_the_clock_is_set_in_the_shops_local_time(http: Http) -> None:
    await http.done("setDateTime", dateTime="2026.11.22 03:04:05")
    status = (await http.done("getDeviceStatus"))["deviceStatus"]
    assert status["currentDateTime"].startswith("2026-11-22T03:04:05")
    assert await http.refused("setDateTime", dateTime="21.11.2026") == 77


# ---- registrations ------------------------------------------------------------------------------


async def test_a_registration_is_changed(http: Http, service: RunningService) -> None:
    register, now = service.registers[0], await http.done("getRegistrationInfo")
    made = register.drive.registrations_made
    now["organization"]["taxationTypes"] = ["patent", "osn"]
    change = {**now, "operator": {"name": "Иванова", "vatin": "500100732259"}}
    answer = await http.done(
        "changeRegistrationParameters",
        reason="attributesChange",
        **{**change, "device": {**now["device"], "defaultTaxationType": "osn"}},
    )
    assert answer["fiscalParams"]["fiscalDocumentNumber"] == register.drive.documents
    assert register.drive.registrations_made == made + 1
    assert (await http.done("getRegistrationInfo"))["organization"]["taxationTypes"] == [
        "osn",
        "patent",
    ]
    assert register.memory.value(50) == 1


async def test_a_registration_change_requires_device_and_ofd(http: Http) -> None:
    for missing in ("device", "ofd"):
        whole = {"device": {}, "ofd": {}, "reason": "ofdChange"}
        del whole[missing]
        (result,) = await http.do({"type": "changeRegistrationParameters", **whole})
        assert result["errorCode"] == 501
        assert f'Поле "{missing}" отсутствует' in result["errorDescription"]


async def test_the_archive_stays_open_in_a_shift_or_with_unsent_receipts(
    http: Http, service: RunningService
) -> None:
    await http.done("openShift")
    assert await http.refused("closeArchive") == 83
    await http.done("closeShift")
    assert await http.refused("closeArchive") == 139
    service.registers[0].drive.hand_over()
    await http.done("closeArchive")
    assert (await http.done("getFnInfo"))["fnInfo"]["livePhase"] == "postFiscalMode"
    assert await http.refused("closeArchive") in (117, 139)


# ---- requests -----------------------------------------------------------------------------------


async def test_a_request_with_a_known_uuid_is_done_once(
    http: Http, service: RunningService
) -> None:
    before = service.registers[0].drive.documents
    body = {"uuid": "once", "request": {"type": "openShift"}}
    statuses = [(await http.call("POST", f"{BASE}/requests", body)).status for _ in range(3)]
    assert statuses == [201, 409, 409]
    await http.results("once")
    assert service.registers[0].drive.documents == before + 1


async def test_a_failed_task_interrupts_the_rest(http: Http) -> None:
    results = await http.do({"type": "getFnStatus"}, {"type": "sing"}, {"type": "openShift"})
    assert [each["status"] for each in results] == ["ready", "error", "interrupted"]
    assert [each["errorCode"] for each in results] == [0, 501, 502]


async def test_version_one_has_its_own_result_form(http: Http) -> None:
    body = {"uuid": "old", "request": [{"type": "getFnStatus"}]}
    assert (await http.call("POST", "/requests", body)).status == 201
    (result,) = await http.results("old", "/requests")
    assert result["error"] == {"code": 0, "description": "Ошибок нет"}


async def test_without_paper_a_request_is_blocked_until_there_is_some(
    http: Http, service: RunningService
) -> None:
    faults = service.registers[0].faults
    faults.paper_out = True
    for uuid, task in (("first", "openShift"), ("second", "getFnStatus")):
        await http.call("POST", f"{BASE}/requests", {"uuid": uuid, "request": {"type": task}})
    (result,) = await http.results("first")
    assert result["status"] == "blocked"
    queue = (await http.call("GET", f"{BASE}/getRequestsQueueStatus")).body
    assert (queue["isBlocked"], queue["blockedUUID"], queue["number"]) == (True, "first", 1)
    assert (await http.call("DELETE", f"{BASE}/requests/first")).status == 409
    assert (await http.call("DELETE", f"{BASE}/requests/second")).status == 200
    faults.paper_out = False
    assert (await http.results("first", waiting=("blocked",)))[0]["status"] == "ready"
    assert (await http.results("second"))[0]["status"] == "canceled"


async def test_queue_and_history_are_bounded(http: Http, service: RunningService) -> None:
    service.registers[0].faults.paper_out = True
    statuses = []
    for n in range(MAX_WAITING + 3):
        body = {"uuid": f"n{n}", "request": {"type": "openShift"}}
        statuses.append((await http.call("POST", f"{BASE}/requests", body)).status)
    assert statuses.count(503) == 2 and MAX_KEPT > MAX_WAITING


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/requests/nobody", 404),
        ("DELETE", "/requests/nobody", 404),
        ("GET", "/devices/7", 404),
        ("POST", "/operations/querySoul", 404),
        ("GET", "/requests/x?deviceID=7", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/requests", 405),
    ],
)
async def test_unknown_paths_and_ids_are_not_found(
    http: Http, method: str, path: str, status: int
) -> None:
    found = await http.call(method, BASE + path)
    assert (found.status, found.body["error"]["code"]) == (status, 505)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{oops",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{}",
        b'{"uuid": "u"}',
        b'{"uuid": "u", "request": []}',
        b'{"uuid": "u", "request": ["task"]}',
        b'{"uuid": "", "request": [{"type": "getFnStatus"}]}',
        b'{"uuid": 7, "request": [{"type": "getFnStatus"}]}',
        b'{"uuid": "' + b"u" * 65 + b'", "request": [{"type": "getFnStatus"}]}',
        b'{"uuid": "u", "request": [' + b'{"type": "x"},' * 100 + b'{"type": "x"}]}',
        b'{"uuid": "u", "request": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"uuid": "u", "request": "' + b"x" * (1 << 20) + b'"}',
    ],
    ids=range(15),
)
async def test_a_hostile_body_is_refused(http: Http, data: bytes) -> None:
    found = await http.raw(f"{BASE}/requests", data)
    assert (found.status, found.body["error"]["code"]) == (400, 505)
    assert (await http.call("GET", f"{BASE}/getRequestsQueueStatus")).body["number"] == 0


# ---- the service itself -------------------------------------------------------------------------


async def test_each_register_has_its_own_queue(http: Http, service: RunningService) -> None:
    listed = (await http.call("GET", f"{BASE}/devices")).body
    assert [(each["id"], each["isDefault"]) for each in listed] == [("1", True), ("2", False)]
    assert (await http.call("POST", f"{BASE}/setDefaultDevice", {"id": "2"})).status == 200
    assert (await http.call("GET", f"{BASE}/devices/default")).body["id"] == "2"
    info = (await http.call("POST", f"{BASE}/operations/queryDeviceInfo")).body
    assert info["deviceInfo"]["serial"] == service.registers[1].serial_number
    await http.call("POST", f"{BASE}/deactivateDevice?deviceID=1")
    body = {"uuid": "u", "request": {"type": "getFnStatus"}}
    assert (await http.call("POST", f"{BASE}/requests?deviceID=1", body)).status == 409
    await http.call("POST", f"{BASE}/activateDevice?deviceID=1")
    assert (await http.call("POST", f"{BASE}/requests?deviceID=1", body)).status == 201
    assert (await http.call("GET", f"{BASE}/requests/u")).status == 404


async def test_basic_authentication_guards_all_but_server_info(clock: Clock) -> None:
    register = quiet_register(Platform.V5_0, clock)
    credentials = ("cabinet", "пароль-1")
    async with (
        running_service(register, clock=clock, credentials=credentials) as service,
        ClientSession() as session,
    ):
        http = Http(session, service.url + BASE)
        assert (await http.call("GET", "/serverInfo")).body["serverVersion"]
        assert (await http.call("GET", "/devices")).status == 401
        for name, password, status in (("cabinet", "x", 401), (*credentials, 200)):
            told = b64encode(f"{name}:{password}".encode()).decode()
            headers = {"Authorization": f"Basic {told}"}
            assert (await http.call("GET", "/devices", headers=headers)).status == status
        bad = {"Authorization": "Basic !!!"}
        assert (await http.call("GET", "/devices", headers=bad)).status == 401


# ---- whatever a body says -----------------------------------------------------------------------

FIELDS = {
    *("keys", "deviceParameters", "key", "value", "items", "payments", "type", "sum", "price"),
    *("name", "quantity", "amount", "cashSum", "device", "ofd", "organization", "operator"),
    *("vatin", "reason", "taxationTypes", "changeInfoReasons", "defaultTaxationType", "dateTime"),
    *("fiscalDocumentNumber", "total"),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(sorted(FIELDS)), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=examples(400), deadline=None)
@given(st.sampled_from(list(Platform)), st.sampled_from(sorted(TASKS)), JSON)
def test_no_body_breaks_a_task(platform: Platform, task: str, body: Any) -> None:
    clock = Clock()
    desk = ServedRegister("1", quiet_register(platform, clock))
    fields = body if isinstance(body, dict) else {}
    with suppress(DriverFailure):
        perform(TaskContext(desk, clock()), {**fields, "type": task})
