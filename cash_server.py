"""Command line of the cash server: everything in one process, or one process for each part."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import typer

from fleet.admin_api import commands
from fleet.admin_api.app import start_api
from fleet.admin_api.first_start import enrol_demo, prepare_admin
from fleet.admin_api.probes import start_probes
from fleet.admin_api.startup_text import STARTUP_TEXT
from fleet.device_port import DevicePort
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.acts import Acts
from fleet.kit.clock import utc_now
from fleet.kit.command_line import Data, Demo, Devices, Http, Url, run_without_traceback
from fleet.kit.config import FleetConfig, configured, example
from fleet.kit.database import Database
from fleet.kit.supervisor import Supervisor
from fleet.licences.signing import public_key
from fleet.migrations.run import upgrade
from fleet.wiring import REACTIONS
from fleet.worker.runner import start_worker
from gateway.assistant import cli as assistant
from gateway.edge import key_ring, key_ring_commands, process
from gateway.edge.config import GatewayConfig
from gateway.edge.logs import LogConfig
from gateway.edge.server import start_gateway
from gateway.edge.transports.mqtt.embedded_broker import start_broker
from simulator.bench import app as bench
from simulator.demo import DEMO_INTERVAL_S, demo_serials, start_demo

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(bench.app, name="bench", help="Measure the server under load.")
app.add_typer(assistant.app, name="assistant")
app.add_typer(key_ring_commands.app, name="key-ring")
app.add_typer(commands.app)


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

    async def compose(stack: AsyncExitStack, tasks: Supervisor) -> None:
        keys = key_ring.load_or_create(gateway.key_ring or fleet.data / key_ring.FILE_NAME)
        await upgrade(fleet.database_url)
        base = _database(stack, fleet)
        async with Acts(base, utc_now, None, fleet.language, fleet).transaction() as act:
            admin = await prepare_admin(act)
            await enrol_demo(act, [one.serial_number for one in demo_serials(demo)])
        api = await start_api(stack, base, utc_now, fleet, tasks.failing_names)
        port = _device_port(base, fleet, gateway, tasks)
        broker = await start_broker(stack, gateway, port)
        called = await start_gateway(stack, port, keys, gateway, broker, tasks.start)
        start_worker(stack, base, utc_now, fleet, tasks.start)
        start_demo(stack, demo, called, keys, fleet.publishers, [public_key(fleet)])
        http = f"{fleet.http_address[0]}:{api}"
        where = f"{gateway.devices_address[0]}:{called}, {gateway.check_in_interval_s}"
        mqtt = f"{broker.host}:{broker.port}" if broker else gateway.mqtt
        text = {"http": http, "where": where, "mqtt": mqtt, "log": fleet.log_file}
        typer.echo(STARTUP_TEXT.format(admin=admin, demo=demo, **text))

    process.run(compose, Supervisor, fleet.log_file)


@app.command("gateway")
def run_gateway(data: Data = None, devices: Devices = None, database: Url = None) -> None:
    """Run only the gateway that registers connect to; its metrics have their own address."""
    fleet = configured(FleetConfig, data=data, database=database)
    gateway = configured(GatewayConfig, devices=devices)

    async def compose(stack: AsyncExitStack, tasks: Supervisor) -> None:
        keys = key_ring.load(gateway.key_ring or fleet.data / key_ring.FILE_NAME)
        base = _database(stack, fleet)
        port = _device_port(base, fleet, gateway, tasks)
        await start_gateway(stack, port, keys, gateway, start_task=tasks.start)
        await start_probes(stack, base, gateway.metrics_address, tasks.failing_names)

    process.run(compose, Supervisor)


@app.command("fleet")
def run_fleet(data: Data = None, http: Http = None, database: Url = None) -> None:
    """Run only the admin API."""
    fleet = configured(FleetConfig, data=data, http=http, database=database)

    async def compose(stack: AsyncExitStack, tasks: Supervisor) -> None:
        base = _database(stack, fleet)
        async with Acts(base, utc_now, None, fleet.language, fleet).transaction() as act:
            await prepare_admin(act)
        await start_api(stack, base, utc_now, fleet, tasks.failing_names)

    process.run(compose, Supervisor)


@app.command("worker")
def run_worker(data: Data = None, database: Url = None) -> None:
    """Run only the periodic jobs."""
    fleet = configured(FleetConfig, data=data, database=database)

    async def compose(stack: AsyncExitStack, tasks: Supervisor) -> None:
        start_worker(stack, _database(stack, fleet), utc_now, fleet, tasks.start)

    process.run(compose, Supervisor)


@app.command()
def migrate(data: Data = None, database: Url = None) -> None:
    """Bring the database to the newest schema."""
    asyncio.run(upgrade(configured(FleetConfig, data=data, database=database).database_url))


@app.command("config-example")
def config_example() -> None:
    """Print every environment variable with its meaning and default."""
    typer.echo(example(FleetConfig, GatewayConfig, LogConfig), nl=False)


def _device_port(
    base: Database, fleet: FleetConfig, gateway: GatewayConfig, tasks: Supervisor
) -> DevicePort:
    blocks = ImageFolder.from_config(fleet).blocks
    return DevicePort(base, utc_now, gateway.batch_linger_s, blocks, tasks.start)


def _database(stack: AsyncExitStack, fleet: FleetConfig) -> Database:
    database = Database(fleet.database_url, REACTIONS)
    stack.push_async_callback(database.close)
    return database


main = partial(process.exit_on_error, partial(run_without_traceback, app))
if __name__ == "__main__":
    main()
