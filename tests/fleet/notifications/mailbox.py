"""A real SMTP server on the loopback that keeps what it takes, and can misbehave."""

import asyncio
import re
import warnings
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LOGIN, PASSWORD = "cash", "post horse"


@dataclass
class Mailbox:
    """What has come, and how the server answers from now on."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    sender_answer: str = ""
    """Instead of taking a sender."""
    recipient_answer: str = ""
    """Instead of taking a recipient."""
    data_answer: str = "250 OK"
    drops_after_data: bool = False
    pauses_s: deque[float] = field(default_factory=deque)
    """Before each answer to a letter, while there are any."""
    logins: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]
    ) -> str:
        if self.recipient_answer:
            return self.recipient_answer
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        if self.drops_after_data and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        if self.pauses_s:
            await asyncio.sleep(self.pauses_s.popleft())
        return self.data_answer

    def authenticate(
        self,
        _server: object,
        _session: object,
        _envelope: object,
        mechanism: str,
        data: LoginPassword,
    ) -> AuthResult:
        self.logins.append(data.login)
        right = data == LoginPassword(LOGIN.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right)

    def letters_to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.messages if message["To"] == address]


@asynccontextmanager
async def serving(mailbox: Mailbox, *, login: bool = False) -> AsyncIterator[Mailbox]:
    """The server on ``mailbox.port`` (0 = a free one, written there), until the block ends."""
    loop = asyncio.get_running_loop()
    sockets: set[asyncio.BaseTransport] = set()

    class Server(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            sockets.add(transport)
            super().connection_made(transport)

    def make() -> SMTP:
        with warnings.catch_warnings():  # that a login without TLS is unsafe: not on the loopback
            warnings.simplefilter("ignore")
            return Server(
                mailbox,
                hostname="mail.test",
                authenticator=mailbox.authenticate if login else None,
                auth_required=login,
                auth_require_tls=False,
                loop=loop,
            )

    server = await loop.create_server(make, "127.0.0.1", mailbox.port)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for transport in sockets:
            transport.close()
        await server.wait_closed()


def plain(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def link_token(message: EmailMessage) -> str:
    """The secret of the link in a letter."""
    found = re.search(r"\bhttps?://\S+/password#(\S+)", plain(message))
    assert found is not None, plain(message)
    return found[1]
