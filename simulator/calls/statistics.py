"""Counters of a running fleet, and texts that report them."""

from collections import Counter
from math import ceil, exp, log
from typing import Final

BUCKET_WIDTH: Final = log(1.02)
"""Latencies are stored to within two per cent, so the memory does not grow with the calls."""


class Latencies:
    """Durations, stored as counts."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._count = 0
        self.max_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one duration."""
        self._buckets[ceil(log(max(duration_s, 1e-6)) / BUCKET_WIDTH)] += 1
        self._count += 1
        self.max_s = max(self.max_s, duration_s)

    def percentile_s(self, share: float) -> float:
        """Return the duration that this share of all did not exceed; 0 when there was none."""
        wanted = ceil(self._count * share)
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                return min(exp(bucket * BUCKET_WIDTH), self.max_s)
        return 0.0


class Statistics:
    """Results of a fleet's calls; ``accepted`` counts accepted readings, however the call ended."""

    def __init__(self) -> None:
        self.calls = 0
        self.accepted = 0
        self.steps_done = 0
        self.steps_refused = 0
        self.refused: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.latencies = Latencies()
        """Latencies from dialling to ACCEPTED."""

    def progress(self, calls_per_s: float, open_calls: int) -> str:
        """Return one line that shows the progress of a run."""
        return (
            f"{calls_per_s:8.0f} calls/s  ok {self.accepted}  failed {self.broken.total()}  "
            f"refused {_named(self.refused)}  steps {self.steps_done}  open {open_calls}"
        )

    def report(self, seconds: float) -> str:
        """Return the final report of a run."""
        p50, p90, p99 = (1000 * self.latencies.percentile_s(share) for share in (0.5, 0.9, 0.99))
        lines = (
            f"calls       {self.calls} in {seconds:.1f} s, {self.calls / max(seconds, 1e-9):.1f}/s",
            f"accepted    {self.accepted}",
            f"latency     p50 {p50:.1f} ms  p90 {p90:.1f} ms  p99 {p99:.1f} ms  "
            f"max {1000 * self.latencies.max_s:.1f} ms",
            f"refused     {_named(self.refused)}",
            f"failed      {_named(self.broken)}",
            f"steps       {self.steps_done} done, {self.steps_refused} refused",
        )
        return "\n".join(lines)


def _named(counts: Counter[str]) -> str:
    told = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return f"{counts.total()} ({told})" if told else "0"
