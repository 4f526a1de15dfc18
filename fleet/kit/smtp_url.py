"""The URL of the mail server in the configuration: ``smtp://LOGIN@HOST:PORT``.

``smtps`` means TLS from the first byte.  The login may be left out (for a relay that trusts us),
and so may the port (587, with ``smtps`` 465).  A password is not allowed in the URL, because URLs
appear in logs and on command lines.
"""

import ipaddress
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

PORTS: Final = {"smtp": 587, "smtps": 465}


class SmtpUrl(NamedTuple):
    """The parts of the URL; ``tls``: TLS from the first byte; ``login`` is empty for a relay."""

    login: str
    host: str
    port: int
    tls: bool

    @property
    def must_start_tls(self) -> bool | None:
        """Return True if STARTTLS is required, None if it is optional, False inside TLS.

        It is required with a login, so that a password never crosses a network unencrypted.
        """
        if self.tls:
            return False
        return True if self.login and not _is_loopback(self.host) else None


def parse(text: str) -> SmtpUrl:
    """Return the parts of a mail server's URL; raise ``ValueError`` with a sentence otherwise."""
    parts = urlsplit(text)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/"):
        raise ValueError("a mail server is smtp://LOGIN@HOST:PORT, or smtps:// for TLS")
    if parts.password is not None:
        raise ValueError("the mail server's password belongs into a file, not into its address")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    return SmtpUrl(unquote(parts.username or ""), parts.hostname, port, parts.scheme == "smtps")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
