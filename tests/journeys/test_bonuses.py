"""The bonus programme: shown at the price, promised by the order, given at the assignment.

ATOL Connect manual, «Бонусная программа».
"""

from protocol.platforms import Platform
from tests.journeys.conftest import Deployment
from tests.journeys.test_purchase_to_transfer import buy


async def test_bonus_points_are_counted_from_the_price_to_the_clients_total(
    town: Deployment,
) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    plans = (await town.api.get("/subscriptions/plans")).json["items"]
    points = {plan["code"]: plan["bonus_points"] for plan in plans}["complete"]
    assert await buy(town, "complete", 3) == "paid"
    (order,) = (await town.api.get("/subscriptions/orders")).json["items"]
    assert order["bonus_points"] == 3 * points
    assert (await town.api.get("/bonuses/balance")).json["points"] == 0

    wish = {"plans": ["complete"], "serial_numbers": [register.serial_number]}
    assert (await town.api.post("/subscriptions/assign", wish)).json["refused"] == []
    assert (await town.api.get("/bonuses/balance")).json["points"] == points
    (given,) = (await town.api.get("/subscriptions/assignments")).json["items"]
    assert given["bonus_points"] == points

    card = (await town.api.get(f"/registers/{register.serial_number}")).json
    (client,) = (await town.api.get("/bonuses/clients")).json["items"]
    assert (client["client_inn"], client["points"]) == (card["owner_inn"], points)
    (person,) = (await town.api.get("/bonuses/employees")).json["items"]
    assert (person["login"], person["points"]) == ("anna", points)
