"""The shop around a register: its opening hours, its sales and the outages of its OFD.

All of it follows from a seed and the calendar, so it does not matter how often, or at what moments,
it is computed: the same time always gives the same receipts.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, NamedTuple

ONE_DAY: Final = timedelta(days=1)
OPENS_EARLIEST_MIN: Final = 6 * 60
OPENS_WITHIN_MIN: Final = 4 * 60
SHORTEST_DAY_MIN: Final = 8 * 60
DAY_LONGER_BY_MIN: Final = 11 * 60
FEWEST_RECEIPTS: Final = 20
MORE_RECEIPTS: Final = 400
OUTAGE_ONE_DAY_IN: Final = 12


class ShopEvent(Enum):
    """The event that ends a span of a shop's time."""

    NOTHING = auto()
    OPENS = auto()
    CLOSES = auto()


class Span(NamedTuple):
    """A span of time with an unchanged OFD link.

    ``first_receipt_at`` is valid if there are receipts.
    """

    until: datetime
    receipts: int
    first_receipt_at: datetime
    ofd_up: bool
    event: ShopEvent


class _Day(NamedTuple):
    """One working day; it may close past midnight, but before the next one opens."""

    opens_at: datetime
    ofd_lost_at: datetime
    ofd_back_at: datetime
    closes_at: datetime
    receipts: int

    @property
    def breaks(self) -> tuple[tuple[datetime, ShopEvent], ...]:
        """Return the moments that cut the day into spans, in order, each with its event."""
        return (
            (self.opens_at, ShopEvent.OPENS),
            (self.ofd_lost_at, ShopEvent.NOTHING),
            (self.ofd_back_at, ShopEvent.NOTHING),
            (self.closes_at, ShopEvent.CLOSES),
        )

    def span(self, since: datetime, until: datetime, happening: ShopEvent) -> Span:
        """Return the span between two moments of this day."""
        before = self._sold_by(since)
        receipts = self._sold_by(until) - before
        first = self._sold_at(before + 1) if receipts else until
        ofd_up = not self.ofd_lost_at < until <= self.ofd_back_at
        return Span(until, receipts, first, ofd_up, happening)

    def _sold_by(self, moment: datetime) -> int:
        """Return how many receipts are sold by ``moment``, evenly from opening to closing."""
        share = (moment - self.opens_at) / (self.closes_at - self.opens_at)
        return int(self.receipts * min(max(share, 0.0), 1.0))

    def _sold_at(self, number: int) -> datetime:
        return self.opens_at + (self.closes_at - self.opens_at) * number / self.receipts


class Shop(NamedTuple):
    """One shop: its seed and its clock's offset from UTC in minutes."""

    seed: int
    utc_offset_min: int

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Yield the time from ``since`` to ``until`` as spans without a gap, in order."""
        for day in self._days_from(since):
            for moment, happening in day.breaks:
                if moment > until:
                    yield day.span(since, until, ShopEvent.NOTHING)
                    return
                if moment > since:
                    yield day.span(since, moment, happening)
                    since = moment

    def before_opening(self, moment: datetime) -> datetime:
        """Return the second before the opening of the working day that ``moment`` belongs to."""
        return next(self._days_from(moment)).opens_at - timedelta(seconds=1)

    def local(self, moment: datetime) -> datetime:
        """Return the moment in the shop's local time."""
        return moment.astimezone(timezone(timedelta(minutes=self.utc_offset_min)))

    def _days_from(self, moment: datetime) -> Iterator[_Day]:
        today = self.local(moment).date()
        day = self._day(today)
        if moment < day.opens_at:
            yield self._day(today - ONE_DAY)
        while True:
            yield day
            today += ONE_DAY
            day = self._day(today)

    def _day(self, day: date) -> _Day:
        """Return the plan of a day; a hash of the seed and the date replaces random numbers."""
        digest = blake2b(b"%d %d" % (self.seed, day.toordinal()), digest_size=12).digest()
        opening, length, receipts, lost, outage, away = struct.unpack(">6H", digest)
        midnight = datetime.combine(day, time(), UTC) - timedelta(minutes=self.utc_offset_min)
        opens_at = midnight + timedelta(minutes=OPENS_EARLIEST_MIN + opening % OPENS_WITHIN_MIN)
        open_for = timedelta(minutes=SHORTEST_DAY_MIN + length % DAY_LONGER_BY_MIN)
        closes_at = opens_at + open_for
        lost_at = opens_at + open_for * lost / 0x10000
        away_for = (closes_at - lost_at) * away / 0x10000
        back_at = lost_at if outage % OUTAGE_ONE_DAY_IN else lost_at + away_for
        return _Day(
            opens_at, lost_at, back_at, closes_at, FEWEST_RECEIPTS + receipts % MORE_RECEIPTS
        )
