"""Money and paper of a register that a host works with: what is refused, and that it changes
nothing; what a registration changes, and what it may not break."""

from datetime import timedelta
from random import Random

import pytest

from protocol import telemetry
from protocol.kktpc import commands
from protocol.platforms import Platform
from simulator.register.failures import ResultCode
from simulator.register.simulated_register import SimulatedRegister
from simulator.register.till import tax_within
from tests.simulator.conftest import NOON
from tests.simulator.kktpc.conftest import new_register
from tests.simulator.kktpc.register_day import (
    DAY,
    REGISTRATION,
    WHO,
    CommandExchange,
    bcd,
    exchange_all,
    item,
    mode,
)


@pytest.fixture
def register() -> SimulatedRegister:
    """In mode 1, its shift open, 100.00 in the drawer, a receipt open with one item of 50.00."""
    found = new_register()
    before = [
        mode(1),
        CommandExchange("9a 00", "550000"),
        CommandExchange(f"49 00 {bcd(10_000, 5)}", "550000"),
    ]
    do(found, *before, CommandExchange("92 00 01", "550000"), *item("Хлеб", 5_000, 1_000, 1))
    return found


def do(register: SimulatedRegister, *visits: CommandExchange) -> None:
    assert list(exchange_all(lambda request: register.execute(request, NOON), list(visits)))


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [
        ("92 00 01", ResultCode.RECEIPT_OPEN),
        ("48", ResultCode.RECEIPT_OPEN),
        ("9a 00", ResultCode.SHIFT_OPEN),
        ("49 00 0000000100", ResultCode.RECEIPT_OPEN),
        ("5a", ResultCode.WRONG_MODE),
        ("67 01", ResultCode.WRONG_MODE),
        ("50 02 0001 01 00", ResultCode.WRONG_MODE),
        (f"99 00 02 {bcd(5_001, 5)}", ResultCode.NON_CASH_ABOVE_TOTAL),
        (f"99 00 0b {bcd(100, 5)}", ResultCode.WRONG_PAYMENT),
        (f"4a 00 01 {bcd(4_999, 5)}", ResultCode.PAID_TOO_LITTLE),
        (f"4a 00 02 {bcd(5_001, 5)}", ResultCode.NON_CASH_ABOVE_TOTAL),
        ("4a 00 00 0000000000", ResultCode.WRONG_PAYMENT),
        (f"43 00 00 01 00 {bcd(5_001, 5)}", ResultCode.WRONG_DISCOUNT),
        (f"b8 00 00 09 {bcd(0, 7)}", ResultCode.WRONG_TAX),
        (f"b8 00 00 01 {bcd(5_001, 7)}", ResultCode.TAX_ABOVE_TOTAL),
        ("e6 00", ResultCode.WRONG_LENGTH),
        ("99 00 02 00000000aa", ResultCode.WRONG_LENGTH),
        ("6b", ResultCode.WRONG_MODE),
        ("ed 20 11 26 15 05 00", ResultCode.SHIFT_OPEN),
    ],
)
def test_a_command_out_of_place_changes_nothing(
    register: SimulatedRegister, request_hex: str, code: ResultCode
) -> None:
    before = money(register)
    answer = register.execute(bytes.fromhex(request_hex), NOON)
    assert answer == bytes((0x55, code, 0))
    assert money(register) == before and register.last_error == code


def money(register: SimulatedRegister) -> tuple[object, ...]:
    till, receipt = register.till, register.till.open_receipt
    return (
        till.cash,
        dict(till.totals),
        receipt.total,
        dict(receipt.paid),
        len(receipt.items),
        register.drive.documents,
        register.shift_opened_at,
    )


@pytest.mark.parametrize("request_hex", ["4a 01 01 0000000000", f"99 01 01 {bcd(100, 5)}"])
def test_a_trial_command_does_nothing(register: SimulatedRegister, request_hex: str) -> None:
    before = money(register)
    assert register.execute(bytes.fromhex(request_hex), NOON)[:2] == b"\x55\0"
    assert money(register) == before


def test_more_cash_than_the_drawer_holds_is_not_paid_out(register: SimulatedRegister) -> None:
    do(register, CommandExchange("59", "550000"), CommandExchange("92 00 02", "550000"))
    do(register, *item("Хлеб", 10_001, 1_000, 1), CommandExchange("4a 00 01 0000000000", "559800"))
    do(register, CommandExchange("4a 00 02 0000000000", "550000"))
    assert register.till.cash == 10_000


def test_a_position_must_be_begun_and_ended(register: SimulatedRegister) -> None:
    do(register, CommandExchange("ea 00", "550000"), CommandExchange("ea 00", "557600"))
    do(register, CommandExchange("4a 00 01 0000000000", "557600"))


@pytest.mark.parametrize(
    ("amount", "tax", "within"), [(12_000, 1, 2_000), (11_000, 2, 1_000), (100, 1, 17), (100, 6, 0)]
)
def test_the_included_tax_is_rounded_to_the_kopeck(amount: int, tax: int, within: int) -> None:
    assert tax_within(amount, tax) == within


def test_a_paperless_receipt_leaves_no_line(register: SimulatedRegister) -> None:
    do(register, CommandExchange("59", "550000"))
    lines, cuts = len(register.till.tape), register.cuts
    do(register, CommandExchange("92 02 01", "550000"), *item("Хлеб", 100, 1_000, 1))
    do(register, CommandExchange("4a 00 01 0000000000", "550000"))
    assert (len(register.till.tape), register.cuts) == (lines, cuts)


def test_a_power_loss_clears_only_the_open_receipt(register: SimulatedRegister) -> None:
    register.power_cycle()
    assert register.till.receipt is None and register.till.cash == 10_000
    assert register.shift_opened_at == NOON


@pytest.mark.parametrize("value", [b"\x01", b"\x00" * 5, b"\x7f name"])
def test_a_text_that_cannot_be_read_is_refused(value: bytes) -> None:
    register = new_register()
    do(register, mode(1))
    request = commands.encode_request("write_requisite", tag=1048, value=value)
    assert register.execute(request, NOON)[1] == ResultCode.WRONG_FORMAT


def test_the_longest_names_do_not_stop_the_reading() -> None:
    register = new_register()
    do(register, *REGISTRATION[:3])
    for tag in (1048, 1009):
        request = commands.encode_request("write_requisite", tag=tag, value=b"\xff" * 256)
        assert register.execute(request, NOON)[1] == 0
    do(register, *REGISTRATION[6:9])
    telemetry.encode(register.reading(NOON))
    assert register.execute(bytes.fromhex("e9 1804 00"), NOON)[:3] == b"\x55\0\x01"


def test_any_commands_in_any_order_are_answered() -> None:
    """Good commands, good commands with a byte changed, and rubbish, over many lives."""
    good = [bytes.fromhex(each.request) for each in WHO + DAY + REGISTRATION]
    for seed in range(40):
        dice, now = Random(seed), NOON
        register = new_register(dice.choice(list(Platform)))
        for _ in range(120):
            request = bytearray(dice.choice(good))
            if dice.random() < 0.3:
                request[dice.randrange(len(request))] = dice.randrange(256)
            if dice.random() < 0.1:
                request[1:] = dice.randbytes(dice.randrange(40))
            now += timedelta(seconds=dice.randrange(900))
            assert register.execute_on_line(b"\0\0" + request, now)
            telemetry.encode(register.reading(now))
