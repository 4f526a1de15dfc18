"""Registers that connect over HTTP: ``POST /kkt``, one conversation per keep-alive connection.

The body of a request holds frames for the gateway, the body of its response frames for the
register; frames may be split anywhere.  A request whose reply waits for a commit is answered after
it, every other one at once, possibly with an empty body.  Any other request is refused with a
sentence and ends the connection: a proxy must never see more or fewer requests in the bytes than
this module does.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import h11

from gateway.edge.config import GatewayConfig
from gateway.edge.context import TransportLink
from gateway.edge.conversation import Conversation
from gateway.edge.metrics import LIMITS, ConversationOutcome, Limit
from protocol.transport import Transport

PATH: Final = b"/kkt"
"""Path that ATOL's registers of platform 2.5 use: service.atol.ru/kkt."""

REFUSAL_TEXTS: Final = {
    400: "Неверный запрос. / Bad request.",
    404: "Адрес для касс — /kkt. / Registers use /kkt.",
    405: "Допустим только метод POST. / Only POST is allowed.",
    408: "Запрос не пришёл вовремя. / The request did not come in time.",
    411: "Укажите длину запроса. / Give the request's length.",
    413: "Слишком большой запрос. / The request is too large.",
    417: "Заголовок Expect не поддерживается. / Expect is not supported.",
    431: "Заголовки слишком велики. / The headers are too large.",
    501: "Такая передача не поддерживается. / This transfer coding is not supported.",
    503: "Данные не сохранены, повторите. / Nothing was saved; try again.",
    505: "Нужен HTTP/1.1. / HTTP/1.1 is needed.",
}
"""Text of each response that is not 200."""

_LIMITS: Final = {413: Limit.HTTP_BODY_BYTES, 431: Limit.HTTP_HEADER_BYTES}
"""Refusals that count as a named limit."""

_FOLDED_OR_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]")
_LENGTH: Final = re.compile(rb"\ncontent-length[ \t]*:", re.IGNORECASE)
"""Patterns of heads that programs interpret differently, though h11 accepts them.

These are unusual line ends and a repeated Content-Length.
"""


class _RequestHead(NamedTuple):
    """The head of a request, as raw bytes and as h11 parses it."""

    head: bytes
    version: bytes
    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    config: GatewayConfig

    @property
    def is_ambiguous(self) -> bool:
        said_twice = len(_LENGTH.findall(self.head)) > 1
        both = b"content-length" in self.headers and b"transfer-encoding" in self.headers
        return both or said_twice or _FOLDED_OR_BARE.search(self.head) is not None

    @property
    def has_no_length(self) -> bool:
        return b"content-length" not in self.headers and b"transfer-encoding" not in self.headers

    @property
    def body_bytes(self) -> int:
        """Return the declared length of the body; 0 for chunked encoding."""
        return int(self.headers.get(b"content-length", b"0"))


_REFUSALS: Final[tuple[tuple[int, Callable[[_RequestHead], bool]], ...]] = (
    (431, lambda asked: len(asked.head) > asked.config.http_header_bytes),
    (400, lambda asked: asked.is_ambiguous),
    (505, lambda asked: asked.version != b"1.1"),
    (417, lambda asked: b"expect" in asked.headers),
    (404, lambda asked: asked.path != PATH),
    (405, lambda asked: asked.method != b"POST"),
    (411, lambda asked: asked.has_no_length),
    (413, lambda asked: asked.body_bytes > asked.config.http_body_bytes),
)
"""Reasons to refuse a request; the first one that applies is used."""


class _HttpRefusal(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class HttpLink:
    """Link of a conversation that sends its bytes as HTTP over the link ``below``.

    It stores at most the head of a request, the response to one, and ``http_body_bytes`` of
    requests that came before the response to the previous one.
    """

    __slots__ = (
        "_answer",
        "_below",
        "_body_bytes",
        "_config",
        "_conversation",
        "_due",
        "_head",
        "_http",
        "_method",
        "peer",
        "transport",
    )

    def __init__(
        self,
        conversation: Conversation,
        lower_link: TransportLink,
        config: GatewayConfig,
        transport: Transport,
    ) -> None:
        self.transport, self.peer = transport, lower_link.peer
        self._conversation: Conversation | None = conversation
        self._below, self._config = lower_link, config
        self._http = h11.Connection(h11.SERVER, config.http_header_bytes)
        self._head = self._answer = self._method = b""
        self._body_bytes = 0
        self._due = False

    def receive(self, data: bytes) -> None:
        """Handle received bytes of the connection; never raise."""
        if self._conversation is None or not data:  # h11 takes empty data as the end of the stream
            return
        if self._http.their_state is h11.IDLE:
            self._head += data
        self._http.receive_data(data)
        self._read()

    def write(self, data: bytes) -> None:
        """Collect frames for the register, and send them if its request waits for a response."""
        self._answer += data
        if self._due:
            self._respond()
            self._read()

    def close(self) -> None:
        """Close the conversation; a pending request gets the last frames or an error status."""
        if self._conversation is None:
            return
        self._conversation = None
        if self._http.our_state is h11.SEND_RESPONSE:
            late = self._http.their_state is h11.SEND_BODY
            self._send(200 if self._answer else 408 if late else 503, close=True)
        self._below.close()

    def _read(self) -> None:
        """Handle all received events that may be handled now."""
        try:
            while self._conversation is not None:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                _HANDLERS[type(event)](self, event)
            if self._due and len(self._http.trailing_data[0]) > self._config.http_body_bytes:
                raise _HttpRefusal(413)
        except h11.RemoteProtocolError as mistake:
            self._refuse(mistake.error_status_hint)
        except _HttpRefusal as refused:
            self._refuse(refused.status)

    def _request(self, request: h11.Request) -> None:
        after = len(self._http.trailing_data[0])
        head, self._head = self._head[: len(self._head) - after], b""
        self._method, self._body_bytes = request.method, 0
        path = request.target.partition(b"?")[0]
        headers = dict(request.headers)
        asked = _RequestHead(
            head, request.http_version, request.method, path, headers, self._config
        )
        for status, holds in _REFUSALS:
            if holds(asked):
                raise _HttpRefusal(status)

    def _data(self, data: h11.Data) -> None:
        self._body_bytes += len(data.data)
        if self._body_bytes > self._config.http_body_bytes:
            raise _HttpRefusal(413)
        if self._conversation is not None:
            self._conversation.receive(bytes(data.data))

    def _end(self, end: h11.EndOfMessage) -> None:
        if list(end.headers):
            raise _HttpRefusal(400)
        self._due = True
        if self._conversation is not None and not self._conversation.waiting:
            self._respond()

    def _respond(self) -> None:
        """Send the response; continue with the next request unless the conversation is over."""
        if self._conversation is None:
            return
        self._send(200, close=self._conversation.is_over)
        if self._http.our_state is h11.DONE:
            self._head = self._http.trailing_data[0]
            self._http.start_next_cycle()
        else:
            self._conversation = None  # it ends with the connection; later bytes are ignored
            self._below.close()

    def _refuse(self, status: int) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is None:
            return
        if status in _LIMITS:
            LIMITS[_LIMITS[status]].inc()
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(status, close=True)
        conversation.finish(ConversationOutcome.REFUSED_MALFORMED, f"http_{status}")
        self._below.close()

    def _send(self, status: int, *, close: bool) -> None:
        """Send one complete response."""
        answer, self._answer, self._due = self._answer, b"", False
        headers = [("Content-Type", "application/octet-stream")]
        if status != 200:
            headers = [("Content-Type", "text/plain; charset=utf-8")]
            answer = f"{REFUSAL_TEXTS[status]}\n".encode() if self._method != b"HEAD" else b""
        headers.append(("Content-Length", str(len(answer))))
        headers += [("Allow", "POST")] if status == 405 else []
        headers += [("Connection", "close")] if close else []
        response = h11.Response(
            status_code=status, headers=headers, reason=HTTPStatus(status).phrase
        )
        events = (response, h11.Data(answer), h11.EndOfMessage())
        self._below.write(b"".join(self._http.send(event) for event in events))


_HANDLERS: Final[dict[type[Any], Callable[[HttpLink, Any], None]]] = {
    h11.Request: HttpLink._request,
    h11.Data: HttpLink._data,
    h11.EndOfMessage: HttpLink._end,
}
