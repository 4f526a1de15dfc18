"""The configuration of the fleet's processes: environment variables ``CASH_SERVER_*``."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fleet.kit.language import Language
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


class FleetConfig(BaseSettings):
    """Read once at start; a bad value stops the start with the variable's name."""

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
    admin_password: SecretStr | None = Field(
        default=None,
        description="Password of the employee 'admin'; unset = generated at the first start.",
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

    @field_validator("firmware_keys")
    @classmethod
    def _are_keys(cls, value: str) -> str:
        split_keys(value)
        return value

    @property
    def publishers(self) -> tuple[bytes, ...]:
        """The public keys of ``firmware_keys``."""
        return split_keys(self.firmware_keys)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite+aiosqlite:///{self.data / 'fleet.db'}"

    @property
    def http_address(self) -> tuple[str, int]:
        return split_address(self.http)


def split_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` -> (host, port); port 0 asks the system for a free one.  ``ValueError``."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (separator and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError("an address is HOST:PORT, for example 127.0.0.1:8080")
    return host, int(port)


def split_keys(text: str) -> tuple[bytes, ...]:
    """Ed25519 public keys in hex, separated by commas.  ``ValueError``."""
    try:
        return tuple(parse_public_key(key.strip()) for key in text.split(",") if key.strip())
    except LocalError as error:
        raise ValueError(error.detail) from None


def configured(model: type[Config], **options: Any) -> Config:
    """The configuration of the environment, with the options that were given over it."""
    return model(**{name: value for name, value in options.items() if value is not None})


def example(*models: type[BaseSettings]) -> str:
    """Every variable of these configurations with its meaning and default, as an env file."""
    return "\n".join(
        f"# {field.description}\n# CASH_SERVER_{name.upper()}={_shown(field.default)}\n"
        for model in models
        for name, field in model.model_fields.items()
    )


def _shown(default: object) -> str:
    return "" if default is None else str(default)
