"""The till of a simulated register: the receipt under way, the money in the drawer, the totals of
the shift and those that are never cleared.

Pure rules.  Sums are kopecks, quantities thousandths; ``Failure`` changes nothing.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from simulator.register.failures import Failure, ResultCode

INCOME: Final = frozenset({1, 5, 7, 10})
OUTCOME: Final = frozenset({2, 4, 8, 9})
"""Types of receipts by where the money goes: 1 sell, 2 sell return, 4 buy, 5 buy return; 7 to 10
their corrections (types of libfptr10)."""

RECEIPT_TYPES: Final = INCOME | OUTCOME
PAYMENTS: Final = range(1, 11)
CASH: Final = 1
TAXES: Final = range(1, 8)
VAT_PER_MILLE: Final = {1: (200, 1200), 2: (100, 1100), 3: (0, 1000), 4: (0, 1000)}
"""Tax of a sum that holds it: numerator and denominator; taxes that are not here are none or come
from the host."""

LARGEST_SUM: Final = 10**10 - 1
KEPT_DOCUMENTS: Final = 512
KEPT_LINES: Final = 2000


class TotalKind(StrEnum):
    """What is counted, by type of receipt and one more number."""

    REGISTERED = "registered"
    ITEMS = "items"
    PAID = "paid"
    CASH_IN = "cash_in"
    CASH_OUT = "cash_out"
    CASH_IN_COUNT = "cash_in_count"
    CASH_OUT_COUNT = "cash_out_count"
    DISCOUNT = "discount"
    SURCHARGE = "surcharge"
    CANCELLED = "cancelled"
    RECEIPTS = "receipts"
    CANCELLED_RECEIPTS = "cancelled_receipts"
    TAX = "tax"


Key = tuple[TotalKind, int, int]
Totals = Counter[Key]


@dataclass(frozen=True, slots=True)
class Item:
    """One position of a receipt."""

    name: str
    cost: int
    tax: int
    tax_sum: int


@dataclass(frozen=True, slots=True)
class Document:
    """A fiscal document that was made at this line; ``kind`` as in the fiscal data format."""

    number: int
    kind: int
    made_at: datetime
    sign: str
    receipt_type: int = 0
    total: int = 0


@dataclass(slots=True)
class Receipt:
    """An open receipt."""

    kind: int
    printed: bool
    items: list[Item] = field(default_factory=list)
    paid: Counter[int] = field(default_factory=Counter)
    adjusted: Counter[TotalKind] = field(default_factory=Counter)
    taxes: Counter[int] = field(default_factory=Counter)
    """What the host said of the taxes on the whole receipt."""
    position_begun: bool = False

    @property
    def total(self) -> int:
        """What is to be paid."""
        items = sum(item.cost for item in self.items)
        return items - self.adjusted[TotalKind.DISCOUNT] + self.adjusted[TotalKind.SURCHARGE]

    @property
    def rest(self) -> int:
        """What is still to be paid."""
        return max(self.total - self.paid.total(), 0)

    @property
    def change(self) -> int:
        """What goes back to the customer."""
        return max(self.paid.total() - self.total, 0)


class Till:
    """``totals`` are of the shift and cleared with it, ``lifetime_totals`` are not."""

    __slots__ = (
        "cash",
        "change",
        "documents",
        "lifetime_totals",
        "last_receipt",
        "last_shift",
        "reading",
        "receipt",
        "receipt_number",
        "shift_documents",
        "tape",
        "totals",
    )

    def __init__(self) -> None:
        self.cash = 0
        self.change = 0
        """Of the last receipt."""
        self.totals: Totals = Counter()
        self.lifetime_totals: Totals = Counter()
        self.last_shift = (0, 0)
        """Income and outcome of the shift before."""
        self.receipt: Receipt | None = None
        self.receipt_number = 0
        """Of the last receipt of the shift."""
        self.shift_documents = 0
        self.last_receipt: Document | None = None
        self.documents: dict[int, Document] = {}
        self.reading: list[tuple[int, bytes]] = []
        """What is left of the document that a host reads tag by tag."""
        self.tape: deque[str] = deque(maxlen=KEPT_LINES)
        """What was printed, line by line."""

    @property
    def open_receipt(self) -> Receipt:
        """The receipt under way; ``Failure`` if there is none."""
        if self.receipt is None:
            raise Failure(ResultCode.RECEIPT_CLOSED)
        return self.receipt

    def require_no_receipt(self) -> None:
        """``Failure`` while a receipt is open."""
        if self.receipt is not None:
            raise Failure(ResultCode.RECEIPT_OPEN)

    def add(self, key: Key, amount: int) -> None:
        """Counts, for the shift and for ever."""
        self.totals[key] += amount
        self.lifetime_totals[key] += amount

    def revenue(self) -> int:
        """What the shift brought in, less what it paid out; corrections count as well."""
        return self.paid(INCOME) - self.paid(OUTCOME)

    def paid(self, kinds: frozenset[int]) -> int:
        """Payments of the shift in receipts of these types."""
        return sum(
            amount
            for (total, kind, _), amount in self.totals.items()
            if total is TotalKind.PAID and kind in kinds
        )

    def begin_shift(self) -> None:
        """Counts from nothing; the money in the drawer stays."""
        self.totals.clear()
        self.receipt_number = self.shift_documents = 0

    def end_shift(self) -> None:
        """Remembers what the shift came to."""
        self.last_shift = self.paid(INCOME), self.paid(OUTCOME)

    def keep(self, document: Document) -> None:
        """The newest documents can be asked for."""
        self.documents[document.number] = document
        self.shift_documents += 1
        if len(self.documents) > KEPT_DOCUMENTS:
            del self.documents[next(iter(self.documents))]

    def sell(self, item: Item) -> None:
        """One position more."""
        receipt = self.open_receipt
        if receipt.paid or receipt.adjusted:
            raise Failure(ResultCode.AFTER_DISCOUNT)
        if receipt.total + item.cost > LARGEST_SUM:
            raise Failure(ResultCode.TOTAL_OVERFLOW)
        receipt.items.append(item)
        receipt.position_begun = False

    def adjust(self, total: TotalKind, amount: int) -> None:
        """A discount or surcharge on the whole receipt; a discount of 0 rounds down to roubles."""
        receipt = self.open_receipt
        if receipt.paid or not receipt.items:
            raise Failure(ResultCode.DISCOUNT_IMPOSSIBLE)
        amount = amount or receipt.total % 100
        if total is TotalKind.DISCOUNT and amount > receipt.total:
            raise Failure(ResultCode.WRONG_DISCOUNT)
        if receipt.total + amount > LARGEST_SUM:
            raise Failure(ResultCode.TOTAL_OVERFLOW)
        receipt.adjusted[total] += amount

    def pay(self, payment: int, amount: int) -> None:
        """A part of the total; only cash may be more than is to be paid."""
        receipt = self.open_receipt
        if payment not in PAYMENTS:
            raise Failure(ResultCode.WRONG_PAYMENT)
        if not receipt.items:
            raise Failure(ResultCode.WRONG_MODE)
        if payment != CASH and amount > receipt.rest:
            raise Failure(ResultCode.NON_CASH_ABOVE_TOTAL)
        if receipt.paid.total() + amount > LARGEST_SUM:
            raise Failure(ResultCode.PAYMENT_OVERFLOW)
        receipt.paid[payment] += amount

    def settled(self, payment: int, amount: int) -> Counter[int]:
        """The payments if the rest were paid so: nothing has changed yet."""
        receipt = self.open_receipt
        if payment not in PAYMENTS:
            raise Failure(ResultCode.WRONG_PAYMENT)
        if not receipt.items:
            raise Failure(ResultCode.WRONG_MODE)
        given = amount or receipt.rest
        if given < receipt.rest:
            raise Failure(ResultCode.PAID_TOO_LITTLE)
        if payment != CASH and given > receipt.rest:
            raise Failure(ResultCode.NON_CASH_ABOVE_TOTAL)
        paid = receipt.paid.copy()
        paid[payment] += given
        if paid.total() > LARGEST_SUM:
            raise Failure(ResultCode.PAYMENT_OVERFLOW)
        self._require_money(receipt, paid)
        return paid

    def _require_money(self, receipt: Receipt, paid: Counter[int]) -> None:
        """Change comes out of the cash, and so does what is paid out."""
        change = paid.total() - receipt.total
        if change > paid[CASH]:
            raise Failure(ResultCode.NON_CASH_ABOVE_TOTAL)
        if receipt.kind in OUTCOME and paid[CASH] - change > self.cash:
            raise Failure(ResultCode.NO_MONEY)

    def close(self, paid: Counter[int], document: Document) -> None:
        """The receipt is signed: everything is counted."""
        receipt, kind = self.open_receipt, self.open_receipt.kind
        self.change = paid.total() - receipt.total
        kept = paid - Counter({CASH: self.change})
        for payment, amount in kept.items():
            self.add((TotalKind.PAID, kind, payment), amount)
        self.add((TotalKind.REGISTERED, kind, 0), sum(item.cost for item in receipt.items))
        self.add((TotalKind.ITEMS, kind, 0), len(receipt.items))
        self.add((TotalKind.RECEIPTS, kind, 0), 1)
        for total, amount in receipt.adjusted.items():
            self.add((total, kind, 0), amount)
        for tax, amount in taxes_of(receipt).items():
            self.add((TotalKind.TAX, kind, tax), amount)
        self.cash += kept[CASH] if kind in INCOME else -kept[CASH]
        self.receipt_number += 1
        self.receipt, self.last_receipt = None, document

    def cancel(self) -> None:
        """The receipt is void."""
        receipt = self.open_receipt
        self.add((TotalKind.CANCELLED, receipt.kind, 0), receipt.total)
        self.add((TotalKind.CANCELLED_RECEIPTS, receipt.kind, 0), 1)
        self.receipt = None

    def move_cash(self, amount: int, into: bool) -> None:
        """Money into the drawer or out of it without a receipt."""
        if not into and amount > self.cash:
            raise Failure(ResultCode.NO_MONEY)
        self.cash += amount if into else -amount
        self.add((TotalKind.CASH_IN if into else TotalKind.CASH_OUT, 0, 0), amount)
        self.add((TotalKind.CASH_IN_COUNT if into else TotalKind.CASH_OUT_COUNT, 0, 0), 1)


def taxes_of(receipt: Receipt) -> Counter[int]:
    """By number of the tax: what the host said of the whole receipt, else that of the items."""
    if receipt.taxes:
        return receipt.taxes
    taxes: Counter[int] = Counter()
    for item in receipt.items:
        taxes[item.tax] += item.tax_sum or tax_within(item.cost, item.tax)
    return taxes


def tax_within(amount: int, tax: int) -> int:
    """The tax that a sum holds, rounded to the kopeck."""
    part, whole = VAT_PER_MILLE.get(tax, (0, 1))
    return (2 * amount * part + whole) // (2 * whole)
