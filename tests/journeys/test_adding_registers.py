"""Adding registers: typed, from a file, to another's cabinet; hiding; the wizard that chooses."""

from random import Random
from typing import Any

from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.journeys.conftest import Deployment


def number(index: int) -> str:
    return f"001061{index:08}"


async def send_file(town: Deployment, path: str, text: str) -> Any:
    content = text.encode("cp1251")
    headers = {"Content-Type": "application/octet-stream"}
    answer = await town.api.ask("POST", path, data=content, headers=headers)
    assert answer.status == 200, answer.json
    return answer.json


async def listed(town: Deployment, query: str = "") -> list[str]:
    rows = (await town.api.get(f"/registers?{query}")).json["items"]
    return [row["serial_number"] for row in rows]


async def test_registers_are_added_checked_in_hidden_and_selected(town: Deployment) -> None:
    # A register that was never added calls, and is kept as nobody's; it is fiscalised.
    stranger = SimulatedRegister(number(9), Platform.V5_0, 61, Random(9), town.clock())
    assert (await town.call(stranger)).accepted
    await town.employ("boris")
    await town.api.post("/registers/enrol", {"serial_numbers": [number(8)]})
    await town.sign_in("anna")

    # From a file with a heading, a blank line, a repetition and registers that cannot be had.
    lines = ["Заводской номер", number(1), "", number(2), number(1), number(8), number(9)]
    found = await send_file(town, "/registers/enrol/file", "\r\n".join(lines))
    assert [(each["line"], each["serial_number"]) for each in found["accepted"]] == [
        (2, number(1)),
        (4, number(2)),
    ]
    assert {each["line"]: each["reason"] for each in found["refused"]} == {
        1: "serial_number_unfit",
        5: "serial_number_repeated",
        6: "bound_to_another_partner",
        7: "fiscalised",
    }

    # One of them calls: the list knows it at once, and finds it by its owner.
    register = SimulatedRegister(number(2), Platform.V5_0, 61, Random(2), town.clock())
    assert (await town.call(register)).accepted
    assert await listed(town) == [number(1), number(2)]
    assert await listed(town, "status=online") == await listed(town, "platform=5.0") == [number(2)]
    assert await listed(town, f"owner_inn={register.owner.inn}") == [number(2)]
    card = (await town.api.get(f"/registers/{number(2)}")).json
    assert card["indicator"] in ("green", "yellow", "red")
    assert card["fiscal_drive"]["valid_until"] is not None
    town.clock.forward(hours=1)
    await town.work()
    assert await listed(town, "status=offline&sort=-seen_at") == [number(2)]

    # Hidden, it is only where one asks for the hidden; shown, it is back.
    await town.api.post("/registers/hide", {"serial_numbers": [number(2)]})
    assert (await listed(town), await listed(town, "hidden=true")) == ([number(1)], [number(2)])
    await town.api.post("/registers/show", {"serial_numbers": [number(2)]})
    assert await listed(town) == [number(1), number(2)]

    # The wizard goes on with what is one's own, and stops where nothing is.
    chosen = await send_file(town, "/registers/choose/file", f"{number(8)}\n{number(2)}")
    assert [each["serial_number"] for each in chosen["accepted"]] == [number(2)]
    assert [each["line"] for each in chosen["refused"]] == [1]
    none = await town.api.post("/registers/choose", {"serial_numbers": [number(8), number(9)]})
    assert (none.status, none.json["code"]) == (404, "none_bound")
