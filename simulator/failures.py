"""How a simulated register says no to a command: result codes (KKT-PC 3)."""

from enum import IntEnum

from protocol.messages import StepRefusal


class ResultCode(IntEnum):
    """Those of the result codes that the simulator answers."""

    WRONG_FORMAT = 0x13
    WRONG_LENGTH = 0x14
    WRONG_MODE = 0x66
    """Also the answer to a command that the register does not know."""
    WRONG_REGISTER = 0x6C
    WRONG_MODEL = 0x7A
    WRONG_PASSWORD = 0x8C
    WRONG_TABLE = 0x91
    WRONG_ROW = 0x92
    WRONG_FIELD = 0x93
    SHIFT_OPEN = 0x9C
    WRONG_LICENCE = 0xAE
    NO_DATA = 0xAF
    DRIVE_STATE = 0xD4
    DRIVE_FAILURE = 0xD5
    DRIVE_EXPIRED = 0xD7
    DRIVE_FULL = 0xD8
    DRIVE_STORAGE = 0xEB
    NOT_ENOUGH_POWER = 0xE6
    UNSENT = 0xED
    DRIVE_OFD_WAIT = 0xEF


class PowerLost(Exception):
    """The power went in the middle of a command."""


class Failure(Exception):
    """The command is not done and nothing has changed."""

    def __init__(self, code: ResultCode) -> None:
        super().__init__(code.name)
        self.code = code


class PutOff(Exception):
    """Not now: a step is refused with ``reason``, a command on an ordinary line with ``code``."""

    def __init__(self, code: ResultCode, reason: StepRefusal) -> None:
        super().__init__(reason.name)
        self.code, self.reason = code, reason
