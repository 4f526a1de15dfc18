"""Registers that connect inside TLS: a second port with the protocols of the plain one.

TLS runs on top of our own connection (``ssl.MemoryBIO``), so a peer is a conversation from its
first byte: the limits apply during the handshake, and a failed handshake is recorded like any other
end.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Final

import structlog

from gateway.edge.context import EdgeContext
from gateway.edge.metrics import LIMITS, ConversationOutcome, Limit
from gateway.edge.transports.tcp import TcpLink
from protocol.transport import Transport

RECORD_BYTES: Final = 16_384
"""Largest content of one TLS record in bytes."""

log = structlog.get_logger("gateway")


class Certificate:
    """The certificate of the port and its key; ``refresh`` reloads changed files.

    The constructor raises ``ValueError`` without a usable pair; later a broken pair is logged and
    the previous one stays in use.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._seen = self._versions()
        try:
            self.context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"no TLS with {certificate} and {key}: {error}") from None

    def refresh(self) -> None:
        """Reload the files if they have changed; open conversations keep their certificate."""
        versions = self._versions()
        if versions == self._seen:
            return
        self._seen = versions
        try:
            self.context = self._load()
        except (OSError, ssl.SSLError) as error:
            log.error("certificate_refused", file=str(self._files[0]), why=str(error))
        else:
            log.info("certificate_taken", file=str(self._files[0]))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        # An empty password: an encrypted key is refused instead of a prompt at the terminal.
        context.load_cert_chain(*self._files, password="")
        return context

    def _versions(self) -> list[tuple[int, int] | None]:
        return [_version(file) for file in self._files]


def _version(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


class TlsLink(TcpLink):
    """A connection whose bytes are TLS."""

    __slots__ = ("_incoming", "_outgoing", "_shaken", "_tls")

    transport = Transport.TLS
    http_transport = Transport.HTTPS

    def __init__(self, edge: EdgeContext, context: ssl.SSLContext) -> None:
        super().__init__(edge)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._incoming.write(data)
        try:
            plain, ended = self._decrypt() if self._do_handshake() else (b"", False)
        except ssl.SSLError as error:
            self._flush()
            self._fail(error)
            return
        self._flush()
        if plain:
            super().data_received(plain)
        if ended:
            self.close()

    def write(self, data: bytes) -> None:
        """Encrypt and send data; drop them before the handshake, when the peer cannot read them."""
        if self._shaken and self._transport is not None:
            self._tls.write(data)
            self._flush()

    def close(self) -> None:
        if self._shaken:
            self._shaken = False
            self._say_goodbye()
        super().close()

    def _do_handshake(self) -> bool:
        """Continue the handshake; tell whether it is complete."""
        if not self._shaken:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                return False
            self._shaken = True
        return True

    def _decrypt(self) -> tuple[bytes, bool]:
        """Return all complete plain data, and whether the peer has ended TLS."""
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(RECORD_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        return b"".join(pieces), True

    def _flush(self) -> None:
        if self._outgoing.pending:
            super().write(self._outgoing.read())

    def _fail(self, error: ssl.SSLError) -> None:
        """Finish the conversation after a TLS error; OpenSSL has sent the peer its alert."""
        LIMITS[Limit.TLS].inc()
        if self._conversation is not None:
            reason = (error.reason or "tls").lower()
            self._conversation.finish(ConversationOutcome.REFUSED_MALFORMED, reason)

    def _say_goodbye(self) -> None:
        # OpenSSL reports an error, because we do not wait for the peer's close_notify.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()


async def listen(
    edge: EdgeContext, certificate: Certificate, host: str, port: int
) -> asyncio.Server:
    """Accept TLS connections as ``tcp.listen`` does; each one uses the current certificate."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: TlsLink(edge, certificate.context), host, port, backlog=4096
    )
