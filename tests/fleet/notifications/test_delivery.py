"""Letters reach a real SMTP server, whatever happens on the way, and keep no secret behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.language import Language
from fleet.notifications.delivery import (
    LETTER_TIMEOUT_S,
    PORTION,
    QUIT_TIMEOUT_S,
    RUN_S,
    LetterSender,
    finish_old_letters,
)
from fleet.notifications.models import Letter
from fleet.notifications.rules import GIVE_UP_AFTER, LEASE, LONGEST_PAUSE, RETENTION, GivingUpCause
from fleet.notifications.service import send
from fleet.worker.runner import TIMEOUT_S
from tests.fleet.conftest import HandClock
from tests.fleet.notifications.mailbox import (
    LOGIN,
    PASSWORD,
    Mailbox,
    html,
    link_token,
    plain,
    serving,
)
from tests.pace import scaled

SECRET = "s3cret-of-the-link"
PARAMS = {
    "name": "Анна <b>&",
    "login": "anna",
    "partner": "Ромашка",
    "link": f"https://cash.example/password#{SECRET}",
}


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with serving(Mailbox()) as mailbox:
        yield mailbox


@pytest.fixture
def delivery() -> LetterSender:
    return LetterSender()


def config_of(mailbox: Mailbox, **more: Any) -> FleetConfig:
    return FleetConfig(smtp=mailbox.url, mail_from="cash@example.org", **more)


async def post(
    database: Database,
    clock: HandClock,
    to: str = "anna@example.org",
    language: Language = Language.RU,
    **more: Any,
) -> None:
    letter: dict[str, Any] = {"template": "invitation", "params": PARAMS}
    async with Acts(database, clock, language=language).transaction() as act:
        await send(act, to=to, **(letter | more))


async def letters(database: Database) -> list[Letter]:
    async with database.read() as db:
        return list(await db.scalars(select(Letter).order_by(Letter.id)))


async def test_a_letter_arrives_as_text_and_html_and_its_secret_is_erased(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    await post(database, clock)
    await post(database, clock, "boris@example.org", language=Language.EN)
    with capture_logs() as lines:
        assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 2
    russian, english = mailbox.messages
    assert (russian["To"], russian["From"]) == ("anna@example.org", "cash@example.org")
    assert russian["Subject"] == "Приглашение в кассовый сервер"
    assert english["Subject"] == "Invitation to the cash server"
    assert link_token(russian) == link_token(english) == SECRET
    assert "Анна <b>&" in plain(russian) and "Анна &lt;b&gt;&amp;" in html(russian)
    assert f'<a href="{PARAMS["link"]}">' in html(russian)
    for letter in await letters(database):
        assert (letter.sent_at, letter.due_at, letter.params) == (clock(), None, {})
    assert len(lines) == 2
    assert SECRET not in str(lines) and "example.org" not in str(lines)
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 0


async def test_a_letter_is_sent_only_if_its_change_is_committed(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as db:
            await send(
                Act(db, None, clock(), Language.RU),
                to="anna@example.org",
                template="invitation",
                params=PARAMS,
            )
            raise RuntimeError
    with pytest.raises(KeyError):
        await post(database, clock, params={"name": "Анна"})
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 0
    assert mailbox.messages == []


async def test_letters_are_kept_while_the_mail_server_is_down(
    database: Database, clock: HandClock, delivery: LetterSender
) -> None:
    mailbox = Mailbox()
    async with serving(mailbox):
        pass
    for number in range(3):
        await post(database, clock, f"n{number}@example.org")
    config = config_of(mailbox)
    for attempts in (1, 2, 3):
        assert await delivery.run(Acts(database, clock, config=config)) == 3
        assert await delivery.run(Acts(database, clock, config=config)) == 0
        for letter in await letters(database):
            assert letter.attempts == attempts and letter.due_at is not None
            pause = timedelta(seconds=30) * 2 ** (attempts - 1)
            assert pause / 2 <= letter.due_at - clock() <= pause * 1.5
            assert "Connect" in letter.reason
        clock.forward(minutes=10)
    async with serving(mailbox):
        assert await delivery.run(Acts(database, clock, config=config)) == 3
    assert {message["To"] for message in mailbox.messages} == {
        f"n{n}@example.org" for n in range(3)
    }
    assert all(letter.sent_at and letter.reason == "" for letter in await letters(database))


async def test_a_letter_cut_off_after_data_is_sent_again_with_the_same_message_id(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    """The one case of a repeated letter: taken by the server, which never said so."""
    mailbox.drops_after_data = True
    await post(database, clock)
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    mailbox.drops_after_data = False
    clock.forward(minutes=2)
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    clock.forward(hours=2)
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"] and first["Message-ID"]
    assert (await letters(database))[0].sent_at is not None


async def test_a_letter_that_breaks_the_connection_does_not_stop_the_others(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    mailbox.drops_after_data = True
    for number in range(3):
        await post(database, clock, f"n{number}@example.org")
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    assert len(mailbox.messages) == 3


async def test_a_permanent_refusal_is_given_up_and_a_temporary_one_is_not(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    await post(database, clock)
    mailbox.recipient_answer = "451 greylisted, come again"
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    (letter,) = await letters(database)
    assert letter.due_at is not None and letter.reason == "451 greylisted, come again"
    mailbox.recipient_answer = ""
    mailbox.data_answer = f"554 spam: {PARAMS['link']} {SECRET}"
    clock.forward(hours=1)
    with capture_logs() as lines:
        await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    (letter,) = await letters(database)
    assert (letter.due_at, letter.given_up_at, letter.params) == (None, clock(), {})
    assert letter.reason == "554 spam: *** ***" and SECRET not in str(lines)


OUR_FAULT = (
    ("sender", "530 5.7.0 Authentication required"),
    ("sender", "553 5.1.8 Sender address rejected: not owned by user"),
    ("recipient", "550 5.7.1 Relaying denied"),
    ("recipient", "550 relay not permitted"),
    ("recipient", "530 Must issue STARTTLS first"),
    ("data", "550 5.7.26 This mail has been blocked because the sender is unauthenticated"),
)


@pytest.mark.parametrize(("where", "said"), OUR_FAULT)
async def test_a_refusal_of_the_sender_gives_up_no_letter(
    database: Database,
    clock: HandClock,
    mailbox: Mailbox,
    delivery: LetterSender,
    where: str,
    said: str,
) -> None:
    for number in range(3):
        await post(database, clock, f"n{number}@example.org")
    right = getattr(mailbox, f"{where}_answer")
    setattr(mailbox, f"{where}_answer", said)
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    for letter in await letters(database):
        assert (letter.given_up_at, letter.attempts) == (None, 1)
        assert letter.reason == said and letter.params == PARAMS
    setattr(mailbox, f"{where}_answer", right)
    clock.forward(minutes=1)
    mailbox.messages.clear()
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    assert len(mailbox.messages) == 3


async def test_a_mail_server_that_refuses_the_sender_is_tried_once_a_run(
    database: Database,
    clock: HandClock,
    mailbox: Mailbox,
    delivery: LetterSender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def refuse(
        _server: object, _session: object, _envelope: object, to: str, _: object
    ) -> str:
        asked.append(to)
        return "553 not owned by user"

    monkeypatch.setattr(mailbox, "handle_MAIL", refuse)
    for number in range(3):
        await post(database, clock, f"n{number}@example.org")
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    assert asked == ["cash@example.org"]


async def test_a_slow_mail_server_gets_each_letter_once_and_untried_letters_keep_their_count(
    database: Database,
    clock: HandClock,
    mailbox: Mailbox,
    delivery: LetterSender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fleet.notifications.delivery.RUN_S", 0.3)
    mailbox.pauses_s.extend([0.5, 0.0, 0.0])
    for number in range(3):
        await post(database, clock, f"n{number}@example.org")
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 1
    first, *rest = await letters(database)
    assert first.sent_at and len(mailbox.messages) == 1
    for letter in rest:
        assert (letter.due_at, letter.attempts, letter.reason) == (clock(), 0, "")
    monkeypatch.undo()  # else the machine must serve both in time
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 2
    assert len({message["To"] for message in mailbox.messages}) == len(mailbox.messages) == 3


async def test_a_hanging_letter_postpones_only_itself(
    database: Database,
    clock: HandClock,
    mailbox: Mailbox,
    delivery: LetterSender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fleet.notifications.delivery.LETTER_TIMEOUT_S", 1.0)
    mailbox.pauses_s.extend([60.0])
    for number in range(3):
        await post(database, clock, f"n{number}@example.org")
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 3
    hung, *rest = await letters(database)
    assert (hung.sent_at, hung.attempts) == (None, 1) and "Timeout" in hung.reason
    assert all(letter.sent_at for letter in rest)


def test_a_run_fits_into_the_time_limit_of_the_worker() -> None:
    assert RUN_S + LETTER_TIMEOUT_S + QUIT_TIMEOUT_S < TIMEOUT_S < LEASE.total_seconds()


async def test_no_parameter_can_add_a_header(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    evil = "x\r\nBcc: all@example.org\r\n\r\nbody"
    await post(database, clock, params={**PARAMS, "name": evil, "login": evil, "partner": evil})
    for address in (f"a@example.org{evil}", "a@example.org, b@example.org", "", "a b@c", "x@"):
        await post(database, clock, address[:200])
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    (message,) = mailbox.messages
    assert message["Bcc"] is None and message["To"] == "anna@example.org"
    assert sorted(letter.given_up_at is None for letter in await letters(database)) == [
        *[False] * 5,
        True,
    ]


async def test_without_a_mail_server_letters_wait_and_it_is_logged_once(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    await post(database, clock)
    with capture_logs() as lines:
        for _ in range(3):
            assert await delivery.run(Acts(database, clock, config=FleetConfig(smtp=""))) == 0
    assert [line["event"] for line in lines] == ["no_mail_server"]
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 1


async def test_several_workers_send_a_letter_once(
    database: Database, database_url: str, clock: HandClock, mailbox: Mailbox
) -> None:
    count = 2 * PORTION + 5
    for number in range(count):
        await post(database, clock, f"n{number}@example.org")
    elsewhere = Database(database_url)
    works = [
        Acts(each, clock, config=config_of(mailbox)) for each in (database, elsewhere, database)
    ]
    done = 0
    while found := sum(await asyncio.gather(*(LetterSender().run(acts) for acts in works))):
        done += found
    await elsewhere.close()
    assert done == count == len(mailbox.messages)
    assert len({message["To"] for message in mailbox.messages}) == count


async def test_a_letter_of_a_dead_worker_is_sent_when_its_lease_expires(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    await post(database, clock)
    async with database.transaction() as db:
        await db.execute(update(Letter).values(due_at=clock() + LEASE, attempts=1))
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 0
    clock.now += LEASE
    assert await delivery.run(Acts(database, clock, config=config_of(mailbox))) == 1
    assert len(mailbox.messages) == 1


async def test_the_mail_server_gets_login_and_password(
    database: Database, clock: HandClock, delivery: LetterSender, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    async with serving(Mailbox(), login=True) as mailbox:
        for word, sent in (("wrong", 0), (PASSWORD, 1)):
            secret.write_text(word + "\n")
            config = FleetConfig(
                smtp=mailbox.url.replace("//", f"//{LOGIN}@"), smtp_password_file=secret
            )
            await post(database, clock)
            await delivery.run(Acts(database, clock, config=config))
            assert len(mailbox.messages) == sent
            first = (await letters(database))[0]
            assert first.given_up_at is None and first.reason.startswith("535")


async def test_a_letter_that_can_no_longer_be_composed_is_given_up(
    database: Database, clock: HandClock, mailbox: Mailbox, delivery: LetterSender
) -> None:
    await post(database, clock)
    async with database.transaction() as db:
        await db.execute(update(Letter).values(template="of another version"))
    await post(database, clock)
    await delivery.run(Acts(database, clock, config=config_of(mailbox)))
    lost, sent = await letters(database)
    assert lost.given_up_at and "KeyError" in lost.reason and sent.sent_at


async def test_old_letters_are_given_up_and_later_deleted(
    database: Database, clock: HandClock
) -> None:
    for _ in range(3):
        await post(database, clock)
    async with database.transaction() as db:
        await db.execute(update(Letter).values(reason="421 come again"))
    clock.now += GIVE_UP_AFTER - timedelta(seconds=1)
    async with database.transaction() as db:
        assert await finish_old_letters(Act(db, None, clock()), 2) == 0
    clock.forward(seconds=1)
    for done in (2, 1, 0):
        async with database.transaction() as db:
            assert await finish_old_letters(Act(db, None, clock()), 2) == done
    for letter in await letters(database):
        assert letter.given_up_at and letter.params == {} and letter.reason == "421 come again"
        assert letter.cause is GivingUpCause.TOO_LATE
    clock.now += RETENTION - GIVE_UP_AFTER
    for done in (2, 1, 0):
        async with database.transaction() as db:
            assert await finish_old_letters(Act(db, None, clock()), 2) == done
    assert await letters(database) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_the_clean_up_of_letters_skips_locked_rows(
    database: Database, clock: HandClock
) -> None:
    for _ in range(2):
        await post(database, clock)
    for ended in (GIVE_UP_AFTER, RETENTION):
        clock.now += ended
        async with database.transaction() as busy:
            one = select(Letter).order_by(Letter.id).limit(1).with_for_update()
            assert await busy.scalar(one) is not None
            async with database.transaction() as db:
                tidied = finish_old_letters(Act(db, None, clock()), 100)
                assert await asyncio.wait_for(tidied, scaled(5)) == 1


async def test_an_expired_letter_is_given_up_also_without_a_mail_server(
    database: Database, clock: HandClock
) -> None:
    await post(database, clock, expires_at=clock() + timedelta(hours=1))
    await post(database, clock)
    clock.forward(hours=1)
    async with database.transaction() as db:
        assert await finish_old_letters(Act(db, None, clock()), 2) == 1
    lost, waiting = await letters(database)
    assert (lost.cause, lost.params, waiting.cause) == (GivingUpCause.EXPIRED, {}, None)


def test_a_letter_is_kept_longer_than_its_longest_pause() -> None:
    assert LONGEST_PAUSE * 1.5 < GIVE_UP_AFTER < RETENTION
