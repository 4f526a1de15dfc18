"""The one place that opens acts, where a transaction gets its caller and its time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fleet.kit.act import DEFAULTS, Act
from fleet.kit.actor import Actor
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.language import Language


@dataclass(frozen=True, slots=True)
class Acts:
    """A factory of acts for one caller, each with a transaction and a time of its own.

    Most calls need one act.  A call that does something slow between reading and writing opens
    two short ones, so that no transaction stays open meanwhile.
    """

    database: Database
    clock: Clock
    who: Actor | None = None
    language: Language = Language.RU
    config: FleetConfig = field(default_factory=lambda: DEFAULTS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Act]:
        """Yield an act that is committed when the block ends and rolled back when it raises."""
        async with self.database.transaction() as db:
            yield Act(db, self.who, self.clock(), self.language, self.config)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Act]:
        """Yield a read-only act: whatever the block writes is rolled back."""
        async with self.database.read() as db:
            yield Act(db, self.who, self.clock(), self.language, self.config)
