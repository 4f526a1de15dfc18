"""The context of a call: the transaction, the caller, the time, the language and the settings.

The edges create it: the HTTP edge for each request, the worker for each run of a job, the command
line for each command (``fleet.kit.acts``).  Functions below them pass it on unchanged as their
first parameter; a function that only reads may take ``db`` alone.
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
"""The default settings, made without reading the environment: for acts that read no setting."""


@dataclass(frozen=True, slots=True)
class Act:
    """One call in one transaction.

    ``db`` is inside the transaction.  ``who`` is the employee who makes the call, None for the
    command line and the server itself.  ``now`` is the time of the call.
    """

    db: AsyncSession
    who: Actor | None
    now: datetime
    language: Language = Language.RU
    config: FleetConfig = field(default_factory=lambda: DEFAULTS)

    @property
    def actor(self) -> Actor:
        """Return the calling employee; raise ``RuntimeError`` (a programming error) without one."""
        if self.who is None:
            raise RuntimeError("nobody asks in this act")
        return self.who

    def by(self, who: Actor | None) -> Self:
        """Return a copy of the act with another caller; None = the server itself."""
        return replace(self, who=who)

    async def announce(self, fact: object) -> None:
        """Run the reactions to ``type(fact)`` in their order within this act.

        An exception from a reaction is not caught, so it fails the transaction.
        """
        for react in self.db.info[REACTIONS].get(type(fact), ()):
            await react(self, fact)
