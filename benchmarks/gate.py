"""Decisions of the compliance gate a second, over people who differ; against a hash of what is known of them.

The ceiling: SHA-256 over the canonical JSON of the same facts, already laid out as plain values. A gate whose
decisions can be audited must do at least that. Nobody is asked about twice, so no answer comes out of a cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from time import perf_counter
from typing import Any

import zipcodes

from benchmarks.figures import Figure, Sizes
from benchmarks.ground import ORG_ID, Ground
from penstock.compliance import Facts, Intent, may_contact
from penstock.compliance.facts import SKIP_TRACE, Attempt, Consent, Inbound, Scrub, Suppression, canonical
from penstock.compliance.ruleset import CHANNELS, RuleSet, load
from penstock.compliance.zones import Location

_BATCH = 50  # decisions in a row, then as many hashes: both live through the same noise
_FLAGS = frozenset({"seller_named", "artificial_voice", "automated_text", "not_condition"})


@dataclass(frozen=True, slots=True)
class Question:
    """One call of the gate."""

    facts: Facts
    intent: Intent
    at: datetime


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Decisions a second on one core."""
    rules = load()
    asked = questions(rules, sizes.rounds * sizes.facts + _BATCH)
    _ask(asked[:_BATCH], rules)  # the atlas of ZIPs and area codes is built once per process
    deciding = hashing = 0.0
    allowed = 0
    for batch in _batches(asked[_BATCH:]):
        plain = [_laid_out(asdict(question.facts)) for question in batch]
        started = perf_counter()
        allowed += _ask(batch, rules)
        decided = perf_counter()
        for each in plain:
            hashlib.sha256(canonical(each).encode()).hexdigest()
        deciding += decided - started
        hashing += perf_counter() - decided
    count = len(asked) - _BATCH
    note = f"{count:,} people, each once, {allowed / count:.0%} allowed"
    peer = "SHA-256 over the JSON of the facts"
    return [Figure("may_contact decisions, one core", count / deciding, "/s", peer, count / hashing, note)]


def questions(rules: RuleSet, count: int, *, seed: int = 7) -> list[Question]:
    """So many people with different places, channels, consents, histories and bars.

    They are asked about at instants all over the time in which the rules are valid; the same ones for the same seed.
    """
    dice = Random(seed)
    atlas: list[dict[str, Any]] = zipcodes.list_all()  # type: ignore[no-untyped-call]
    places = [row for row in atlas if row["area_codes"] and row["lat"] and row["zip_code_type"] == "STANDARD"]
    days = max(1, (rules.review_due - rules.effective_from).days)
    return [_question(dice, dice.choice(places), number, rules, days) for number in range(count)]


def _question(dice: Random, place: dict[str, Any], number: int, rules: RuleSet, days: int) -> Question:
    channel = dice.choice(CHANNELS)
    day = rules.effective_from + timedelta(days=dice.randrange(days))
    at = datetime.combine(day, time(dice.randrange(24), dice.randrange(60)), UTC)
    phone = f"+1{dice.choice(place['area_codes'])}{dice.randint(220, 989)}{dice.randrange(10_000):04}"
    email = f"person{number}@home.example"
    moved = dice.random() < 0.2
    location = Location(
        address_state=place["state"],
        zip=place["zip_code"],
        mailing_state=dice.choice(("FL", "CA", "NY", "TX")) if moved else place["state"],
        lat=float(place["lat"]) if dice.random() < 0.5 else None,
        lng=float(place["long"]) if dice.random() < 0.5 else None,
        phone=None if channel == "email" else phone,
    )
    reply = channel in ("email", "sms") and dice.random() < 0.1
    facts = Facts(
        identifier=email if channel == "email" else phone,
        identifier_ref=f"cp-{number}",
        source=SKIP_TRACE if dice.random() < 0.95 else "unknown",
        seller_id=ORG_ID,
        location=location,
        suppressions=(Suppression("SUPP_OPT_OUT", at - timedelta(days=3)),) if dice.random() < 0.05 else (),
        consents=tuple(_consent(dice, at, phone, email, number)) if dice.random() < 0.7 else (),
        scrubs=tuple(_scrubs(dice, at.date(), rules, location)),
        attempts=tuple(_attempts(dice, at)),
        inbound=Inbound(at - timedelta(minutes=dice.randint(1, 20))) if reply else None,
        line_type=dice.choice(("mobile",) * 6 + ("landline", "landline", "voip", None)),
        line_checked_at=at - timedelta(days=dice.randint(1, 16)),
        inquiry_on=day - timedelta(days=dice.randint(1, 120)) if dice.random() < 0.5 else None,
        senior=dice.random() < 0.6,
        cold_email=True,
    )
    purpose = "REPLY_INBOUND" if reply else "MARKETING"
    return Question(facts, Intent(channel=channel, seller_id=ORG_ID, purpose=purpose, campaign_id=1), at)


def _consent(dice: Random, at: datetime, phone: str, email: str, number: int) -> Iterator[Consent]:
    yield Consent(
        consent_id=f"c-{number}",
        kind="PEWC",
        seller_id=ORG_ID,
        captured_at=at - timedelta(days=dice.randint(1, 300)),
        channels=frozenset({"sms", "voice_ai", "voice_live"}),
        phone=phone,
        email=email,
        text_flags=_FLAGS,
        signature_name="Ada Sample",
        evidence_complete=True,
        revoked_at=at - timedelta(hours=5) if dice.random() < 0.05 else None,
    )


def _scrubs(dice: Random, day: date, rules: RuleSet, location: Location) -> Iterator[Scrub]:
    """The national list and those that the states in question keep, a few of them too old."""
    own = {state for state in (location.address_state, location.mailing_state) if state and rules.row(state).own_list}
    for name in ("US", *sorted(own)):
        yield Scrub(name, day - timedelta(days=dice.randint(1, 40)), dice.random() < 0.1)


def _attempts(dice: Random, at: datetime) -> Iterator[Attempt]:
    for _ in range(dice.randrange(6)):
        began = at - timedelta(days=dice.randint(1, 40), minutes=dice.randrange(600))
        yield Attempt(dice.choice(CHANNELS), began, began + timedelta(minutes=2), cold=dice.random() < 0.5)


def _ask(batch: Sequence[Question], rules: RuleSet) -> int:
    """Put the questions; gives how many were allowed."""
    policy = rules.policy
    return sum(may_contact(q.facts, at=q.at, intent=q.intent, rules=rules, policy=policy).allowed for q in batch)


def _batches(asked: Sequence[Question]) -> Iterator[Sequence[Question]]:
    for start in range(0, len(asked), _BATCH):
        yield asked[start : start + _BATCH]


def _laid_out(value: Any) -> Any:
    """The value as JSON knows it."""
    if isinstance(value, dict):
        return {key: _laid_out(member) for key, member in value.items()}
    if isinstance(value, tuple | frozenset):
        return [_laid_out(member) for member in (sorted(value) if isinstance(value, frozenset) else value)]
    return value.isoformat() if isinstance(value, date) else value
