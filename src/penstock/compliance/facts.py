"""The values the gate decides on, and the decision it gives. Frozen, plain, without I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from penstock.compliance.ruleset import BY_HAND
from penstock.compliance.zones import Location

Purpose = Literal["MARKETING", "REMINDER", "REPLY_INBOUND"]
PURPOSES = ("MARKETING", "REMINDER", "REPLY_INBOUND")
SKIP_TRACE = "licensed_non_fcra_skip_trace"
SELF_SUBMITTED = "self_submitted"


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody wants to do: reach the person over `channel`, for `purpose`, on behalf of a seller.

    `lint` holds the content reasons that the renderer's lint found in the very message to be sent.
    """

    channel: str
    seller_id: int
    purpose: str = "MARKETING"
    campaign_id: int | None = None
    creative_id: str | None = None
    lint: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Suppression:
    """A bar on the person or the identifier.

    A SUPP_ reason code, when it came, and the channels it covers (None is every one).
    """

    code: str
    at: datetime
    channels: frozenset[str] | None = None

    def covers(self, channel: str) -> bool:
        """Whether the bar stands on `channel`. Nobody opts out of a platform's notes by name: they go with email."""
        written = "email" if channel in BY_HAND else channel
        return self.channels is None or written in self.channels


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent on file. `kind` is PEWC (written), PEC (provable) or ORAL.

    `text_flags` are those of the text version shown.
    """

    consent_id: str
    kind: str
    seller_id: int
    captured_at: datetime
    channels: frozenset[str]
    phone: str | None = field(repr=False, metadata={"personal": True})
    email: str | None = field(repr=False, metadata={"personal": True})
    text_flags: frozenset[str] = frozenset()
    box_initial: str = "unchecked"
    box_final: str = "checked"
    signature_name: str = field(default="", repr=False, metadata={"personal": True})
    evidence_complete: bool = False
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scrub:
    """What one do-not-call list said about the number.

    `list` is US or a state; `version` the date of the list that was asked.
    """

    list: str
    version: date
    listed: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to reach the person, answered or not. `ended_at` is None while it is reserved or in a call."""

    channel: str
    at: datetime
    ended_at: datetime | None
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Inbound:
    """The person's newest message in the thread that a reply would answer, and how many replies it has had."""

    at: datetime
    replies: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known about one contact point of one lead's person, read in one snapshot.

    `identifier` is the email address (lower case), phone number (E.164) or profile to be used; `identifier_ref` names
    it without showing it. `source` is the category of the data source that gave the identifier. `attempts` are those to
    the person, over all leads.
    """

    identifier: str = field(repr=False, metadata={"personal": True})
    identifier_ref: str
    source: str
    seller_id: int
    location: Location = field(repr=False, metadata={"personal": True})
    lead_found: bool = True
    suppressions: tuple[Suppression, ...] = ()
    consents: tuple[Consent, ...] = ()
    scrubs: tuple[Scrub, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    inbound: Inbound | None = None
    line_type: str | None = None
    line_checked_at: datetime | None = None
    business_line: bool = False
    engaged_at: datetime | None = None
    inquiry_on: date | None = None
    purchase_on: date | None = None
    senior: bool = False
    campaign_known: bool = True
    cold_email: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer. `reason` is the first of `reasons` by rank; an ALLOW has no reasons.

    `next_permitted_at`: when it would be ALLOW if nothing but the clock changed; None when something else must
    change, which `cure` names. `valid_until`: how long an ALLOW authorises contact.
    """

    verdict: Literal["ALLOW", "DENY"]
    reason: str
    reasons: tuple[str, ...]
    next_permitted_at: datetime | None
    cure: str | None
    valid_until: datetime | None
    obligations: tuple[str, ...]
    states: tuple[str, ...]
    zones: tuple[str, ...]
    rules_version: str
    inputs_hash: str
    ledger_seq: int | None = None

    @property
    def allowed(self) -> bool:
        """Whether contact may be made until `valid_until`."""
        return self.verdict == "ALLOW"


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8 as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def inputs_hash(*values: Any) -> str:
    """A SHA-256 over everything a decision rested on, personal values left out (their references are in)."""
    return hashlib.sha256(canonical([_plain(value) for value in values]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(str(member) for member in value)
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if is_dataclass(value):
        return {
            each.name: _plain(getattr(value, each.name)) for each in fields(value) if "personal" not in each.metadata
        }
    return value
