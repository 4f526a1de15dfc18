"""Slots for files in transfer: a few in the process, fewer for each partner."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from fleet.web.errors import BUSY, TOO_MANY_FILES
from fleet.web.middleware import RETRY_AFTER_S


class Slots:
    """At most ``most`` simultaneous transfers, at most ``each`` of them for one partner."""

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._taken: Counter[int | None] = Counter()

    @contextmanager
    def take(self, partner_id: int | None) -> Iterator[None]:
        """Hold a slot until the block ends; refuse if none is free.

        ``partner_id`` None = nobody has signed in; then only the common limit counts.
        """
        if partner_id is not None and self._taken[partner_id] >= self._each:
            raise TOO_MANY_FILES(most=self._each, retry_after_s=RETRY_AFTER_S)
        if self._taken.total() >= self._most:
            raise BUSY(retry_after_s=RETRY_AFTER_S)
        self._taken[partner_id] += 1
        try:
            yield
        finally:
            self._taken -= Counter({partner_id: 1})
