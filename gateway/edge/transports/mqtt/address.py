"""The address of the gateway's MQTT broker, with the gateway's account."""

import ssl
from typing import NamedTuple

from gateway.edge.config import GatewayConfig
from protocol import broker_url


class BrokerAddress(NamedTuple):
    """Address and account; ``shared`` means MQTT 5 with one subscription for several gateways.

    The embedded broker speaks MQTT 3.1.1 and has one gateway.
    """

    host: str
    port: int
    login: str
    password: str
    tls: ssl.SSLContext | None = None
    shared: bool = True

    def __repr__(self) -> str:
        return f"BrokerAddress({self.login} at {self.host}:{self.port})"


def configured_broker(config: GatewayConfig) -> BrokerAddress | None:
    """Return the broker of ``CASH_SERVER_MQTT``, or None if it is empty.

    Raise ``OSError`` for a file that cannot be read.
    """
    if not config.mqtt:
        return None
    url = broker_url.parse(config.mqtt)
    password = ""
    if config.mqtt_password_file is not None:
        password = config.mqtt_password_file.read_text("utf-8").strip()
    tls = ssl.create_default_context(cafile=config.mqtt_ca_file) if url.tls else None
    return BrokerAddress(url.host, url.port, url.login, password, tls)
