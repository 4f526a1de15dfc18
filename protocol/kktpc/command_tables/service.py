"""TABLE of the commands that configure a register: modes, tables, clock, restart (KKT-PC 3.1)."""

from datetime import date, datetime

from construct import Byte, Default, GreedyBytes, Int16ub, Prefixed

from protocol.fields import bcd_calendar, bcd_digits, some_bytes, whole
from protocol.kktpc.command_tables.parts import COMMAND_TIME_S, DONE, NOTHING, Command

_CELL = ("table" / Byte, "row" / Int16ub, "field" / Byte)

# fmt: off
SERVICE: tuple[Command, ...] = (
    Command(0x46, "read_table", whole(*_CELL), whole("value" / some_bytes()), COMMAND_TIME_S,
            "a table cell at its full length; strings come in the internal code page (OBS, TC)",
            repeatable=True),
    Command(0x48, "leave_mode", NOTHING, DONE, COMMAND_TIME_S, "leave the current mode (OBS)",
            repeatable=True),
    Command(0x50, "write_table", whole(*_CELL, "value" / some_bytes()), DONE, COMMAND_TIME_S,
            "value as long as read_table returned it; strings go in CP866; some models want "
            "mode 4 (result code 66h) (OBS)", repeatable=True),
    Command(0x56, "enter_mode", whole("mode" / Byte, "password" / bcd_digits(4)), DONE,
            COMMAND_TIME_S,
            "1 registration, 2 X-reports, 3 Z-reports, 4 programming, 5 fiscal memory, "
            "6 fiscal drive, 7 extra; the manufacturer's driver uses password 00000030 (OBS)",
            repeatable=True),
    Command(0x64, "set_date", whole("date" / bcd_calendar(date, "day month year")), DONE,
            COMMAND_TIME_S, "the date alone; the clock's time stays (A4J, C)"),
    Command(0x6B, "reset", NOTHING, DONE, COMMAND_TIME_S,
            "technological reset: everything but the fiscal drive as it left the factory (A4J, C)"),
    Command(0x71, "initialise_tables", NOTHING, DONE, COMMAND_TIME_S,
            "every table back to its initial values (A4J, C)"),
    Command(0xCE, "power", whole("function" / Byte), DONE, COMMAND_TIME_S,
            "function 00 off, or into the loader after a firmware; 41h (hex) restart (OBS)"),
    Command(0xDA, "relay", whole("type" / Byte, "value" / Prefixed(Byte, GreedyBytes)), DONE,
            COMMAND_TIME_S,
            "Ethernet over transport: one TLV of eot.py towards the register, unanswered (OBS)"),
    Command(0xED, "set_clock",
            whole("clock" / bcd_calendar(datetime, "day month year hour minute second")), DONE,
            COMMAND_TIME_S, "date and time by the register's wall clock (OBS)"),
    Command(0xEF, "ask_journal",
            whole("question" / Byte, "parameters" / Default(GreedyBytes, b"")),
            whole("data" / GreedyBytes), COMMAND_TIME_S,
            "the electronic journal: 00 state, 01 begin reading, 02 next record, 03 clear; the "
            "driver asks 09 when it opens a register and takes a refusal (66h) well (OBS)",
            repeatable=True, except_for=frozenset({0x02, 0x03})),
)
# fmt: on
