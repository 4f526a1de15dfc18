"""TABLE of the commands that only read: the register's identity and state (KKT-PC 3.1)."""

from datetime import datetime

from construct import Bit, BitStruct, Byte, Default, ExprAdapter, Flag, GreedyBytes, Int16ub

from protocol.fields import bcd_calendar, bcd_digits, bcd_int, some_bytes, whole
from protocol.kktpc.command_tables.parts import (
    COMMAND_TIME_S,
    MODE,
    NOTHING,
    VERSION,
    Command,
    ascii_text,
)
from protocol.kktpc.text import decode_cp866, encode_cp866

_cp866_rest = ExprAdapter(
    GreedyBytes, lambda raw, _: decode_cp866(raw), lambda text, _: encode_cp866(text)
)
_STATE = whole(
    "cashier" / bcd_int(1),
    "hall" / Byte,
    "clock" / bcd_calendar(datetime, "year month day hour minute second"),
    "flags"
    / BitStruct(
        "battery_low" / Flag,
        "fiscal_drive_activated" / Flag,
        "cover_open" / Flag,
        "unused" / Default(Bit, 0),
        "paper_present" / Flag,
        "drawer_closed" / Flag,
        "shift_open" / Flag,
        "fiscalised" / Flag,
    ),
    "short_serial" / bcd_digits(4),
    "model" / Byte,
    "version" / ascii_text(2),
    "mode" / MODE,
    "receipt_number" / bcd_int(2),
    "last_closed_shift" / bcd_int(2),
    "receipt_state" / Byte,
    "receipt_sum" / bcd_int(5),
    "decimal_point" / Byte,
    "port" / Byte,
)
_STATE_CODE = whole(
    "mode" / MODE,
    "flags"
    / BitStruct(
        "unused" / Default(Bit, 0),
        "paper_near_end" / Flag,
        "printer_error" / Flag,
        "overheated" / Flag,
        "cutter_error" / Flag,
        "mechanical_error" / Flag,
        "printer_missing" / Flag,
        "no_paper" / Flag,
    ),
)

# fmt: off
STATE: tuple[Command, ...] = (
    Command(0x3F, "read_state", NOTHING, _STATE, COMMAND_TIME_S,
            "state: clock, flags, mode, receipt; receipt_sum in kopecks; port 1 RS-232, 4 USB, "
            "5 Bluetooth, 6 Ethernet, 7 Wi-Fi; receipt_state 0 closed, 1 sell, 2 sell return, "
            "4 buy, 5 buy return, 7 and 9 corrections (OBS, A4J)",
            success=b"\x44", repeatable=True),
    Command(0x45, "read_state_code", NOTHING, _STATE_CODE, COMMAND_TIME_S,
            "mode and faults of the printer (TC, OBS)",
            success=b"\x55", failure=None, repeatable=True),
    Command(0x91, "read_register",
            whole("register" / Byte, "parameter_1" / Default(Byte, 0),
                  "parameter_2" / Default(Byte, 0)),
            whole("data" / some_bytes()), 45, "data as laid out in registers.py (OBS)",
            repeatable=True),
    Command(0x9D, "read_version", whole("source" / Byte), whole(*VERSION), COMMAND_TIME_S,
            "source 01 firmware, 03 boot loader, 11 release, 91 configuration, A0 templates (hex) "
            "(OBS, TC)", repeatable=True),
    Command(0xA4, "ask_fiscal_drive",
            whole("question" / Byte, "parameters" / Default(GreedyBytes, b"")),
            whole("data" / GreedyBytes), 30,
            "questions and answers as laid out in fiscal_drive.py (OBS, TC, C); 46h and "
            "47h read on from the last answer, 60h empties a mock-up of a drive",
            repeatable=True, except_for=frozenset({0x46, 0x47, 0x60})),
    Command(0xA5, "read_type", NOTHING,
            whole("protocol" / Byte, "type" / Byte, "model" / Byte, "mode_bits" / Int16ub,
                  *VERSION, "name" / _cp866_rest),
            COMMAND_TIME_S, "what stands at the other end; type 1 is a cash register (OBS, TC)",
            success=b"\x00", failure=b"", repeatable=True),
    Command(0xB3, "read_last_error", NOTHING, whole("code" / Byte, "extended" / Byte),
            COMMAND_TIME_S,
            "the result code that stopped the register, asked in submode 15 of mode 7 (C); a "
            "register that is not stopped may refuse in the same form",
            success=b"\x55", failure=None, repeatable=True),
)
# fmt: on
