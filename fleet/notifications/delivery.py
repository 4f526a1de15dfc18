"""Sending what the outbox holds.  No transaction stays open while the mail server is spoken to.

A letter is leased, sent, and then marked.  Who dies between the last two leaves the lease to
lapse, and the letter goes out again under the same Message-ID: at least once, never lost.
"""

import asyncio
import random
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from typing import Any

import structlog
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from sqlalchemy import ColumnElement, case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit import smtp_url
from fleet.kit.acts import Acts
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.dialect import select_for_update
from fleet.kit.metrics import LETTERS
from fleet.notifications.models import Letter
from fleet.notifications.rules import (
    GIVE_UP_AFTER,
    LEASE,
    RETENTION,
    GivingUpCause,
    build_message,
    pause_after,
    redact,
    render,
)

PORTION = 20
"""Letters that a worker leases at once."""
ANSWER_TIMEOUT_S = 20.0
"""Longest wait for one answer of the mail server."""
RUN_S = 20.0
"""No letter is begun later in a visit; what is left goes to the next one."""
LETTER_TIMEOUT_S = 35.0
"""Longest time for a letter, its connection included.  One that is cut off may have arrived."""
QUIT_TIMEOUT_S = 1.0
"""With the two above: less than a worker gives a portion."""
AUTHENTICATION_REQUIRED = 530
CONFIGURATION_REFUSAL = re.compile(r"5\.7\.[0-9]|.*\brelay", re.IGNORECASE | re.DOTALL)
"""Refusals that are final for our present settings only (a relay that does not know us, a domain
without SPF): RFC 3463 has 5.7.x for them, and servers without its codes speak of relaying."""
COMPOSE_ERRORS = (KeyError, ValueError, IndexError, HeaderParseError)
"""What composing raises for a letter that no attempt will make whole."""

Values = dict[str, Any]

FINISHED_VALUES: Values = {"due_at": None, "params": {}}
"""Of a letter that waits no more."""

log = structlog.get_logger("letters")


@dataclass
class LetterSender:
    """The worker's errand.  It remembers only that it has complained of a missing server."""

    _warned: bool = field(default=False, init=False)

    async def run(self, acts: Acts) -> int:
        """Try one portion; return how many letters were tried."""
        config = acts.config
        if not config.smtp:
            self._warn_once()
            return 0
        server = _server(config)
        async with acts.transaction() as act:
            letters = await _lease(act.db, act.now)
        if not letters:
            return 0
        visit = _MailServerRun(acts.database, acts.clock, config.mail_from, server, deque(letters))
        return await visit.make()

    def _warn_once(self) -> None:
        if not self._warned:
            self._warned = True
            log.warning("no_mail_server", variable="CASH_SERVER_SMTP", letters="wait")


def _server(config: FleetConfig) -> SMTP:
    url, path = smtp_url.parse(config.smtp), config.smtp_password_file
    return SMTP(
        hostname=url.host,
        port=url.port,
        use_tls=url.tls,
        start_tls=url.must_start_tls,
        username=url.login or None,
        password=path.read_text(encoding="utf-8").strip() if path and url.login else None,
        timeout=ANSWER_TIMEOUT_S,
    )


async def _lease(db: AsyncSession, now: datetime) -> Sequence[Letter]:
    due = select(Letter).where(Letter.due_at <= now).order_by(Letter.due_at).limit(PORTION)
    letters = (await db.scalars(select_for_update(db, due, wait=False))).all()
    for letter in letters:
        letter.due_at, letter.attempts = now + LEASE, letter.attempts + 1
    return letters


@dataclass
class _MailServerRun:
    """One connection to the mail server, made anew when it breaks, and the letters for it."""

    database: Database
    clock: Clock
    sender: str
    server: SMTP
    waiting: deque[Letter]

    async def make(self) -> int:
        """How many letters were tried; those that the time did not suffice for are given back."""
        tried, now = 0, asyncio.get_running_loop().time
        end = now() + RUN_S
        try:
            while self.waiting and now() < end:
                until = now() + LETTER_TIMEOUT_S
                await self._deliver(self.waiting[0], until)
                self.waiting.popleft()
                tried += 1
        except (SMTPException, OSError) as error:
            tried += len(self.waiting)
            for letter in self.waiting:
                await self._postpone(letter, error)
        else:
            await self._release_waiting()
            with suppress(SMTPException, OSError):
                await self.server.quit(timeout=QUIT_TIMEOUT_S)
        finally:
            self.server.close()
        return tried

    async def _deliver(self, letter: Letter, until: float) -> None:
        if letter.expires_at is not None and letter.expires_at <= self.clock():
            return await self._give_up(letter, GivingUpCause.EXPIRED)
        if not self.server.is_connected:
            async with asyncio.timeout_at(until):
                await self.server.connect()
        await self._send(letter, until)

    async def _send(self, letter: Letter, until: float) -> None:
        try:
            text = render(letter.template, letter.language, letter.params)
            name = f"letter-{letter.id}-{letter.created_at:%Y%m%d%H%M%S%f}"
            message = build_message(text, self.sender, letter.to, name, self.clock())
        except COMPOSE_ERRORS as error:
            return await self._give_up(letter, GivingUpCause.UNREADABLE, error)
        try:
            async with asyncio.timeout_at(until):
                await self.server.send_message(message)
        except (SMTPRecipientsRefused, SMTPDataError) as error:
            if _is_final(error):
                await self._give_up(letter, GivingUpCause.REFUSED, error)
            else:
                await self._postpone(letter, error)
        except SMTPResponseException:  # of the sender or the visit: every letter would hear it
            raise
        except (SMTPException, OSError) as error:
            self.server.close()
            await self._postpone(letter, error)
        else:
            sent: Values = {"sent_at": self.clock(), "cause": None, "reason": ""}
            await self._save_outcome(letter, "sent", FINISHED_VALUES | {"given_up_at": None} | sent)

    async def _give_up(
        self, letter: Letter, cause: GivingUpCause, error: Exception | None = None
    ) -> None:
        why = redact(_error_text(error), letter.params) if error else letter.reason
        ended: Values = {"given_up_at": self.clock(), "cause": cause, "reason": why}
        await self._save_outcome(
            letter, "given_up", FINISHED_VALUES | ended, Letter.due_at == letter.due_at
        )

    async def _postpone(self, letter: Letter, error: Exception) -> None:
        due_at = self.clock() + pause_after(letter.attempts, random.random())
        why = redact(_error_text(error), letter.params)
        later: Values = {"due_at": due_at, "reason": why}
        await self._save_outcome(letter, "postponed", later, Letter.due_at == letter.due_at)

    async def _release_waiting(self) -> None:
        """The letters that nothing was tried with wait as before."""
        if self.waiting:
            ours = Letter.id.in_([letter.id for letter in self.waiting])
            async with self.database.transaction() as db:
                await db.execute(
                    update(Letter)
                    .where(ours, Letter.due_at == self.waiting[0].due_at)
                    .values(due_at=self.clock(), attempts=Letter.attempts - 1)
                )
            log.warning("mail_server_slow", left=len(self.waiting))

    async def _save_outcome(
        self,
        letter: Letter,
        outcome: str,
        values: Values,
        *unless_overtaken: ColumnElement[bool],
    ) -> None:
        """Write what became of it; a failure says nothing of a letter leased to another since."""
        async with self.database.transaction() as db:
            await db.execute(
                update(Letter).where(Letter.id == letter.id, *unless_overtaken).values(values)
            )
        LETTERS.labels(outcome).inc()
        told = {"letter": letter.id, "template": letter.template, "reason": values["reason"]}
        log.info("letter", outcome=outcome, **told)


def _is_final(error: SMTPRecipientsRefused | SMTPDataError) -> bool:
    """Whether the server will never take this letter (RFC 5321, 4.2.1: 5yz)."""
    answers = error.recipients if isinstance(error, SMTPRecipientsRefused) else (error,)
    return all(
        each.code >= 500
        and each.code != AUTHENTICATION_REQUIRED
        and not CONFIGURATION_REFUSAL.match(each.message)
        for each in answers
    )


def _error_text(error: Exception) -> str:
    if isinstance(error, SMTPRecipientsRefused):
        return "; ".join(f"{each.code} {each.message}" for each in error.recipients)
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"


async def finish_old_letters(db: AsyncSession, now: datetime, limit: int) -> int:
    """Give up what has waited too long or lost its use, forget what was finished long ago; how many
    it was.  What others hold is left for the next time."""
    expired = Letter.expires_at <= now
    late = select(Letter.id).where(
        Letter.due_at.is_not(None), expired | (Letter.created_at <= now - GIVE_UP_AFTER)
    )
    cause = case(
        (expired, _cause_literal(GivingUpCause.EXPIRED)),
        else_=_cause_literal(GivingUpCause.TOO_LATE),
    )
    given_up = await db.scalars(
        update(Letter)
        .where(Letter.id.in_(select_for_update(db, late.limit(limit), wait=False)))
        .values(given_up_at=now, cause=cause, **FINISHED_VALUES)
        .returning(Letter.id)
    )
    old = select(Letter.id).where(Letter.due_at.is_(None), Letter.created_at <= now - RETENTION)
    forgotten = await db.scalars(
        delete(Letter)
        .where(Letter.id.in_(select_for_update(db, old.limit(limit), wait=False)))
        .returning(Letter.id)
    )
    count = len(given_up.all())
    LETTERS.labels("given_up").inc(count)
    return count + len(forgotten.all())


def _cause_literal(cause: GivingUpCause) -> ColumnElement[GivingUpCause]:
    return literal(cause, Letter.cause.type)
