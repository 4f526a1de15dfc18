"""Command line of the cash server: everything in one process, or one process for each part."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import start_http_server

from fleet.admin_api import commands
from fleet.admin_api.app import start_api
from fleet.admin_api.first_start import enrol_demo, prepare_admin
from fleet.admin_api.startup_text import STARTUP_TEXT
from fleet.device_port import DevicePort
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.acts import Acts
from fleet.kit.clock import utc_now
from fleet.kit.command_line import run_without_traceback
from fleet.kit.config import FleetConfig, configured, example
from fleet.kit.database import Database
from fleet.licences.signing import public_key
from fleet.migrations.run import upgrade
from fleet.wiring import REACTIONS
from fleet.worker.runner import start_worker
from gateway.assistant import cli as assistant
from gateway.edge import key_ring, process
from gateway.edge.config import GatewayConfig
from gateway.edge.server import start_gateway
from gateway.edge.transports.mqtt.embedded_broker import start_broker
from simulator.bench import app as bench
from simulator.demo import DEMO_INTERVAL_S, demo_serials, start_demo

LOG = "cash-server.log"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(bench.app, name="bench", help="Measure the server under load.")
app.add_typer(assistant.app, name="assistant")
app.add_typer(commands.app)

Data = Annotated[Path | None, typer.Option(help="the server's data directory")]
Url = Annotated[str | None, typer.Option(help="database URL; without it SQLite in the directory")]
Http = Annotated[str | None, typer.Option(help="HOST:PORT of the admin API")]
Devices = Annotated[str | None, typer.Option(help="HOST:PORT that registers connect to")]
Demo = Annotated[int, typer.Option(min=0, max=10_000, help="simulated registers to start")]


@app.command()
def up(
    demo: Demo = 0,
    data: Data = None,
    http: Http = None,
    devices: Devices = None,
    database: Url = None,
) -> None:
    """Run everything in one process: gateway, admin API, worker."""
    fleet = configured(FleetConfig, data=data, http=http, database=database)
    gateway = configured(GatewayConfig, devices=devices)
    if demo and "check_in_interval_s" not in gateway.model_fields_set:
        gateway = gateway.model_copy(update={"check_in_interval_s": DEMO_INTERVAL_S})
    fleet.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    process.run(lambda stack: _up(stack, fleet, gateway, demo), fleet.data / LOG)


async def _up(stack: AsyncExitStack, fleet: FleetConfig, gateway: GatewayConfig, demo: int) -> None:
    keys = key_ring.load_or_create(gateway.key_ring or fleet.data / key_ring.FILE_NAME)
    await upgrade(fleet.database_url)
    base = _database(stack, fleet)
    async with Acts(base, utc_now, None, fleet.language, fleet).transaction() as act:
        admin = await prepare_admin(act)
        await enrol_demo(act, [one.serial_number for one in demo_serials(demo)])
    http_port = await start_api(stack, base, utc_now, fleet)
    port = DevicePort(base, utc_now, gateway.batch_linger_s, ImageFolder.from_config(fleet).blocks)
    broker = await start_broker(stack, gateway, port)
    called = await start_gateway(stack, port, keys, gateway, broker)
    start_worker(stack, base, utc_now, fleet)
    start_demo(stack, demo, called, keys, fleet.publishers, [public_key(fleet)])
    http = f"{fleet.http_address[0]}:{http_port}"
    where = f"{gateway.devices_address[0]}:{called}, {gateway.check_in_interval_s}"
    mqtt = f"{broker.host}:{broker.port}" if broker else gateway.mqtt
    places = {"http": http, "where": where, "mqtt": mqtt, "log": fleet.data / LOG}
    typer.echo(STARTUP_TEXT.format(admin=admin, demo=demo, **places))


@app.command("gateway")
def run_gateway(data: Data = None, devices: Devices = None, database: Url = None) -> None:
    """Run only the gateway that registers connect to; its metrics have their own address."""
    fleet = configured(FleetConfig, data=data, database=database)
    gateway = configured(GatewayConfig, devices=devices)

    async def compose(stack: AsyncExitStack) -> None:
        keys = key_ring.load(gateway.key_ring or fleet.data / key_ring.FILE_NAME)
        base = _database(stack, fleet)
        port = DevicePort(
            base, utc_now, gateway.batch_linger_s, ImageFolder.from_config(fleet).blocks
        )
        await start_gateway(stack, port, keys, gateway)
        start_http_server(gateway.metrics_address[1], gateway.metrics_address[0])

    process.run(compose)


@app.command("fleet")
def run_fleet(data: Data = None, http: Http = None, database: Url = None) -> None:
    """Run only the admin API."""
    fleet = configured(FleetConfig, data=data, http=http, database=database)

    async def compose(stack: AsyncExitStack) -> None:
        base = _database(stack, fleet)
        async with Acts(base, utc_now, None, fleet.language, fleet).transaction() as act:
            await prepare_admin(act)
        await start_api(stack, base, utc_now, fleet)

    process.run(compose)


@app.command("worker")
def run_worker(data: Data = None, database: Url = None) -> None:
    """Run only the periodic jobs."""
    fleet = configured(FleetConfig, data=data, database=database)

    async def compose(stack: AsyncExitStack) -> None:
        start_worker(stack, _database(stack, fleet), utc_now, fleet)

    process.run(compose)


@app.command()
def migrate(data: Data = None, database: Url = None) -> None:
    """Bring the database to the newest schema."""
    asyncio.run(upgrade(configured(FleetConfig, data=data, database=database).database_url))


@app.command("config-example")
def config_example() -> None:
    """Print every environment variable with its meaning and default."""
    typer.echo(example(FleetConfig, GatewayConfig), nl=False)


def _database(stack: AsyncExitStack, fleet: FleetConfig) -> Database:
    database = Database(fleet.database_url, REACTIONS)
    stack.push_async_callback(database.close)
    return database


main = partial(process.exit_on_error, partial(run_without_traceback, app))
if __name__ == "__main__":
    main()
