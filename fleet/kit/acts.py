"""Opens acts: the one place where a transaction gets its caller and its moment."""

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
    """The acts of one caller, each with a transaction and a moment of its own.

    Most callers need one; a slow thing between looking and writing takes two.
    """

    database: Database
    clock: Clock
    who: Actor | None = None
    language: Language = Language.RU
    config: FleetConfig = field(default_factory=lambda: DEFAULTS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Act]:
        """Yield an act that is committed when the block ends, rolled back when it raises."""
        async with self.database.transaction() as db:
            yield Act(db, self.who, self.clock(), self.language, self.config)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Act]:
        """Yield an act that only looks: whatever the block writes is dropped."""
        async with self.database.read() as db:
            yield Act(db, self.who, self.clock(), self.language, self.config)
