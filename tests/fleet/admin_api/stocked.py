"""A cash server with something in every list, for calls that should reach past "not found"."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from sqlalchemy import update

from fleet.accounts import creation as founding
from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.kit.database import Database
from fleet.registers.models import CashRegister
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from protocol.platforms import Platform
from tests.fleet.access_requests.documents import PDF
from tests.fleet.conftest import PASSWORD, Api, HandClock
from tests.fleet.subscriptions.conftest import Shop

INN: Final = "7707083893"
SERIALS: Final = [f"001069{number:08}" for number in range(1, 7)]
STRANGE: Final = "00106900000007"
"""Of Olga's partner; Anna asks for it."""

PEOPLE: Final[Mapping[str, Role]] = {
    "anna": Role.ADMINISTRATOR_PLUS,
    "igor": Role.SUPPORT_OPERATOR,
    "olga": Role.ADMINISTRATOR,
    "petr": Role.ADMINISTRATOR,
}
"""Each of a partner of their own: nobody can lock another one out."""

Made = tuple[str, dict[str, Any]]

TEMPLATES: Final[tuple[Made, ...]] = (
    (
        "/settings-templates",
        {"name": "Usual", "platform": "5.0", "values": {"ofd_address": "ofd.example"}},
    ),
    ("/receipt-templates", {"name": "Plain", "tape_width_mm": 57, "content": "AAAA"}),
    ("/outlets", {"name": "Cafe"}),
    ("/tips-templates", {"name": "Tips", "outlet_id": 1}),
    ("/info-receipts", {"name": "Notice", "text": "Closed"}),
)
ORGANISATION: Final[tuple[Made, ...]] = (
    ("/employees", {"full_name": "Vera", "email": "vera@example.org", "role": "manager"}),
    ("/employees", {"full_name": "Yana", "email": "yana@example.org", "role": "observer"}),
    ("/groups", {"name": "North"}),
    ("/groups", {"name": "South"}),
    ("/groups/1/registers", {"serial_numbers": SERIALS[:2]}),
    ("/clients", {"name": "A shop", "inn": INN}),
    ("/addresses", {"text": "Moscow, Arbat, 1"}),
    ("/registers/address", {"serial_numbers": SERIALS[:2], "address_id": 1}),
    ("/assistants", {"login": "till-1", "password": PASSWORD}),
    ("/assistants/1/registers", {"serial_number": SERIALS[0]}),
)
WORK: Final[tuple[Made, ...]] = (
    ("/operations", {"type": "settings_download", "serial_numbers": SERIALS[:3]}),
    (
        "/operations",
        {"type": "settings_download", "serial_numbers": SERIALS[3:4], "channel": "local"},
    ),
    ("/rollouts", {"type": "settings_download", "serial_numbers": SERIALS[4:]}),
    ("/licences", {"serial_numbers": SERIALS, "kind": "web_dkkt"}),
)


ORDER: Final[Made] = (
    "/subscriptions/orders",
    {"plan": "monitoring", "quantity": 50, "agreed": True},
)


async def stock(api: Api, database: Database, clock: HandClock) -> dict[str, str]:
    """Fill an empty database, through the API wherever it can.

    What it returns is for the environment of a client: bearer tokens by login, in capital
    letters, and PAYMENT, the id of a payment that is not made.
    """
    for login, role in PEOPLE.items():
        await _hire(database, clock, login, role)
    tokens = {login: (await api.sign_in(login)).json["token"] for login in PEOPLE}
    api.token = tokens["olga"]
    await _make(api, ("/registers/enrol", {"serial_numbers": [STRANGE]}))
    api.token = tokens["anna"]
    await _make(api, ("/registers/enrol", {"serial_numbers": SERIALS}))
    async with database.transaction() as db:
        await db.execute(update(CashRegister).values(platform=Platform.V5_0))
    for made in (*TEMPLATES, *ORGANISATION, *WORK):
        await _make(api, made)
    await _ask_for_access(api)
    paid, waiting = [(await _make(api, ORDER))["order"] for _ in range(2)]
    await Shop(database, clock).pay(paid["payment_id"], paid["amount_kopecks"])
    variables = {login.upper(): token for login, token in tokens.items()}
    return {**variables, "PAYMENT": waiting["payment_id"]}


async def _hire(database: Database, clock: HandClock, login: str, role: Role) -> None:
    async with database.transaction() as db:
        partner = await founding.create_partner(db, f"of {login}", clock())
        await grant(db, partner.id, Entitlement, clock())
        employee = await founding.create_employee(
            db,
            clock(),
            partner_id=partner.id,
            login=login,
            full_name=login.title(),
            role=role,
            password=PASSWORD,
        )
        address = update(Employee).where(Employee.id == employee.id)
        await db.execute(address.values(email=f"{login}@example.org"))


async def _make(api: Api, made: Made) -> Any:
    path, body = made
    answer = await api.post(path, body)
    assert answer.status < 300, (path, answer.json)
    assert not (answer.json or {}).get("refused"), (path, answer.json)
    return answer.json


async def _ask_for_access(api: Api) -> None:
    """With the second of two files; the first is not sent."""
    for _ in range(2):
        file = {"Content-Type": "application/octet-stream"}
        consent = await api.post("/consent-files?name=consent.pdf", data=BytesIO(PDF), headers=file)
    body = {"client_inn": INN, "serial_numbers": [STRANGE], "consent_date": "2026-02-20"}
    await _make(api, ("/access-requests", {**body, "files": [consent.json["id"]]}))
