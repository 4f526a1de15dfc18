"""TABLE of our own commands, for functions that the public protocol of a register lacks.

No public host uses `D0` to `D9` and `DC`.  Platform 5.0 addresses its settings by number, and how
its own protocol does that, and much else, is not public; `D0` and `D1` resemble the commands 50 and
46.
"""

from construct import Byte, Default, GreedyBytes, Int16ub, Int32ub
from construct import Bytes as RawBytes

from protocol.fields import some_bytes, whole
from protocol.kktpc.command_tables.parts import COMMAND_TIME_S, DONE, NOTHING, YES_OR_NO, Command

# fmt: off
OURS: tuple[Command, ...] = (
    Command(0xD0, "write_setting", whole("number" / Int16ub, "value" / GreedyBytes), DONE,
            COMMAND_TIME_S, "platform 5.0, ours: value as settings.encode_value makes it",
            repeatable=True),
    Command(0xD1, "read_setting", whole("number" / Int16ub), whole("value" / GreedyBytes),
            COMMAND_TIME_S, "platform 5.0, ours: value as settings.decode_value takes it",
            repeatable=True),
    Command(0xD5, "write_licence", whole("kind" / Byte, "licence" / some_bytes()), DONE,
            COMMAND_TIME_S,
            "platform 5.0, ours: kind 1 platform 5.0, 2 Web DKKT, 3 newger as a fiscal printer; "
            "a licence that is none is AEh"),
    Command(0xD6, "rotate_key",
            whole("generation" / Byte, "key" / Default(GreedyBytes, b"")), DONE, COMMAND_TIME_S,
            "ours: the register's key (32 bytes) of another generation, tried at the next call",
            repeatable=True),
    Command(0xD7, "print_receipts", whole("enabled" / YES_OR_NO), DONE, COMMAND_TIME_S,
            "ours: receipts on paper, or not", repeatable=True),
    Command(0xD8, "template_begin",
            whole("kind" / Byte, "tape_width_mm" / Byte, "size" / Int32ub, "sha256" / RawBytes(32)),
            whole("next" / Int16ub), COMMAND_TIME_S,
            "ours: a template is coming (templates.py); next is the first block that is wanted",
            repeatable=True),
    Command(0xD9, "template_block", whole("number" / Int16ub, "data" / some_bytes()),
            whole("next" / Int16ub), COMMAND_TIME_S,
            "ours: blocks go in their order; next is wanted then; template_begin tells it too"),
    Command(0xDC, "template_apply", NOTHING, DONE, COMMAND_TIME_S,
            "ours: put the template that has come to use, if its hash is right"),
)
# fmt: on
