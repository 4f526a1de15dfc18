"""Sending of the letters in the outbox.

A letter is leased in one transaction, sent without a transaction, and marked in another one.  If
the worker dies between sending and marking, the lease expires and the letter is sent again with
the same Message-ID: each letter is sent at least once and never lost.
"""

import asyncio
import random
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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

from fleet.kit import smtp_url
from fleet.kit.act import Act
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
"""The most letters that a worker leases in one run."""
ANSWER_TIMEOUT_S = 20.0
"""Longest wait for one response of the mail server."""
RUN_S = 20.0
"""Time after which a run starts no further letter; the rest is left to the next run."""
LETTER_TIMEOUT_S = 35.0
"""Longest time for a letter, including the connection.  A letter cut off may have arrived."""
QUIT_TIMEOUT_S = 1.0
"""Longest wait for QUIT.  With the two limits above it is less than the worker's time limit."""
AUTHENTICATION_REQUIRED = 530
CONFIGURATION_REFUSAL = re.compile(r"5\.7\.[0-9]|.*\brelay", re.IGNORECASE | re.DOTALL)
"""Refusals that depend on the server's settings (a relay that does not know it, a domain without
SPF), so a later attempt may succeed: RFC 3463 gives them 5.7.x, and servers without such codes
mention relaying."""
COMPOSE_ERRORS = (KeyError, ValueError, IndexError, HeaderParseError)
"""Exceptions of composing a letter; no later attempt can succeed after them."""

Values = dict[str, Any]

FINISHED_VALUES: Values = {"due_at": None, "params": {}}
"""Values of a letter that no longer waits."""

log = structlog.get_logger("letters")


@dataclass
class LetterSender:
    """The worker's job that sends letters; it remembers whether a missing server was logged."""

    _warned: bool = field(default=False, init=False)

    async def run(self, acts: Acts) -> int:
        """Try to send one portion; return how many letters were tried."""
        config = acts.config
        if not config.smtp:
            self._warn_once()
            return 0
        server = _server(config)
        async with acts.transaction() as act:
            letters = await _lease(act)
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


async def _lease(act: Act) -> Sequence[Letter]:
    due = select(Letter).where(Letter.due_at <= act.now).order_by(Letter.due_at).limit(PORTION)
    letters = (await act.db.scalars(select_for_update(act.db, due, wait=False))).all()
    for letter in letters:
        letter.due_at, letter.attempts = act.now + LEASE, letter.attempts + 1
    return letters


@dataclass
class _MailServerRun:
    """One run: a connection to the mail server, renewed when it breaks, and the leased letters."""

    database: Database
    clock: Clock
    sender: str
    server: SMTP
    waiting: deque[Letter]

    async def make(self) -> int:
        """Send the letters; return how many were tried; release those without time left."""
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
        except SMTPResponseException:  # about the sender or the connection, so for every letter
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
        """End the leases of the letters that were not tried, so that they wait as before."""
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
        """Write the outcome of an attempt if the conditions ``unless_overtaken`` hold.

        They keep a failure from being written to a letter that another worker has leased since.
        """
        async with self.database.transaction() as db:
            await db.execute(
                update(Letter).where(Letter.id == letter.id, *unless_overtaken).values(values)
            )
        LETTERS.labels(outcome).inc()
        told = {"letter": letter.id, "template": letter.template, "reason": values["reason"]}
        log.info("letter", outcome=outcome, **told)


def _is_final(error: SMTPRecipientsRefused | SMTPDataError) -> bool:
    """Tell whether the server will never accept this letter (RFC 5321, 4.2.1: 5yz)."""
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


async def finish_old_letters(act: Act, limit: int) -> int:
    """Give up letters that are too old or expired, delete those finished long ago; return how many.

    Letters that others have locked are left for the next run.
    """
    expired = Letter.expires_at <= act.now
    late = select(Letter.id).where(
        Letter.due_at.is_not(None), expired | (Letter.created_at <= act.now - GIVE_UP_AFTER)
    )
    cause = case(
        (expired, _cause_literal(GivingUpCause.EXPIRED)),
        else_=_cause_literal(GivingUpCause.TOO_LATE),
    )
    given_up = await act.db.scalars(
        update(Letter)
        .where(Letter.id.in_(select_for_update(act.db, late.limit(limit), wait=False)))
        .values(given_up_at=act.now, cause=cause, **FINISHED_VALUES)
        .returning(Letter.id)
    )
    old = select(Letter.id).where(Letter.due_at.is_(None), Letter.created_at <= act.now - RETENTION)
    forgotten = await act.db.scalars(
        delete(Letter)
        .where(Letter.id.in_(select_for_update(act.db, old.limit(limit), wait=False)))
        .returning(Letter.id)
    )
    count = len(given_up.all())
    LETTERS.labels("given_up").inc(count)
    return count + len(forgotten.all())


def _cause_literal(cause: GivingUpCause) -> ColumnElement[GivingUpCause]:
    return literal(cause, Letter.cause.type)
