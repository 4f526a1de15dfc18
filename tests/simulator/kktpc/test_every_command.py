"""Every command of KKT-PC 3.1 is walked by a host, on TCP, on a serial line, and on lower level v2:
who the register is, a whole shop day with its sums, registration, firmware, restart, closing."""

from datetime import datetime

import pytest

from protocol.kktpc.commands import COMMANDS
from simulator.kktpc import LineSetup
from simulator.register.simulated_register import SimulatedRegister
from tests.simulator.conftest import NOON
from tests.simulator.kktpc.conftest import LINES, with_host, with_old_host
from tests.simulator.kktpc.host import HostV2, HostV3
from tests.simulator.kktpc.register_day import CLOSING, DAY, OK, REGISTRATION, WHO, exchange_all

OURS = {0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDC}
RELAY, FIRMWARE, POWER = 0xDA, 0xEC, 0xCE
ELSEWHERE = {RELAY, FIRMWARE, POWER}
"""Walked below, where the line itself is watched."""


def a_life(host: HostV3 | HostV2, register: SimulatedRegister) -> set[int]:
    walked = set(exchange_all(host.ask, WHO))
    walked.update(exchange_all(host.ask, DAY))
    number = register.drive.documents.to_bytes(4, "little").hex()
    assert host.ask(bytes.fromhex("a440" + number)).startswith(b"\x55\0\x05\0")
    assert host.ask(bytes.fromhex("a441" + number))[1] == 0xDA
    register.drive.hand_over()
    assert host.ask(bytes.fromhex("a440" + number)).startswith(b"\x55\0\x05\x01")
    assert host.ask(bytes.fromhex("a441" + number))[:2] == b"\x55\0"
    assert host.ask(bytes.fromhex("a445" + number))[:2] == b"\x55\0"
    assert host.ask(b"\xa4\x46").startswith(bytes.fromhex("5500f4030400"))
    walked.update(exchange_all(host.ask, REGISTRATION))
    register.drive.hand_over()
    walked.update(exchange_all(host.ask, CLOSING[:-1]))
    register.drive.hand_over()
    walked.update(exchange_all(host.ask, CLOSING[-1:]))
    return walked


def all_commands() -> set[int]:
    return {command.code for command in COMMANDS} - OURS - ELSEWHERE


@pytest.mark.parametrize("line", LINES)
async def test_every_command_is_answered_over_a_registers_life(
    line: str, register: SimulatedRegister
) -> None:
    walked = await with_host(line, register, lambda host: a_life(host, register))
    assert walked == all_commands()
    tape = list(register.till.tape)
    assert "Привет" in tape and "Хлеб = 300.00" in tape and "ОТЧЕТ О ЗАКРЫТИИ СМЕНЫ" in tape
    assert register.owner.inn == "7700000000"


async def test_every_command_is_answered_on_lower_level_v2(register: SimulatedRegister) -> None:
    walked = await with_old_host(register, lambda host: a_life(host, register))
    assert walked == all_commands()


@pytest.mark.parametrize("line", LINES)
async def test_a_third_party_host_installs_a_firmware(
    line: str, register: SimulatedRegister
) -> None:
    content = (b"version 3.0.5652 " + bytes(range(256)) * 4)[:1000]
    blocks = [content[start : start + 200] for start in range(0, 1000, 200)]

    def bring(host: HostV3) -> None:
        assert host.ask(b"\xec\x03" + len(blocks).to_bytes(2, "little")) == b"\x55\0\0"
        for number, block in enumerate(blocks):
            host.send(b"\xec\x04" + number.to_bytes(2, "little") + block)
        assert host.ask(b"\xec\x05") == b"\x55\0\0"
        assert host.ask(b"\xce\x00") == b"\x55\0\0"
        assert host.ask(b"\xec\x00") == b"\x55\0\0"
        if line == "tcp":
            assert host.gone()

    await with_host(line, register, bring)
    assert register.loader.firmware == "3.0.5652" and register.restarts == 1


@pytest.mark.parametrize("line", LINES)
async def test_a_missing_block_fails_and_the_old_firmware_stays(
    line: str, register: SimulatedRegister
) -> None:
    def bring(host: HostV3) -> tuple[bytes, bytes]:
        assert host.ask(b"\xec\x03\x02\x00").hex() == OK
        host.send(b"\xec\x04\x01\x00block")
        told = host.wait_for(lambda data: data[:1] == b"\xa7")
        return told[2:], host.ask(b"\xec\x05")

    failure, verdict = await with_host(line, register, bring)
    assert (failure[:2], verdict[:2]) == (b"\x55\x13", b"\x55\xaf")
    assert register.loader.firmware == "3.0.3689"


async def test_a_restart_keeps_permanent_memory(
    register: SimulatedRegister,
) -> None:
    def restart(host: HostV3) -> None:
        assert host.ask(bytes.fromhex("560400000030")).hex() == OK
        assert host.ask(bytes.fromhex("5013000101" + b"ofd.test".ljust(64, b"\0").hex()))[1] == 0
        assert host.ask(b"\xce\x41").hex() == OK
        assert host.gone()

    await with_host("tcp", register, restart)
    assert register.restarts == 1 and register.mode == 0
    answer = await with_host("tcp", register, lambda host: host.ask(bytes.fromhex("4613000101")))
    assert answer.startswith(b"\x55\0ofd.test\0")


async def test_a_restarting_register_answers_nobody(register: SimulatedRegister) -> None:
    def again(host: HostV3) -> bool:
        host.ask(b"\xce\x41")
        assert host.gone()
        return True

    assert await with_host("tcp", register, again, LineSetup(now=lambda: NOON, restart_s=0.5))


async def test_the_diagnostics_print_the_last_calls_result(register: SimulatedRegister) -> None:
    def printed(host: HostV3) -> list[str]:
        host.ask(bytes.fromhex("82010600"))
        return list(register.till.tape)[-3:]

    assert await with_host("tcp", register, printed) == ["Интернет: нет", "ОФД: да", "Кабинет: нет"]
    register.internet_reached = register.cabinet_reached = True
    assert await with_host("tcp", register, printed) == ["Интернет: да", "ОФД: да", "Кабинет: да"]


async def test_without_paper_nothing_is_signed(register: SimulatedRegister) -> None:
    def try_to_sell(host: HostV3) -> bytes:
        list(exchange_all(host.ask, DAY[1:2] + DAY[3:4] + DAY[8:13]))
        register.faults.paper_out = True
        before = register.drive.documents, register.till.cash
        answer = host.ask(bytes.fromhex("4a00010000000000"))
        assert before == (register.drive.documents, register.till.cash)
        assert register.till.receipt is not None
        register.faults.paper_out = False
        assert host.ask(bytes.fromhex("4a00010000000000")).hex() == OK
        return answer

    assert (await with_host("tcp", register, try_to_sell))[:2] == b"\x55\x67"


async def test_an_expired_shift_sells_nothing(register: SimulatedRegister) -> None:
    clock = [NOON]

    def wait_a_day(host: HostV3) -> bytes:
        list(exchange_all(host.ask, DAY[1:2] + DAY[3:4]))
        clock[0] = datetime.fromisoformat("2026-11-21T12:00:01+00:00")
        return host.ask(b"\x92\0\x01")

    setup = LineSetup(now=lambda: clock[0])
    assert (await with_host("tcp", register, wait_a_day, setup))[:2] == b"\x55\x88"


async def test_a_wrong_access_password_changes_nothing(register: SimulatedRegister) -> None:
    def wrong(host: HostV3) -> bytes:
        assert host.say(bytes.fromhex("c1010112345604 00000030"))[:1] == b"\xa2"
        return host.wait_for(lambda data: data[:1] == b"\xa7")

    assert (await with_host("tcp", register, wrong))[2:4] == b"\x55\x8c"
    assert register.mode == 0
