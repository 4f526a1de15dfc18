"""TABLE of the commands of a shift, its cash and its reports (KKT-PC 3.1); sums in kopecks."""

from construct import Byte, Default, GreedyBytes

from protocol.fields import bcd_int, whole
from protocol.kktpc.command_tables.parts import COMMAND_TIME_S, DONE, FLAGS, NOTHING, SUM, Command

# fmt: off
SHIFTS: tuple[Command, ...] = (
    Command(0x49, "cash_in", whole(FLAGS, SUM), DONE, COMMAND_TIME_S,
            "money into the drawer; mode 1 (OBS)"),
    Command(0x4D, "read_cash", NOTHING, whole("sum" / bcd_int(7)), COMMAND_TIME_S,
            "money in the drawer (A4J, C)", success=b"\x4d", repeatable=True),
    Command(0x4F, "cash_out", whole(FLAGS, SUM), DONE, COMMAND_TIME_S,
            "money out of the drawer; mode 1 (TC, C)"),
    Command(0x58, "read_last_shift", NOTHING,
            whole("income" / bcd_int(7), "outcome" / bcd_int(7)), COMMAND_TIME_S,
            "totals of the last shift (A4J, C)", repeatable=True),
    Command(0x5A, "close_shift", NOTHING, DONE, 40, "the Z-report; mode 3 (A4J, C)"),
    Command(0x67, "print_report", whole("type" / Byte), DONE, COMMAND_TIME_S,
            "a report that clears nothing, mode 2: 1 X-report, 9 state of the exchange with the "
            "OFD (OBS)"),
    Command(0x9A, "open_shift", whole(FLAGS, "text" / Default(GreedyBytes, b"")), DONE,
            COMMAND_TIME_S, "text in CP866, printed (inferred); mode 1 (OBS)"),
)
# fmt: on
