"""A call over HTTP: each message of the register is a POST, each answer's body holds frames."""

from typing import Final

import h11

LONGEST_ANSWER: Final = 4 << 20
"""Limit of an answer in bytes; a stream of firmware blocks comes as one answer."""


class CarrierError(Exception):
    """An answer that is not valid HTTP or was refused; ``why`` is a short code."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class HttpCarrier:
    """One keep-alive connection: an answer ends before the next request begins."""

    def __init__(self, host: str, path: str) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._host, self._path = host, path
        self._answer = b""

    def pack(self, frames: bytes) -> bytes:
        """Return a request with the frames."""
        headers = [
            ("Host", self._host),
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(len(frames))),
        ]
        request = h11.Request(method="POST", target=self._path, headers=headers)
        events = (request, h11.Data(frames), h11.EndOfMessage())
        try:
            return b"".join(self._http.send(event) for event in events)
        except h11.LocalProtocolError:
            raise CarrierError("http_order") from None

    def unpack(self, data: bytes) -> bytes:
        """Return the frames of the answer if these bytes complete it, else nothing."""
        frames = b""
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response) and event.status_code != 200:
                    raise CarrierError(f"http_{event.status_code}")
                if isinstance(event, h11.Data):
                    self._take(bytes(event.data))
                if isinstance(event, h11.EndOfMessage):
                    frames, self._answer = self._answer, b""
                    break
            self._turn()
        except h11.RemoteProtocolError:
            raise CarrierError("http") from None
        return frames

    def _take(self, body: bytes) -> None:
        self._answer += body
        if len(self._answer) > LONGEST_ANSWER:
            raise CarrierError("http_oversize")

    def _turn(self) -> None:
        """Prepare the connection for the next request, unless the peer closes it."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
