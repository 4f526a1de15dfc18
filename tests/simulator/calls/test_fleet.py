"""Fleets over real TCP, the demo registers, and the command line."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.conversation.messages import RefusalReason
from protocol.conversation.seal import KeyRing
from protocol.models import BY_CODE, model_of_serial
from protocol.platforms import Platform
from simulator.calls.fleet import FleetConfig, FleetRunner
from simulator.calls.ledger import FileLedger
from simulator.calls.socket_call import CallTimeouts
from simulator.calls.statistics import Latencies, Statistics
from simulator.demo import MAX_REGISTERS, DemoRegisters, demo_serials
from tests.pace import scaled
from tests.simulator.calls.test_conversation import settings_orders
from tests.simulator.conftest import NOON, until
from tests.simulator.small_gateway import KEY_RING, GatewayScript, Listener, running_small_gateway


def config_for(gateway: Listener) -> FleetConfig:
    return FleetConfig(
        gateway.host, gateway.port, KEY_RING, interval_s=0.2, spread_s=0.1, now=lambda: NOON
    )


async def run(config: FleetConfig, registers: int = 20) -> tuple[Statistics, DemoRegisters]:
    fleet = DemoRegisters(registers, now=lambda: NOON)
    async with asyncio.timeout(scaled(20)):
        return await FleetRunner(fleet, config).run(asyncio.Event()), fleet


async def run_until(config: FleetConfig, done: Callable[[Statistics], bool]) -> Statistics:
    """Twenty registers until it is ``done``, and a while longer: nothing more may come."""
    stop, runner = asyncio.Event(), FleetRunner(DemoRegisters(20, now=lambda: NOON), config)
    running = asyncio.create_task(runner.run(stop))
    await until(lambda: done(runner.statistics))
    await asyncio.sleep(0.3)
    stop.set()
    async with asyncio.timeout(scaled(20)):
        return await running


async def test_every_register_calls_and_the_ledger_agrees_with_the_gateway(tmp_path: Path) -> None:
    orders = GatewayScript()
    async with running_small_gateway(orders) as gateway:
        with FileLedger(tmp_path / "ledger.jsonl") as ledger:
            statistics, _ = await run(replace(config_for(gateway), calls=100, ledger=ledger))
        assert not gateway.open
    assert (statistics.calls, statistics.accepted) == (100, 100)
    assert (statistics.broken.total(), statistics.refused.total()) == (0, 0)
    assert len(orders.readings) == 20
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    book: dict[str, list[int]] = {}
    for line in lines:
        book.setdefault(line["serial_number"], []).append(line["reading_number"])
        assert line["at"] == NOON.isoformat()
    assert book == orders.readings


async def test_ledger_lines_are_written_before_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with FileLedger(path) as ledger:
        ledger("00106100000001", 5, NOON)
        assert json.loads(path.read_text())["reading_number"] == 5


async def test_steps_are_counted() -> None:
    orders = GatewayScript(settings_orders())
    async with running_small_gateway(orders) as gateway:
        statistics, fleet = await run(replace(config_for(gateway), calls=1), registers=1)
    assert (statistics.steps_done, statistics.steps_refused) == (4, 0)
    assert set(fleet[0].journal.effects.values()) == {1}


async def test_the_servers_interval_applies_unless_overridden() -> None:
    orders = GatewayScript(next_check_in_s=300)
    async with running_small_gateway(orders) as gateway:
        told = replace(config_for(gateway), interval_s=None)
        statistics = await run_until(told, lambda so_far: so_far.accepted == 20)
        assert statistics.calls == 20
        statistics, _ = await run(replace(told, interval_s=0.2, calls=60))
        assert statistics.calls == 60


async def test_refused_and_failing_registers_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.calls.fleet.FIRST_BACK_OFF_S", 60.0)
    orders = GatewayScript(refuse=(RefusalReason.BUSY, 60))
    async with running_small_gateway(orders) as gateway:
        config = config_for(gateway)
        statistics = await run_until(config, lambda so_far: so_far.refused.total() >= 20)
        assert statistics.refused == {"busy": 20}
        orders.refuse, orders.silent = None, True
        patient = replace(config, timeouts=CallTimeouts(answer_s=0.1))
        statistics = await run_until(patient, lambda so_far: so_far.broken.total() >= 20)
        assert statistics.broken == {"silence": 20}
    statistics = await run_until(config, lambda so_far: so_far.broken.total() >= 20)
    assert statistics.broken == {"connect": 20}


async def test_no_more_calls_at_once_than_allowed() -> None:
    orders, most = GatewayScript(silent=True), 0
    async with running_small_gateway(orders) as gateway:
        config = replace(config_for(gateway), spread_s=0, max_open=3)
        runner = FleetRunner(DemoRegisters(20), config)
        stop = asyncio.Event()
        running = asyncio.create_task(runner.run(stop))
        await until(lambda: len(gateway.open) >= 3)
        for _ in range(20):
            await asyncio.sleep(0.01)
            most = max(most, len(gateway.open))
        stop.set()
        async with asyncio.timeout(scaled(20)):
            await running
        assert (most, runner.open_calls) == (3, 0)
        await until(lambda: not gateway.open)


async def test_held_conversations_do_not_count_as_open_calls() -> None:
    orders = GatewayScript(hold=True, next_check_in_s=300)
    async with running_small_gateway(orders) as gateway:
        config = replace(config_for(gateway), interval_s=None, max_open=2)
        stop, runner = asyncio.Event(), FleetRunner(DemoRegisters(20), config)
        running = asyncio.create_task(runner.run(stop))
        await until(lambda: len(orders.readings) == 20)
        assert runner.open_calls == len(gateway.open) == 20
        stop.set()
        async with asyncio.timeout(scaled(20)):
            statistics = await running
        assert (statistics.accepted, runner.open_calls) == (20, 0)


async def test_an_unknown_host_name_raises_oserror() -> None:
    runner = FleetRunner(DemoRegisters(1), FleetConfig("no.such.host.invalid", 1, KEY_RING))
    with pytest.raises(OSError):
        await runner.run(asyncio.Event())


# ---- demo registers -----------------------------------------------------------------------------


def test_demo_serials_are_valid_and_alternate_platforms() -> None:
    serials = demo_serials(50)
    assert serials == demo_serials(60)[:50]
    assert len({serial.serial_number for serial in serials}) == 50
    assert [serial.platform for serial in serials[:3]] == ["2.5", "5.0", "2.5"]
    for serial_number, platform, model in serials:
        assert re.fullmatch("001[0-9]{11}", serial_number)
        assert model_of_serial(serial_number) is BY_CODE[model]
        assert BY_CODE[model].platform_5_0 is (platform is Platform.V5_0)


def test_demo_registers_are_created_at_first_use_and_kept() -> None:
    fleet = DemoRegisters(MAX_REGISTERS // 1000, now=lambda: NOON)
    assert fleet[7] is fleet[7]
    assert fleet[-1] is fleet[len(fleet) - 1]
    same, other = DemoRegisters(8, now=lambda: NOON), DemoRegisters(8, seed=1, now=lambda: NOON)
    assert same[7].reading(NOON) == fleet[7].reading(NOON) != other[7].reading(NOON)
    for count in (0, MAX_REGISTERS + 1):
        with pytest.raises(ValueError):
            DemoRegisters(count)


# ---- statistics ---------------------------------------------------------------------------------


def test_percentiles_are_within_two_per_cent() -> None:
    latencies = Latencies()
    assert latencies.percentile_s(0.5) == 0
    for number in range(1, 1001):
        latencies.add(number / 1000)
    for share in (0.5, 0.9, 0.99, 1.0):
        assert latencies.percentile_s(share) == pytest.approx(share, rel=0.02)
    assert latencies.max_s == 1.0


def test_the_report_names_what_went_wrong() -> None:
    statistics = Statistics()
    statistics.calls = 10
    statistics.refused["busy"] = 2
    statistics.broken.update({"cut": 3, "silence": 1})
    report = statistics.report(2.0)
    assert "10 in 2.0 s, 5.0/s" in report
    assert "2 (busy 2)" in report and "4 (cut 3, silence 1)" in report
    assert "refused 2 (busy 2)" in statistics.progress(5.0, 1)


# ---- command line -------------------------------------------------------------------------------


def simulator(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simulator", "run", *arguments]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--key-ring", "no-such-file.json"], "cash-server up"),
        (["--server", "somewhere"], "HOST:PORT"),
        (["--registers", "0"], "registers"),
        (["--key-ring", __file__], "is not a key ring"),
    ],
)
def test_bad_options_are_told_clearly(arguments: list[str], words: str) -> None:
    done = subprocess.run(simulator(*arguments), capture_output=True, text=True, timeout=scaled(30))
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


async def test_the_program_reports_and_stops_on_a_signal(tmp_path: Path) -> None:
    keys = tmp_path / "key-ring.json"
    keys.write_text(KeyRing.generate())
    orders = GatewayScript()
    async with running_small_gateway(orders) as gateway:
        gateway.keys = KeyRing.load(keys)
        process = await asyncio.create_subprocess_exec(
            *simulator("--registers", "5", "--interval", "0.1", "--key-ring", str(keys)),
            *("--server", f"{gateway.host}:{gateway.port}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await until(lambda: len(orders.readings) == 5, within_s=scaled(20))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(scaled(20)):
            out, err = await process.communicate()
    assert process.returncode == 0, err
    report = out.decode()
    assert "accepted" in report and "p99" in report
    assert "failed      0" in report
