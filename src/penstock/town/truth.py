"""What really happened, and the grade of a run: who was paid twice, and who was contacted against the rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from penstock.town import odds
from penstock.town.business import odds as business_odds
from penstock.town.business.grade import BusinessTruth
from penstock.town.clock import Clock, stamp
from penstock.town.people import Person

REPURCHASE: Final = timedelta(days=30)
CONFIRMATION: Final = timedelta(minutes=15)  # a last "you are off the list" may follow an opt-out this closely
WEEK: Final = timedelta(days=7)
MAIL_A_WEEK: Final = 4
EXAMPLES: Final = 50
PRICES: Final = {**odds.PRICES, **business_odds.PRICES}


class Truth:
    """Counts as things happen; every breach of a rule is kept with the person and the instant, for the first few."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._billed: dict[str, Counter[str]] = defaultdict(Counter)
        self._bought: dict[tuple[str, str, str], datetime] = {}
        self._paid_twice: list[dict[str, str]] = []
        self._emails: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._breaches: Counter[tuple[str, str]] = Counter()
        self._examples: list[dict[str, str]] = []
        self._mailed: dict[str, list[datetime]] = defaultdict(list)
        self._called: dict[str, list[datetime]] = defaultdict(list)
        self._contacted: dict[str, bool] = {}
        self._opted_out: dict[str, datetime] = {}
        self._consents: dict[str, set[str]] = defaultdict(set)  # number typed -> who consented with it
        self.business = BusinessTruth(clock)
        self.usage: Counter[str] = Counter()  # meter events, as the payment service saw them
        self.replies: Counter[str] = Counter()
        self.bookings: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()  # deliveries of ours that the product answered with 4xx

    # --- money --------------------------------------------------------------------------------------------------------
    def bill(self, vendor: str, operation: str, items: list[str]) -> None:
        """One answered call that bought these items; an item is its normalised request."""
        now = self._clock.now()
        price = PRICES.get((vendor, operation), 0)
        self._billed[vendor].update(calls=1, items=len(items), tenths=price * len(items))
        for item in items:
            last = self._bought.get((vendor, operation, item))
            if last is not None and now - last < REPURCHASE:
                self._paid_twice.append({"vendor": vendor, "operation": operation, "item": item, "at": stamp(now)})
            self._bought[vendor, operation, item] = now

    def bill_minutes(self, vendor: str, minutes: int) -> None:
        """Talk time, which is no item that could be bought twice."""
        self._billed[vendor].update(calls=1, items=minutes, tenths=odds.VAPI_MINUTE * minutes)

    # --- contacts -----------------------------------------------------------------------------------------------------
    def mail(self, person: Person | None, *, right: bool, dead: bool, marketing: bool) -> None:
        """One accepted mail. The caps and hours are for marketing; after an opt-out there is none of either."""
        now = self._clock.now()
        self._emails["received"] += 1
        self._emails["to_dead"] += dead
        if person is None:
            return
        self._contact("emails", person, right)
        opted_out = self._opted_out.get(person.id)
        if opted_out is not None and (marketing or now - opted_out > CONFIRMATION):
            self._breach("emails", "after_opt_out", person)
        if not marketing:
            return
        local = now.astimezone(ZoneInfo(person.zone))
        if not 7 <= local.hour < 21:
            self._breach("emails", "outside_hours", person)
        before = self._mailed[person.id]
        same_day = any(then.astimezone(ZoneInfo(person.zone)).date() == local.date() for then in before)
        if same_day or sum(now - then < WEEK for then in before) >= MAIL_A_WEEK:
            self._breach("emails", "over_cap", person)
        before.append(now)

    def mail_refused(self) -> None:
        """A recipient that SMTP turned away because there is no such mailbox."""
        self._emails["refused"] += 1
        self._emails["to_dead"] += 1

    def call(self, person: Person | None, number: str, *, right: bool) -> None:
        """One call that rang at `number`."""
        self._calls["placed"] += 1
        if person is None:
            self._breach("calls", "without_consent", None)
            return
        now = self._clock.now()
        local = now.astimezone(ZoneInfo(person.zone))
        self._contact("calls", person, right)
        if number not in self._consents:
            self._breach("calls", "without_consent", person)
        if not 8 <= local.hour < 21:
            self._breach("calls", "outside_hours", person)
        if person.id in self._opted_out:
            self._breach("calls", "after_opt_out", person)
        before = self._called[person.id]
        if any(then.astimezone(ZoneInfo(person.zone)).date() == local.date() for then in before):
            self._breach("calls", "over_cap", person)
        before.append(now)

    def answered(self) -> None:
        """Somebody picked up."""
        self._calls["answered"] += 1

    def consent(self, person: Person, number: str) -> None:
        """The person sent the form with this number, and the product took it."""
        self._consents[number].add(person.id)

    def opt_out(self, person: Person) -> None:
        """The product took the person's wish to hear no more."""
        self._opted_out.setdefault(person.id, self._clock.now())

    def _contact(self, channel: str, person: Person, right: bool) -> None:
        counters = self._emails if channel == "emails" else self._calls
        counters["right_party" if right else "wrong_party"] += 1
        self._contacted[person.id] = right

    def _breach(self, channel: str, rule: str, person: Person | None) -> None:
        self._breaches[channel, rule] += 1
        if len(self._examples) < EXAMPLES:
            who = person.id if person else "nobody"
            self._examples.append({"channel": channel, "rule": rule, "person": who, "at": stamp(self._clock.now())})

    # --- the grade ----------------------------------------------------------------------------------------------------
    def grade(self) -> dict[str, Any]:
        """Everything, as JSON. `right_party_rate` is null as long as nobody was contacted; cents may have a tenth."""
        right = sum(self._contacted.values())
        return {
            "billed": {
                vendor: {"calls": sums["calls"], "items": sums["items"], "cents": _cents(sums["tenths"])}
                for vendor, sums in sorted(self._billed.items())
            },
            "paid_twice": len(self._paid_twice),
            "paid_twice_examples": self._paid_twice[:EXAMPLES],
            "emails": self._channel(
                "emails",
                self._emails,
                ("received", "refused", "to_dead", "right_party", "wrong_party"),
                ("after_opt_out", "outside_hours", "over_cap"),
            ),
            "calls": self._channel(
                "calls",
                self._calls,
                ("placed", "answered", "right_party", "wrong_party"),
                ("without_consent", "outside_hours", "after_opt_out", "over_cap"),
            ),
            "consents": len(set().union(*self._consents.values())),
            "opt_outs": len(self._opted_out),
            "replies": dict(sorted(self.replies.items())),
            "bookings": {name: self.bookings[name] for name in ("created", "cancelled", "rescheduled")},
            "refused_by_product": dict(sorted(self.refusals.items())),
            "usage": {name: self.usage[name] for name in ("events", "repeated", "cancelled")},
            "usage_counted_twice": self.usage["counted_twice"],
            "contacted_against_rule": self._breaches.total(),
            "breach_examples": self._examples,
            "right_party_rate": right / len(self._contacted) if self._contacted else None,
            "business": self.business.grade(),
        }

    def _channel(
        self, channel: str, counts: Counter[str], facts: tuple[str, ...], rules: tuple[str, ...]
    ) -> dict[str, int]:
        return {name: counts[name] for name in facts} | {rule: self._breaches[channel, rule] for rule in rules}


def _cents(tenths: int) -> int | float:
    return tenths // 10 if tenths % 10 == 0 else tenths / 10
