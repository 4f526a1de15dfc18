"""TABLE of the commands of registration and of licences of platform 2.5 (KKT-PC 3.1, 3.5)."""

from construct import Byte, Const, Default, GreedyBytes, Int16ul, Prefixed
from construct import Bytes as RawBytes

from protocol.fields import some_bytes, whole
from protocol.kktpc.command_tables.parts import COMMAND_TIME_S, DONE, NOTHING, YES_OR_NO, Command

# fmt: off
REGISTRATION: tuple[Command, ...] = (
    Command(0x6D, "enter_protection_code", whole("number" / Byte, "code" / RawBytes(8)), DONE,
            COMMAND_TIME_S,
            "a licence of platform 2.5, numbers 1 to 30; a wrong code is AEh (OBS)"),
    Command(0x74, "read_protection_code", whole("number" / Byte), whole("entered" / YES_OR_NO),
            COMMAND_TIME_S, "whether the code of that number has been entered (OBS)",
            success=b"\x4c", repeatable=True),
    Command(0xA6, "fiscalise", NOTHING, DONE, 50,
            "registration, or another one as tag 1101 says, with the requisites of E8; mode 6 "
            "(OBS)"),
    Command(0xA7, "close_archive", NOTHING, DONE, 20,
            "closes the archive of the fiscal drive for good; mode 6 (OBS)"),
    Command(0xE8, "write_requisite",
            whole("print" / Default(Byte, 1), "blocks" / Const(b"\x01"), "block" / Const(b"\x00"),
                  "tag" / Int16ul, "value" / Prefixed(Int16ul, GreedyBytes)),
            DONE, COMMAND_TIME_S, "an FFD tag as TLV, kept until A6 takes it (OBS, TC)",
            repeatable=True),
    Command(0xE9, "read_requisite", whole("tag" / Int16ul, "block" / Default(Byte, 0)),
            whole("blocks" / Byte, "data" / some_bytes()), COMMAND_TIME_S,
            "an FFD tag in blocks; they joined are one TLV: tag u16 LE, length u16 LE, value; DAh: "
            "none (OBS, TC)", repeatable=True),
)
# fmt: on
