"""Transports that registers use to connect to their server (``protocol/README.md``, Transports)."""

from enum import StrEnum


class Transport(StrEnum):
    """A transport of conversations, by its name in metrics, logs and diagnostics."""

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
        """Tell whether the transport itself includes TLS."""
        return self in (Transport.TLS, Transport.HTTPS)
