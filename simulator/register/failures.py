"""Failures of a simulated register's commands: result codes (KKT-PC 3) and exceptions."""

from enum import IntEnum

from protocol.conversation.messages import StepRefusal


class ResultCode(IntEnum):
    """The result codes that the simulator answers with."""

    WRONG_PRICE = 0x08
    WRONG_QUANTITY = 0x0A
    DISCOUNT_IMPOSSIBLE = 0x10
    WRONG_FORMAT = 0x13
    WRONG_LENGTH = 0x14
    CLOCK_BEHIND_DRIVE = 0x20
    WRONG_MODE = 0x66
    """Also the answer to an unknown command."""
    NO_PAPER = 0x67
    WRONG_RECEIPT = 0x6A
    WRONG_REGISTER = 0x6C
    NO_PICTURE = 0x6F
    NON_CASH_ABOVE_TOTAL = 0x71
    PAYMENT_OVERFLOW = 0x75
    UNFINISHED = 0x76
    WRONG_MODEL = 0x7A
    WRONG_DISCOUNT = 0x7B
    AFTER_DISCOUNT = 0x7C
    WRONG_PAYMENT = 0x7E
    TOTAL_OVERFLOW = 0x81
    PAID_TOO_LITTLE = 0x86
    SHIFT_EXPIRED = 0x88
    WRONG_PASSWORD = 0x8C
    NOTHING_TO_CLEAR = 0x8F
    WRONG_TABLE = 0x91
    WRONG_ROW = 0x92
    WRONG_FIELD = 0x93
    WRONG_DATE = 0x94
    NO_MONEY = 0x98
    RECEIPT_CLOSED = 0x9A
    RECEIPT_OPEN = 0x9B
    SHIFT_OPEN = 0x9C
    WRONG_REPORT = 0xA3
    WRONG_REGISTRATION_NUMBER = 0xA6
    WRONG_INN = 0xA7
    WRONG_LICENCE = 0xAE
    NO_DATA = 0xAF
    DRIVE_STATE = 0xD4
    DRIVE_FAILURE = 0xD5
    DRIVE_EXPIRED = 0xD7
    DRIVE_FULL = 0xD8
    DRIVE_STORAGE = 0xEB
    NOTHING_IN_DRIVE = 0xDA
    TAX_ABOVE_TOTAL = 0xDF
    WRONG_TAX = 0xE0
    NOT_ENOUGH_POWER = 0xE6
    UNSENT = 0xED
    DRIVE_OFD_WAIT = 0xEF


class PowerLost(Exception):
    """Power lost in the middle of a command."""


class Failure(Exception):
    """A failed command that has changed nothing."""

    def __init__(self, code: ResultCode) -> None:
        super().__init__(code.name)
        self.code = code


class CommandPostponed(Exception):
    """A command that cannot be done now but may be tried later.

    A step is refused with ``reason``, a command on an ordinary line with ``code``.
    """

    def __init__(self, code: ResultCode, reason: StepRefusal) -> None:
        super().__init__(reason.name)
        self.code, self.reason = code, reason
