"""The transports over which a register calls its server (``protocol/README.md``, Transports)."""

from enum import StrEnum


class Transport(StrEnum):
    """A transport of conversations, by the name that metrics, logs and diagnostics give it."""

    TCP = "tcp"
    HTTP = "http"
    TLS = "tls"
    HTTPS = "https"
    MQTT = "mqtt"

    @property
    def is_http(self) -> bool:
        """Tell whether frames travel in the bodies of HTTP requests."""
        return self in (Transport.HTTP, Transport.HTTPS)

    @property
    def is_encrypted(self) -> bool:
        """Tell whether the connection is inside TLS by its own definition."""
        return self in (Transport.TLS, Transport.HTTPS)
