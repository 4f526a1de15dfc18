"""Preparation of a new server: the first administrator and the demonstration registers."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from fleet.accounts.creation import create_first_administrator
from fleet.accounts.models import Employee
from fleet.accounts.passwords import verify_password
from fleet.accounts.service import to_actor
from fleet.kit.act import Act
from fleet.kit.secret_file import load_or_create
from fleet.registers.service import enrol
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import give_first_stock, grant

LOGIN = "admin"
PASSWORD_FILE = "admin-password"
PASSWORD_BYTES = 12
PASSWORD_VARIABLE = "CASH_SERVER_ADMIN_PASSWORD"
ENROL_PORTION = 500


@dataclass(frozen=True, slots=True)
class InitialCredentials:
    """The first sign-in: the login, the password as it may be shown, and where it is kept."""

    login: str
    shown_password: str
    password_location: str


PASSWORD_CHANGED = InitialCredentials(
    LOGIN, "…", f"сброс / reset: cash-server people set-password {LOGIN}"
)


async def prepare_admin(act: Act) -> InitialCredentials:
    """Create the first administrator if there is none; return the credentials to show.

    The password is the configured one, or a generated one that is kept in the data directory.
    Later starts never replace it, and show it only while it is still valid.
    """
    given, path = act.config.admin_password, act.config.data / PASSWORD_FILE

    def choose() -> str:
        return given.get_secret_value() if given else _load_or_create_password(path)

    admin = await create_first_administrator(act, LOGIN, choose)
    if given is not None:
        known, shown = given.get_secret_value(), InitialCredentials(LOGIN, "…", PASSWORD_VARIABLE)
    else:
        known = path.read_text("utf-8", "replace").strip() if path.exists() else ""
        shown = InitialCredentials(LOGIN, known, str(path))
    return shown if await verify_password(known, admin.password_hash) else PASSWORD_CHANGED


def _load_or_create_password(path: Path) -> str:
    """Return the password of an interrupted first start, or generate one; replace an empty file."""
    if path.exists() and not path.read_bytes().strip():
        path.unlink()
    made = load_or_create(path, lambda: f"{secrets.token_urlsafe(PASSWORD_BYTES)}\n".encode())
    return made.decode("utf-8").strip()


async def enrol_demo(act: Act, serial_numbers: Sequence[str]) -> None:
    """Add the demonstration registers to the first partner; skip those already added.

    The partner may use every paid service at once and gets some subscriptions in stock.  Without
    demonstration registers nothing is given.
    """
    if not serial_numbers:
        return
    employee = (await act.db.scalars(select(Employee).where(Employee.login == LOGIN))).one()
    theirs = act.by(to_actor(employee, 0, ""))
    for start in range(0, len(serial_numbers), ENROL_PORTION):
        await enrol(theirs, serial_numbers[start : start + ENROL_PORTION])
    await grant(act, employee.partner_id, Entitlement)
    await give_first_stock(act, employee.partner_id)
