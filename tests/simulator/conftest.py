"""Registers for the simulator's tests."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest

from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.pace import scaled

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MakeRegister = Callable[..., SimulatedRegister]


@pytest.fixture
def make_register() -> MakeRegister:
    """Return a maker of registers born at noon of one day; equal seeds give equal registers."""

    def make(platform: Platform = Platform.V2_5, seed: int = 1) -> SimulatedRegister:
        return SimulatedRegister("00106101234567", platform, 61, Random(seed), NOON)

    return make


async def until(condition: Callable[[], object], within_s: float = scaled(20.0)) -> None:
    """Waits for what other sockets bring about; fails when they do not."""
    for _ in range(int(within_s / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not within {within_s} s")
