"""How many requests one caller may make in a minute.

Counted in this process's memory, not in PostgreSQL: the limit protects the database, and a write for every request
would hand an attacker the very lever the limit takes away. Behind N processes a caller may reach N times the limit,
which is still a bound; a proxy in front can keep an exact one.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from penstock.core import clock

MAX_CALLERS: Final = 50_000  # the memory an address-hopping flood can claim: the longest idle caller is forgotten first


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """A token bucket per caller: `per_minute` at once, refilled evenly. 0 is no limit.

    `seconds` is a stopwatch, given for tests.
    """

    def __init__(self, per_minute: int, *, seconds: Callable[[], float] = clock.stopwatch) -> None:
        self._per_minute = per_minute
        self._seconds = seconds
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, caller: str) -> int:
        """Zero when the request may go on (and is counted); else the whole seconds until one will be let through."""
        if not self._per_minute:
            return 0
        now = self._seconds()
        bucket = self._buckets.pop(caller, None) or _Bucket(float(self._per_minute), now)
        rate = self._per_minute / 60
        bucket.tokens = min(float(self._per_minute), bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        self._buckets[caller] = bucket  # newest at the end
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return max(1, math.ceil((1 - bucket.tokens) / rate))
        bucket.tokens -= 1
        return 0
