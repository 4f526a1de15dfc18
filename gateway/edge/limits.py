"""Rate limits: frames of one conversation, handshakes of one address."""


class Bucket:
    """Token bucket of ``per_s`` tokens per second and at most as many at once."""

    __slots__ = ("_at", "_left", "_per_s")

    def __init__(self, per_s: int, now: float) -> None:
        self._per_s = per_s
        self._left = float(per_s)
        self._at = now

    def take(self, count: int, now: float) -> bool:
        """Take ``count`` tokens at the time ``now``; tell whether the limit allows them."""
        self._left = min(self._per_s, self._left + (now - self._at) * self._per_s) - count
        self._at = now
        return self._left >= 0


class PerAddress:
    """Limit of actions per minute and address; all counts are reset each minute.

    The memory is bounded by ``max_addresses``: when more addresses than that occur within a minute,
    the counts are reset early.
    """

    def __init__(self, per_min: int, max_addresses: int = 100_000) -> None:
        self._per_min = per_min
        self._max_addresses = max_addresses
        self._counts: dict[str, int] = {}
        self._until = 0.0

    def take(self, address: str, now: float) -> bool:
        """Count one action of ``address``; tell whether the limit allows it (0: no limit)."""
        if not self._per_min:
            return True
        if now >= self._until or len(self._counts) >= self._max_addresses:
            self._counts, self._until = {}, now + 60
        count = self._counts[address] = self._counts.get(address, 0) + 1
        return count <= self._per_min
