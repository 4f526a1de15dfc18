"""Explanations of protocol bytes, as lines for people; frames of hosts and registers alike.

The functions are pure and total: any input gives lines, which explain it or say that it is unknown.
"""

from collections.abc import Iterator
from typing import Any, Final

from protocol.conversation import messages
from protocol.errors import RemoteError
from protocol.fields import Fields
from protocol.kktpc import buffer, commands, eot, fiscal_drive, probes, registers
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.frame import BadFrame, Frame, FrameReader
from protocol.kktpc.result_codes import RESULT_CODES
from protocol.rows import parse

PREFIXES: Final = (messages.UP_PREFIX, messages.DOWN_PREFIX)
LONGEST_SHOWN: Final = 64

_WITH_COMMAND: Final = (buffer.Add, buffer.AckAdd)
_WITH_ANSWER: Final = (buffer.AsyncResult, buffer.AsyncError, buffer.Result, buffer.Error)


def explain(data: bytes) -> list[str]:
    """Return lines about a stream of lower level v3.

    An answer is explained by the command before it.
    """
    explainer = Explainer()
    return [line for item in FrameReader().feed(data) for line in explainer.lines(item)]


def explain_v2(data: bytes) -> list[str]:
    """Return lines about a stream of lower level v2.

    Its frames are a command and its answer by turns.
    """
    explainer = Explainer()
    lines: list[str] = []
    asked = False
    for item in v2.FrameReaderV2().feed(data):
        match item:
            case v2.ControlByte():
                lines.append(f"control   {item.name}")
            case v2.BadFrameV2():
                lines.append(_skipped(item.skipped, item.reason))
            case v2.FrameV2():
                lines.append(f"frame     {len(item.data)} data bytes: {shown(item.data)}")
                read = explainer.answer if asked else explainer.command
                lines += _or_unknown(read(0, item.data))
                asked = not asked
    return lines


def is_explained(data: bytes) -> bool:
    """Tell whether the tables explain the data of one frame.

    A host's command must be explained to its last byte; a register's answer must be a possible
    answer to some command.
    """
    try:
        if any(data.startswith(prefix) for prefix in PREFIXES):
            return bool(list(Explainer().meaning(data)))
        message = buffer.decode(data)
        if isinstance(message, _WITH_COMMAND):
            return bool(list(Explainer().command(message.task_id, message.body)))
        if isinstance(message, _WITH_ANSWER) and message.data:
            task_id = getattr(message, "task_id", None)
            if _is_relayed(task_id, message.data):
                return bool(_relayed(message.data, eot.TlvRecipient.HOST))
            return _may_answer(message.data)
    except RemoteError:
        return False
    return True


class Explainer:
    """Explainer of frames that remembers commands by their task id, to explain their answers."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[commands.Command, Fields]] = {}

    def lines(self, item: Frame | BadFrame) -> Iterator[str]:
        """Yield lines about one item of a frame reader; never raise."""
        if isinstance(item, BadFrame):
            yield _skipped(item.skipped, item.reason)
            return
        yield f"frame     id {item.packet_id:02X}, {len(item.data)} data bytes: {shown(item.data)}"
        yield from _or_unknown(self.meaning(item.data))

    def meaning(self, data: bytes) -> Iterator[str]:
        """Yield lines about a frame's data; raise RemoteError if the tables do not cover it."""
        for prefix in PREFIXES:
            if data.startswith(prefix):
                yield _of_conversation(data[len(prefix) :])
                return
        message = buffer.decode(data)
        yield f"buffer    {_named(message)}"
        if isinstance(message, _WITH_COMMAND):
            yield from self.command(message.task_id, message.body)
        elif isinstance(message, buffer.AsyncResult | buffer.AsyncError):
            yield from self.answer(message.task_id, message.data)

    def command(self, task_id: int, body: bytes) -> Iterator[str]:
        """Yield lines about a password and the command after it, if any.

        Raise RemoteError if the tables do not cover the command.
        """
        password, request = commands.split_password(body)
        yield f"password  {password}"
        self._asked.pop(task_id, None)
        if not request:
            return
        command, fields = commands.parse_request(request)
        self._asked[task_id] = command, fields
        if command.code == eot.COMMAND:
            yield _relayed(request, eot.TlvRecipient.REGISTER)
        elif command.name == "ask_fiscal_drive":
            question, parameters = fiscal_drive.parse_question(fields)
            yield f"question  {question.name}({_listed(parameters)})"
        else:
            yield f"command   {command.name}({_listed(fields)})"

    def answer(self, task_id: int, data: bytes) -> Iterator[str]:
        """Yield lines about the answer to the command with that task id.

        Raise RemoteError if the tables do not cover the answer.
        """
        if _is_relayed(task_id, data):
            yield _relayed(data, eot.TlvRecipient.HOST)
            return
        if task_id not in self._asked:
            yield f"answer    {shown(data)} to a command that is not here{_result(data)}"
            return
        command, asked = self._asked[task_id]
        found = commands.parse_answer(command, data)
        if isinstance(found, commands.CommandFailed):
            yield f"answer    {command.name} failed{_result(data)}"
        else:
            yield f"answer    {command.name}({_listed(_inside(command, asked, found))})"


def starts_like_5_0(data: bytes) -> bool:
    """Tell whether the data begin like packets of platform 5.0.

    Only the beginning of such packets is public.
    """
    return data.startswith(probes.START_5_0)


def shown(data: bytes) -> str:
    """Return hex digits of at most ``LONGEST_SHOWN`` bytes and the number of bytes left out."""
    rest = len(data) - LONGEST_SHOWN
    return data[:LONGEST_SHOWN].hex(" ") + (f" … {rest} more" if rest > 0 else "")


def _or_unknown(lines: Iterator[str]) -> Iterator[str]:
    try:
        yield from lines
    except RemoteError as error:
        yield f"unknown   {error.detail}"


def _skipped(count: int, reason: str) -> str:
    return f"skipped   {count} bytes: {reason}"


def _is_relayed(task_id: int | None, data: bytes) -> bool:
    return task_id in eot.SLOTS and data[:1] == bytes((eot.COMMAND,))


def _relayed(data: bytes, to: eot.TlvRecipient) -> str:
    tlv = eot.decode(data, to)
    told = {"socket": tlv.socket, "value": tlv.value}
    return f"relay     {tlv.kind.name}({_listed({n: v for n, v in told.items() if v is not None})})"


def _may_answer(data: bytes) -> bool:
    """Tell whether the data can be a good answer to some command, or a short error answer."""
    bad = data[:1] == b"\x55" and 1 < len(data) <= commands.SHORT_ANSWER
    return bad or any(_is_good_answer(command, data) for command in commands.COMMANDS)


def _is_good_answer(command: commands.Command, data: bytes) -> bool:
    try:
        return not isinstance(commands.parse_answer(command, data), commands.CommandFailed)
    except RemoteError:
        return False


def _inside(command: commands.Command, asked: Fields, found: Fields) -> Fields:
    """Return the fields inside the data of a register's or fiscal drive's answer.

    If the tables have no row for it, return the fields of the answer itself.
    """
    if command.name == "read_register" and asked["register"] in registers.BY_NUMBER:
        return registers.parse_register(registers.BY_NUMBER[asked["register"]], found["data"])
    if command.name == "ask_fiscal_drive" and asked["question"] in fiscal_drive.BY_NUMBER:
        return fiscal_drive.parse_answer(fiscal_drive.BY_NUMBER[asked["question"]], found["data"])
    return found


def _of_conversation(data: bytes) -> str:
    """Return a line about a message of the conversation; a sealed one stays unreadable."""
    kind, body = data[:1], data[1:]
    if kind == bytes((messages.FrameKind.SEALED,)):
        return f"ours      SEALED, {len(body)} bytes"
    found = messages.BY_OUTER_CODE.get(kind[0]) if kind else None
    if found is None:
        raise RemoteError("malformed", f"the conversation knows no kind {kind.hex() or 'at all'}")
    return f"ours      {_named(parse(found, body))}"


def _named(message: Any) -> str:
    return f"{type(message).__name__}({_listed(message._asdict())})"


def _listed(fields: Fields) -> str:
    return ", ".join(
        f"{name}={shown(value) if isinstance(value, bytes) else value}"
        for name, value in fields.items()
    )


def _result(data: bytes) -> str:
    text = RESULT_CODES.get(data[1]) if data[:1] == b"\x55" and len(data) > 1 else None
    return f" ({text['en']})" if text else ""
