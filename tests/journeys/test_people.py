"""The manual's chapters of authorisation and of employees, with a real mail server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest

from fleet.kit.config import FleetConfig
from fleet.worker.runner import Worker
from fleet.worker.schedule import JOBS
from protocol.platforms import Platform
from tests.fleet.conftest import PASSWORD, Answer
from tests.fleet.notifications.mailbox import Mailbox, html, link_token, plain, serving
from tests.journeys.conftest import Deployment

NEW_PASSWORD, THIRD_PASSWORD = "battery staple", "horse correct"
ANNA = {
    "full_name": "Анна",
    "email": "anna@romashka.example",
    "phone": "",
    "role": "administrator",
    "scope": None,
}
BORIS: dict[str, Any] = {
    "full_name": "Борис Петров",
    "email": "boris@romashka.example",
    "phone": "+7 495 730-74-20",
    "role": "engineer",
    "login": "boris",
}


@dataclass
class Office:
    """The town with a mail server and the worker that brings it letters."""

    town: Deployment
    mailbox: Mailbox

    async def deliver(self) -> None:
        """The worker's turn, when every letter that waits is due."""
        self.town.clock.forward(minutes=2)
        config = FleetConfig(smtp=self.mailbox.url, mail_from="cash@romashka.example")
        worker = Worker(self.town.gateway.database, self.town.clock, config)
        jobs = {job.name: job for job in JOBS}
        for name in ("answer_recoveries", "send_letters"):
            await worker.run_once(jobs[name])

    async def letter(self, address: str) -> EmailMessage:
        await self.deliver()
        return self.mailbox.letters_to(address)[-1]

    async def follow(self, token: str, password: str) -> Answer:
        """A person opens the link of a letter, signed in nowhere, and types a password."""
        kept, self.town.api.token = self.town.api.token, ""
        looked = await self.town.api.post("/password-links/look", {"token": token})
        used = await self.town.api.post(
            "/password-links/use", {"token": token, "password": password}
        )
        self.town.api.token = kept
        assert (looked.status == 200) is (used.status == 204)
        return used

    async def say(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.town.api.ask(method, path, json=body)
        assert answer.status < 300, answer.json
        return answer.json


@pytest.fixture
async def office(town: Deployment) -> AsyncIterator[Office]:
    async with serving(Mailbox()) as mailbox:
        yield Office(town, mailbox)


async def test_forgotten_password_is_reset(office: Office) -> None:
    api = office.town.api
    me = await office.say("GET", "/me")
    await office.say("PUT", f"/employees/{me['id']}", ANNA)
    forgotten = api.token
    api.token = ""
    for address in ("nobody@romashka.example", "ANNA@romashka.example"):
        answer = await api.post("/password-recovery", {"email": address})
        assert (answer.status, answer.json) == (204, None)
    letter = await office.letter("anna@romashka.example")
    assert len(office.mailbox.messages) == 1
    assert letter["Subject"] == "Cash server password change"
    assert "anna" in plain(letter) and link_token(letter) in html(letter)

    token = link_token(letter)
    assert (await office.follow(token, NEW_PASSWORD)).status == 204
    api.token = forgotten
    assert (await api.get("/me")).status == 401
    assert (await api.sign_in("anna", PASSWORD)).status == 401
    assert (await api.sign_in("anna", NEW_PASSWORD)).status == 200
    again = await office.follow(token, THIRD_PASSWORD)
    assert (again.status, again.json["code"]) == (409, "link_spent")
    told = await office.letter("anna@romashka.example")
    assert told["Subject"] == "Cash server password changed"

    await api.post("/password-recovery", {"email": "anna@romashka.example"})
    late = link_token(await office.letter("anna@romashka.example"))
    office.town.clock.forward(hours=1)
    expired = await office.follow(late, THIRD_PASSWORD)
    assert (expired.status, expired.json["code"]) == (409, "link_expired")
    assert (await api.sign_in("anna", NEW_PASSWORD)).status == 200


async def test_employee_is_invited_changed_deactivated_and_activated(office: Office) -> None:
    api, town = office.town.api, office.town
    first = await town.enrol_and_check_in(Platform.V5_0, 1)
    second = await town.enrol_and_check_in(Platform.V2_5, 2)
    card = await office.say("POST", "/employees", BORIS)
    path = f"/employees/{card['id']}"
    assert card["status"] == "invited"
    invitation = await office.letter(BORIS["email"])
    assert invitation["Subject"] == "Invitation to the cash server"
    assert (await office.follow(link_token(invitation), NEW_PASSWORD)).status == 204
    anna = api.token

    assert (await api.sign_in("boris", NEW_PASSWORD)).status == 200
    boris = api.token
    assert len((await office.say("GET", "/registers"))["items"]) == 2
    assert (await api.get("/employees")).status == 403

    api.token = anna
    changed = BORIS | {"role": "observer", "scope": {"registers": [second.serial_number]}}
    del changed["login"]
    await office.say("PUT", path, changed)
    api.token = boris
    rows = (await office.say("GET", "/registers"))["items"]
    assert [row["serial_number"] for row in rows] == [second.serial_number]
    assert (await api.get(f"/registers/{first.serial_number}")).status == 404
    assert (await api.post("/registers/hide", {})).json["code"] == "no_right"

    api.token = anna
    await office.say("POST", f"{path}/reset-password")
    reset = await office.letter(BORIS["email"])
    assert (await office.follow(link_token(reset), THIRD_PASSWORD)).status == 204
    assert (await api.sign_in("boris", NEW_PASSWORD)).status == 401
    assert (await api.sign_in("boris", THIRD_PASSWORD)).status == 200
    boris = api.token

    api.token = anna
    assert (await office.say("POST", f"{path}/deactivate"))["status"] == "inactive"
    api.token = boris
    assert (await api.get("/me")).status == 401
    assert (await api.sign_in("boris", THIRD_PASSWORD)).status == 401
    api.token = anna
    assert (await office.say("POST", f"{path}/activate"))["status"] == "active"
    assert (await api.sign_in("boris", THIRD_PASSWORD)).status == 200

    api.token = anna
    log = (await office.say("GET", f"/audit?object=employee:{card['id']}&limit=100"))["items"]
    told = [row["what"].removeprefix("accounts.") for row in reversed(log)]
    assert [what for what in told if not what.startswith("signed")] == [
        "employee_added",
        "activated",
        "employee_changed",
        "link_sent",
        "password_changed",
        "employee_deactivated",
        "employee_activated",
    ]


async def test_failed_mail_server_loses_no_invitation(office: Office) -> None:
    async with serving(Mailbox()) as gone:
        pass
    alive, office.mailbox = office.mailbox, gone
    await office.say("POST", "/employees", BORIS)
    await office.deliver()
    office.mailbox = alive
    invitation = await office.letter(BORIS["email"])
    assert (await office.follow(link_token(invitation), NEW_PASSWORD)).status == 204
    assert (await office.town.api.sign_in("boris", NEW_PASSWORD)).status == 200
