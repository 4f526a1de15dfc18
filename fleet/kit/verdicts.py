"""What became of each item of a request: the one shape of all replies that judge item by item.

The good items of such a request go through and the others are refused, each with its reason; the
request as a whole succeeds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fleet.kit.errors import Refusal
from fleet.kit.language import Language

Accepted = TypeVar("Accepted")
Item = TypeVar("Item")


@dataclass(frozen=True)
class RefusedItem(Generic[Item]):
    """One item (most often a serial number as it was typed) with which nothing was done, and why.

    ``params`` are those of the refusal's sentence.
    """

    item: Item
    refusal: Refusal
    params: Mapping[str, Any] = field(default_factory=dict)

    def told(self, language: Language) -> dict[str, str]:
        """Return the fields ``reason`` (a stable code) and ``message`` of a reply."""
        message = self.refusal.message(language, **self.params)
        return {"reason": self.refusal.code, "message": message}


@dataclass(frozen=True)
class Verdicts(Generic[Accepted, Item]):
    """What came of the accepted items, and the refused ones, both in the order of the request."""

    accepted: Sequence[Accepted]
    refused: Sequence[RefusedItem[Item]]


def judge_each(
    items: Iterable[Item],
    refusal_of: Callable[[Item], Refusal | None],
    unfit: Sequence[RefusedItem[Item]] = (),
) -> Verdicts[Item, Item]:
    """Return the items that ``refusal_of`` answers ``None`` for as accepted, the others as refused.

    ``unfit`` were refused before; they come after the others.
    """
    accepted: list[Item] = []
    refused: list[RefusedItem[Item]] = []
    for item in items:
        refusal = refusal_of(item)
        if refusal is None:
            accepted.append(item)
        else:
            refused.append(RefusedItem(item, refusal))
    return Verdicts(accepted, [*refused, *unfit])
