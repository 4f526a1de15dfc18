"""The configuration of the fleet's processes: environment variables ``CASH_SERVER_*``."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fleet.kit import smtp_url
from fleet.kit.forwarded import Networks, split_networks
from fleet.kit.input import MAX_PASSWORD, MIN_PASSWORD
from fleet.kit.language import Language
from protocol import broker_url
from protocol.errors import LocalError
from protocol.firmware import parse_public_key

ASYNC_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}


Config = TypeVar("Config", bound=BaseSettings)


LOG_FILE = "cash-server.log"


class FleetConfig(BaseSettings):
    """The settings, read once at start; an invalid one stops the start and names its variable."""

    model_config = SettingsConfigDict(env_prefix="CASH_SERVER_", hide_input_in_errors=True)

    data: Path = Field(
        default=Path("data"),
        description="Directory of what the server keeps: embedded database, keys, first password.",
    )
    database: str = Field(
        default="",
        description="Database URL: postgresql://user:password@host/name or sqlite:///file; "
        "empty = SQLite in the data directory.",
    )
    http: str = Field(
        default="127.0.0.1:8080",
        description="HOST:PORT of the admin API; an IPv6 host goes in square brackets.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Networks of the proxies before the admin API whose X-Forwarded-For is "
        "believed, separated by commas: 10.0.0.0/8, ::1; empty = nobody's.",
    )
    admin_password: SecretStr | None = Field(
        default=None,
        description="Password that the first start gives the employee 'admin'; unset = generated. "
        "Another one later: cash-server people set-password admin.",
    )
    readings_days: int = Field(
        default=30, ge=1, le=3650, description="Days that the history of telemetry is kept."
    )
    firmware_images: Path = Field(
        default=Path("firmware_images"),
        description="Directory of firmware images: <model>/<version>.toml and the files beside.",
    )
    firmware_keys: str = Field(
        default="",
        description="Public keys (Ed25519, hex) of the publishers of firmware that are trusted, "
        "separated by commas; empty = no image is taken.",
    )
    broker_admin: str = Field(
        default="",
        description="mqtt://LOGIN@HOST:PORT (mqtts:// for TLS) of the administrator of Mosquitto's "
        "dynamic security; empty = accounts live in the database alone (embedded broker).",
    )
    broker_admin_password_file: Path | None = Field(
        default=None, description="File with the administrator's password, nothing else in it."
    )
    broker_ca_file: Path | None = Field(
        default=None,
        description="PEM file of who vouches for the broker; unset = those that the system trusts.",
    )
    smtp: str = Field(
        default="",
        description="smtp://LOGIN@HOST:PORT of the mail server (smtps:// for TLS from the start; "
        "LOGIN@ is left out for a relay); empty = letters wait in the outbox until they are given "
        "up, after three days or with the link in them.",
    )
    smtp_password_file: Path | None = Field(
        default=None, description="File with the mail server's password, nothing else in it."
    )
    mail_from: str = Field(
        default="cash-server@localhost", description="The address that letters come from."
    )
    public_url: str = Field(
        default="",
        description="How people reach the server, for links in letters: https://cash.example; "
        "empty = http:// and the address of the admin API.",
    )
    payments: Literal["sandbox", "yookassa"] = Field(
        default="sandbox",
        description="Who takes payments: sandbox (a page of our own, no money) or yookassa.",
    )
    yookassa_shop: str = Field(
        default="",
        max_length=64,
        description="The shop's number (shopId) at YooKassa. Its notices (payment.succeeded, "
        "payment.canceled, refund.succeeded) go to <public URL>/pay/notices/yookassa.",
    )
    yookassa_secret_file: Path | None = Field(
        default=None, description="File with the shop's secret key, nothing else in it."
    )
    yookassa_url: str = Field(
        default="https://api.yookassa.ru/v3", description="Where YooKassa's API v3 is."
    )
    language: Language = Field(
        default=Language.RU,
        description="Language of messages when the browser asks for none: ru or en.",
    )

    @field_validator("database")
    @classmethod
    def _with_async_driver(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if url and (not separator or scheme not in ASYNC_DRIVERS):
            raise ValueError("the database URL must begin with postgresql:// or sqlite:///")
        return f"{ASYNC_DRIVERS[scheme]}://{rest}" if url else ""

    @field_validator("http")
    @classmethod
    def _is_address(cls, value: str) -> str:
        split_address(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        split_networks(value)
        return value

    @field_validator("admin_password")
    @classmethod
    def _is_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not MIN_PASSWORD <= len(value) <= MAX_PASSWORD:
            raise ValueError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        return value

    @field_validator("broker_admin")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        if value:
            broker_url.parse(value)
        return value

    @field_validator("smtp")
    @classmethod
    def _is_mail_server(cls, value: str) -> str:
        if value:
            smtp_url.parse(value)
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, value: str) -> str:
        try:
            domain = Address(addr_spec=value).domain
        except (ValueError, HeaderParseError):
            domain = ""
        if not (domain and value.isascii() and value.isprintable()):
            raise ValueError("the sender is an address such as cash-server@example.org")
        return value

    @field_validator("public_url", "yookassa_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and not (parts.scheme in ("http", "https") and parts.hostname):
            raise ValueError("the address begins with https:// or http://")
        return value.rstrip("/")

    @field_validator("firmware_keys")
    @classmethod
    def _are_keys(cls, value: str) -> str:
        split_keys(value)
        return value

    @field_validator("yookassa_secret_file", "smtp_password_file")
    @classmethod
    def _is_readable(cls, path: Path | None) -> Path | None:
        try:
            if path is not None and not path.read_text(encoding="utf-8").strip():
                raise ValueError("the file with the secret is empty")
        except (OSError, UnicodeDecodeError):
            raise ValueError("the file with the secret cannot be read") from None
        return path

    @model_validator(mode="after")
    def _can_take_payments(self) -> Self:
        if self.payments == "yookassa" and not (self.yookassa_shop and self.yookassa_secret_file):
            raise ValueError("yookassa needs YOOKASSA_SHOP and YOOKASSA_SECRET_FILE")
        return self

    @property
    def log_file(self) -> Path:
        """Return the log file of `up`."""
        return self.data / LOG_FILE

    @property
    def proxies(self) -> Networks:
        """Return the networks of ``trusted_proxies``."""
        return split_networks(self.trusted_proxies)

    @property
    def publishers(self) -> tuple[bytes, ...]:
        """Return the public keys of ``firmware_keys``."""
        return split_keys(self.firmware_keys)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite+aiosqlite:///{self.data / 'fleet.db'}"

    @property
    def links_begin_with(self) -> str:
        """Return the scheme and host of links in letters, without a slash at the end."""
        return self.public_url or f"http://{self.http}"

    @property
    def http_address(self) -> tuple[str, int]:
        return split_address(self.http)


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; raise ``ValueError`` for any other text.

    Port 0 lets the system choose a free one.
    """
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (separator and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError("an address is HOST:PORT, for example 127.0.0.1:8080")
    return host, int(port)


def split_keys(text: str) -> tuple[bytes, ...]:
    """Return the Ed25519 public keys of a list in hex, separated by commas.

    Raise ``ValueError`` for an invalid key.
    """
    try:
        return tuple(parse_public_key(key.strip()) for key in text.split(",") if key.strip())
    except LocalError as error:
        raise ValueError(error.detail) from None


def configured(model: type[Config], **options: Any) -> Config:
    """Return the configuration of the environment; options that are not None replace its values."""
    return model(**{name: value for name, value in options.items() if value is not None})


def example(*models: type[BaseSettings]) -> str:
    """Return an env file of all variables of the models, each with its meaning and default."""
    return "\n".join(
        f"# {field.description}\n# {prefix_of(model)}{name.upper()}={_shown(field.default)}\n"
        for model in models
        for name, field in model.model_fields.items()
    )


def prefix_of(model: type[BaseSettings]) -> str:
    """Return what the names of a model's environment variables begin with."""
    return str(model.model_config["env_prefix"])


def _shown(default: object) -> str:
    return "" if default is None else str(default)
