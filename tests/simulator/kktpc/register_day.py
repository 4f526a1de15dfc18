"""A day at a register as commands of KKT-PC 3: requests in hex and the expected answers.

Written from the specification, not from the product's output.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

Ask = Callable[[bytes], bytes]
OK = "550000"
EXIT = "48"


class CommandExchange(NamedTuple):
    """One command; ``answer`` is the whole answer, or its beginning if it ends with ``…``."""

    request: str
    answer: str


def bcd(number: int, length: int) -> str:
    return f"{number:0{2 * length}}"


def mode(number: int) -> CommandExchange:
    return CommandExchange(f"56 {number:02} 00000030", OK)


def register(number: int, value: str, first: int = 0, second: int = 0) -> CommandExchange:
    return CommandExchange(f"91 {number:02x} {first:02x} {second:02x}", "5500" + value)


def item(name: str, price: int, quantity: int, tax: int) -> list[CommandExchange]:
    """Return EA, a requisite and EB: the position as the manufacturer's newer hosts send it."""
    cost = price * quantity // 1000
    position = (
        f"{bcd(price, 7)} {bcd(quantity, 5)} {bcd(cost, 7)} {tax:02} {bcd(0, 7)} 01 00 00 00"
        f" {bcd(0, 7)} 0000 {name.encode('cp866').hex()}"
    )
    return [
        CommandExchange("ea 00", OK),
        CommandExchange("e8 01 01 00 bc04 0100 01", OK),
        CommandExchange(f"eb 00 {position}", OK),
    ]


def old_item(name: str, price: int, quantity: int, tax: int) -> CommandExchange:
    """Return E6, which sends the whole position in one command."""
    return CommandExchange(
        f"e6 00 {name.encode('cp866').ljust(64, bytes(1)).hex()} {bcd(price, 6)}"
        f" {bcd(quantity, 5)} 01 00 {bcd(0, 6)} {tax:02} 01 {'00' * 16} 00",
        OK,
    )


def sell(kind: int, payment: int, name: str, price: int) -> list[CommandExchange]:
    return [
        CommandExchange(f"92 00 {kind:02x}", OK),
        *item(name, price, 1000, 1),
        CommandExchange(f"4a 00 {payment:02} {bcd(0, 5)}", OK),
    ]


WHO: list[CommandExchange] = [
    CommandExchange("a5", "0001013d00000300003689…"),
    CommandExchange("3f", "44…"),
    CommandExchange("45", "550000"),
    CommandExchange("9d 01", "5500 03 00 00 3689"),
    CommandExchange("9d 03", "5500…"),
    CommandExchange("9d 91", "5500…"),
    register(0x16, "00106101234567"),
    register(0x11, "2011261500 00…"),
    CommandExchange("46 13 0001 09", "5500 736572766963652e61746f6c2e7275 00 2f6b6b74" + "00" * 44),
    CommandExchange("46 13 0001 0a", "5500 0050"),
    CommandExchange("74 01", "4c00"),
    CommandExchange("6d 01 0102030405060708", OK),
    CommandExchange("74 01", "4c01"),
    CommandExchange("b3", "5500 00"),
    CommandExchange("ef 09 0a08000000 72", "5566…"),
    CommandExchange("7d 02", "5500…"),
    CommandExchange("90 01", "5500…"),
    CommandExchange("47", OK),
    CommandExchange("88 fc00 0a", OK),
    CommandExchange("8f 01 414243", OK),
    CommandExchange("80", OK),
    CommandExchange("75 01", OK),
    CommandExchange("4c " + "Привет".encode("cp866").hex(), OK),
    CommandExchange("6c", OK),
    CommandExchange("82 01 06 00", OK),
    mode(4),
    CommandExchange("50 13 0001 0a 1f90", OK),
    CommandExchange(EXIT, OK),
    CommandExchange("46 13 0001 0a", "5500 1f90"),
    CommandExchange("71", OK),
    CommandExchange("46 13 0001 0a", "5500 0050"),
    CommandExchange("6b", OK),
    CommandExchange("ed 20 11 26 15 05 00", OK),
    register(0x11, "2011261505 00"),
    CommandExchange("64 21 11 26", OK),
    register(0x11, "2111261505 00"),
    CommandExchange("a4 10", "5500 00…"),
    CommandExchange("a4 20", "5500…"),
    CommandExchange("a4 30", "5500 03 00 00 00…"),
    CommandExchange("a4 31", "5500 39393939…"),
    CommandExchange("a4 32", "5500…"),
    CommandExchange("a4 33", "5500…"),
    CommandExchange("a4 35 00", "5500…"),
    CommandExchange("a4 43 01", "5500…"),
    CommandExchange("e9 fa03 00", "5500 01 fa03 0c00…"),
    CommandExchange("e9 0000 00", "55da…"),
]

DAY: list[CommandExchange] = [
    CommandExchange("92 00 01", "5566…"),
    mode(1),
    CommandExchange("92 00 01", "55d4…"),
    CommandExchange("9a 00", OK),
    CommandExchange("9a 00", "559c…"),
    register(0x12, "01 2111261500 00", second=1),
    CommandExchange(f"49 00 {bcd(100_000, 5)}", OK),
    register(0x0A, bcd(100_000, 7)),
    # 2 × 150.00 and 99.50, paid 300.00 by card and the rest in cash with change.
    CommandExchange("92 00 01", OK),
    *item("Хлеб", 15_000, 2_000, 1),
    old_item("Молоко", 9_950, 1_000, 2),
    CommandExchange("92 00 01", "559b…"),
    register(0x14, bcd(39_950, 5) + bcd(39_950, 5) + bcd(0, 5)),
    CommandExchange(f"99 00 02 {bcd(30_000, 5)}", "5500" + bcd(9_950, 5) + bcd(0, 5)),
    CommandExchange(f"4a 00 01 {bcd(5_000, 5)}", "5586…"),
    CommandExchange(f"4a 00 01 {bcd(10_000, 5)}", OK),
    CommandExchange("4a 00 01 0000000000", "559a…"),
    register(0x01, bcd(39_950, 6), 1),
    register(0x03, bcd(9_950, 6), 1, 1),
    register(0x03, bcd(30_000, 6), 1, 2),
    register(0x06, bcd(2, 2), 1),
    register(0x0A, bcd(109_950, 7)),
    register(0x0B, "00" + bcd(39_950, 6)),
    register(0x3C, bcd(5_000, 6), 1, 1),
    register(0x3C, bcd(905, 6), 1, 2),
    # A discount of 10.00 and a tax sum from the host; then the receipt is cancelled.
    CommandExchange("92 00 01", OK),
    *item("Сыр", 50_000, 1_000, 1),
    CommandExchange(f"43 00 00 01 00 {bcd(1_000, 5)}", OK),
    CommandExchange(f"b8 00 00 01 {bcd(8_167, 7)}", OK),
    register(0x3D, bcd(8_167, 5), 1),
    CommandExchange("59", OK),
    register(0x2E, bcd(49_000, 7), 1),
    register(0x41, bcd(1, 5) + bcd(1, 5), 1),
    # Return, purchase and its return, corrections of income and outcome.
    *sell(2, 1, "Хлеб", 15_000),
    *sell(4, 1, "Тара", 2_000),
    *sell(5, 1, "Тара", 1_000),
    *sell(7, 1, "Коррекция", 5_000),
    *sell(9, 1, "Коррекция", 500),
    register(0x0A, bcd(98_450, 7)),
    register(0x0B, "00" + bcd(28_450, 6)),
    CommandExchange("4d", "4d" + bcd(98_450, 7)),
    # A payment of more cash than there is fails and changes nothing.
    CommandExchange(f"4f 00 {bcd(98_451, 5)}", "5598…"),
    CommandExchange(f"4f 00 {bcd(50_000, 5)}", OK),
    register(0x04, bcd(100_000, 6)),
    register(0x05, bcd(50_000, 6)),
    register(0x08, bcd(1, 2)),
    register(0x09, bcd(1, 2)),
    register(0x0A, bcd(48_450, 7)),
    CommandExchange(EXIT, OK),
    mode(2),
    CommandExchange("67 01", OK),
    CommandExchange("67 09", OK),
    CommandExchange("67 77", "55a3…"),
    CommandExchange("73", OK),
    CommandExchange(EXIT, OK),
    register(0x0C, bcd(39_950, 7), 1),
    mode(3),
    CommandExchange("5a", OK),
    CommandExchange("5a", "558f…"),
    CommandExchange(EXIT, OK),
    register(0x12, "00…", second=1),
    CommandExchange("58", "5500" + bcd(45_950, 7) + bcd(17_500, 7)),
    register(0x28, bcd(39_950, 7), 1),
    register(0x38, bcd(30_000, 7), 1, 2),
]

REGISTRATION: list[CommandExchange] = [
    mode(1),
    CommandExchange("e8 01 01 00 4d04 0100 03", OK),
    CommandExchange("e8 01 01 00 2604 0100 21", OK),
    CommandExchange(f"e8 01 01 00 fa03 0c00 {b'7700000000  '.hex()}", OK),
    CommandExchange("e8 01 01 00 1604 0300 8e9484", OK),
    CommandExchange("e8 01 01 00 b904 0100 02", OK),
    CommandExchange(EXIT, OK),
    mode(6),
    CommandExchange("a6", OK),
    CommandExchange(EXIT, OK),
    CommandExchange("e9 fa03 00", f"5500 01 fa03 0c00 {b'7700000000  '.hex()}"),
    CommandExchange("e9 2604 00", "5500 01 2604 0100 21"),
]

CLOSING: list[CommandExchange] = [
    mode(6),
    CommandExchange("a7", OK),
    CommandExchange(EXIT, OK),
    CommandExchange("a4 30", "5500 0f…"),
]


def exchange_all(ask: Ask, visits: list[CommandExchange]) -> Iterator[int]:
    """Send each command and compare its answer; yield the command's code."""
    for each in visits:
        request = bytes.fromhex(each.request)
        answer = ask(request).hex()
        wanted = each.answer.replace(" ", "")
        same = answer.startswith(wanted[:-1]) if wanted.endswith("…") else answer == wanted
        assert same, f"{each.request}: {answer}, not {wanted}"
        yield request[0]
