"""Address of an MQTT broker in the configuration: ``mqtt://LOGIN@HOST:PORT``.

``mqtts`` means TLS.  The port may be left out (1883, with TLS 8883).  A password is not allowed in
the address, because the address is shown in logs and on command lines.
"""

from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class BrokerUrl(NamedTuple):
    """A parsed broker address; ``tls`` is true if the connection is inside TLS."""

    login: str
    host: str
    port: int
    tls: bool


def parse(text: str) -> BrokerUrl:
    """Parse a broker address; raise ``ValueError`` with an explanation if it is invalid."""
    parts = urlsplit(text)
    if parts.scheme not in PORTS or not parts.hostname or not parts.username:
        raise ValueError("a broker is mqtt://LOGIN@HOST:PORT, or mqtts:// for TLS")
    if parts.password is not None:
        raise ValueError("the broker's password belongs into a file, not into its address")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    return BrokerUrl(unquote(parts.username), parts.hostname, port, parts.scheme == "mqtts")
