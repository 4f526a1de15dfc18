"""Events of a host for its owner: the answer to a command or its failure, and EoT."""

from typing import NamedTuple

from gateway.assistant.kktpc.errors import HostError


class CommandAnswered(NamedTuple):
    """The application's answer (KKT-PC 3), good or bad; empty if none was requested."""

    data: bytes


class CommandUnanswered(NamedTuple):
    """Failure of a command without an answer."""

    error: HostError


class RelayData(NamedTuple):
    """A message of the register over EoT: ``DA`` and one TLV."""

    data: bytes


class RelayBroken(NamedTuple):
    """Possible loss of EoT data: both sockets start again."""


class LateFailure(NamedTuple):
    """Failure of a command without a result; ``data`` is the application's answer."""

    task_id: int
    data: bytes


Event = CommandAnswered | CommandUnanswered | RelayData | RelayBroken | LateFailure
