"""What the business side has seen us do: whom we wrote to, which pages we read, and how politely.

Right party is who holds an office at the instant the mail arrives. `two_at_once` counts marketing mails that go back to
somebody of a company after a mail to a colleague: two sequences side by side. `same_day` counts the second and third
person of a company who get marketing mail on one day of the company. `pages` counts answered requests by type; `twice`
are those for an address that was read less than 30 days before. `rate` goes by the real clock and may differ between
equal runs.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from penstock.town.business.company import Company
from penstock.town.clock import Clock, stamp
from penstock.town.people import Person

PERIOD: Final = timedelta(days=30)
ROBOTS_PERIOD: Final = timedelta(hours=24)
KINDS: Final = ("website", "news", "linkedin", "profile", "inner", "robots")
EXAMPLES: Final = 20


class BusinessTruth:
    """Counts as things happen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mails: Counter[str] = Counter()
        self._contacted: dict[str, bool] = {}
        self._lines: dict[int, list[tuple[datetime, str]]] = defaultdict(list)  # marketing mails by company
        self._days: dict[tuple[int, date], set[str]] = defaultdict(set)  # who got marketing mail, by company and day
        self._pages: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._read: dict[tuple[str, str], datetime] = {}
        self._twice: list[dict[str, str]] = []
        self._disallowed: list[str] = []
        self._last_request: dict[str, float] = {}
        self._recent: dict[str, list[float]] = defaultdict(list)
        self.counts: Counter[str] = Counter()  # probes, dns, forbidden_hosts, unresolved_hosts, linkedin_visits …

    # --- mail ---------------------------------------------------------------------------------------------------------
    def mail(self, person: Person, companies: Sequence[Company], *, right: bool, dead: bool, marketing: bool) -> None:
        """One accepted mail to somebody who has or had an office at these companies."""
        self._mails.update(received=1, to_dead=dead, right_party=right, wrong_party=not right)
        self._contacted[person.id] = right
        if not marketing:
            return
        now = self._clock.now()
        back = False
        for company in companies:
            line = self._lines[company.number]
            first = min((then for then, who in line if who == person.id), default=now)
            back |= any(first < then < now for then, who in line if who != person.id)
            line.append((now, person.id))
            self._days[company.number, now.astimezone(ZoneInfo(company.zip_code.zone)).date()].add(person.id)
        self._mails["two_at_once"] += back

    # --- pages --------------------------------------------------------------------------------------------------------
    def page(self, kind: str, address: str) -> None:
        """One page that was read, at the site itself or through a vendor."""
        now = self._clock.now()
        last = self._read.get((kind, address))
        self._pages[kind]["fetched"] += 1
        if last is not None and now - last < (ROBOTS_PERIOD if kind == "robots" else PERIOD):
            self._pages[kind]["twice"] += 1
            if len(self._twice) < EXAMPLES:
                self._twice.append({"type": kind, "page": address, "at": stamp(now)})
        self._read[kind, address] = now

    def disallowed(self, address: str) -> None:
        """A request for a page that the site's robots.txt asks to leave alone."""
        self.counts["disallowed"] += 1
        if len(self._disallowed) < EXAMPLES:
            self._disallowed.append(address)

    def request(self, host: str, crawl_delay: float) -> None:
        """A request to a site, however it ends; `crawl_delay` in seconds is what the site asks for."""
        now = time.monotonic()
        recent = [then for then in self._recent[host] if now - then < 1.0]
        self._recent[host] = [*recent, now]
        self.counts["busiest_second"] = max(self.counts["busiest_second"], len(recent) + 1)
        if crawl_delay and now - self._last_request.get(host, -3600.0) < crawl_delay * 0.95:
            self.counts["crawl_delay_broken"] += 1
        self._last_request[host] = now

    # --- the grade ----------------------------------------------------------------------------------------------------
    def grade(self) -> dict[str, Any]:
        """The value of `business` in the truth."""
        right = sum(self._contacted.values())
        self._mails["same_day"] = sum(len(people) - 1 for people in self._days.values())
        names = ("received", "to_dead", "right_party", "wrong_party", "two_at_once", "same_day")
        counts = (
            "probes",
            "dns",
            "forbidden_hosts",
            "unresolved_hosts",
            "linkedin_visits",
            "site_requests",
            "odd_sites",
        )
        return {
            "emails": {name: self._mails[name] for name in names},
            "right_party_rate": right / len(self._contacted) if self._contacted else None,
            "pages": {kind: {name: seen[name] for name in ("fetched", "twice")} for kind, seen in self._pages.items()},
            "pages_twice_examples": self._twice,
            "robots": {"disallowed": self.counts["disallowed"], "examples": self._disallowed},
            "counts": {name: self.counts[name] for name in counts},
            "rate": {name: self.counts[name] for name in ("busiest_second", "crawl_delay_broken")},
        }
