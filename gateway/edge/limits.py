"""Limits that count: frames of one conversation, handshakes of one address."""


class Bucket:
    """So many a second, and as many at once; time is a parameter."""

    __slots__ = ("_at", "_left", "_per_s")

    def __init__(self, per_s: int, now: float) -> None:
        self._per_s = per_s
        self._left = float(per_s)
        self._at = now

    def take(self, count: int, now: float) -> bool:
        """Whether ``count`` more are within the limit."""
        self._left = min(self._per_s, self._left + (now - self._at) * self._per_s) - count
        self._at = now
        return self._left >= 0


class PerAddress:
    """At most so many a minute from one address; forgets everything each minute.

    The memory is bounded by ``max_addresses``: a flood from more addresses than that within a
    minute starts the minute anew.
    """

    def __init__(self, per_min: int, max_addresses: int = 100_000) -> None:
        self._per_min = per_min
        self._max_addresses = max_addresses
        self._counts: dict[str, int] = {}
        self._until = 0.0

    def take(self, address: str, now: float) -> bool:
        """Whether one more from ``address`` is within the limit; 0 a minute means no limit."""
        if not self._per_min:
            return True
        if now >= self._until or len(self._counts) >= self._max_addresses:
            self._counts, self._until = {}, now + 60
        count = self._counts[address] = self._counts.get(address, 0) + 1
        return count <= self._per_min
