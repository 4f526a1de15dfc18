"""TABLE of the commands of the printer, the drawer and the sounder (KKT-PC 3.1)."""

from construct import Byte, Default, GreedyBytes, Int16ub, Int32ub

from protocol.fields import some_bytes, whole
from protocol.kktpc.command_tables.parts import COMMAND_TIME_S, DONE, NOTHING, Command

# fmt: off
PRINTING: tuple[Command, ...] = (
    Command(0x47, "beep", NOTHING, DONE, COMMAND_TIME_S, "one beep (A4J, DANT)", repeatable=True),
    Command(0x4C, "print_string", whole("text" / GreedyBytes), DONE, COMMAND_TIME_S,
            "a line in CP866; an empty one feeds the paper (OBS)"),
    Command(0x6C, "print_cliche", NOTHING, DONE, COMMAND_TIME_S,
            "the heading of a receipt (A4J, DANT)"),
    Command(0x75, "cut", whole("partial" / Byte), DONE, COMMAND_TIME_S,
            "0 through, 1 leaves a bridge (DANT, TC)"),
    Command(0x7D, "read_picture_memory", whole("kind" / Byte),
            whole("free_bytes" / Int32ub, "last" / Byte), COMMAND_TIME_S,
            "room for pictures and barcodes, and the number of the last one; kind 2 pictures "
            "(OBS); answer (C)", repeatable=True),
    Command(0x80, "open_drawer", NOTHING, DONE, COMMAND_TIME_S, "the money drawer (A4J)"),
    Command(0x82, "print_demo",
            whole("printer" / Default(Byte, 1), "type" / Byte, "parameter" / Default(Byte, 0)),
            DONE, COMMAND_TIME_S,
            "type 0 demo, 1 about the register, 3 technological run, 6 diagnostics of the link to "
            "the OFD (DANT)"),
    Command(0x88, "sound", whole("divisor" / Int16ub, "time" / Byte), DONE, COMMAND_TIME_S,
            "divisor 65536 - 921600 / Hz; time in hundredths of a second (inferred) (DANT)",
            repeatable=True),
    Command(0x8F, "send_to_port", whole("port" / Byte, "data" / some_bytes()), DONE,
            COMMAND_TIME_S, "bytes for what hangs on a port of the register, 94 at most (A4J)"),
    Command(0x90, "read_picture", whole("number" / Byte),
            whole("width_bytes" / Byte, "height" / Int16ub, "state" / Byte), COMMAND_TIME_S,
            "size of a stored picture (OBS); the answer is inferred", repeatable=True),
)
# fmt: on
