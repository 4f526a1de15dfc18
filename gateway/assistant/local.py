"""Local operations without the cash server: list registers, update firmware, send commands."""

import asyncio
import contextlib
import re
import tomllib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

from gateway.assistant.attached_registers import found_fields
from gateway.assistant.config import AssistantConfig, read_credentials
from gateway.assistant.driver import connection as web_service
from gateway.assistant.journal import Journal
from gateway.assistant.kktpc.connection import KktPcConnection
from gateway.assistant.kktpc.discovery import Discovery, Found, Sources, split_address
from gateway.assistant.program import connect_found, journal_of, utc_now
from gateway.assistant.register_connection import RegisterIdentity, RegisterUnreachable
from gateway.assistant.screen import Screen
from gateway.assistant.steps import StepExecutor
from gateway.assistant.texts import CommandEnded, language, text_of
from protocol.conversation.messages import Step, StepDone, StepRefusal
from protocol.errors import ProtocolError
from protocol.firmware import Image
from protocol.kktpc import firmware_commands, result_codes
from protocol.kktpc.commands import BY_CODE, CommandFailed, parse_answer, parse_request
from protocol.platforms import Platform

ANSWERS_S: Final = 15.0
RETURNS_S: Final = 180.0
"""Seconds for which a register may be absent while it starts its new firmware."""

LOCAL: Final = 1 << 63
"""Smallest id of a local operation; the cash server counts its operations from 1."""

INSTALL_STEP: Final = 1
_PORT: Final = re.compile(r"(/dev/.+|COM[0-9]{1,3})", re.IGNORECASE)


async def list_registers(config: AssistantConfig, wait_s: float) -> list[RegisterIdentity]:
    """Return the registers that answer within ``wait_s``, on lines and at web services."""
    found: dict[str, RegisterIdentity] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s), Discovery(config.lines.sources) as discovery:
            async for event in discovery.events():
                if isinstance(event, Found) and event.host is not None:
                    with contextlib.suppress(RegisterUnreachable):
                        found[event.place] = (await connect_found(event, config)).identity
    for service in config.web_service:
        with contextlib.suppress(RegisterUnreachable):
            for way in await web_service.find_registers(service.url, read_credentials(service)):
                found[way.identity.place] = way.identity
                await way.close()
    return list(found.values())


@contextlib.asynccontextmanager
async def connect_at(
    config: AssistantConfig, place: str, wait_s: float = ANSWERS_S
) -> AsyncIterator[KktPcConnection]:
    """Yield a connection to the register at a port or an address.

    Raise ``CommandEnded`` if no register answers or the connection is lost.
    """
    async with Discovery(_sources(config, place)) as discovery:
        try:
            async with asyncio.timeout(wait_s):
                way = await _first(discovery, config)
        except TimeoutError:
            raise CommandEnded("silent", place=place, wait_s=round(wait_s)) from None
        try:
            yield way
        except RegisterUnreachable as error:
            raise CommandEnded("lost_there", place=place, why=error) from None
        finally:
            await way.close()


async def _first(discovery: Discovery, config: AssistantConfig) -> KktPcConnection:
    async for event in discovery.events():
        if isinstance(event, Found):
            if event.host is None:
                raise CommandEnded("is_5_0", place=event.place)
            with contextlib.suppress(RegisterUnreachable):
                return await connect_found(event, config)
            event.host.close()
    raise AssertionError("a discovery has no end")


def _sources(config: AssistantConfig, place: str) -> Sources:
    if _PORT.fullmatch(place):
        return Sources((place,), (), frozenset(), speeds=config.lines.speeds)
    try:
        split_address(place)
    except ValueError:
        raise CommandEnded("bad_place", place=place) from None
    return Sources((), (place,), frozenset())


def read_image(path: Path) -> tuple[Image, bytes]:
    """Return an image and its content, with the manifest beside it.

    The manifest's format is in ``firmware_images/README.md``. Raise ``CommandEnded`` if a file is
    missing or invalid.
    """
    manifest = path.with_suffix(".toml")
    try:
        content, facts = path.read_bytes(), tomllib.loads(manifest.read_text("utf-8"))
    except FileNotFoundError as error:
        if error.filename == str(manifest):
            raise CommandEnded("no_manifest", path=path, manifest=manifest.name) from None
        raise CommandEnded("no_file", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandEnded("unreadable", path=path, why=error) from None
    except tomllib.TOMLDecodeError as error:
        raise CommandEnded("not_toml", path=manifest, why=error) from None
    try:
        image = Image(
            facts["model"],
            Platform(facts["platform"]),
            facts["version"],
            facts["size"],
            bytes.fromhex(facts["sha256"]),
            bytes.fromhex(facts["signature"]),
            facts["block_size"],
        )
    except (KeyError, TypeError, ValueError):
        raise CommandEnded("bad_image", path=manifest, why=text_of("bad_manifest")) from None
    return image, content


async def update(config: AssistantConfig, place: str, path: Path, screen: Screen) -> None:
    """Update a register's firmware and wait until it reports its new version.

    Raise ``CommandEnded`` if the image, the register or the new version is wrong.
    """
    image, content = read_image(path)
    if not config.publishers:
        raise CommandEnded("no_publishers")
    if not (image.is_whole(content) and image.is_genuine(config.publisher_keys)):
        raise CommandEnded("bad_image", path=path, why=text_of("not_signed"))
    async with connect_at(config, place) as way, journal_of(config) as journal:
        serial_number = way.identity.serial_number
        screen.show_event("found", **found_fields(way.identity))
        way.report_percent = lambda percent: screen.show_progress(
            serial_number, "firmware", percent
        )
        await _load(way, image, content)
        note = _note(config, serial_number, image)
        await _install(way, journal, note)
        screen.show_progress(serial_number, "firmware", None)
    version = await _version_after(config, place)
    note.unlink(missing_ok=True)
    if version not in (image.version, None):
        raise CommandEnded("not_updated", version=version, expected=image.version)
    screen.show_event("updated", version=version or image.version)


async def _load(way: KktPcConnection, image: Image, content: bytes) -> None:
    wire = Platform.V2_5
    begun = _checked_answer(await way.execute(firmware_commands.begin(wire, image), ""))
    wanted = firmware_commands.read_next(wire, begun)
    if isinstance(wanted, CommandFailed):
        raise CommandEnded("failed", why=result_codes.describe(wanted.code, language()))
    for number in range(wanted, image.blocks):
        start = number * image.block_size
        data = content[start : start + image.length(number)]
        await way.execute(firmware_commands.block(wire, number, data), "")
    verify = firmware_commands.verify(wire)
    if verify is not None:
        _checked_answer(await way.execute(verify, ""))


def _note(config: AssistantConfig, serial_number: str, image: Image) -> Path:
    """Return the file with the id of this update; another image is another update."""
    return config.data / f"{serial_number}-{image.sha256.hex()[:16]}.update"


async def _install(way: KktPcConnection, journal: Journal, note: Path) -> None:
    """Restart the register with its image, as a journaled step.

    An interrupted restart is finished, not ordered twice.
    """
    steps = StepExecutor(way.identity.serial_number, journal)
    order = Step(_operation(note), INSTALL_STEP, firmware_commands.install(Platform.V2_5))
    told = await steps.execute(way, order)
    if isinstance(told, StepDone):
        _checked_answer(told.answer)
    else:
        _checked_answer(StepRefusal(told.reason))


def _operation(note: Path) -> int:
    """Return the id of this update, which stays the same until the update has ended."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(note.read_text("ascii"))
    number = LOCAL | int(utc_now().timestamp() * 1000)
    note.write_text(str(number), "ascii")
    return number


async def _version_after(config: AssistantConfig, place: str) -> str | None:
    """Return the version that the register reports after its restart.

    Return None if it has moved to platform 5.0.
    """
    await asyncio.sleep(1)
    try:
        async with connect_at(config, place, RETURNS_S) as way:
            return way.identity.firmware_version
    except CommandEnded as error:
        if error.name == "is_5_0":
            return None
        raise


async def send(
    config: AssistantConfig, place: str, commands: Iterable[bytes], screen: Screen
) -> None:
    """Send commands in order and print each answer in words; the first failure ends it."""
    async with connect_at(config, place) as way:
        for command in commands:
            answer = await way.execute(command, "")
            screen.line(f"→ {command.hex(' ')}  {_explained_request(command)}")
            if isinstance(answer, bytes):
                screen.line(f"← {answer.hex(' ')}  {_explained_answer(command, answer)}")
            _checked_answer(answer)


def parse_commands(texts: Iterable[str]) -> list[bytes]:
    """Return commands from hex digits, one in each text; the text after # is a comment."""
    found = []
    for text in texts:
        digits = text.partition("#")[0].strip()
        if not digits:
            continue
        try:
            found.append(bytes.fromhex(digits))
        except ValueError:
            raise CommandEnded("not_hex", command=digits[:60]) from None
    if not found:
        raise CommandEnded("no_commands")
    return found


def _checked_answer(answer: bytes | StepRefusal) -> bytes:
    if isinstance(answer, StepRefusal):
        raise CommandEnded("refused", why=text_of(f"refused_{answer.name.lower()}"))
    if answer[:1] == b"\x55" and answer[1:2] not in (b"\0", b""):
        raise CommandEnded("failed", why=result_codes.describe(answer[1], language()))
    return answer


def _explained_request(command: bytes) -> str:
    try:
        row, fields = parse_request(command)
    except ProtocolError as error:
        return error.detail or error.code
    return f"{row.name} {_plain(fields)}".rstrip()


def _explained_answer(command: bytes, answer: bytes) -> str:
    row = BY_CODE.get(command[0])
    if row is None:
        return ""
    try:
        found = parse_answer(row, answer)
    except ProtocolError as error:
        return error.detail or error.code
    if isinstance(found, CommandFailed):
        return result_codes.describe(found.code, language())
    return _plain(found)


def _plain(fields: dict[str, Any]) -> str:
    return " ".join(f"{name}={_shown(v)}" for name, v in fields.items() if v is not None)


def _shown(value: Any) -> Any:
    """Return bytes as hex digits, and flags as the names of those that are set."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        parts = (name if v is True else f"{name}:{_shown(v)}" for name, v in value.items() if v)
        return ",".join(parts) or 0
    return value
