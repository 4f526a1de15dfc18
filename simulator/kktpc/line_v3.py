"""The register's end of a KKT-PC v3 line: frames, packet ids, and the task buffer behind them.

It takes and returns bytes and uses no socket and no clock. ``receive`` answers at once. ``work``
executes the commands received, one per call, so that the caller decides how long a command takes.
"""

from datetime import datetime
from typing import Final

from protocol.errors import RemoteError
from protocol.kktpc import buffer, eot
from protocol.kktpc.buffer import BufferMessage, IllegalValue
from protocol.kktpc.commands import BY_CODE, PASSWORD_LENGTH
from protocol.kktpc.frame import ASYNC_ID, BadFrame, Frame, FrameReader, encode
from simulator.kktpc.relay import CallCredentials, RegisterRelay
from simulator.kktpc.task_buffer import TaskBuffer
from simulator.register.simulated_register import SimulatedRegister

DONE: Final = b"\x55\x00\x00"
SILENCE_S: Final = 1.0
"""Silence after which the rest of a frame will not come; a host waits half of it for an answer."""

CONVERSATION: Final = 0xDB
CONVERSATION_TASK_ID: Final = 0xDD
WRONG_FLAGS, WRONG_TASK_ID = IllegalValue(0), IllegalValue(1)


class LineV3:
    """One line of one register.

    The task buffer outlives a host's connection, because a serial line has none: a host that comes
    back can still ask for the results of its commands.
    """

    def __init__(self, register: SimulatedRegister, caller: CallCredentials | None = None) -> None:
        self.register, self.caller = register, caller
        self.relay = RegisterRelay(register, caller)
        self.buffer = TaskBuffer()
        self._reader = FrameReader()
        self._heard_s = 0.0
        self._last: tuple[Frame, bytes] | None = None

    @property
    def busy(self) -> bool:
        """Tell whether a command waits to be executed."""
        return self.buffer.running is not None

    @property
    def quiet(self) -> bool:
        """Tell whether the host has received everything meant for it."""
        return self.relay.quiet and not self.buffer.unacknowledged

    def hang_up(self) -> None:
        """Forget the previous host's last packet and the bytes of an incomplete frame."""
        self._reader, self._last = FrameReader(), None

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Return the answer to any bytes; raise nothing."""
        self._heard_s = now_s
        return b"".join(map(self._answer, self._reader.feed(data)))

    def work(self, now: datetime, now_s: float) -> bytes:
        """Execute the command that is due, if any; return the message about it for the host."""
        slot = self.buffer.running
        if slot is None:
            return b""
        answer = self._execute(slot.body, now, now_s)
        told = self.buffer.finish(answer, _failed(slot.body, answer))
        return b"" if told is None else encode(ASYNC_ID, buffer.encode(told))

    def tick(self, now: datetime, now_s: float) -> bytes:
        """Return the register's own messages, as far as the host has armed slots for them.

        Drop an incomplete frame after ``SILENCE_S`` seconds.
        """
        if self._reader.pending and now_s >= self._heard_s + SILENCE_S:
            self._reader = FrameReader()
        self.relay.tick(now, now_s)
        said = []
        while (piece := self.relay.next_piece()) is not None:
            told = self.buffer.deliver(piece)
            if told is None:
                break
            self.relay.on_piece_taken()
            said.append(encode(ASYNC_ID, buffer.encode(told)))
        return b"".join(said)

    def restart(self) -> None:
        """Start with an empty buffer after the power came back."""
        self.buffer = TaskBuffer()
        self.relay = RegisterRelay(self.register, self.caller)
        self.hang_up()

    def _execute(self, body: bytes, now: datetime, now_s: float) -> bytes:
        if body[PASSWORD_LENGTH : PASSWORD_LENGTH + 1] == bytes((eot.COMMAND,)):
            self.relay.receive(body[PASSWORD_LENGTH:], now, now_s)
            return DONE
        return self.register.execute_on_line(body, now)

    def _answer(self, item: Frame | BadFrame) -> bytes:
        if isinstance(item, BadFrame):
            return b"" if item.packet_id is None else encode(item.packet_id, b"")
        if not item.data:
            return self._last[1] if self._last else b""
        if self._last is None or self._last[0] != item:
            self._last = item, self._reply(item)
        return self._last[1]

    def _reply(self, frame: Frame) -> bytes:
        message = _read(frame.data)
        if _is_of_conversation(message):
            return b""
        wrong = isinstance(message, IllegalValue)
        reply = message if wrong else self.buffer.answer(message)
        return encode(frame.packet_id, buffer.encode(reply))


def _read(data: bytes) -> BufferMessage:
    """Return the decoded message, or ``IllegalValue`` for bytes that no host may send.

    It names the wrong field: the task id in messages without flags, else the flags.
    """
    try:
        message = buffer.decode(data)
    except RemoteError:
        return WRONG_TASK_ID if data[0] in (0xC2, 0xC3) or len(data) == 2 else WRONG_FLAGS
    return WRONG_FLAGS if isinstance(message, IllegalValue) else message


def _is_of_conversation(message: BufferMessage) -> bool:
    """Tell whether this is the answer to the register's own conversation.

    Such a message has no place in the buffer.
    """
    return (
        isinstance(message, buffer.Add)
        and message.task_id == CONVERSATION_TASK_ID
        and message.body[PASSWORD_LENGTH : PASSWORD_LENGTH + 1] == bytes((CONVERSATION,))
    )


def _failed(body: bytes, answer: bytes) -> bool:
    command = BY_CODE.get(body[PASSWORD_LENGTH]) if len(body) > PASSWORD_LENGTH else None
    success = DONE[:2] if command is None else command.success
    return not answer.startswith(success)
