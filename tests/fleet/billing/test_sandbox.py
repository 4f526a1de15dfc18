"""The sandbox: its page takes its own cards only, and its notices reach us over HTTP."""

import asyncio
import json
import re
import time
from pathlib import Path

import pytest

from fleet.accounts.roles import Role
from fleet.billing import pages
from fleet.billing.errors import PROVIDER_AWAY
from fleet.billing.pages import unfit_fields
from fleet.billing.rules import PaymentReport, PaymentStatus
from fleet.billing.sandbox import CARDS, KEY_FILE, SIGNATURE, Sandbox, sign
from tests.fleet.billing.conftest import PRICE, Shop
from tests.fleet.conftest import START, Employ

GOOD, DECLINED, SLOW, UNTOLD = CARDS
CARD = {"number": GOOD, "term": "12/30", "cvc": "123", "choice": "pay"}
HOOK = "/pay/notices/sandbox"


async def page(shop: Shop, url: str, language: str = "ru") -> str:
    async with shop.client.session.get(url, headers={"Accept-Language": language}) as answer:
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return await answer.text()


async def pay(shop: Shop, url: str, **typed: str) -> tuple[int, str, str]:
    """Fill the form of the page and send it: status, Location, text."""
    token = re.search(r'name="token" value="(\w+)"', await page(shop, url))
    assert token is not None
    form = {**CARD, "token": token[1], **typed}
    async with shop.client.session.post(url, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def tell(shop: Shop, headers: dict[str, str], body: bytes, hook: str = HOOK) -> int:
    async with shop.client.post(hook, data=body, headers=headers) as answer:
        return answer.status


async def paid_at_sandbox(shop: Shop, status: PaymentStatus) -> tuple[str, dict[str, str], bytes]:
    """A payment whose end the sandbox knows but has not told: its number, and the notice."""
    id_ = await shop.open()
    await shop.check_out(id_)
    provider_id = (await shop.payment(id_)).provider_id
    assert provider_id is not None
    card = CARDS[GOOD] if status is PaymentStatus.PAID else CARDS[DECLINED]
    booked = await shop.sandbox.charge(provider_id, card)
    return id_, *shop.sandbox.compose(booked)


async def test_payment_on_the_page_is_announced_once(shop: Shop) -> None:
    id_ = await shop.open()
    opened = await shop.check_out(id_)
    assert (opened["status"], opened["amount_kopecks"]) == ("waiting", PRICE)
    assert opened["redirect_url"].startswith(f"{shop.config.public_url}/pay/sandbox/")
    text = await page(shop, opened["redirect_url"])
    assert "1\u00a0499,00 ₽" in text and "Заплатить" in text and "CVC-код" in text
    status, back, _ = await pay(shop, opened["redirect_url"])
    assert (status, back) == (303, f"{shop.config.public_url}/pay/{id_}")
    assert "Оплачено" in await page(shop, back)
    assert "Paid." in await page(shop, back, "en")
    shown = (await shop.api.get(f"/payments/{id_}")).json
    assert (shown["status"], shown["purpose"], shown["reference"]) == ("paid", "subscriptions", "7")
    assert [(fact.payment_id, fact.reference) for fact in shop.settled] == [(id_, "7")]
    # The page of a payment that is over leads back.
    async with shop.client.session.get(opened["redirect_url"], allow_redirects=False) as again:
        assert (again.status, again.headers["Location"]) == (303, back)


REFUSALS: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"number": "4000 0000 0000 0002"}, "failed", "card_declined"),
    ({"choice": "give_up", "number": "", "term": "", "cvc": ""}, "cancelled", "given_up"),
)


async def test_declined_or_cancelled_payment_announces_nothing(shop: Shop) -> None:
    for typed, status, reason in REFUSALS:
        id_ = await shop.open()
        url = (await shop.check_out(id_))["redirect_url"]
        assert (await pay(shop, url, **typed))[0] == 303
        shown = (await shop.api.get(f"/payments/{id_}")).json
        assert (shown["status"], shown["reason"]) == (status, reason)
        again = await shop.api.post(f"/payments/{id_}/checkout")
        assert (again.status, again.json["code"]) == (409, f"payment_{status}")
        assert f"'{status}'" not in again.json["detail"]
    assert shop.settled == []


async def test_checkout_of_a_paid_payment_returns_its_status(shop: Shop) -> None:
    id_, headers, body = await paid_at_sandbox(shop, PaymentStatus.PAID)
    assert await tell(shop, headers, body) == 200
    shop.clock.forward(hours=2)
    answer = await shop.api.post(f"/payments/{id_}/checkout")
    assert (answer.status, answer.json["status"]) == (200, "paid")


async def test_checkout_of_an_uncertain_payment_asks_to_wait(shop: Shop) -> None:
    never_opened, opened = await shop.open(), await shop.open()
    await shop.check_out(opened)
    shop.clock.forward(minutes=61)
    for id_, code, new in (
        (never_opened, "payment_cancelled", True),
        (opened, "payment_awaited", False),
    ):
        answer = await shop.api.post(f"/payments/{id_}/checkout")
        assert (answer.status, answer.json["code"]) == (409, code)
        assert ("Make a new purchase" in answer.json["detail"]) is new


async def test_real_card_is_refused_and_not_shown_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = await shop.open()
    url = (await shop.check_out(id_))["redirect_url"]
    card = {"number": "4276 3800 1234 5678", "term": "02/26", "cvc": "<i>"}
    status, _, text = await pay(shop, url, **card)
    assert status == 422
    assert all(words in text for words in ("тестовой карты", "не раньше", "три цифры"))
    assert not any(value in text for value in card.values())
    assert card["number"] not in capsys.readouterr().out
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({}, []),
        ({"number": "4111-1111-1111-1111", "term": "0326"}, []),
        ({"number": "4276380012345678"}, ["number"]),
        ({"number": "٤١١١١١١١١١١١١١١١"}, ["number"]),
        ({"term": "02/26"}, ["term"]),
        ({"term": "13/30"}, ["term"]),
        ({"cvc": "12"}, ["cvc"]),
        ({"number": "", "term": "", "cvc": ""}, ["number", "term", "cvc"]),
    ],
)
def test_only_test_cards_are_accepted(typed: dict[str, str], wrong: list[str]) -> None:
    assert unfit_fields({**CARD, **typed}, START) == wrong


async def test_form_of_another_site_is_refused(shop: Shop) -> None:
    url = (await shop.check_out(await shop.open()))["redirect_url"]
    for token in ("", "0" * 64, "ж"):
        async with shop.client.session.post(url, data={**CARD, "token": token}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "payment_form_foreign")


async def test_slow_card_is_paid_after_its_delay(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CARDS[SLOW].delay_s == 3
    soon = CARDS[SLOW]._replace(delay_s=0.2)
    monkeypatch.setattr(pages, "CARDS", {**CARDS, SLOW: soon})
    id_ = await shop.open()
    url = (await shop.check_out(id_))["redirect_url"]
    began = time.monotonic()
    await pay(shop, url, number=SLOW)
    assert time.monotonic() - began >= soon.delay_s
    assert (await shop.payment(id_)).status is PaymentStatus.PAID


async def test_payment_with_lost_notice_is_found_by_polling(shop: Shop) -> None:
    id_ = await shop.open()
    await pay(shop, (await shop.check_out(id_))["redirect_url"], number=UNTOLD)
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    assert await shop.desk.poll_due() == 0  # it is not due yet
    shop.clock.forward(minutes=2)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).status is PaymentStatus.PAID
    assert len(shop.settled) == 1


async def test_payment_made_during_a_long_outage_is_found(shop: Shop) -> None:
    id_ = await shop.open()
    await pay(shop, (await shop.check_out(id_))["redirect_url"], number=UNTOLD)
    shop.clock.forward(days=30)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).status is PaymentStatus.PAID
    assert len(shop.settled) == 1


async def test_payment_without_outcome_is_cancelled_at_last(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await shop.open()
    await shop.check_out(id_)

    async def silence(*_: object) -> PaymentReport:
        raise PROVIDER_AWAY(retry_after_s=5)

    monkeypatch.setattr(Sandbox, "fetch_payment", silence)
    shop.clock.forward(days=7)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    shop.clock.forward(minutes=11)
    assert await shop.desk.poll_due() == 1
    assert (await shop.payment(id_)).status is PaymentStatus.CANCELLED
    shop.clock.forward(days=1)
    assert await shop.desk.poll_due() == 0


async def test_payment_that_was_not_made_expires(shop: Shop) -> None:
    never_opened, opened = await shop.open(), await shop.open()
    url = (await shop.check_out(opened))["redirect_url"]
    shop.clock.forward(minutes=61)
    assert await shop.desk.poll_due() == 2
    for id_ in (never_opened, opened):
        payment = await shop.payment(id_)
        assert (payment.status, payment.reason) == (PaymentStatus.CANCELLED, "expired")
    async with shop.client.session.get(url, allow_redirects=False) as answer:
        assert answer.status == 303
    assert await shop.desk.poll_due() == 0


async def test_payment_page_closes_after_an_hour(shop: Shop) -> None:
    id_ = await shop.open()
    shop.clock.forward(minutes=60)
    answer = await shop.api.post(f"/payments/{id_}/checkout")
    assert (answer.status, answer.json["code"]) == (409, "payment_cancelled")


async def test_repeated_checkout_returns_the_same_page(shop: Shop) -> None:
    id_ = await shop.open()
    several = await asyncio.gather(*(shop.check_out(id_) for _ in range(5)))
    assert len({each["redirect_url"] for each in (*several, await shop.check_out(id_))}) == 1


async def test_simultaneous_equal_notices_count_once(shop: Shop) -> None:
    id_, headers, body = await paid_at_sandbox(shop, PaymentStatus.PAID)
    answers = await asyncio.gather(*(tell(shop, headers, body) for _ in range(6)))
    assert answers == [200] * 6
    assert await tell(shop, headers, body) == 200
    assert [fact.payment_id for fact in shop.settled] == [id_]


async def test_late_notice_cannot_revoke_a_payment(shop: Shop) -> None:
    id_, headers, body = await paid_at_sandbox(shop, PaymentStatus.PAID)
    late = body.replace(b"succeeded", b"canceled").replace(b'"paid"', b'"cancelled"')
    assert await tell(shop, headers, body) == 200
    assert await tell(shop, sign(shop.sandbox.key, late, shop.clock()), late) == 200
    assert (await shop.payment(id_)).status is PaymentStatus.PAID
    # The other way round money that was taken is honoured.
    other, headers, body = await paid_at_sandbox(shop, PaymentStatus.PAID)
    early = body.replace(b"succeeded", b"canceled").replace(b'"paid"', b'"cancelled"')
    assert await tell(shop, sign(shop.sandbox.key, early, shop.clock()), early) == 200
    assert (await shop.payment(other)).status is PaymentStatus.CANCELLED
    assert await tell(shop, headers, body) == 200
    assert (await shop.payment(other)).status is PaymentStatus.PAID
    assert [fact.payment_id for fact in shop.settled] == [id_, other]


async def test_unverified_notice_changes_nothing(shop: Shop) -> None:
    id_, headers, body = await paid_at_sandbox(shop, PaymentStatus.PAID)
    forged = {**headers, SIGNATURE: headers[SIGNATURE][:-1] + "x"}
    other_key = sign(b"k" * 32, body, shop.clock())
    for wrong in ({}, forged, other_key, {SIGNATURE: f"t=999999999999,v1={'0' * 64}"}):
        assert await tell(shop, wrong, body) == 401
    assert await tell(shop, headers, body + b" ") == 401
    shop.clock.forward(minutes=6)  # a replay
    assert await tell(shop, headers, body) == 401
    assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    assert shop.settled == []


MISFITS: tuple[tuple[dict[str, object], int], ...] = (
    ({"amount_kopecks": 100}, 409),
    ({"currency": "USD"}, 409),
    ({"status": "gone"}, 422),
    ({"payment_id": "\0"}, 404),
    ({"payment_id": "00000000-0000-4000-8000-000000000000"}, 404),
    ({"id": "00000000-0000-4000-8000-000000000000"}, 404),
)


async def test_notice_that_differs_from_the_payment_changes_nothing(shop: Shop) -> None:
    id_, _, body = await paid_at_sandbox(shop, PaymentStatus.PAID)
    for changed, status in MISFITS:
        other = json.dumps({**json.loads(body), **changed}).encode()
        assert await tell(shop, sign(shop.sandbox.key, other, shop.clock()), other) == status
        assert (await shop.payment(id_)).status is PaymentStatus.WAITING
    assert shop.settled == []


async def test_notice_needs_a_known_provider_and_a_limited_size(shop: Shop) -> None:
    assert await tell(shop, {}, b"x" * 65_537) == 413
    assert await tell(shop, {}, b"{}", "/pay/notices/yookassa") == 404
    assert await tell(shop, {}, b"{}", "/pay/notices/%00") == 404


async def test_another_partners_payment_is_not_found(shop: Shop, employ: Employ) -> None:
    id_ = await shop.open()
    await employ("boris")
    await shop.api.sign_in("boris")
    for answer in (
        await shop.api.get(f"/payments/{id_}"),
        await shop.api.post(f"/payments/{id_}/checkout"),
    ):
        assert (answer.status, answer.json["code"]) == (404, "payment_not_found")
    assert (await shop.payment(id_)).provider_id is None


async def test_payments_need_the_right_to_buy(shop: Shop, employ: Employ) -> None:
    id_ = await shop.open()
    await employ("oleg", Role.OBSERVER, shop.anna.partner_id)
    await shop.api.sign_in("oleg")
    assert (await shop.api.get(f"/payments/{id_}")).status == 403
    assert (await shop.api.post(f"/payments/{id_}/checkout")).status == 403


async def test_pages_of_unknown_payments_are_not_found(shop: Shop) -> None:
    for path in ("/pay/%00", "/pay/nothing", "/pay/sandbox/%00", "/pay/sandbox/1"):
        async with shop.client.get(path) as answer:
            assert answer.status == 404


async def test_key_is_made_once_and_readable_only_by_its_owner(shop: Shop, tmp_path: Path) -> None:
    key = shop.sandbox.key
    path = tmp_path / "data" / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert shop.sandbox.key == key == path.read_bytes()
    assert [found.name for found in path.parent.iterdir()] == [KEY_FILE]
