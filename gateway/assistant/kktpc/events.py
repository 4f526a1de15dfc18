"""What a host tells its owner: the answer, or what is known instead; and EoT beside them."""

from typing import NamedTuple

from gateway.assistant.kktpc.errors import HostError


class CommandAnswered(NamedTuple):
    """The application's answer (KKT-PC 3), good or bad; empty if no result was wanted."""

    data: bytes


class CommandUnanswered(NamedTuple):
    """There is no answer."""

    error: HostError


class RelayData(NamedTuple):
    """What the register says over EoT: ``DA`` and one TLV."""

    data: bytes


class RelayBroken(NamedTuple):
    """Something of EoT may be lost: both its sockets begin anew."""


class LateFailure(NamedTuple):
    """A command without a result failed after all; ``data`` is the application's answer."""

    task_id: int
    data: bytes


Event = CommandAnswered | CommandUnanswered | RelayData | RelayBroken | LateFailure
