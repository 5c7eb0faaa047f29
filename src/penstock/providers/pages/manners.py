"""How we behave on somebody's site: robots.txt is honoured, and requests to one host keep their distance."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from protego import Protego

from penstock.core import clock
from penstock.core.errors import ProviderBusy
from penstock.providers.pages.addresses import Target
from penstock.providers.pages.words import PageRefused

AGENT = "penstock"  # the name that robots.txt may address
KEPT = timedelta(hours=24)  # RFC 9309, 2.4: not longer without asking again
HOSTS_KEPT = 10_000
LONGEST_WAIT_S = 10.0  # a longer wait belongs to the queue, not to a sleeping worker

T = TypeVar("T")
RobotsReader = Callable[[Target], Awaitable[str]]
"""The robots.txt of a host ("" where it has none). Raises ProviderBusy where that cannot be told now."""


class Manners:
    """What this process knows of hosts: their rules for a day, and when the next request may go out."""

    def __init__(self, read_robots: RobotsReader, *, delay_s: float) -> None:
        self._read, self._delay_s = read_robots, delay_s
        self._rules: OrderedDict[str, tuple[datetime, Protego]] = OrderedDict()
        self._next_at: OrderedDict[str, float] = OrderedDict()
        self._asking: dict[str, asyncio.Lock] = {}

    async def admit(self, target: Target) -> None:
        """Return when `target` may be asked for. Raises PageRefused("robots"), or ProviderBusy for a long wait."""
        rules = await self._rules_of(target)
        if not rules.can_fetch(target.url, AGENT):
            raise PageRefused("robots")
        await self._wait(target.host, self._distance(rules))

    def answered(self, target: Target) -> None:
        """The host has answered: the distance to the next request counts from now on."""
        known = self._rules.get(f"{target.scheme}://{target.host}")
        self._rest(target.host, self._distance(known[1]) if known else self._delay_s)

    def _rest(self, host: str, delay_s: float) -> None:
        host = host.removeprefix("www.")
        at = clock.stopwatch() + delay_s
        _remember(self._next_at, host, max(at, self._next_at.get(host, at)))

    async def _rules_of(self, target: Target) -> Protego:
        site = f"{target.scheme}://{target.host}"
        async with self._asking.setdefault(site, asyncio.Lock()):
            known = self._rules.get(site)
            if known is None or clock.now() >= known[0]:
                await self._wait(target.host, 0.0)
                known = clock.now() + KEPT, Protego.parse(await self._read(target))
                _remember(self._rules, site, known)
                self._rest(target.host, min(self._distance(known[1]), LONGEST_WAIT_S))  # it was a request too
        self._asking.pop(site, None)
        return known[1]

    def _distance(self, rules: Protego) -> float:
        """Seconds between two requests: ours, or those that the host asks for."""
        wished = rules.crawl_delay(AGENT) or 0.0
        return max(self._delay_s, wished if math.isfinite(wished) else 0.0)

    async def _wait(self, host: str, delay_s: float) -> None:
        host, now = host.removeprefix("www."), clock.stopwatch()  # one site under two names
        at = max(now, self._next_at.get(host, now))
        if at - now > LONGEST_WAIT_S:
            raise ProviderBusy("the site asks for longer pauses", retry_after_s=at - now, reached=False)
        _remember(self._next_at, host, at + delay_s)
        await asyncio.sleep(at - now)


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > HOSTS_KEPT:
        kept.popitem(last=False)
