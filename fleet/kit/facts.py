"""Facts: how a lower feature notifies the features above it of an event.

A feature never calls a higher one.  It announces a fact (a frozen dataclass of its ``events.py``)
with ``Act.announce``.  The table in ``fleet.wiring`` lists the reactions, which run at once in the
same transaction: the change and all its consequences are committed together or not at all.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fleet.kit.act import Act

Handler = Callable[[Act, Any], Awaitable[None]]
Reactions = Mapping[type, Sequence[Handler]]
