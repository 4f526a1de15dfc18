"""The front door: composes the parts into processes.

``cash-server up`` is everything in one process; ``gateway``, ``fleet`` and ``worker`` are the
same parts in processes of their own, over one PostgreSQL.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web
from prometheus_client import start_http_server

from fleet.admin_api.app import build_app
from fleet.admin_api.first_start import enrol_demo, prepare_admin
from fleet.device_port import DevicePort
from fleet.kit.clock import utc_now
from fleet.kit.config import FleetConfig, configured, example, split_address
from fleet.kit.database import Database
from fleet.migrations.run import upgrade
from fleet.wiring import REACTIONS
from fleet.worker.runner import Worker
from gateway import key_ring
from gateway.config import GatewayConfig
from gateway.process import run
from gateway.server import GatewayServer
from protocol.seal import KeyRing
from simulator import bench
from simulator.demo import DemoRegisters, demo_serials
from simulator.fleet import FleetConfig as DemoConfig
from simulator.fleet import FleetRunner

DEMO_INTERVAL_S = 10
LOG_FILE = "cash-server.log"
SCREEN = """
  Кассовый сервер работает / the cash server is running

  API            http://{http}/api/v1
  Документация   http://{http}/api/docs
  Вход           {login} / {password}{kept}
  Кассы звонят   {devices}  (демо: {demo}, раз в {interval} с / demo registers, every {interval} s)
  Метрики        http://{http}/metrics
  Журнал         {log}

  Остановка / stop: Ctrl-C
"""

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The cash server.")
app.add_typer(bench.app, name="bench", help="Measure it.")

Data = Annotated[Path | None, typer.Option(help="directory of what the server keeps")]
Url = Annotated[str | None, typer.Option(help="database URL; without it SQLite in the directory")]
Http = Annotated[str | None, typer.Option(help="HOST:PORT of the admin API")]
Devices = Annotated[str | None, typer.Option(help="HOST:PORT where registers call")]
Demo = Annotated[int, typer.Option(min=0, max=10_000, help="simulated registers that call")]


@app.command()
def up(
    demo: Demo = 0,
    data: Data = None,
    http: Http = None,
    devices: Devices = None,
    database: Url = None,
) -> None:
    """Everything in one process: gateway, admin API, worker."""
    fleet = configured(FleetConfig, data=data, http=http, database=database)
    gateway = configured(GatewayConfig, devices=devices)
    if demo and "check_in_interval_s" not in gateway.model_fields_set:
        gateway = gateway.model_copy(update={"check_in_interval_s": DEMO_INTERVAL_S})
    fleet.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = key_ring.load_or_create(gateway.key_ring or fleet.data / key_ring.FILE_NAME)

    async def compose(stack: AsyncExitStack) -> None:
        await upgrade(fleet.database_url)
        base = _database(stack, fleet)
        async with base.transaction() as db:
            admin = await prepare_admin(db, fleet, utc_now())
            await enrol_demo(db, [one.serial_number for one in demo_serials(demo)], utc_now())
        http_port = await _api(stack, base, fleet)
        devices_port = await _gateway(stack, base, gateway, keys)
        _worker(stack, base, fleet)
        _demo(stack, demo, devices_port, keys)
        kept = f"  ({admin.kept_in})" if admin.kept_in else "  (CASH_SERVER_ADMIN_PASSWORD)"
        shown = admin.password if admin.kept_in else "…"
        typer.echo(
            SCREEN.format(
                http=f"{fleet.http_address[0]}:{http_port}",
                login=admin.login,
                password=shown,
                kept=kept,
                devices=f"{gateway.devices.rpartition(':')[0]}:{devices_port}",
                demo=demo,
                interval=gateway.check_in_interval_s,
                log=fleet.data / LOG_FILE,
            )
        )

    run(compose, fleet.data / LOG_FILE)


@app.command("gateway")
def run_gateway(data: Data = None, devices: Devices = None, database: Url = None) -> None:
    """Only what registers talk to; the metrics have an address of their own."""
    fleet = configured(FleetConfig, data=data, database=database)
    gateway = configured(GatewayConfig, devices=devices)
    keys = key_ring.load(gateway.key_ring or fleet.data / key_ring.FILE_NAME)

    async def compose(stack: AsyncExitStack) -> None:
        host, port = split_address(gateway.metrics)
        start_http_server(port, host)
        await _gateway(stack, _database(stack, fleet), gateway, keys)

    run(compose)


@app.command("fleet")
def run_fleet(data: Data = None, http: Http = None, database: Url = None) -> None:
    """Only the admin API."""
    fleet = configured(FleetConfig, data=data, http=http, database=database)

    async def compose(stack: AsyncExitStack) -> None:
        base = _database(stack, fleet)
        async with base.transaction() as db:
            await prepare_admin(db, fleet, utc_now())
        await _api(stack, base, fleet)

    run(compose)


@app.command("worker")
def run_worker(data: Data = None, database: Url = None) -> None:
    """Only the periodic jobs."""
    fleet = configured(FleetConfig, data=data, database=database)

    async def compose(stack: AsyncExitStack) -> None:
        _worker(stack, _database(stack, fleet), fleet)

    run(compose)


@app.command()
def migrate(data: Data = None, database: Url = None) -> None:
    """Bring the database to the newest schema."""
    asyncio.run(upgrade(configured(FleetConfig, data=data, database=database).database_url))


@app.command("config-example")
def config_example() -> None:
    """Every environment variable with its meaning and default."""
    typer.echo(example(FleetConfig, GatewayConfig))


def _database(stack: AsyncExitStack, fleet: FleetConfig) -> Database:
    database = Database(fleet.database_url, REACTIONS)
    stack.push_async_callback(database.close)
    return database


async def _gateway(
    stack: AsyncExitStack, database: Database, gateway: GatewayConfig, keys: KeyRing
) -> int:
    port = DevicePort(database, utc_now, gateway.batch_linger_s)
    await port.start()
    stack.push_async_callback(port.close)
    server = GatewayServer(port, keys, gateway)
    stack.push_async_callback(server.stop)
    return await server.start(*split_address(gateway.devices))


async def _api(stack: AsyncExitStack, database: Database, fleet: FleetConfig) -> int:
    runner = web.AppRunner(build_app(database, utc_now, language=fleet.language), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, *fleet.http_address, shutdown_timeout=2).start()
    return int(runner.addresses[0][1])


def _worker(stack: AsyncExitStack, database: Database, fleet: FleetConfig) -> None:
    worker = Worker(database, utc_now, fleet)
    worker.start()
    stack.push_async_callback(worker.stop)


def _demo(stack: AsyncExitStack, count: int, port: int, keys: KeyRing) -> None:
    if not count:
        return
    stop = asyncio.Event()
    runner = FleetRunner(DemoRegisters(count), DemoConfig("127.0.0.1", port, keys, spread_s=5))
    calling = asyncio.create_task(runner.run(stop), name="demo registers")

    async def end() -> None:
        stop.set()
        await calling

    stack.push_async_callback(end)


def main() -> None:
    """The console script."""
    app()

if __name__ == "__main__":
    main()
