"""The printer of a simulated register: its tape and the commands that print (KKT-PC 3.1)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from protocol.kktpc.text import decode_cp866
from simulator.register.failures import Failure, ResultCode
from simulator.register.state import RegisterState

Fields = dict[str, Any]
CommandHandler = Callable[[RegisterState, Fields, datetime], Fields]

LINE_CM: Final = 1
"""Paper that a line counts for; a real line takes less than half, but the counter is in metres."""

FREE_PICTURE_BYTES: Final = 65536
PICTURES: Final = 2
MOST_PORT_BYTES: Final = 94


def require_paper(register: RegisterState) -> None:
    """Raise ``Failure`` when the paper has run out."""
    if register.faults.paper_out:
        raise Failure(ResultCode.NO_PAPER)


def put(register: RegisterState, lines: Iterable[str], paper_cm: int = LINE_CM) -> None:
    """Add the lines to the tape; the caller has already checked the paper."""
    register.till.tape.extend(lines)
    register.printed_cm += paper_cm


def lines_of(text: bytes) -> list[str]:
    """Return a host's CP866 text as one line; no line for an empty text."""
    return [decode_cp866(text)] if text else []


def rub(kopecks: int) -> str:
    """Return a sum as a receipt shows it: roubles with two decimals."""
    return f"{'-' if kopecks < 0 else ''}{abs(kopecks) // 100}.{abs(kopecks) % 100:02}"


def _on_paper(lines: Callable[[RegisterState, Fields], list[str]]) -> CommandHandler:
    def order(register: RegisterState, fields: Fields, _: datetime) -> Fields:
        require_paper(register)
        put(register, lines(register, fields))
        return {}

    return order


def _cut(register: RegisterState, _: Fields, __: datetime) -> Fields:
    register.cuts += 1
    return {}


def _done(register: RegisterState, _: Fields, __: datetime) -> Fields:
    """Accept a command that leaves no trace, such as a beep or opening the drawer."""
    return {}


def _send_to_port(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if len(fields["data"]) > MOST_PORT_BYTES:
        raise Failure(ResultCode.WRONG_LENGTH)
    return {}


def _demo(register: RegisterState, fields: Fields) -> list[str]:
    if fields["type"] not in _DEMOS:
        raise Failure(ResultCode.WRONG_FORMAT)
    return _DEMOS[fields["type"]](register)


def _about(register: RegisterState) -> list[str]:
    return [
        f"ЗАВОДСКОЙ НОМЕР {register.serial_number}",
        f"ПО {register.loader.firmware}",
        f"ФН {register.drive.number}",
    ]


def _diagnostics(register: RegisterState) -> list[str]:
    """Return lines about the result of the last call to the cash server."""
    return [
        "ДИАГНОСТИКА СВЯЗИ С ОФД",
        f"Интернет: {_YES_OR_NO[register.internet_reached]}",
        f"ОФД: {_YES_OR_NO[not register.network_error]}",
        f"Кабинет: {_YES_OR_NO[register.cabinet_reached]}",
    ]


_YES_OR_NO: Final = {True: "да", False: "нет"}
_DEMOS: Final[Mapping[int, Callable[[RegisterState], list[str]]]] = {
    0: lambda _: ["ДЕМОНСТРАЦИОННАЯ ПЕЧАТЬ"],
    1: _about,
    3: lambda _: ["ТЕХНОЛОГИЧЕСКИЙ ПРОГОН"],
    6: _diagnostics,
}


def _picture_memory(register: RegisterState, _: Fields, __: datetime) -> Fields:
    return {"free_bytes": FREE_PICTURE_BYTES, "last": PICTURES}


def _picture(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if not 0 < fields["number"] <= PICTURES:
        raise Failure(ResultCode.NO_PICTURE)
    return {"width_bytes": 48, "height": 120, "state": 0}


HANDLERS: Final[Mapping[str, CommandHandler]] = {
    "beep": _done,
    "sound": _done,
    "open_drawer": _done,
    "send_to_port": _send_to_port,
    "cut": _cut,
    "print_string": _on_paper(lambda _, fields: lines_of(fields["text"]) or [""]),
    "print_cliche": _on_paper(lambda register, _: [register.owner.name, register.owner.address]),
    "print_demo": _on_paper(_demo),
    "read_picture_memory": _picture_memory,
    "read_picture": _picture,
}
