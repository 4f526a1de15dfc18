"""Refunds at the sandbox: its shop's page, its signed notice, and what is found by asking."""

import json
import re

import pytest

from fleet.billing import pages
from fleet.billing.pages import _kopecks
from fleet.billing.sandbox import sign
from tests.fleet.billing.conftest import PRICE, Shop
from tests.fleet.billing.test_sandbox import UNTOLD, page, pay, tell


async def paid(shop: Shop, **typed: str) -> tuple[str, str]:
    """A payment that was paid on the page: its number, and where its money is given back."""
    id_ = await shop.open()
    url = (await shop.check_out(id_))["redirect_url"]
    assert (await pay(shop, url, **typed))[0] == 303
    return id_, f"{url}/refund"


async def give_back(shop: Shop, url: str, roubles: str) -> tuple[int, str]:
    token = re.search(r'name="token" value="(\w+)"', await page(shop, url))
    assert token is not None
    form = {"token": token[1], "refund_amount": roubles}
    async with shop.client.session.post(url, data=form, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_refunds_in_parts_end_when_nothing_is_left(shop: Shop) -> None:
    id_, url = await paid(shop)
    back = f"{shop.config.public_url}/pay/{id_}"
    assert f'href="{url}"' in await page(shop, back)
    for roubles in ("1499,01", "0", "-5", "1.5", "", "ж"):
        status, text = await give_back(shop, url, roubles)
        assert status == 422 and "не больше остатка" in text
    assert shop.refunded == []
    assert (await give_back(shop, url, "499,50"))[0] == 303
    assert "Возвращено: 499,50 ₽" in await page(shop, back)
    assert 'value="999.50"' in await page(shop, url)
    assert (await give_back(shop, url, "999.50"))[0] == 303
    text = await page(shop, back)
    assert "Деньги возвращены" in text and "href" not in text
    shown = (await shop.api.get(f"/payments/{id_}")).json
    assert (shown["status"], shown["refunded_kopecks"]) == ("paid", PRICE)
    assert [fact.refunded_kopecks for fact in shop.refunded] == [499_50, PRICE]
    async with shop.client.session.get(url, allow_redirects=False) as again:
        assert (again.status, again.headers["Location"]) == (303, back)


async def test_unpaid_payment_cannot_be_refunded(shop: Shop) -> None:
    id_ = await shop.open()
    url = (await shop.check_out(id_))["redirect_url"]
    async with shop.client.session.get(f"{url}/refund", allow_redirects=False) as answer:
        assert answer.status == 303
    token = shop.sandbox.form_token(url.rpartition("/")[2]).decode()
    form = {"token": token, "refund_amount": "1"}
    async with shop.client.session.post(f"{url}/refund", data=form) as answer:
        assert "Оформить тестовый возврат" not in await answer.text()
    async with shop.client.session.post(f"{url}/refund", data={**form, "token": "x"}) as answer:
        assert answer.status == 403
    assert (await shop.payment(id_)).refunded_kopecks == 0


async def test_refund_with_lost_notice_is_found_by_polling(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(*_: object) -> None:
        pass

    monkeypatch.setattr(pages, "_send_notice", lose)
    id_, url = await paid(shop, number=UNTOLD)
    shop.clock.forward(minutes=2)
    assert await shop.desk.poll_due() == 1
    assert (await give_back(shop, url, "100"))[0] == 303
    assert (await shop.payment(id_)).refunded_kopecks == 0
    shop.clock.forward(hours=27)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).refunded_kopecks == 100_00
    assert len(shop.refunded) == 1


async def test_refund_notice_is_verified_and_then_fetched(shop: Shop) -> None:
    id_, url = await paid(shop)
    sandbox_id = url.split("/")[-2]
    invented = {"event": "refund.succeeded", "id": id_, "payment_id": sandbox_id}
    for changed, status in (({}, 404), ({"payment_id": "\0"}, 422), ({"amount": 5}, 422)):
        body = json.dumps({**invented, **changed}).encode()
        assert await tell(shop, {}, body) == 401
        assert await tell(shop, sign(shop.sandbox.key, body, shop.clock()), body) == status
    assert (await shop.payment(id_)).refunded_kopecks == 0
    assert shop.refunded == []


def test_typed_roubles_become_kopecks() -> None:
    typed = {"600": 600_00, "600,50": 600_50, " 1 200.05": 1200_05, "٦٠٠": 0, "1,5": 0, "9" * 12: 0}
    assert {text: _kopecks(text) for text in typed} == typed
