"""Getting the rights to a client's register: from the form to the letters, seen from every side."""

import io
from typing import Any

from pypdf import PdfReader
from sqlalchemy import select, update

from fleet.accounts import creation as founding
from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.kit.act import Act
from fleet.notifications.models import Letter
from protocol.platforms import Platform
from tests.fleet.conftest import PASSWORD
from tests.journeys.conftest import Deployment

FILE = {"Content-Type": "application/octet-stream"}


async def open_support(town: Deployment) -> None:
    """Olga works at the support organisation; everybody has an e-mail address."""
    async with town.gateway.database.transaction() as db:
        support = await founding.create_partner(Act(db, None, town.clock()), "Поддержка")
        await founding.create_employee(
            Act(db, None, town.clock()),
            partner_id=support.id,
            login="olga",
            full_name="Olga",
            role=Role.SUPPORT_OPERATOR,
            password=PASSWORD,
        )
        await db.execute(update(Employee).values(email=Employee.login + "@example.org"))


async def fetch(town: Deployment, path: str) -> bytes:
    headers = {"Authorization": f"Bearer {town.api.token}"}
    async with town.api.client.get(f"/api/v1{path}", headers=headers) as response:
        assert response.status == 200
        return await response.read()


async def ask(town: Deployment, inn: str, serial: str) -> Any:
    """The form of the partner who has signed in, scanned and sent with a request."""
    form = await fetch(town, f"/consent-form?client_inn={inn}")
    file = await town.api.post("/consent-files?name=consent.pdf", data=form, headers=FILE)
    assert file.status == 201, file.json
    body = {"client_inn": inn, "serial_numbers": [serial]}
    signed = {"consent_date": f"{town.clock():%Y-%m-%d}", "files": [file.json["id"]]}
    return await town.api.post("/access-requests", {**body, **signed})


async def status_of(town: Deployment, login: str, request_id: int) -> str:
    await town.sign_in(login)
    return str((await town.api.get(f"/access-requests/{request_id}")).json["status"])


async def test_client_moves_to_another_partner_and_back(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    serial, inn = register.serial_number, register.owner.inn
    settings = {"settings": ["8"]}
    ordered = await town.order(register, "settings_download", params=settings)

    # Boris cannot simply add it, and asks for it with the client's consent.
    await town.employ("boris")
    await open_support(town)
    claim = {"client_inn": inn, "serial_numbers": [serial]}
    claimed = (await town.api.post("/access-requests/claim", claim)).json
    assert [each["serial_number"] for each in claimed["by_request"]] == [serial]
    sent = await ask(town, inn, serial)
    assert sent.status == 201, sent.json
    first = sent.json["request"]["id"]

    # Olga reads the consent, whose code of the organisation must be Boris's, and hands over.
    await town.sign_in("olga")
    (row,) = (await town.api.get("/support/access-requests?status=processing")).json["items"]
    card = (await town.api.get(f"/support/access-requests/{row['id']}")).json
    consent = await fetch(town, f"/support/consent-files/{card['files'][0]['id']}")
    text = PdfReader(io.BytesIO(consent)).pages[0].extract_text()
    assert f"КОД ОРГАНИЗАЦИИ* {card['partner']['code']}" in " ".join(text.split())
    assert card["serial_numbers"][0]["owner_inn"] == inn
    granted = await town.api.post(f"/support/access-requests/{first}/grant", {})
    assert (granted.status, granted.json["status"]) == (200, "full")

    # Boris has the register and works with it; Anna has lost it, and her order never ran.
    await town.sign_in("boris")
    order = await town.order(register, "settings_download", params=settings)
    assert (await town.call(register)).accepted
    assert (await town.operation(order))["status"] == "succeeded"
    await town.sign_in("anna")
    assert (await town.api.get(f"/registers/{serial}")).status == 404
    cancelled = await town.operation(ordered)
    assert (cancelled["status"], cancelled["cause"]) == ("cancelled", "handed_over")

    # The client comes back to Anna: refused for want of a stamp, then granted.
    refused = (await ask(town, inn, serial)).json["request"]["id"]
    await town.sign_in("olga")
    answer = {"reason": "no_stamp", "comment": "Нужна печать"}
    await town.api.post(f"/support/access-requests/{refused}/refuse", answer)
    assert await status_of(town, "anna", refused) == "refused"
    second = (await ask(town, inn, serial)).json["request"]["id"]
    await town.sign_in("olga")
    await town.api.post(f"/support/access-requests/{second}/grant", {})
    assert await status_of(town, "anna", second) == "full"
    assert (await town.api.get(f"/registers/{serial}")).status == 200
    assert await status_of(town, "boris", first) == "closed"

    async with town.gateway.database.read() as db:
        letters = await db.execute(select(Letter.to, Letter.template).order_by(Letter.id))
        assert [tuple(letter) for letter in letters] == [
            ("anna@example.org", "registers_handed_over"),
            ("boris@example.org", "access_granted"),
            ("anna@example.org", "access_refused"),
            ("boris@example.org", "registers_handed_over"),
            ("anna@example.org", "access_granted"),
        ]
