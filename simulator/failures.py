"""How a simulated register says no to a command: result codes (KKT-PC 3)."""

from enum import IntEnum


class ResultCode(IntEnum):
    """Those of the result codes that the simulator answers."""

    WRONG_FORMAT = 0x13
    WRONG_LENGTH = 0x14
    WRONG_MODE = 0x66
    """Also the answer to a command that the register does not know."""
    WRONG_REGISTER = 0x6C
    WRONG_PASSWORD = 0x8C
    WRONG_TABLE = 0x91
    WRONG_ROW = 0x92
    WRONG_FIELD = 0x93


class Failure(Exception):
    """The command is not done and nothing has changed."""

    def __init__(self, code: ResultCode) -> None:
        super().__init__(code.name)
        self.code = code
