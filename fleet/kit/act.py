"""The context of a call: what nearly every function of a feature needs to know of its caller.

The edges make one: the HTTP edge for each request, the worker for each run of a job, the command
line for each command (``fleet.kit.acts``).  Below them it is handed on whole, as the first
parameter; a function that only reads takes ``db`` alone.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.config import FleetConfig
from fleet.kit.language import Language

REACTIONS: Final = "reactions"
"""The key in ``AsyncSession.info`` under which ``Database`` keeps its ``Reactions``."""

DEFAULTS: Final = FleetConfig.model_construct()
"""The settings' defaults, no variable read: for acts that read no setting."""


@dataclass(frozen=True, slots=True)
class Act:
    """One call in one transaction.

    ``db`` is inside the transaction; ``who`` is the employee who asks, None = the command line or
    the server itself; ``now`` is the moment of the call.
    """

    db: AsyncSession
    who: Actor | None
    now: datetime
    language: Language = Language.RU
    config: FleetConfig = field(default_factory=lambda: DEFAULTS)

    @property
    def actor(self) -> Actor:
        """The employee who asks; ``RuntimeError`` (a mistake of the program) when nobody does."""
        if self.who is None:
            raise RuntimeError("nobody asks in this act")
        return self.who

    def by(self, who: Actor | None) -> Self:
        """Return the same act as somebody else's; None = the server's own."""
        return replace(self, who=who)

    async def announce(self, fact: object) -> None:
        """Run the reactions to ``type(fact)`` in their order, with this act; an error of one
        fails the transaction."""
        for react in self.db.info[REACTIONS].get(type(fact), ()):
            await react(self, fact)
