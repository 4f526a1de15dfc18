"""The configuration of the gateway: environment variables ``CASH_SERVER_*``."""

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from protocol import broker_url


class GatewayConfig(BaseSettings):
    """The configuration; every limit for a hostile peer has a name here."""

    model_config = SettingsConfigDict(env_prefix="CASH_SERVER_", hide_input_in_errors=True)

    devices: str = Field(
        default="0.0.0.0:7080",
        description="HOST:PORT where registers call in; 80 is usual in production.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate and its chain; read anew when it changes.",
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of the certificate's key, without a password."
    )
    tls_devices: str | None = Field(
        default=None,
        description="HOST:PORT where registers call in with TLS, 443 in production; unset = "
        "no such port.",
    )
    mqtt: str = Field(
        default="",
        description="mqtt://LOGIN@HOST:PORT (mqtts:// for TLS) of the MQTT broker; empty = none, "
        "and `up` has its own.",
    )
    mqtt_password_file: Path | None = Field(
        default=None, description="File with the password of that account, nothing else in it."
    )
    mqtt_ca_file: Path | None = Field(
        default=None,
        description="PEM file of who vouches for the broker; unset = those that the system trusts.",
    )
    broker: str = Field(
        default="0.0.0.0:1883",
        description="HOST:PORT of the embedded MQTT broker of `up`.",
    )
    metrics: str = Field(
        default="127.0.0.1:9080",
        description="HOST:PORT of /metrics when the gateway runs by itself.",
    )
    key_ring: Path | None = Field(
        default=None,
        description="File of the fleet keys (mode 0600); unset = key-ring.json in the data "
        "directory, made at the first start of `up`.",
    )
    check_in_interval_s: int = Field(
        default=300,
        ge=1,
        le=43_200,
        description="Seconds between check-ins that registers are told.",
    )
    batch_linger_s: float = Field(
        default=0.008,
        ge=0,
        le=1,
        description="Seconds that a batch waits for company; more readings share one commit.",
    )
    max_conversations: int = Field(
        default=20_000, ge=1, description="Open conversations; more are refused with `busy`."
    )
    first_frame_bytes: int = Field(
        default=256, ge=64, description="Bytes that may come before the first whole frame."
    )
    max_frame_bytes: int = Field(
        default=0x3FFF, ge=1024, le=0x3FFF, description="Data bytes in one frame."
    )
    http_header_bytes: int = Field(
        default=8192, ge=512, description="Bytes of the head of an HTTP request."
    )
    http_body_bytes: int = Field(
        default=40_960,
        ge=1024,
        description="Bytes of the body of an HTTP request, and of requests that come early.",
    )
    hello_timeout_s: float = Field(
        default=10,
        gt=0,
        description="Seconds from the connection to the first whole frame; TLS and HTTP within.",
    )
    idle_timeout_s: float = Field(
        default=60, gt=0, description="Seconds without a frame in a conversation."
    )
    max_age_s: float = Field(
        default=3600, gt=0, description="Seconds that a conversation may last."
    )
    frames_per_s: int = Field(
        default=200, ge=1, description="Frames a second from one register, with as many at once."
    )
    handshakes_per_address_per_min: int = Field(
        default=3000, ge=0, description="HELLOs a minute from one address; 0 = no limit."
    )
    unsent_bytes: int = Field(
        default=262_144, ge=16_384, description="Bytes that a peer may leave unread."
    )
    log_idle: str = Field(
        default="1/100",
        pattern=r"^(all|none|1/[1-9][0-9]{0,6})$",
        description="Log lines of check-ins without an operation: all, none, or one of N (1/N).",
    )
    stop_grace_s: float = Field(
        default=3, ge=0, description="Seconds that conversations get to end when the gateway stops."
    )

    @property
    def idle_log_every(self) -> int:
        """Return N where one of N idle check-ins is logged; 0 for none."""
        if self.log_idle in ("all", "none"):
            return 1 if self.log_idle == "all" else 0
        return int(self.log_idle.removeprefix("1/"))

    @property
    def devices_address(self) -> tuple[str, int]:
        return _split(self.devices)

    @property
    def tls_address(self) -> tuple[str, int] | None:
        return _split(self.tls_devices) if self.tls_devices else None

    @property
    def metrics_address(self) -> tuple[str, int]:
        return _split(self.metrics)

    @property
    def broker_address(self) -> tuple[str, int]:
        return _split(self.broker)

    @field_validator("mqtt")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        if value:
            broker_url.parse(value)
        return value

    @field_validator("devices", "metrics", "tls_devices", "broker")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            _split(value)
        return value

    @field_validator("tls_devices")
    @classmethod
    def _has_certificate(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and not (info.data.get("tls_certificate") and info.data.get("tls_key")):
            raise ValueError(
                "CASH_SERVER_TLS_CERTIFICATE and CASH_SERVER_TLS_KEY are needed with it"
            )
        return value


def _split(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; raise ``ValueError`` if it is invalid."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (separator and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError("an address is HOST:PORT, for example 0.0.0.0:7080")
    return host, int(port)
