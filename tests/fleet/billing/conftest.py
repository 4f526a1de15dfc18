"""A shop that takes payments: the whole application on a port of its own, by the sandbox."""

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from fleet.admin_api.app import build_app
from fleet.billing import queries, service
from fleet.billing.events import PaymentRefunded, PaymentSettled
from fleet.billing.models import Payment
from fleet.billing.processor import PaymentProcessor
from fleet.billing.sandbox import Sandbox
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from tests.fleet.conftest import Api, Employ, HandClock

PRICE = 1_499_00


@dataclass
class Shop:
    """Anna's partner buys; ``settled`` and ``refunded`` hold the facts that were announced."""

    database: Database
    clock: HandClock
    config: FleetConfig
    client: TestClient[web.Request, web.Application]
    api: Api
    anna: Actor
    settled: list[PaymentSettled] = field(default_factory=list)
    refunded: list[PaymentRefunded] = field(default_factory=list)

    @property
    def desk(self) -> PaymentProcessor:
        return PaymentProcessor.from_config(self.database, self.clock, self.config)

    @property
    def sandbox(self) -> Sandbox:
        provider = self.desk.providers.active
        assert isinstance(provider, Sandbox)
        return provider

    async def open(self, amount_kopecks: int = PRICE) -> str:
        """A payment that waits; its number."""
        async with self.database.transaction() as db:
            payment = await service.open_payment(
                db,
                partner_id=self.anna.partner_id,
                employee_id=self.anna.employee_id,
                amount_kopecks=amount_kopecks,
                purpose="subscriptions",
                reference="7",
                description="Подписка «Мониторинг ККТ» × 3",
                now=self.clock(),
            )
            return payment.id

    async def check_out(self, payment_id: str) -> Any:
        """The answer's JSON; the provider has made the payment."""
        answer = await self.api.post(f"/payments/{payment_id}/checkout")
        assert answer.status == 200
        return answer.json

    async def payment(self, payment_id: str) -> Payment:
        async with self.database.read() as db:
            found = await queries.find_payment(db, payment_id)
        assert found is not None
        return found


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """As everywhere, and what was paid and refunded is written down by reactions."""
    settled: list[PaymentSettled] = []
    refunded: list[PaymentRefunded] = []

    async def keep(_: Act, fact: PaymentSettled) -> None:
        settled.append(fact)

    async def keep_refund(_: Act, fact: PaymentRefunded) -> None:
        refunded.append(fact)

    database = Database(database_url, {PaymentSettled: (keep,), PaymentRefunded: (keep_refund,)})
    database.settled, database.refunded = settled, refunded  # type: ignore[attr-defined]
    yield database
    await database.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Bound before the server is, because its address stands in the configuration."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.fixture
def config(tmp_path: Path, listening: socket.socket) -> FleetConfig:
    port = listening.getsockname()[1]
    return FleetConfig(
        data=tmp_path / "data", http=f"127.0.0.1:{port}", public_url=f"http://127.0.0.1:{port}"
    )


@pytest.fixture
async def shop(
    database: Database,
    clock: HandClock,
    config: FleetConfig,
    employ: Employ,
    listening: socket.socket,
) -> AsyncIterator[Shop]:
    app = build_app(database, clock, config=config)
    server = TestServer(app, socket_factory=lambda *_: listening)
    async with TestClient(server) as client:
        api = Api(client)
        anna = await employ("anna")
        await api.sign_in("anna")
        settled: list[PaymentSettled] = database.settled  # type: ignore[attr-defined]
        refunded: list[PaymentRefunded] = database.refunded  # type: ignore[attr-defined]
        yield Shop(database, clock, config, client, api, anna, settled, refunded)
