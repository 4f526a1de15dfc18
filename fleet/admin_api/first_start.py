"""What a new server needs before anybody can sign in."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import Employee
from fleet.accounts.service import bootstrap, to_actor
from fleet.kit.config import FleetConfig
from fleet.registers.service import enrol
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import first_stock, grant

LOGIN = "admin"
PASSWORD_FILE = "admin-password"
PASSWORD_BYTES = 12
ENROL_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in: what may be shown of the password, and where it is kept."""

    login: str
    shown: str
    kept_in: str


async def prepare_admin(db: AsyncSession, config: FleetConfig, now: datetime) -> Credentials:
    """The first employee: with the password of the configuration, else a generated one that is
    kept in the data directory (mode 0600) and stays the same at the next start."""
    if config.admin_password is not None:
        password = config.admin_password.get_secret_value()
        await bootstrap(db, LOGIN, password, now, overwrite=True)
        return Credentials(LOGIN, "…", "CASH_SERVER_ADMIN_PASSWORD")
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = config.data / PASSWORD_FILE
    password = _kept_password(path)
    await bootstrap(db, LOGIN, password, now)
    return Credentials(LOGIN, password, str(path))


def _kept_password(path: Path) -> str:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(password + "\n")
    return password


async def enrol_demo(db: AsyncSession, serial_numbers: Sequence[str], now: datetime) -> None:
    """Bind the demo registers to the first partner; those that are bound already stay.

    The partner may use every service with them at once, and has a little stock to assign.  Without
    demo registers nothing is given.
    """
    if not serial_numbers:
        return
    employee = (await db.scalars(select(Employee).where(Employee.login == LOGIN))).one()
    actor = to_actor(employee, 0, "")
    for start in range(0, len(serial_numbers), ENROL_AT_ONCE):
        await enrol(db, actor, serial_numbers[start : start + ENROL_AT_ONCE], now)
    await grant(db, employee.partner_id, Entitlement, now)
    await first_stock(db, employee.partner_id, now)
