"""Operations that go to the register through the driver on the shop's PC."""

import io
import json
import zipfile
from typing import Any

import pytest

from fleet.operations.rules import Channel, OperationStatus
from protocol.platforms import Platform
from tests.fleet.conftest import Api
from tests.fleet.operations.stage import Stage, serial

ONE, TWO = serial(1), serial(2)
UPLOAD = {"settings": {"278": "host.example", "279": 8080}}


@pytest.fixture
async def anna(api: Api, stage: Stage) -> Api:
    await stage.enrol(ONE, Platform.V5_0)
    await stage.enrol(TWO, Platform.V2_5)
    assert (await api.sign_in("anna")).status == 200
    return api


async def order(
    anna: Api,
    type_: str = "settings_upload",
    params: Any = UPLOAD,
    serial_numbers: tuple[str, ...] = (ONE, TWO),
) -> list[int]:
    body = {
        "type": type_,
        "serial_numbers": serial_numbers,
        "params": params,
        "channel": "local",
    }
    answer = await anna.post("/operations", body)
    assert answer.json["refused"] == []
    return [each["id"] for each in answer.json["accepted"]]


async def package(anna: Api, id_: int) -> Any:
    answer = await anna.get(f"/operations/{id_}/local-package")
    assert answer.status == 200
    return answer.json


def said(package: Any, *results: Any) -> dict[str, Any]:
    """The driver's answers to a package: who the register is, then ``results``."""
    who = {"deviceInfo": {"serial": package["serial_number"]}}
    return {
        "operation_id": package["operation_id"],
        "serial_number": package["serial_number"],
        "results": [{"errorCode": 0, "result": result} for result in (who, *results)],
    }


async def answer(anna: Api, *answers: Any) -> Any:
    found = await anna.post("/operations/local-answers", {"answers": list(answers)})
    assert found.status == 200, found.json
    return found.json


async def test_upload_becomes_driver_tasks_and_ends_with_their_answer(
    anna: Api, stage: Stage
) -> None:
    id_, _ = await order(anna)
    file = await package(anna, id_)
    assert file["request"] == [
        {"type": "getDeviceInfo"},
        {
            "type": "setDeviceParameters",
            "deviceParameters": [
                {"key": 278, "value": "host.example"},
                {"key": 279, "value": "8080"},
            ],
        },
    ]
    echoed = {"deviceParameters": file["request"][1]["deviceParameters"]}
    assert await answer(anna, said(file, echoed)) == {"accepted": [id_], "refused": []}
    found = await stage.operation(id_)
    assert (found.status, found.result) == (
        OperationStatus.SUCCEEDED,
        {"written": [278, 279], "unchanged": []},
    )
    again = await answer(anna, said(file, echoed))
    assert [each["reason"] for each in again["refused"]] == ["not_local"]
    assert [change.to_status for change in await stage.history(id_)] == [
        OperationStatus.QUEUED,
        OperationStatus.RUNNING,
        OperationStatus.SUCCEEDED,
    ]


async def test_download_returns_values_of_the_settings_types(anna: Api, stage: Stage) -> None:
    (id_,) = await order(anna, "settings_download", {"settings": ["Т19Р1П9", "279", "3"]}, (TWO,))
    file = await package(anna, id_)
    assert file["request"][1] == {"type": "getDeviceParameters", "keys": [3, 278, 279]}
    parameters = [
        {"key": 3, "value": "1"},
        {"key": 278, "value": "a.example"},
        {"key": 279, "errorCode": 12, "errorDescription": "нет"},
    ]
    assert (await answer(anna, said(file, {"deviceParameters": parameters})))["accepted"] == [id_]
    result = (await stage.operation(id_)).result
    assert result == {"settings": {"3": True, "278": "a.example"}, "missing": {"279": 12}}


async def test_driver_error_fails_the_operation_with_its_text(anna: Api) -> None:
    id_, other = await order(anna)
    file = await package(anna, id_)
    failed = said(file)
    failed["results"].append({"errorCode": 4, "errorDescription": "Порт занят"})
    assert (await answer(anna, failed))["accepted"] == [id_]
    shown = (await anna.get(f"/operations/{id_}")).json
    assert (shown["status"], shown["cause"]) == ("failed", "driver_failed")
    assert "Порт занят" in shown["explanation"]
    file = await package(anna, other)
    parameters = [{"key": 278, "value": "x"}, {"key": 279, "errorCode": 7}]
    assert (await answer(anna, said(file, {"deviceParameters": parameters})))["accepted"] == [other]
    assert "279" in (await anna.get(f"/operations/{other}")).json["explanation"]


async def test_several_packages_are_downloaded_as_a_zip(anna: Api) -> None:
    ids = await order(anna)
    path = f"/api/v1/operations/local-packages?ids={','.join(map(str, ids))}"
    headers = {"Authorization": f"Bearer {anna.token}"}
    async with anna.client.get(path, headers=headers) as found:
        assert (found.status, found.content_type) == (200, "application/zip")
        archive = zipfile.ZipFile(io.BytesIO(await found.read()))
    assert archive.namelist() == [f"{ONE}-{ids[0]}.json", f"{TWO}-{ids[1]}.json"]
    assert json.loads(archive.read(archive.namelist()[1])) == await package(anna, ids[1])


async def test_local_operation_is_never_given_to_the_register(anna: Api, stage: Stage) -> None:
    register = await stage.boot_register(3, Platform.V5_0)
    created = await stage.order(
        "settings_upload",
        [register.serial_number],
        UPLOAD,
        channel=Channel.LOCAL,
    )
    delivery = await stage.visit(register)
    assert created.accepted and (delivery.step, delivery.pending) == (None, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"serial_number": TWO}, "answer_of_another"),
        ({"results": []}, "answer_unfit"),
        ({"results": [{"result": {"deviceInfo": {"serial": TWO}}}]}, "answer_of_another"),
        ({"results": [{"result": {"deviceInfo": {"serial": ONE}}}]}, "answer_unfit"),
        ({"operation_id": 999}, "not_local"),
    ],
)
async def test_unfit_answer_is_refused_and_changes_nothing(
    anna: Api, stage: Stage, change: dict[str, Any], reason: str
) -> None:
    id_, _ = await order(anna)
    file = await package(anna, id_)
    good = said(file, {"deviceParameters": file["request"][1]["deviceParameters"]})
    found = await answer(anna, {**good, **change})
    assert [each["reason"] for each in found["refused"]] == [reason] and not found["accepted"]
    assert all(each["message"] for each in found["refused"])
    assert (await stage.operation(id_)).status is OperationStatus.QUEUED


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"deviceParameters": None},
        {"deviceParameters": [1]},
        {"deviceParameters": [{"key": []}]},
        {"deviceParameters": [{"key": 278}, {"key": 278}]},
        {"deviceParameters": [{"key": 278}, {"key": 279, "errorCode": "много"}]},
    ],
)
async def test_result_of_another_shape_is_refused(anna: Api, stage: Stage, result: Any) -> None:
    id_, _ = await order(anna)
    found = await answer(anna, said(await package(anna, id_), result))
    assert [each["reason"] for each in found["refused"]] == ["answer_unfit"]
    assert (await stage.operation(id_)).status is OperationStatus.QUEUED


async def test_operation_of_another_channel_has_no_package(anna: Api, stage: Stage) -> None:
    id_ = await stage.order_one("settings_upload", ONE, UPLOAD)
    for wanted in (id_, 999):
        found = await anna.get(f"/operations/{wanted}/local-package")
        assert (found.status, found.json["code"]) == (409, "not_local")
    for ids in ("", "1,", "x", "0"):
        assert (await anna.get(f"/operations/local-packages?ids={ids}")).status == 422
