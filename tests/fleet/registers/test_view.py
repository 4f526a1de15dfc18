"""The employee's own choice of columns."""

from tests.fleet.conftest import Api, Employ
from tests.fleet.registers.test_list import anna as anna


async def test_each_employee_has_an_own_view(anna: Api, employ: Employ) -> None:
    first = (await anna.get("/registers/view")).json
    assert first["columns"][0] == "serial_number" and not first["compact"]
    assert {*first["columns"]} < {*first["available"]}
    wish = {"columns": ["address", "serial_number", "group_id"], "compact": True}
    chosen = await anna.ask("PUT", "/registers/view", json={**wish, "compact": False})
    chosen = await anna.ask("PUT", "/registers/view", json=wish)
    assert (chosen.status, chosen.json) == (200, {**first, **wish})
    assert (await anna.get("/registers/view")).json == chosen.json
    await employ("clara")
    await anna.sign_in("clara")
    assert (await anna.get("/registers/view")).json == first


async def test_unknown_or_repeated_column_is_refused(anna: Api) -> None:
    for columns in ([], ["price"], ["address", "address"]):
        answer = await anna.ask("PUT", "/registers/view", json={"columns": columns})
        assert (answer.status, answer.json["code"]) == (422, "invalid_input"), columns
