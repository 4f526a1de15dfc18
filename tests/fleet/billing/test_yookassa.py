"""YooKassa: one payment for one purchase whatever is lost, and nothing believed without asking."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from fleet.billing import yookassa
from fleet.billing.processor import PORTION
from fleet.billing.rules import PaymentReport, PaymentStatus
from fleet.billing.yookassa import YooKassa
from fleet.kit.config import FleetConfig
from simulator.bench.ports import free_port
from tests.fleet.billing.conftest import PRICE, Shop
from tests.fleet.billing.yookassa_server import SECRET, SHOP_ID, YooKassaServer
from tests.pace import scaled

HOOK = "/pay/notices/yookassa"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yookassa, "PAUSE_S", 0.01)


@pytest.fixture
async def kassa() -> AsyncIterator[tuple[YooKassaServer, str]]:
    server = YooKassaServer()
    async with TestServer(server.app()) as running:
        yield server, str(running.make_url("/v3"))


@pytest.fixture
def config(tmp_path: Path, kassa: tuple[YooKassaServer, str]) -> FleetConfig:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    address = f"127.0.0.1:{free_port()}"
    return FleetConfig(
        data=tmp_path / "data",
        http=address,
        public_url=f"http://{address}",
        payments="yookassa",
        yookassa_shop=SHOP_ID,
        yookassa_secret_file=secret,
        yookassa_url=kassa[1],
    )


async def tell(shop: Shop, notice: Any) -> int:
    async with shop.client.post(HOOK, json=notice) as answer:
        return answer.status


async def opened(shop: Shop) -> tuple[str, str]:
    """A payment at YooKassa's page: our number and its own."""
    id_ = await shop.open()
    await shop.check_out(id_)
    provider_id = (await shop.payment(id_)).provider_id
    assert provider_id is not None
    return id_, provider_id


async def test_payment_request_follows_the_api(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    id_ = await shop.open()
    shown = await shop.check_out(id_)
    server = kassa[0]
    assert shown["redirect_url"].startswith("https://yoomoney.ru/checkout/")
    assert server.bodies[id_] == {
        "amount": {"value": "1499.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {
            "type": "redirect",
            "return_url": f"{shop.config.public_url}/pay/{id_}",
        },
        "description": "Подписка «Мониторинг ККТ» × 3",
        "metadata": {"payment_id": id_},
    }


async def test_lost_answer_is_retried_with_the_same_key(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    server, faults = kassa[0], ([500], [429, 503], ["cut"], ["cut", "cut"], [202])
    for each in faults:
        server.faults.extend(each)
        server.requests.clear()
        id_, provider_id = await opened(shop)
        assert server.by_key[id_] == provider_id
        assert len(server.requests) == len(each) + 1
    assert len(server.payments) == len(faults)


async def test_unreachable_provider_is_reported_and_can_be_retried(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    kassa[0].faults.extend(["cut"] * yookassa.REQUEST_ATTEMPTS)
    id_ = await shop.open()
    answer = await shop.api.post(f"/payments/{id_}/checkout")
    assert (answer.status, answer.json["code"]) == (503, "payment_provider_away")
    assert answer.headers["Retry-After"] == "5"
    await shop.check_out(id_)
    assert len(kassa[0].payments) == 1


async def test_rejected_request_is_not_retried(
    shop: Shop, kassa: tuple[YooKassaServer, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for status in (400, 401, 403):
        kassa[0].faults.append(status)
        kassa[0].requests.clear()
        answer = await shop.api.post(f"/payments/{await shop.open()}/checkout")
        assert (answer.status, answer.json["code"]) == (503, "payment_provider_refused")
        assert len(kassa[0].requests) == 1
        assert SECRET not in str(answer.json)
    assert SECRET not in capsys.readouterr().out


async def test_unreadable_secret_leaves_one_order(shop: Shop, config: FleetConfig) -> None:
    """The order was committed: who is told otherwise places it again."""
    assert config.yookassa_secret_file is not None
    config.yookassa_secret_file.unlink()
    wish = {"plan": "monitoring", "quantity": 1, "agreed": True}
    placed = await shop.api.post("/subscriptions/orders", wish)
    assert (placed.status, placed.json["redirect_url"]) == (201, "")
    assert len((await shop.api.get("/subscriptions/orders")).json["items"]) == 1
    id_ = placed.json["order"]["payment_id"]
    answer = await shop.api.post(f"/payments/{id_}/checkout")
    assert (answer.status, answer.json["code"]) == (503, "payment_provider_refused")
    config.yookassa_secret_file.write_text(SECRET)
    assert (await shop.check_out(id_))["redirect_url"]


async def test_notice_of_payment_is_confirmed_by_fetching_it(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    server = kassa[0]
    id_, provider_id = await opened(shop)
    forged = {**server.notice(provider_id), "event": "payment.succeeded"}
    forged["object"] = {**forged["object"], "status": "succeeded", "paid": True}
    assert await tell(shop, forged) == 200
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    server.end(provider_id, "succeeded")
    answers = await asyncio.gather(*(tell(shop, server.notice(provider_id)) for _ in range(4)))
    assert answers == [200] * 4
    assert (await shop.payment(id_)).status is PaymentStatus.PAID
    assert [fact.payment_id for fact in shop.settled] == [id_]
    asked = len(server.requests)
    assert await tell(shop, server.notice(provider_id)) == 200
    assert len(server.requests) == asked  # a payment that is over is not asked about


async def test_cancellation_reason_decides_between_cancelled_and_failed(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    for reason, status in (
        ("expired_on_confirmation", PaymentStatus.CANCELLED),
        ("canceled_by_merchant", PaymentStatus.CANCELLED),
        ("insufficient_funds", PaymentStatus.FAILED),
        ("", PaymentStatus.FAILED),
    ):
        id_, provider_id = await opened(shop)
        kassa[0].end(provider_id, "canceled", reason)
        assert await tell(shop, kassa[0].notice(provider_id)) == 200
        payment = await shop.payment(id_)
        assert (payment.status, payment.reason) == (status, reason)
    assert shop.settled == []


async def test_payment_with_lost_notice_is_found_by_polling(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    id_, provider_id = await opened(shop)
    kassa[0].end(provider_id, "succeeded")
    shop.clock.forward(minutes=2)
    kassa[0].faults.extend([503] * yookassa.REQUEST_ATTEMPTS)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    shop.clock.forward(minutes=2)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).status is PaymentStatus.PAID


MISFITS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"amount": {"value": "1.00", "currency": "RUB"}}, 409),
    ({"amount": {"value": "1499.00", "currency": "USD"}}, 409),
    ({"amount": {"value": "1499", "currency": "RUB"}}, 503),
    ({"metadata": {"payment_id": "00000000-0000-4000-8000-000000000000"}}, 404),
    ({"metadata": {}}, 404),
    ({"status": "unheard-of"}, 503),
)


async def test_payment_that_differs_from_the_order_is_refused(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    for changed, status in MISFITS:
        id_, provider_id = await opened(shop)
        notice = kassa[0].notice(provider_id)
        notice["object"] = dict(notice["object"])
        kassa[0].end(provider_id, "succeeded")
        kassa[0].payments[provider_id].update(changed)
        assert await tell(shop, notice) == status
        assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    assert shop.settled == []


async def test_notice_of_an_unknown_payment_causes_no_request(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    id_, provider_id = await opened(shop)
    notice = kassa[0].notice(provider_id)
    asked = len(kassa[0].requests)
    unknown = {**notice["object"], "metadata": {"payment_id": "nobody's"}}
    assert await tell(shop, {**notice, "object": unknown}) == 404
    assert await tell(shop, {**notice, "object": {**notice["object"], "id": "other"}}) == 404
    assert await tell(shop, {**notice, "event": "deal.closed"}) == 200
    assert await tell(shop, {**notice, "event": "refund.succeeded"}) == 404
    refund = {"id": "21-0", "payment_id": "2c-not-ours"}
    assert await tell(shop, {**notice, "event": "refund.succeeded", "object": refund}) == 404
    elsewhere = {**notice, "object": {"id": "../../admin"}}
    unreadable: tuple[Any, ...] = ({}, [], elsewhere, {**notice, "type": "x"})
    for broken in unreadable:
        assert await tell(shop, broken) == 422
    assert len(kassa[0].requests) == asked
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING


async def paid(shop: Shop, server: YooKassaServer) -> tuple[str, str]:
    """A payment that we know to be paid."""
    id_, provider_id = await opened(shop)
    server.end(provider_id, "succeeded")
    assert await tell(shop, server.notice(provider_id)) == 200
    return id_, provider_id


async def test_refund_confirmed_by_yookassa_counts_once(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    server = kassa[0]
    id_, provider_id = await paid(shop, server)
    forged = {"id": "21-0", "payment_id": provider_id, "status": "succeeded"}
    forged_notice = {"type": "notification", "event": "refund.succeeded", "object": forged}
    assert await tell(shop, forged_notice) == 404
    waiting = server.refund(provider_id, "100.00", "pending")
    assert await tell(shop, {**waiting, "event": "refund.succeeded"}) == 200
    server.refunds.clear()
    assert (await shop.payment(id_)).refunded_kopecks == 0 and shop.refunded == []
    notices = [server.refund(provider_id, roubles) for roubles in ("500.00", "499.50")]
    answers = await asyncio.gather(*(tell(shop, notice) for notice in notices * 3))
    assert answers == [200] * 6
    assert (await shop.payment(id_)).refunded_kopecks == 999_50
    assert sorted(fact.amount_kopecks for fact in shop.refunded) == [499_50, 500_00]
    assert max(fact.refunded_kopecks for fact in shop.refunded) == 999_50
    log = (await shop.api.get("/audit?limit=50")).json["items"]
    assert len([entry for entry in log if "payments.refunded" in entry.values()]) == 2
    asked = len(server.requests)
    assert await tell(shop, notices[0]) == 200
    assert len(server.requests) == asked  # a refund that is known is not asked about


REFUND_MISFITS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"amount": {"value": "1499.01", "currency": "RUB"}}, 409),
    ({"amount": {"value": "0.00", "currency": "RUB"}}, 409),
    ({"amount": {"value": "1.00", "currency": "USD"}}, 409),
    ({"amount": {"value": "1", "currency": "RUB"}}, 503),
    ({"payment_id": "2c-not-ours"}, 404),
)


async def test_refund_that_differs_from_its_payment_changes_nothing(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    server = kassa[0]
    id_, provider_id = await paid(shop, server)
    for changed, status in REFUND_MISFITS:
        notice = server.refund(provider_id, "1.00")
        server.refunds[notice["object"]["id"]] = {**notice["object"], **changed}
        assert await tell(shop, notice) == status
    assert await tell(shop, server.refund(provider_id, "1000.00")) == 200
    assert await tell(shop, server.refund(provider_id, "499.01")) == 409  # with the earlier one
    assert (await shop.payment(id_)).refunded_kopecks == 1000_00
    assert len(shop.refunded) == 1


async def test_refund_notice_reveals_a_payment_with_lost_notice(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    id_, provider_id = await opened(shop)
    notice = kassa[0].refund(provider_id, "1499.00")
    assert await tell(shop, notice) == 409  # nothing was paid, so nothing can have gone back
    kassa[0].end(provider_id, "succeeded")
    assert await tell(shop, notice) == 200
    assert (await shop.payment(id_)).status is PaymentStatus.PAID
    assert (len(shop.settled), len(shop.refunded)) == (1, 1)


async def test_refund_with_lost_notice_is_found_within_a_day_for_a_month(
    shop: Shop, kassa: tuple[YooKassaServer, str]
) -> None:
    server = kassa[0]
    id_, provider_id = await paid(shop, server)
    assert await shop.desk.poll_due() == 0
    for roubles in ("100.00", "200.00"):
        server.refund(provider_id, roubles)
    shop.clock.forward(hours=27)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).refunded_kopecks == 300_00
    assert [fact.refunded_kopecks for fact in shop.refunded] == [100_00, 300_00]
    assert await shop.desk.poll_due() == 0
    shop.clock.forward(days=40)  # no worker ran: it is asked once more
    server.refund(provider_id, "1.00")
    assert [await shop.desk.poll_due() for _ in range(2)] == [1, 0]
    assert (await shop.payment(id_)).refunded_kopecks == 301_00
    shop.clock.forward(days=2)
    assert await shop.desk.poll_due() == 0


async def test_waiting_payments_are_polled_first_and_concurrently(
    shop: Shop, kassa: tuple[YooKassaServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that keeps silent must not hold a worker longer than one answer takes."""
    for _ in range(PORTION):
        await paid(shop, kassa[0])
    shop.clock.forward(days=2)
    await shop.api.sign_in("anna")
    id_, provider_id = await opened(shop)
    kassa[0].end(provider_id, "succeeded")
    shop.clock.forward(minutes=2)
    together: list[str] = []
    ask, all_there = YooKassa.fetch_payment, asyncio.Event()

    async def slowly(self: YooKassa, asked: str) -> PaymentReport:
        together.append(asked)
        if len(together) == PORTION:
            all_there.set()
        async with asyncio.timeout(scaled(5)):
            await all_there.wait()
        return await ask(self, asked)

    monkeypatch.setattr(YooKassa, "fetch_payment", slowly)
    assert await shop.desk.poll_due() == PORTION
    assert (await shop.payment(id_)).status is PaymentStatus.PAID


async def test_sandbox_addresses_are_absent_without_the_sandbox(shop: Shop) -> None:
    id_ = await shop.open(PRICE)
    assert (await shop.client.get(f"/pay/sandbox/{id_}")).status == 404
    assert (await shop.client.post(f"/pay/sandbox/{id_}", data={})).status == 404
    assert (await shop.client.get(f"/pay/sandbox/{id_}/refund")).status == 404
    assert (await shop.client.post(f"/pay/sandbox/{id_}/refund", data={})).status == 404
    assert (await shop.client.post("/pay/notices/sandbox", data=b"{}")).status == 404


def test_configuration_needs_the_shop_and_its_secret(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="YOOKASSA_SECRET_FILE"):
        FleetConfig(payments="yookassa", yookassa_shop="1")
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    for path, why in (
        (tmp_path / "nowhere", "cannot be read"),
        (tmp_path, "cannot be read"),
        (binary, "cannot be read"),
        (empty, "is empty"),
    ):
        with pytest.raises(ValidationError, match=f"the file with the secret {why}"):
            FleetConfig(payments="yookassa", yookassa_shop="1", yookassa_secret_file=path)
    with pytest.raises(ValidationError):
        FleetConfig(payments="cash")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        FleetConfig(yookassa_url="ftp://example.org")
