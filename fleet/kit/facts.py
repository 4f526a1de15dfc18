"""Facts: how a lower feature tells the ones above it what has happened.

A feature never calls up.  It announces a fact (a frozen dataclass of its ``events.py``);
the table in ``fleet.wiring`` names the reactions, which run at once and in the same
transaction: either the fact and all it caused are committed, or nothing is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

Handler = Callable[[AsyncSession, Any], Awaitable[None]]
Reactions = Mapping[type, Sequence[Handler]]

REACTIONS = "reactions"
"""The key in ``AsyncSession.info`` under which ``Database`` keeps the table."""


async def announce(db: AsyncSession, fact: object) -> None:
    """Run the reactions to ``type(fact)`` in their order; an error of one fails the transaction."""
    reactions: Reactions = db.info[REACTIONS]
    for react in reactions.get(type(fact), ()):
        await react(db, fact)
