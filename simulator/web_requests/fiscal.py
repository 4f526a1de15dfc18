"""Tasks that make documents: shifts, receipts, cash, registrations (KKT-PC 6.1, 6.2)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from protocol import telemetry
from protocol.fields import Fields
from protocol.kktpc.text import TextError, encode_cp866
from protocol.platforms import Platform
from simulator.register.reading import reading_of
from simulator.web_requests import failures, parameters, queries
from simulator.web_requests.body import Body, kopecks, objects, optional, required, roubles
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.served_register import (
    DRIVE_MODE,
    REGISTRATION_MODE,
    X_MODE,
    Z_MODE,
    TaskContext,
)

Answer = dict[str, Any]

REASON, TAXATION_TYPES, CASHIER, CASHIER_INN, CHANGES = 1101, 1062, 1021, 1203, 1205
"""Tags of the fiscal data format (FFD)."""

REASONS: Final = {"ofdChange": 2, "attributesChange": 3, "settingsChange": 4}
REGISTRATION, DRIVE_CHANGE = 0, 1
"""Values of tag 1101 (KKT-PC 3.5)."""

DEFAULT_TAXATION: Final = 50
MAX_QUANTITY: Final = 99_999
_TAXATION: Final = {token: name for name, token in queries.TAXATION.items()}
TAXES: Final = {"vat20": 1, "vat10": 2}
MAX_LINE: Final = 64


def _document(point: TaskContext, **more: Any) -> Answer:
    """Return the driver's answer about the document just made."""
    register, drive = point.register, point.register.drive
    return {
        "fiscalParams": {
            "fiscalDocumentDateTime": point.local(drive.last_document_at),
            "fiscalDocumentNumber": drive.documents,
            "fiscalDocumentSign": drive.last_sign,
            "fnNumber": drive.number,
            "fnsUrl": "www.nalog.gov.ru",
            "registrationNumber": reading_of(register, point.now)["registration_number"],
            "shiftNumber": register.shift_number,
            **more,
        },
        "warnings": {"notPrinted": not register.prints_receipts},
    }


# ---- shifts and receipts ------------------------------------------------------------------------


def open_shift(point: TaskContext, _: Body) -> Answer:
    """Open a shift; raise error 83 if one is open."""
    point.register.by_host = True
    point.in_mode(REGISTRATION_MODE, [("open_shift", {"flags": 0})])
    return _document(point)


def close_shift(point: TaskContext, _: Body) -> Answer:
    """Close the shift; raise error 73 if none is open."""
    receipts = point.register.till.receipt_number
    point.in_mode(Z_MODE, [("close_shift", {})])
    return _document(point, receiptsCount=receipts)


def _sell(kind: int, point: TaskContext, body: Body) -> Answer:
    """Make a receipt; all fields are read before the register gets a command."""
    _require_shift(point)
    items = [_item(each) for each in objects(body, "items") if _is_position(each)]
    return _receipt(kind, items, point, body)


def _correct(kind: int, point: TaskContext, body: Body) -> Answer:
    """Make a correction, with the items of FFD 1.2 or with only the sums of FFD 1.05."""
    if "items" in body:
        return _sell(kind, point, body)
    _require_shift(point)
    paid = sum(amount for _, amount in _payments(body))
    return _receipt(kind, [_position(b"", paid, 1000, paid, 0)], point, body)


def _is_position(item: Body) -> bool:
    return optional(item, "type", str, "position") == "position"


def _item(item: Body) -> Fields:
    """Return one position; price times quantity must equal a given amount to a kopeck."""
    name, price = _name(required(item, "name", str)), kopecks(item, "price")
    quantity = item.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int | float):
        raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "quantity"')
    if not 0 < quantity <= MAX_QUANTITY:
        raise DriverFailure(failures.WRONG_QUANTITY)
    thousandths = round(quantity * 1000)
    cost = (2 * price * thousandths + 1000) // 2000
    if "amount" in item and abs(kopecks(item, "amount") - cost) > 1:
        raise DriverFailure(failures.WRONG_SUM)
    return _position(name, price, thousandths, cost, _tax(item))


def _tax(item: Body) -> int:
    """Return the tax's number, or 0 for none or one that the register does not calculate."""
    return TAXES.get(optional(optional(item, "tax", dict, {}), "type", str, "none"), 0)


def _position(name: bytes, price: int, thousandths: int, cost: int, tax: int) -> Fields:
    told = {"price": price, "quantity": thousandths, "cost": cost, "tax": tax, "name": name}
    return {**told, "flags": 0, "tax_sum": 0, "section": 0}


def _receipt(kind: int, items: Sequence[Fields], point: TaskContext, body: Body) -> Answer:
    payments = _payments(body)
    total: int = sum(item["cost"] for item in items)
    if "total" in body and kopecks(body, "total") > total:
        raise DriverFailure(failures.WRONG_SUM)
    if sum(amount for _, amount in payments) < total:
        raise DriverFailure(failures.NOT_PAID)
    point.register.by_host = True
    orders: list[tuple[str, Fields]] = [("open_receipt", {"flags": 0, "type": kind})]
    for item in items:
        orders += [("begin_item", {"flags": 0}), ("end_item", item)]
    orders += [("pay", {"flags": 0, "payment": p, "sum": amount}) for p, amount in payments]
    orders.append(("close_receipt", {"flags": 0, "payment": 1, "sum": 0}))
    point.in_mode(REGISTRATION_MODE, orders)
    return _document(point, total=roubles(total))


def _payments(body: Body) -> list[tuple[int, int]]:
    """Return pairs of payment number and kopecks; a type is a word or a number, cash being 0."""
    return [(_payment(each), kopecks(each, "sum")) for each in objects(body, "payments")]


def _payment(payment: Body) -> int:
    kind = payment.get("type")
    if isinstance(kind, str) and kind in queries.PAYMENTS:
        return queries.PAYMENTS[kind]
    if isinstance(kind, str | int) and str(kind) in "0123456789" and str(kind):
        return int(kind) + 1
    raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "type"')


def _require_shift(point: TaskContext) -> None:
    state = point.register.shift_state(point.now)
    if state != "open":
        closed = state == "closed"
        raise DriverFailure(failures.SHIFT_CLOSED if closed else failures.SHIFT_EXPIRED)


def _cash(command: str, point: TaskContext, body: Body) -> Answer:
    _require_shift(point)
    amount = kopecks(body, "cashSum")
    point.in_mode(REGISTRATION_MODE, [(command, {"flags": 0, "sum": amount})])
    return {"counters": {"cashSum": roubles(point.register.till.cash)}}


# ---- registrations ------------------------------------------------------------------------------


def _register_again(reason: int | None, point: TaskContext, body: Body) -> Answer:
    """Register with this reason, or with the reason in the body if it is ``None``."""
    for name in ("device", "ofd"):
        required(body, name, dict)
    if reason is None:
        reason = REASONS.get(required(body, "reason", str))
        if reason is None:
            raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "reason"')
    requisites, default = _requisites(reason, point, body), _default(body)
    orders: list[tuple[str, Fields]] = [
        ("write_requisite", {"tag": tag, "value": value}) for tag, value in requisites.items()
    ]
    point.in_mode(REGISTRATION_MODE, orders)
    point.in_mode(DRIVE_MODE, [("fiscalise", {})])
    if default is not None:
        parameters.write(point, DEFAULT_TAXATION, default)
    return _document(point)


def _requisites(reason: int, point: TaskContext, body: Body) -> Mapping[int, bytes]:
    """Return values by FFD tag, for the tags that the simulated register can change."""
    organization = optional(body, "organization", dict, {})
    cashier = optional(body, "operator", dict, {})
    requisites = {REASON: bytes([reason]), TAXATION_TYPES: _taxation(point, organization)}
    if point.register.platform is Platform.V5_0 and "changeInfoReasons" in body:
        requisites[CHANGES] = _changes(required(body, "changeInfoReasons", list))
    requisites |= _changed(point, body)
    if "name" in cashier:
        requisites[CASHIER] = _name(required(cashier, "name", str))
    if "vatin" in cashier:
        requisites[CASHIER_INN] = required(cashier, "vatin", str).encode("ascii", "replace")
    return requisites


def _changed(point: TaskContext, body: Body) -> Mapping[int, bytes]:
    """Return values by FFD tag for the texts that differ from the current registration."""
    now = queries.registration_info(point, {})
    found = {}
    for tag, (section, name, length) in _TEXTS.items():
        told = optional(body, section, dict, {})
        if name in told and told[name] != now[section][name]:
            found[tag] = _name(required(told, name, str)).ljust(length)
    return found


_TEXTS: Final = {
    1009: ("organization", "address", 0),
    1018: ("organization", "vatin", 12),
    1037: ("device", "registrationNumber", 20),
    1048: ("organization", "name", 0),
}
"""The section and field of a tag in the task, and its padded length in bytes (KKT-PC 3.5)."""


def _taxation(point: TaskContext, organization: Body) -> bytes:
    if "taxationTypes" not in organization:
        return bytes([point.register.taxation_types])
    tokens = required(organization, "taxationTypes", list)
    if not tokens or not all(isinstance(t, str) and t in _TAXATION for t in tokens):
        raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "taxationTypes"')
    return bytes([telemetry.TAXATION.encode([_TAXATION[token] for token in tokens])])


def _changes(codes: list[Any]) -> bytes:
    """Return tag 1205, in which code n is bit n - 1."""
    if not all(type(code) is int and 1 <= code <= 32 for code in codes):
        raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "changeInfoReasons"')
    mask: int = sum(1 << (code - 1) for code in set(codes))
    return mask.to_bytes(4, "little")


def _name(text: str) -> bytes:
    try:
        return encode_cp866(text)
    except TextError:
        raise DriverFailure(failures.WRONG_VALUE) from None


def _default(body: Body) -> str | None:
    """Return the default taxation type in the form of its setting (KKT-PC 3.5), or ``None``."""
    token = required(body, "device", dict).get("defaultTaxationType")
    if token is None:
        return None
    if not isinstance(token, str) or token not in _TAXATION:
        raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "defaultTaxationType"')
    return str(telemetry.TAXATION.encode([_TAXATION[token]]))


def close_archive(point: TaskContext, _: Body) -> Answer:
    """Close the archive for good; raise error 83 in an open shift, 139 for unsent documents."""
    point.in_mode(DRIVE_MODE, [("close_archive", {})])
    return _document(point)


# ---- clock, drawer and reports ------------------------------------------------------------------


def set_clock(point: TaskContext, body: Body) -> Answer:
    """Set the register's clock to the shop's local time ``yyyy.MM.dd hh:mm:ss``."""
    try:
        told = datetime.strptime(required(body, "dateTime", str), "%Y.%m.%d %H:%M:%S")
    except ValueError:
        raise DriverFailure(failures.WRONG_TIME) from None
    point.ask("set_clock", clock=told)
    return {}


def print_text(point: TaskContext, body: Body) -> Answer:
    """Print each item's text, cut to ``MAX_LINE`` bytes; an item without one is an empty line."""
    for item in optional(body, "items", list, []):
        if not isinstance(item, dict):
            raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "items"')
        point.ask("print_string", text=_name(optional(item, "text", str, ""))[:MAX_LINE])
    return {}


def print_copy(point: TaskContext, _: Body) -> Answer:
    """Print a copy of the last receipt."""
    point.ask("print_string", text=_name("КОПИЯ ЧЕКА"))
    return {}


def report_x(point: TaskContext, _: Body) -> Answer:
    """Print an X report, which clears nothing."""
    point.in_mode(X_MODE, [("print_report", {"type": 1})])
    return {}


def report_exchange(point: TaskContext, _: Body) -> Answer:
    """Print the report on the state of settlements, which is a fiscal document."""
    point.in_mode(X_MODE, [("print_report", {"type": 9})])
    return _document(point)


def open_drawer(point: TaskContext, _: Body) -> Answer:
    """Open the cash drawer, which leaves no trace."""
    point.ask("open_drawer")
    return {}


TASKS: Final[Mapping[str, Callable[[TaskContext, Body], Answer]]] = {
    "openShift": open_shift,
    "closeShift": close_shift,
    **{name: partial(_sell, kind) for name, kind in queries.RECEIPT_TYPES.items()},
    **{f"{name}Correction": partial(_correct, kind) for name, kind in queries.CORRECTIONS.items()},
    "cashIn": partial(_cash, "cash_in"),
    "cashOut": partial(_cash, "cash_out"),
    "nonFiscal": print_text,
    "reportX": report_x,
    "printLastReceiptCopy": print_copy,
    "reportOfdExchangeStatus": report_exchange,
    "openCashDrawer": open_drawer,
    "setDateTime": set_clock,
    "registration": partial(_register_again, REGISTRATION),
    "fnChange": partial(_register_again, DRIVE_CHANGE),
    "changeRegistrationParameters": partial(_register_again, None),
    "closeArchive": close_archive,
}
