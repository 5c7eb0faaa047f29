"""What a playbook says to the engine. The engine knows no playbook by name; a new one is one new folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, Literal


@dataclass(frozen=True)
class WaterfallStep:
    """One paid look-up, cheapest first. `when` = still_missing: only for leads not yet contactable."""

    capability: str  # folder in providers/
    vendor: str  # file in it
    operation: str
    price_cents: Decimal
    when: Literal["always", "still_missing"] = "still_missing"
    fresh_days: int = 90  # the same question is not bought again within this time


@dataclass(frozen=True)
class Check:
    """How a kind of contact point is checked. The first of a kind has no `after`; a later one is asked where the one
    before it gave one of the colours in `after`."""

    kind: Literal["email", "phone"]
    capability: str
    vendor: str
    operation: str
    price_cents: Decimal
    fresh_days: int = 30
    after: frozenset[str] = frozenset()  # green, yellow, red, gray
    recheck_days: int | None = None  # asked anew so long after a green or yellow answer
    gray_hours: int | None = None  # asked anew so long after no answer


@dataclass(frozen=True)
class Watch:
    """Who reads a kind of page (website, linkedin, news, profile) of a company or its people, and what it costs."""

    url_type: str
    source: str  # file in providers/pages: own, apify
    operation: str = "page"  # what is bought: the vendor's actor
    price_cents: Decimal = Decimal(0)


@dataclass(frozen=True)
class Finder:
    """How an email is found for somebody of whom we know name and company domain."""

    candidates: int = 6  # patterns tried at most
    fresh_days: int = 90


@dataclass(frozen=True)
class SequenceStep:
    """A message of the sequence: on the n-th day (1 = the first), out of the templates with this stem.

    An email is sent; a linkedin or phone step is a task for a person, with the text prepared.
    """

    day: int
    template: str
    channel: Literal["email", "linkedin", "phone"] = "email"


@dataclass(frozen=True)
class Persona:
    """Who writes."""

    name: str
    role: str
    tone: str
    signature: str


@dataclass(frozen=True)
class Fee:
    """From the n-th event of a month on, an event costs this much."""

    event_type: str
    from_count: int
    unit_cents: int


@dataclass(frozen=True)
class Search:
    """Where places of an area are bought that nobody has loaded."""

    vendor: str  # file in providers/search
    operation: str
    price_cents: Decimal  # a record
    fresh_days: int = 180


@dataclass(frozen=True)
class Picture:
    """Where a picture of a place from above comes from. The first vendor that has one is enough."""

    vendor: str  # file in providers/imagery
    operation: str = "image"
    price_cents: Decimal = Decimal(0)
    fresh_days: int = 365


@dataclass(frozen=True)
class Viewer:
    """A vision model that looks at a picture. Several look at the same one, and may disagree."""

    vendor: str  # file in providers/vision
    model: str
    price_cents: Decimal  # at most, a picture
    operation: str = "assess"
    fresh_days: int = 365


@dataclass(frozen=True)
class Territory:
    """How leads are found on the map: by what permits next door say about a place.

    `reach`, `weights`, `density` and `words`: the fields of the classes of those names in `contagion` that differ from
    their defaults.
    """

    works: frozenset[str]  # kinds of work (permits/classes) that spread from neighbour to neighbour
    words: Mapping[str, str]  # one, many, part: "re-roof", "re-roofs", "roof"
    reach: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    density: Mapping[str, Any] = field(default_factory=dict)
    lead_from: int = 60  # a place that scores less is no lead, and is not charged
    look_from: int = 60  # pictures are bought from this score on
    search: Search | None = None
    pictures: tuple[Picture, ...] = ()
    viewers: tuple[Viewer, ...] = ()
    trial_leads: int = 25
    lead_cents: Mapping[str, int] = field(default_factory=dict)  # by tier of the subscription


@dataclass(frozen=True)
class Showcase:
    """What a demo of the playbook is about: a made-up seller, and how much the town gives it to do."""

    seller: str
    calendar_slug: str  # event type of the brokers' calendars
    rows: int = 1000
    days: int = 12


@dataclass(frozen=True)
class Playbook:
    """A business on the engine."""

    name: str
    title: str
    subject: Literal["property", "company"]
    waterfall: tuple[WaterfallStep, ...]
    checks: tuple[Check, ...]
    lead_score_sql: str  # select lead_id, lead_score … for leads `any(cast(:lead_ids as uuid[]))`; 0–100
    sequence_name: str
    sequence: tuple[SequenceStep, ...]
    templates: Traversable
    personas: tuple[Persona, ...]
    reply_template: str  # stem of the answer to an interested reply
    policy: Mapping[str, Any] = field(default_factory=dict)  # POLICY values this playbook sets
    fees: tuple[Fee, ...] = ()
    call_purpose: str = ""  # what a call is about, said to the person
    appointment_title: str = ""
    caps_cents: Mapping[str, Decimal] = field(default_factory=dict)  # spend caps by scope
    quality_sql: str | None = (
        None  # select org_id, lead_id, quality, has_email …; None: the points of api.vw_lead_quality
    )
    provenance: Mapping[str, str] = field(default_factory=dict)  # where an address came from, in words for the person
    targets: tuple[str, ...] = ()  # slots of a company in the order in which they are written to
    audience_sql: str | None = None  # select company_id, contact_id, role_code … of whom a campaign may be made for now
    outside_sql: str | None = None  # select reason, companies: which companies give a campaign nobody, and why
    campaign_name: str = ""  # what a campaign of the timetable is called, a strftime pattern
    watches: tuple[Watch, ...] = ()
    finder: Finder | None = None
    showcase: Showcase | None = None  # None: there is no demo of it
    signal_rules: Traversable | None = None  # YAML: what raises a signal and what follows from it
    territory: Territory | None = None  # set: an imported place is no lead yet; area scans find the leads
