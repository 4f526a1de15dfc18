"""The till of a simulated register: its receipt, cash and totals, as pure rules.

Totals are kept for the shift and for the register's life. Sums are kopecks, quantities thousandths;
``Failure`` changes nothing.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from simulator.register.failures import Failure, ResultCode

INCOME: Final = frozenset({1, 5, 7, 10})
OUTCOME: Final = frozenset({2, 4, 8, 9})
"""Receipt types by the direction of the money (types of libfptr10).

1 is a sale, 2 its return, 4 a purchase, 5 its return; 7 to 10 are their corrections.
"""

RECEIPT_TYPES: Final = INCOME | OUTCOME
PAYMENTS: Final = range(1, 11)
CASH: Final = 1
TAXES: Final = range(1, 8)
VAT_PER_MILLE: Final = {1: (200, 1200), 2: (100, 1100), 3: (0, 1000), 4: (0, 1000)}
"""Numerator and denominator of the tax included in a sum.

Taxes not listed here are zero or come from the host.
"""

LARGEST_SUM: Final = 10**10 - 1
KEPT_DOCUMENTS: Final = 512
KEPT_LINES: Final = 2000


class TotalKind(StrEnum):
    """The kind of a total, counted by receipt type and one more number."""

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
    """A fiscal document made at this line; ``kind`` as in the fiscal data format."""

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
    """Taxes on the whole receipt that the host has sent."""
    position_begun: bool = False

    @property
    def total(self) -> int:
        """Return the sum to be paid."""
        items = sum(item.cost for item in self.items)
        return items - self.adjusted[TotalKind.DISCOUNT] + self.adjusted[TotalKind.SURCHARGE]

    @property
    def rest(self) -> int:
        """Return the sum still to be paid."""
        return max(self.total - self.paid.total(), 0)

    @property
    def change(self) -> int:
        """Return the change due to the customer."""
        return max(self.paid.total() - self.total, 0)


class Till:
    """The till; ``totals`` are cleared with each shift, ``lifetime_totals`` never."""

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
        """Change of the last receipt."""
        self.totals: Totals = Counter()
        self.lifetime_totals: Totals = Counter()
        self.last_shift = (0, 0)
        """Income and outcome of the previous shift."""
        self.receipt: Receipt | None = None
        self.receipt_number = 0
        """Number of the last receipt of the shift."""
        self.shift_documents = 0
        self.last_receipt: Document | None = None
        self.documents: dict[int, Document] = {}
        self.reading: list[tuple[int, bytes]] = []
        """Remaining tags of the document that a host reads tag by tag."""
        self.tape: deque[str] = deque(maxlen=KEPT_LINES)
        """Printed lines."""

    @property
    def open_receipt(self) -> Receipt:
        """Return the open receipt; raise ``Failure`` if there is none."""
        if self.receipt is None:
            raise Failure(ResultCode.RECEIPT_CLOSED)
        return self.receipt

    def require_no_receipt(self) -> None:
        """Raise ``Failure`` while a receipt is open."""
        if self.receipt is not None:
            raise Failure(ResultCode.RECEIPT_OPEN)

    def add(self, key: Key, amount: int) -> None:
        """Add the amount to the totals of the shift and of the register's life."""
        self.totals[key] += amount
        self.lifetime_totals[key] += amount

    def revenue(self) -> int:
        """Return the shift's income less its outcome, corrections included."""
        return self.paid(INCOME) - self.paid(OUTCOME)

    def paid(self, kinds: frozenset[int]) -> int:
        """Return the sum of the shift's payments in receipts of these types."""
        return sum(
            amount
            for (total, kind, _), amount in self.totals.items()
            if total is TotalKind.PAID and kind in kinds
        )

    def begin_shift(self) -> None:
        """Clear the shift's counters; keep the cash in the drawer."""
        self.totals.clear()
        self.receipt_number = self.shift_documents = 0

    def end_shift(self) -> None:
        """Remember the income and outcome of the shift."""
        self.last_shift = self.paid(INCOME), self.paid(OUTCOME)

    def keep(self, document: Document) -> None:
        """Store a document; drop the oldest one above ``KEPT_DOCUMENTS``."""
        self.documents[document.number] = document
        self.shift_documents += 1
        if len(self.documents) > KEPT_DOCUMENTS:
            del self.documents[next(iter(self.documents))]

    def sell(self, item: Item) -> None:
        """Add a position; raise ``Failure`` after a payment or discount.

        Raise ``Failure`` as well if the receipt's total would be too large.
        """
        receipt = self.open_receipt
        if receipt.paid or receipt.adjusted:
            raise Failure(ResultCode.AFTER_DISCOUNT)
        if receipt.total + item.cost > LARGEST_SUM:
            raise Failure(ResultCode.TOTAL_OVERFLOW)
        receipt.items.append(item)
        receipt.position_begun = False

    def adjust(self, total: TotalKind, amount: int) -> None:
        """Apply a discount or surcharge to the whole receipt; amount 0 rounds to whole roubles."""
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
        """Take a part of the total; only cash may exceed the sum that is left to pay."""
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
        """Return the payments as they would be if the rest were paid so; change nothing."""
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
        """Raise ``Failure`` if there is too little cash for the change or the money paid out."""
        change = paid.total() - receipt.total
        if change > paid[CASH]:
            raise Failure(ResultCode.NON_CASH_ABOVE_TOTAL)
        if receipt.kind in OUTCOME and paid[CASH] - change > self.cash:
            raise Failure(ResultCode.NO_MONEY)

    def close(self, paid: Counter[int], document: Document) -> None:
        """Close the signed receipt and count its sums."""
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
        """Cancel the receipt and count it as cancelled."""
        receipt = self.open_receipt
        self.add((TotalKind.CANCELLED, receipt.kind, 0), receipt.total)
        self.add((TotalKind.CANCELLED_RECEIPTS, receipt.kind, 0), 1)
        self.receipt = None

    def move_cash(self, amount: int, into: bool) -> None:
        """Put money into the drawer or take it out without a receipt."""
        if not into and amount > self.cash:
            raise Failure(ResultCode.NO_MONEY)
        self.cash += amount if into else -amount
        self.add((TotalKind.CASH_IN if into else TotalKind.CASH_OUT, 0, 0), amount)
        self.add((TotalKind.CASH_IN_COUNT if into else TotalKind.CASH_OUT_COUNT, 0, 0), 1)


def taxes_of(receipt: Receipt) -> Counter[int]:
    """Return the taxes by tax number: the whole receipt's if set, else those of the items."""
    if receipt.taxes:
        return receipt.taxes
    taxes: Counter[int] = Counter()
    for item in receipt.items:
        taxes[item.tax] += item.tax_sum or tax_within(item.cost, item.tax)
    return taxes


def tax_within(amount: int, tax: int) -> int:
    """Return the tax included in a sum, rounded to the kopeck."""
    part, whole = VAT_PER_MILLE.get(tax, (0, 1))
    return (2 * amount * part + whole) // (2 * whole)
