"""Handlers of the commands for receipts, shifts, cash and reports (KKT-PC 3.1).

The rules are those of ``till``, the documents those of the fiscal drive. A command with bit 0 of
its flags is only a trial: it is refused as usual, but does nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from protocol.kktpc.text import decode_cp866
from simulator.register import printing
from simulator.register.failures import Failure, ResultCode
from simulator.register.printing import rub
from simulator.register.registration import require_mode, require_signed
from simulator.register.state import RECEIPT_CM, RegisterState
from simulator.register.till import (
    CASH,
    RECEIPT_TYPES,
    TAXES,
    Document,
    Item,
    Receipt,
    TotalKind,
    tax_within,
    taxes_of,
)

Fields = dict[str, Any]
CommandHandler = Callable[[RegisterState, Fields, datetime], Fields]

REGISTRATION, X_REPORTS, Z_REPORTS = 1, 2, 3
"""Modes of platform 2.5."""

ONLY_TRY: Final = 0x01
NOT_ON_PAPER: Final = 0x02
SHIFT_REPORT_CM: Final = 60
SHIFT_OPENED, RECEIPT, SHIFT_CLOSED, EXCHANGE_STATE, CORRECTION = 2, 3, 5, 21, 31
"""Kinds of fiscal documents (KKT-PC 3.4, command 40 of the drive)."""

FIRST_CORRECTION: Final = 7
SURCHARGE: Final = 1
PER_CENT: Final = 0
TITLES: Final = {
    1: "ПРИХОД", 2: "ВОЗВРАТ ПРИХОДА", 4: "РАСХОД", 5: "ВОЗВРАТ РАСХОДА",
    7: "КОРРЕКЦИЯ ПРИХОДА", 8: "КОРРЕКЦИЯ ВОЗВРАТА ПРИХОДА", 9: "КОРРЕКЦИЯ РАСХОДА",
    10: "КОРРЕКЦИЯ ВОЗВРАТА РАСХОДА",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Draft:
    """A document before it is signed; ``lines`` go to the tape."""

    kind: int
    lines: list[str]
    paper_cm: int = RECEIPT_CM
    receipt_type: int = 0
    total: int = 0


def _sign(register: RegisterState, draft: _Draft, now: datetime) -> Document:
    """Sign and print the document; raise ``Failure`` without any change (no paper, drive error)."""
    if draft.paper_cm:
        printing.require_paper(register)
    require_signed(register.drive.error(now))
    drive = register.drive
    drive.sign(1, now)
    document = Document(
        drive.documents, draft.kind, now, drive.last_sign, draft.receipt_type, draft.total
    )
    register.till.keep(document)
    if draft.paper_cm:
        tail = f"ФД {document.number} ФП {document.sign}"
        printing.put(register, [*draft.lines, tail], draft.paper_cm)
        register.cuts += 1
    return document


def _open_shift(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    require_mode(register, REGISTRATION)
    if register.shift_opened_at is not None:
        raise Failure(ResultCode.SHIFT_OPEN)
    if _is_trial(fields):
        return {}
    lines = ["ОТЧЕТ ОБ ОТКРЫТИИ СМЕНЫ", *printing.lines_of(fields["text"])]
    _sign(register, _Draft(SHIFT_OPENED, lines, SHIFT_REPORT_CM), now)
    register.till.begin_shift()
    register.till.shift_documents = 1
    register.shift_number += 1
    register.shift_opened_at = now
    return {}


def _close_shift(register: RegisterState, _: Fields, now: datetime) -> Fields:
    require_mode(register, Z_REPORTS)
    register.till.require_no_receipt()
    if register.shift_opened_at is None:
        raise Failure(ResultCode.NOTHING_TO_CLEAR)
    lines = ["ОТЧЕТ О ЗАКРЫТИИ СМЕНЫ", *_shift_lines(register)]
    _sign(register, _Draft(SHIFT_CLOSED, lines, SHIFT_REPORT_CM), now)
    register.till.end_shift()
    register.shift_opened_at, register.shift_closed_at = None, now
    return {}


def _shift_lines(register: RegisterState) -> list[str]:
    till = register.till
    counts = {kind: till.totals[TotalKind.RECEIPTS, kind, 0] for kind in sorted(RECEIPT_TYPES)}
    receipts = (
        f"{TITLES[kind]} {count}: {rub(till.paid(frozenset({kind})))}"
        for kind, count in counts.items()
        if count
    )
    return [
        f"СМЕНА {register.shift_number}",
        *receipts,
        f"НАЛИЧНЫЕ {rub(till.cash)}",
        f"ВЫРУЧКА {rub(till.revenue())}",
    ]


def _open_receipt(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    require_mode(register, REGISTRATION)
    register.till.require_no_receipt()
    if fields["type"] not in RECEIPT_TYPES:
        raise Failure(ResultCode.WRONG_RECEIPT)
    _require_shift(register, now)
    if not _is_trial(fields):
        printed = register.prints_receipts and not fields["flags"] & NOT_ON_PAPER
        register.till.receipt = Receipt(fields["type"], printed)
    return {}


def _require_shift(register: RegisterState, now: datetime) -> None:
    """Raise ``Failure`` unless a shift is open and not expired.

    A closed shift is reported as a wrong state of the drive, as the drive itself does.
    """
    state = register.shift_state(now)
    if state == "closed":
        raise Failure(ResultCode.DRIVE_STATE)
    if state == "expired":
        raise Failure(ResultCode.SHIFT_EXPIRED)


def _begin_item(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    receipt = _receipt(register)
    if receipt.position_begun:
        raise Failure(ResultCode.UNFINISHED)
    if not _is_trial(fields):
        receipt.position_begun = True
    return {}


def _end_item(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if not _receipt(register).position_begun:
        raise Failure(ResultCode.WRONG_MODE)
    cost = _cost(fields["price"], fields["quantity"])
    if fields["cost"] not in (0, cost):
        raise Failure(ResultCode.WRONG_PRICE)
    _sell(register, fields, cost, fields["tax_sum"])
    return {}


def _item(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if _receipt(register).position_begun:
        raise Failure(ResultCode.UNFINISHED)
    cost = _cost(fields["price"], fields["quantity"])
    size = fields["discount"]
    change = cost * size // 10_000 if fields["discount_type"] == PER_CENT else size
    cost += change if fields["discount_sign"] == SURCHARGE else -change
    if cost < 0:
        raise Failure(ResultCode.WRONG_DISCOUNT)
    _sell(register, fields, cost, 0)
    return {}


def _cost(price: int, quantity: int) -> int:
    """Return price (kopecks) times quantity (thousandths), rounded to the kopeck."""
    if not quantity:
        raise Failure(ResultCode.WRONG_QUANTITY)
    return (2 * price * quantity + 1000) // 2000


def _sell(register: RegisterState, fields: Fields, cost: int, tax_sum: int) -> None:
    if fields["tax"] not in (0, *TAXES):
        raise Failure(ResultCode.WRONG_TAX)
    if tax_sum > cost:
        raise Failure(ResultCode.TAX_ABOVE_TOTAL)
    if not _is_trial(fields):
        name = decode_cp866(fields["name"].rstrip(b"\0"))
        register.till.sell(Item(name, cost, fields["tax"] or TAXES[-1], tax_sum))


def _discount(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    receipt, amount = _receipt(register), fields["sum"]
    if fields["type"] == PER_CENT:
        amount = receipt.total * amount // 10_000
    if not _is_trial(fields):
        total = TotalKind.SURCHARGE if fields["sign"] == SURCHARGE else TotalKind.DISCOUNT
        register.till.adjust(total, amount)
    return {}


def _receipt_tax(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    receipt = _receipt(register)
    if fields["tax"] not in TAXES:
        raise Failure(ResultCode.WRONG_TAX)
    if fields["sum"] > receipt.total:
        raise Failure(ResultCode.TAX_ABOVE_TOTAL)
    if not _is_trial(fields):
        tax = fields["tax"]
        receipt.taxes[tax] += fields["sum"] or tax_within(receipt.total, tax)
    return {}


def _pay(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    receipt = _receipt(register)
    if not _is_trial(fields):
        register.till.pay(fields["payment"], fields["sum"])
    return {"rest": receipt.rest, "change": receipt.change}


def _close_receipt(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    receipt, till = _receipt(register), register.till
    if receipt.position_begun:
        raise Failure(ResultCode.UNFINISHED)
    _require_shift(register, now)
    paid = till.settled(fields["payment"], fields["sum"])
    if _is_trial(fields):
        return {}
    kind = CORRECTION if receipt.kind >= FIRST_CORRECTION else RECEIPT
    paper_cm = RECEIPT_CM if receipt.printed else 0
    lines = _receipt_lines(receipt, paid)
    draft = _Draft(kind, lines, paper_cm, receipt.kind, receipt.total)
    till.close(paid, _sign(register, draft, now))
    register.requisites.clear()
    return {}


def _receipt_lines(receipt: Receipt, paid: Mapping[int, int]) -> list[str]:
    return [
        TITLES[receipt.kind],
        *(f"{item.name} = {rub(item.cost)}" for item in receipt.items),
        f"ИТОГ = {rub(receipt.total)}",
        *(f"НАЛОГ {tax} = {rub(amount)}" for tax, amount in taxes_of(receipt).items() if amount),
        *(
            f"{'НАЛИЧНЫМИ' if payment == CASH else f'ОПЛАТА {payment}'} = {rub(amount)}"
            for payment, amount in paid.items()
            if amount
        ),
    ]


def _cancel_receipt(register: RegisterState, _: Fields, __: datetime) -> Fields:
    require_mode(register, REGISTRATION)
    register.till.cancel()
    register.requisites.clear()
    printing.put(register, ["ЧЕК АННУЛИРОВАН"])
    return {}


def _print_footer(register: RegisterState, _: Fields, __: datetime) -> Fields:
    require_mode(register, X_REPORTS)
    printing.require_paper(register)
    printing.put(register, ["*" * 20])
    return {}


def _receipt(register: RegisterState) -> Receipt:
    require_mode(register, REGISTRATION)
    return register.till.open_receipt


def _is_trial(fields: Fields) -> bool:
    return bool(fields["flags"] & ONLY_TRY)


def _cash(into: bool) -> CommandHandler:
    title = "ВНЕСЕНИЕ" if into else "ВЫПЛАТА"

    def order(register: RegisterState, fields: Fields, now: datetime) -> Fields:
        require_mode(register, REGISTRATION)
        register.till.require_no_receipt()
        _require_shift(register, now)
        printing.require_paper(register)
        if not _is_trial(fields):
            register.till.move_cash(fields["sum"], into)
            printing.put(register, [f"{title} {rub(fields['sum'])}"])
        return {}

    return order


def _read_cash(register: RegisterState, _: Fields, __: datetime) -> Fields:
    return {"sum": register.till.cash}


def _read_last_shift(register: RegisterState, _: Fields, __: datetime) -> Fields:
    income, outcome = register.till.last_shift
    return {"income": income, "outcome": outcome}


def _x_report(register: RegisterState, now: datetime) -> None:
    printing.put(register, ["X-ОТЧЕТ", *_shift_lines(register)], SHIFT_REPORT_CM)


def _exchange_report(register: RegisterState, now: datetime) -> None:
    """Sign and print the report on the state of settlements, a fiscal document of its own."""
    lines = ["ОТЧЕТ О СОСТОЯНИИ РАСЧЕТОВ", f"НЕПЕРЕДАННЫХ ФД: {register.drive.unsent}"]
    _sign(register, _Draft(EXCHANGE_STATE, lines), now)


_REPORTS: Final = {1: _x_report, 9: _exchange_report}


def _print_report(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    require_mode(register, X_REPORTS)
    if fields["type"] not in _REPORTS:
        raise Failure(ResultCode.WRONG_REPORT)
    printing.require_paper(register)
    _REPORTS[fields["type"]](register, now)
    return {}


HANDLERS: Final[Mapping[str, CommandHandler]] = {
    "open_shift": _open_shift,
    "close_shift": _close_shift,
    "open_receipt": _open_receipt,
    "begin_item": _begin_item,
    "end_item": _end_item,
    "item": _item,
    "discount": _discount,
    "receipt_tax": _receipt_tax,
    "pay": _pay,
    "close_receipt": _close_receipt,
    "cancel_receipt": _cancel_receipt,
    "print_footer": _print_footer,
    "cash_in": _cash(into=True),
    "cash_out": _cash(into=False),
    "read_cash": _read_cash,
    "read_last_shift": _read_last_shift,
    "print_report": _print_report,
}
