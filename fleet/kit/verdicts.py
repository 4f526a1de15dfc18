"""The result for each item of a request: the one shape of all replies with a verdict per item.

The valid items of such a request are accepted and the others are refused, each with its reason;
the request as a whole succeeds.
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
    """A refused item (usually a serial number as it was typed) and the reason.

    ``params`` are the parameters of the refusal's sentence.
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
    """The results of the accepted items and the refused items, both in the order of the request."""

    accepted: Sequence[Accepted]
    refused: Sequence[RefusedItem[Item]]


def judge_each(
    items: Iterable[Item],
    refusal_of: Callable[[Item], Refusal | None],
    unfit: Sequence[RefusedItem[Item]] = (),
) -> Verdicts[Item, Item]:
    """Return the items as accepted where ``refusal_of`` returns None, the others as refused.

    ``unfit`` are items that were refused earlier; they come after the others.
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
