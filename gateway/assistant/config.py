"""The configuration of the Assistant: one TOML file, with secrets in separate files."""

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.assistant.kktpc.discovery import ATOL_USB_VENDOR, Sources, split_address
from gateway.assistant.texts import CommandEnded, config_mistake, text_of
from protocol.conversation.assistant import LOGIN_PATTERN
from protocol.errors import LocalError
from protocol.firmware import parse_public_key

OTHERS_MAY_READ: Final = 0o077
MAX_SECRET: Final = 4096


def _address(text: str) -> str:
    try:
        split_address(text)
    except ValueError:
        raise ValueError(text_of("bad_place", place=text)) from None
    return text


def _broker(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username:
        raise ValueError(text_of("bad_broker"))
    if parts.port == 0:
        raise ValueError(text_of("bad_broker"))
    return text


def _web(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(text_of("bad_web"))
    return text


def _publisher(text: str) -> str:
    try:
        parse_public_key(text)
    except LocalError as error:
        raise ValueError(str(error)) from None
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Part):
    """The cash server's broker."""

    broker: Annotated[str, AfterValidator(_broker)] = Field(
        description="mqtts://HOST[:8883], or mqtt://HOST[:1883] where nobody else is on the line",
        examples=["mqtts://ks.example.ru"],
    )
    login: str = Field(
        pattern=LOGIN_PATTERN, description="The Assistant's account", examples=["shop-17"]
    )
    password_file: Path = Field(
        description="File with the account's password, readable by its owner only (mode 0600)",
        examples=["password"],
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates to trust (PEM); without it those of the system"
    )


class Lines(_Part):
    """Lines on which registers with the KKT-PC protocol are searched."""

    auto: bool = Field(default=True, description="Open USB ports of the manufacturer by themselves")
    serial_ports: tuple[str, ...] = Field(
        default=(), max_length=32, description="Serial ports by name: /dev/ttyS0, COM3"
    )
    addresses: tuple[Annotated[str, AfterValidator(_address)], ...] = Field(
        default=(), max_length=32, description="Registers on the network: HOST or HOST:PORT (5555)"
    )
    speeds: tuple[int, ...] = Field(
        default=(115_200,), min_length=1, description="Speeds of serial ports, tried in turn"
    )

    @property
    def sources(self) -> Sources:
        """Return the places that the discovery searches."""
        vendors = frozenset({ATOL_USB_VENDOR} if self.auto else ())
        return Sources(self.serial_ports, self.addresses, vendors, speeds=self.speeds)


class WebService(_Part):
    """The manufacturer's driver as a web service, for registers of either platform."""

    url: Annotated[str, AfterValidator(_web)] = Field(
        description="Where it answers, without a password", examples=["http://127.0.0.1:16732"]
    )
    credentials_file: Path | None = Field(
        default=None, description="File with login:password, mode 0600; without it none are sent"
    )


class Relay(_Part):
    """EoT: a register whose channel setting (T19R1F4) is 5 reaches the network through this PC."""

    enabled: bool = Field(default=False, description="Whether to carry it at all")
    targets: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="HOST:PORT that registers may reach: the OFD, the cash server",
        examples=[["ofd.example.ru:7777", "ks.example.ru:80"]],
    )

    @model_validator(mode="after")
    def _has_targets(self) -> Self:
        if self.enabled and not self.targets:
            raise ValueError(text_of("no_targets"))
        return self


class AssistantConfig(_Part):
    """The whole file; unknown keys are refused."""

    data: Path = Field(
        default=Path("assistant-data"), description="Directory of the journal and of firmware"
    )
    publishers: tuple[Annotated[str, AfterValidator(_publisher)], ...] = Field(
        default=(),
        description="Publishers of firmware that are trusted: Ed25519 keys, 64 hex digits each",
    )
    server: Server
    lines: Lines = Lines()
    web_service: tuple[WebService, ...] = Field(default=(), max_length=8)
    eot: Relay = Relay()

    @property
    def publisher_keys(self) -> tuple[bytes, ...]:
        return tuple(map(bytes.fromhex, self.publishers))

    @property
    def journal_file(self) -> Path:
        return self.data / "journal.sqlite"


def load(path: Path) -> AssistantConfig:
    """Return the configuration in a file, with paths relative to the file's folder.

    Raise ``CommandEnded`` with the reason if it cannot be read or is invalid.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        config = AssistantConfig.model_validate(found)
    except FileNotFoundError:
        raise CommandEnded("no_file", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandEnded("unreadable", path=path, why=error) from None
    except tomllib.TOMLDecodeError as error:
        raise CommandEnded("not_toml", path=path, why=error) from None
    except ValidationError as error:
        why = "; ".join(map(_mistake, error.errors()))
        raise CommandEnded("bad_config", path=path, why=why) from None
    return _resolve_paths(config, path.resolve().parent)


def read_secret(path: Path) -> str:
    """Return the first line of a file that only its owner can read.

    Raise ``CommandEnded`` if others can read it, it is empty or it cannot be read.
    """
    try:
        if _has_modes() and path.stat().st_mode & OTHERS_MAY_READ:
            raise CommandEnded("open_secret", path=path)
        text = path.read_text("utf-8")[:MAX_SECRET].splitlines()
    except FileNotFoundError:
        raise CommandEnded("no_file", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandEnded("unreadable", path=path, why=error) from None
    if not text or not text[0]:
        raise CommandEnded("empty_secret", path=path)
    return text[0]


def read_credentials(service: WebService) -> tuple[str, str] | None:
    """Return login and password of a web service, or None if no file is configured."""
    if service.credentials_file is None:
        return None
    login, _, password = read_secret(service.credentials_file).partition(":")
    return login, password


def _has_modes() -> bool:
    """Tell whether file modes mean rights; Windows keeps the rights elsewhere."""
    return os.name == "posix"


def _mistake(found: Any) -> str:
    name = ".".join(str(part) for part in found["loc"])
    said = found["msg"].removeprefix("Value error, ")
    return f"{name}: {config_mistake(found['type'], found.get('ctx', {}), said)}"


def _resolve_paths(config: AssistantConfig, folder: Path) -> AssistantConfig:
    """Return the configuration with paths relative to the file's folder.

    Otherwise they would depend on the folder where the program was started.
    """
    server = config.server.model_copy(
        update={
            "password_file": folder / config.server.password_file,
            "ca_file": config.server.ca_file and folder / config.server.ca_file,
        }
    )
    web = tuple(
        one.model_copy(
            update={"credentials_file": one.credentials_file and folder / one.credentials_file}
        )
        for one in config.web_service
    )
    update = {"data": folder / config.data, "server": server, "web_service": web}
    return config.model_copy(update=update)


def example() -> str:
    """Return every key with its meaning; keys with a default are commented out."""
    lines = ["# The Assistant of the cash server. Paths are seen from this file's folder.", ""]
    parts = AssistantConfig.model_fields
    lines += [line for name in ("data", "publishers") for line in _key(name, parts[name])]
    for name, kind in _SECTIONS.items():
        lines += [_SECTION_HEAD[name], *_keys(kind, optional=name == "[[web_service]]")]
    return "\n".join(lines).rstrip("\n") + "\n"


_SECTIONS: Final[dict[str, type[_Part]]] = {
    "[server]": Server,
    "[lines]": Lines,
    "[[web_service]]": WebService,
    "[eot]": Relay,
}
_SECTION_HEAD: Final = {
    name: f"{'# ' if name.startswith('[[') else ''}{name}" for name in _SECTIONS
}


def _keys(kind: type[_Part], *, optional: bool) -> list[str]:
    found = [line for name, field in kind.model_fields.items() for line in _key(name, field)]
    return [_commented(line) for line in found] if optional else found


def _commented(line: str) -> str:
    return line if line.startswith("#") or not line else f"# {line}"


def _key(name: str, field: FieldInfo) -> list[str]:
    value = field.examples[0] if field.examples else field.default
    line = f"{name} = {_toml('' if value in (None, PydanticUndefined) else value)}"
    return [f"# {field.description}", line if field.is_required() else f"# {line}", ""]


def _toml(value: Any) -> str:
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(list(value) if isinstance(value, tuple | list) else value, ensure_ascii=False)
