"""Invented registers for demonstrations and load tests: the same ones for the same numbers."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from random import Random
from typing import Final, NamedTuple, overload

from protocol.conversation.seal import KeyRing
from protocol.platforms import Platform
from simulator.calls.fleet import FleetConfig, start_fleet
from simulator.calls.socket_call import utc_now
from simulator.register.simulated_register import SimulatedRegister

DEMO_INTERVAL_S: Final = 10
DEMO_SPREAD_S: Final = 5
"""Seconds between calls, and for all first calls, when people watch a demonstration."""

MAX_REGISTERS: Final = 10**8 - 1
"""The eight counting digits of a serial number limit the number of registers."""

# Each model is listed under one platform only, so that a list of registers shows the platforms.
MODELS: Final = {Platform.V2_5: (50, 64, 66, 75), Platform.V5_0: (57, 61, 67, 78, 81, 86, 90)}


class DemoSerial(NamedTuple):
    """The identity of a demo register; ``model`` is the code of the model table."""

    serial_number: str
    platform: Platform
    model: int


def demo_serial(index: int) -> DemoSerial:
    """Return the identity of the register with that index, from 0; platforms alternate."""
    platform = Platform.V5_0 if index % 2 else Platform.V2_5
    models = MODELS[platform]
    model = models[index // 2 % len(models)]
    return DemoSerial(f"001{model:03}{index + 1:08}", platform, model)


def demo_serials(count: int) -> list[DemoSerial]:
    """Return the identities of the first ``count`` registers."""
    return [demo_serial(index) for index in range(count)]


class DemoRegisters(Sequence[SimulatedRegister]):
    """A sequence of ``count`` registers, each created when it is first used.

    ``publishers`` and ``licence_issuers`` are the public keys of the firmware and licences that
    they accept. A register takes 1.4 KB: 100,000 registers need 140 MB, a million 1.4 GB; one not
    yet created takes 8 bytes.
    """

    def __init__(
        self,
        count: int,
        seed: int = 0,
        now: Callable[[], datetime] = utc_now,
        publishers: Collection[bytes] = (),
        licence_issuers: Collection[bytes] = (),
    ) -> None:
        if not 1 <= count <= MAX_REGISTERS:
            raise ValueError(f"1 to {MAX_REGISTERS} registers, not {count}")
        self._born: list[SimulatedRegister | None] = [None] * count
        self._seed, self._now = seed, now
        self._publishers, self._licence_issuers = publishers, licence_issuers

    def __len__(self) -> int:
        return len(self._born)

    @overload
    def __getitem__(self, index: int) -> SimulatedRegister: ...
    @overload
    def __getitem__(self, index: slice) -> list[SimulatedRegister]: ...
    def __getitem__(self, index: int | slice) -> SimulatedRegister | list[SimulatedRegister]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        register = self._born[index]
        if register is None:
            register = self._born[index] = self._bear(index % len(self))
        return register

    def _bear(self, index: int) -> SimulatedRegister:
        random = Random(f"{self._seed}:{index}")
        register = SimulatedRegister(*demo_serial(index), random, self._now())
        register.loader.publishers = self._publishers
        register.licence_issuers = self._licence_issuers
        return register


def start_demo(
    stack: AsyncExitStack,
    count: int,
    port: int,
    keys: KeyRing,
    publishers: Sequence[bytes],
    licence_issuers: Sequence[bytes],
) -> None:
    """Start ``count`` registers that call this machine's ``port`` until the stack is closed."""
    if count:
        calls = FleetConfig("127.0.0.1", port, keys, spread_s=DEMO_SPREAD_S)
        born = DemoRegisters(count, publishers=publishers, licence_issuers=licence_issuers)
        start_fleet(stack, born, calls)
