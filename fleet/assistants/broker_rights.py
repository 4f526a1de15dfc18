"""Questions of a broker and a gateway about accounts.

Every question reads the database, so that a change takes effect on the next one.
"""

from sqlalchemy import select, update

from fleet.accounts.passwords import UNKNOWN_LOGIN_HASH, verify_password
from fleet.assistants.models import AccountKind, BrokerAccount
from fleet.assistants.queries import registers_by_login
from fleet.assistants.rules import storable_report
from fleet.kit.clock import Clock
from fleet.kit.database import Database
from protocol.conversation.assistant import AssistantReport


class BrokerRights:
    """Accounts of the broker, as MQTT listeners see them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def is_valid_password(self, login: str, password: str) -> bool:
        """Tell whether the account has this password.

        It takes as long for an unknown login as for a wrong password.
        """
        asked = select(BrokerAccount.password_hash).where(BrokerAccount.login == login)
        async with self._database.read() as db:
            known = await db.scalar(asked)
        good = await verify_password(password, known or UNKNOWN_LOGIN_HASH)
        return good and known is not None

    async def registers(self, login: str) -> frozenset[str] | None:
        """Return the account's registers that still belong to its partner.

        Return ``None`` if there is no such account.
        """
        async with self._database.read() as db:
            found = await registers_by_login(db, BrokerAccount.login == login)
        return frozenset(found[login]) if login in found else None

    async def record_report(self, login: str, report: AssistantReport) -> tuple[str, ...] | None:
        """Store an Assistant's report about itself and return its registers.

        Return ``None`` if there is no such Assistant.
        """
        its_own = BrokerAccount.login == login, BrokerAccount.kind == AccountKind.ASSISTANT
        said = {
            "reported_at": self._clock(),
            "version": report.version,
            "computer": report.computer,
            "report": storable_report(report),
        }
        async with self._database.transaction() as db:
            await db.execute(update(BrokerAccount).where(*its_own).values(said))
            found = await registers_by_login(db, *its_own)
        return tuple(found[login]) if login in found else None
