"""Facts: how a lower feature tells the ones above it what has happened.

A feature never calls up.  It announces a fact (a frozen dataclass of its ``events.py``) with
``Act.announce``; the table in ``fleet.wiring`` names the reactions, which run at once and in the
same act: either the fact and all it caused are committed, or nothing is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fleet.kit.act import Act

Handler = Callable[[Act, Any], Awaitable[None]]
Reactions = Mapping[type, Sequence[Handler]]
