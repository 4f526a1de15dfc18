"""The running Assistant: it finds registers, signs in, holds their conversations, relays EoT."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

from gateway.assistant.attached_registers import AttachedRegisters, Notify, ShowProgress
from gateway.assistant.broker_link import BrokerLink
from gateway.assistant.config import AssistantConfig, WebService, read_credentials, read_secret
from gateway.assistant.driver import connection as web_service
from gateway.assistant.image_store import ImageStore
from gateway.assistant.journal import Journal
from gateway.assistant.kktpc import reading as kktpc_reading
from gateway.assistant.kktpc.connection import KktPcConnection, identify_register
from gateway.assistant.kktpc.discovery import Discovery, Found
from gateway.assistant.kktpc.errors import NoKktPcAnswer
from gateway.assistant.kktpc.relay import EotRelay, Targets
from gateway.assistant.register_connection import ConnectionKind, RegisterUnreachable
from protocol.errors import ProtocolError

WEB_EVERY_S: Final = 30.0
"""Seconds between questions to the driver's web service about its registers."""

EOT_CHANNEL: Final = 5
"""Value of setting 276 (T19R1F4) that means EoT."""


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class Program:
    """The program; ``run`` it until it is cancelled, then the journal and all lines are closed."""

    def __init__(
        self,
        config: AssistantConfig,
        notify: Notify,
        show_progress: ShowProgress,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._config, self._tell, self._now = config, notify, now
        self._password = read_secret(config.server.password_file)
        self._web = [(each, read_credentials(each)) for each in config.web_service]
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._journal = Journal(config.journal_file)
        self.registers = AttachedRegisters(self._journal, notify, show_progress)
        self._relays: dict[str, EotRelay] = {}

    async def run(self) -> None:
        """Run all tasks at the same time until the task is cancelled."""
        server = self._config.server
        broker = BrokerLink(
            server.broker, server.login, self._password, self.registers, server.ca_file
        )
        self.registers.set_broker(broker)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(broker.run(), name="broker")
                group.create_task(self._find_lines(), name="lines")
                for service, credentials in self._web:
                    group.create_task(self._find_web(service, credentials), name=service.url)
        finally:
            await self.registers.close()
            for relay in self._relays.values():
                await relay.close()
            self._journal.close()

    async def _find_lines(self) -> None:
        async with Discovery(self._config.lines.sources) as discovery:
            async for event in discovery.events():
                if isinstance(event, Found):
                    await self._on_found(event)
                else:
                    await self._on_lost(event.place, event.why)

    async def _on_found(self, found: Found) -> None:
        if found.host is None:
            self._tell("is_5_0", place=found.place)
            return
        try:
            way = await connect_found(found, self._config, self._now)
            eot = await self._wants_eot(way)
        except RegisterUnreachable as error:
            self._tell("nobody_there", place=found.place, why=error)
            found.host.close()
            return
        serial_number = way.identity.serial_number
        way.report_percent = lambda percent: self.registers.on_progress(
            serial_number, "firmware", percent
        )
        self.registers.add(way)
        if eot:
            await self._start_relay(way)

    async def _on_lost(self, place: str, why: str) -> None:
        if relay := self._relays.pop(place, None):
            await relay.close()
        await self.registers.remove(place, why)

    async def _wants_eot(self, way: KktPcConnection) -> bool:
        if not self._config.eot.enabled:
            return False
        try:
            channel = await way.ask(kktpc_reading.QUESTIONS["ofd_channel"])
        except (ProtocolError, kktpc_reading.QuestionRefused):
            return False
        return bool(channel["value"] == EOT_CHANNEL)

    async def _start_relay(self, way: KktPcConnection) -> None:
        """Relay EoT to the configured targets, which may be in the PC's own network."""
        targets = frozenset(self._config.eot.targets)
        relay = EotRelay(way.host, Targets(only=targets, private=targets))
        with contextlib.suppress(NoKktPcAnswer):
            self._relays[way.identity.place] = await relay.__aenter__()
            self._tell("relaying", serial_number=way.identity.serial_number)

    async def _find_web(self, service: WebService, credentials: tuple[str, str] | None) -> None:
        """Poll a web service; if it does not answer, remove its registers."""
        known: set[str] = set()
        while True:
            known &= self.registers.places
            try:
                ways = await web_service.find_registers(
                    service.url, credentials, memory_folder=self._config.data
                )
            except RegisterUnreachable as error:
                for place in known:
                    await self.registers.remove(place, str(error))
                ways = []
            for way in ways:
                if way.identity.place in self.registers.places:
                    await way.close()
                else:
                    self.registers.add(way)
                    known.add(way.identity.place)
            await asyncio.sleep(WEB_EVERY_S)


async def connect_found(
    found: Found, config: AssistantConfig, now: Callable[[], datetime] = utc_now
) -> KktPcConnection:
    """Return a connection to the register found on a line.

    Raise ``RegisterUnreachable`` if it is of platform 5.0 or does not report its identity.
    """
    if found.host is None:
        raise RegisterUnreachable("platform 5.0")
    about = await identify_register(found.host, ConnectionKind(found.kind), found.place)
    store = ImageStore(config.data / "firmware", about.serial_number, config.publisher_keys)
    return KktPcConnection(about, found.host, store, now)


@contextlib.asynccontextmanager
async def journal_of(config: AssistantConfig) -> AsyncIterator[Journal]:
    """Yield the journal for a console command, and close it afterwards."""
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal(config.journal_file)
    try:
        yield journal
    finally:
        journal.close()
