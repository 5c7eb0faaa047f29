"""Facts of one clean contact in New York, to be spoiled one fact at a time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from penstock.compliance.facts import SKIP_TRACE, Attempt, Consent, Decision, Facts, Intent, Scrub, Suppression
from penstock.compliance.gate import may_contact
from penstock.compliance.ruleset import load
from penstock.compliance.zones import Location

SELLER = 1
PHONE = "+12125550123"
EMAIL = "ada@example.test"
AT = datetime(2026, 11, 18, 16, tzinfo=UTC)
NIGHT = datetime(2026, 11, 19, 4, tzinfo=UTC)
LISTED = (Scrub("US", date(2026, 11, 15), True),)
STOP = Suppression("SUPP_OPT_OUT", AT - timedelta(days=2))
FLORIDA: dict[str, Any] = {"phone": "+13055550123", "location": Location(phone="+13055550123", zip="33101")}
FLAGS = frozenset({"seller_named", "artificial_voice", "automated_text", "not_condition"})

# The vectors span years; the rules of this release end after ninety days.
RULES = replace(load(), review_due=date(2035, 1, 1))
POLICY = RULES.policy.with_settings(
    {
        "guard_minutes": 0,
        "counsel_memos": dict.fromkeys(("AK", "CA", "DC", "MI", "NC", "NV", "OR"), "memo-1"),
        "registry_lists": ["US"],
    }
)


def intent(channel: str, **more: Any) -> Intent:
    return Intent(channel=channel, seller_id=SELLER, **more)


def pewc(**more: Any) -> Consent:
    """A flawless written consent of the person, for every phone channel."""
    values: dict[str, Any] = {
        "consent_id": "c1",
        "kind": "PEWC",
        "seller_id": SELLER,
        "captured_at": AT - timedelta(days=10),
        "channels": frozenset({"sms", "voice_ai", "voice_live"}),
        "phone": PHONE,
        "email": EMAIL,
        "text_flags": FLAGS,
        "signature_name": "Ada Example",
        "evidence_complete": True,
    }
    return Consent(**(values | more))


def clean(
    *,
    at: datetime = AT,
    channel: str = "sms",
    phone: str = PHONE,
    email: str | None = None,
    location: Location | None = None,
    **more: Any,
) -> Facts:
    """A contact nothing stands against: consent, fresh line type, fresh scrubs of every list."""
    number = None if email else phone
    where = location or Location(phone=number, zip="10001")
    today = at.astimezone(UTC).date()
    lists = ["US", *(state for state, row in RULES.states.items() if row.own_list)]
    values: dict[str, Any] = {
        "identifier": email or phone,
        "identifier_ref": "cp-1",
        "source": SKIP_TRACE,
        "seller_id": SELLER,
        "location": where,
        "consents": () if email else (pewc(phone=phone, captured_at=at - timedelta(days=10)),),
        "scrubs": tuple(Scrub(name, today - timedelta(days=3), False) for name in lists),
        "line_type": "mobile",
        "line_checked_at": at - timedelta(days=1),
        "inquiry_on": today - timedelta(days=5),
        "cold_email": True,
    }
    return Facts(**(values | more))


def ask(facts: Facts, channel: str, *, at: datetime = AT, policy: Any = POLICY, **more: Any) -> Decision:
    return may_contact(facts, at=at, intent=intent(channel, **more), rules=RULES, policy=policy)


def with_consent(consent: Consent | None, **more: Any) -> Facts:
    """A clean contact with this consent and no other."""
    return clean(consents=(consent,) if consent else (), **more)


def at_place(phone: str, zip_code: str, **more: Any) -> Facts:
    """A clean contact who lives elsewhere."""
    return clean(phone=phone, location=Location(phone=phone, zip=zip_code), **more)


def mail(**more: Any) -> Facts:
    """A clean contact to be reached by email."""
    return clean(email=EMAIL, **more)


def attempts(*times: str, channel: str = "sms") -> tuple[Attempt, ...]:
    """Attempts on one channel, each over at once."""
    moments = [datetime.fromisoformat(time) for time in times]
    return tuple(Attempt(channel, moment, moment) for moment in moments)


def cold_mails(*days_ago: float) -> tuple[Attempt, ...]:
    """Emails that went to a stranger."""
    return tuple(Attempt("email", AT - timedelta(days=d), AT - timedelta(days=d), cold=True) for d in days_ago)
