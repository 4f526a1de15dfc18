"""Money given back at the payment system: what it bought cannot be assigned any more."""

import re

from yarl import URL

from protocol.platforms import Platform
from tests.journeys.conftest import Deployment
from tests.journeys.test_purchase_to_transfer import available, buy


async def give_back(town: Deployment, payment_id: str, roubles: str) -> str:
    """The sandbox's shop gives money back; the text of the page where one ends up."""
    client, back = town.api.client, f"/pay/{payment_id}"
    async with client.get(back) as answer:
        link = re.search(r'href="([^"]+)"', await answer.text())
    assert link is not None
    page = URL(link[1]).path
    async with client.get(page) as answer:
        token = re.search(r'name="token" value="(\w+)"', await answer.text())
    assert token is not None
    form = {"token": token[1], "refund_amount": roubles}
    async with client.post(page, data=form, allow_redirects=False) as answer:
        assert (answer.status, URL(answer.headers["Location"]).path) == (303, back)
    async with client.get(back) as answer:
        return await answer.text()


async def test_refunded_subscription_cannot_be_assigned(town: Deployment) -> None:
    first, second = [await town.enrol_and_check_in(Platform.V5_0, number) for number in (1, 2)]
    assert await buy(town, "management", 3) == "paid"
    wish = {"plans": ["management"], "serial_numbers": [first.serial_number]}
    assert (await town.api.post("/subscriptions/assign", wish)).json["refused"] == []
    (order,) = (await town.api.get("/subscriptions/orders")).json["items"]

    assert "Возвращено: 1\u00a0200,00 ₽" in await give_back(town, order["payment_id"], "1200")
    assert await available(town) == {"management": 1}
    assert "Деньги возвращены" in await give_back(town, order["payment_id"], "2400,00")
    assert await available(town) == {}
    (order,) = (await town.api.get("/subscriptions/orders")).json["items"]
    assert (order["taken_back"], order["not_taken_back"]) == (2, 1)
    (refused,) = (
        await town.api.post(
            "/subscriptions/assign", {**wish, "serial_numbers": [second.serial_number]}
        )
    ).json["refused"]
    assert refused["reason"] == "stock_short"
    # The points of the one that was assigned before stay accrued.
    assert (await town.api.get("/bonuses/balance")).json["points"] == 50
