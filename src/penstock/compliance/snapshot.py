"""Reads what the gate decides on.

The facts of many contact points in a handful of statements, inside the caller's transaction.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.compliance import evidence, ruleset, wording
from penstock.compliance.facts import Attempt, Consent, Facts, Inbound, Intent, Scrub, Suppression
from penstock.compliance.ruleset import BY_HAND, CHANNELS, REACHES, Policy
from penstock.compliance.zones import Location, zones_of_state
from penstock.core.context import Context
from penstock.core.db import one, rows
from penstock.core.errors import NotFound
from penstock.core.sqlfile import load

SQL = load(__package__)

# A bar with one of these reasons is on the person, whichever of their identifiers it came by; any other on the
# identifier alone.
PERSON_WIDE = frozenset(
    {
        "SUPP_OPT_OUT",
        "SUPP_INTERNAL_DNC",
        "SUPP_LEGAL",
        "SUPP_PRIVACY",
        "SUPP_DECEASED_MINOR",
        "SUPP_VULNERABLE",
        "SUPP_PENDING_REVIEW",
    }
)
AMERICA = frozenset({"", "US", "USA", "UNITEDSTATES", "UNITEDSTATESOFAMERICA"})
FLAGS = ("is_deceased", "SUPP_DECEASED_MINOR"), ("is_litigator", "SUPP_LEGAL")


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may this lead be reached at this contact point (None: at their profile), with this intent?"""

    lead_id: UUID | str
    contact_point_id: int | None
    intent: Intent


@dataclass(frozen=True, slots=True)
class Subject:
    """The facts of a request, the policy that holds for it, and the ids its decision and attempt are filed under."""

    request: Request
    facts: Facts
    policy: Policy
    contact_id: int | None
    value: str | None


async def seller(db: AsyncConnection, org_id: int) -> RowMapping:
    """The org as the seller people deal with. Raises NotFound."""
    found = await one(db, SQL["org"], org_id=org_id)
    if found is None:
        raise NotFound(f"There is no organisation {org_id}.")
    return found


def policy_of(ctx: Context, org: RowMapping, playbook: str | None) -> Policy:
    """The POLICY defaults, with the playbook's values over them and the organisation's over those.

    Raises RulesRefused.
    """
    made = ctx.playbooks.get(playbook) if playbook else None
    return ruleset.load().policy.with_settings({**(made.policy if made else {}), **org["policy"]})


async def gather(ctx: Context, db: AsyncConnection, org_id: int, requests: Sequence[Request]) -> list[Subject]:
    """The facts of each request, in order. What is not found is left out of the facts, and the gate refuses it."""
    org = await seller(db, org_id)
    found = await rows(
        db,
        SQL["subjects"],
        org_id=org_id,
        lead_ids=[str(request.lead_id) for request in requests],
        point_ids=[request.contact_point_id for request in requests],
        campaign_ids=[request.intent.campaign_id for request in requests],
    )
    file = await _File.read(ctx, db, org_id, found, requests)
    policies: dict[str | None, Policy] = {}
    subjects = []
    for request, row in zip(requests, found, strict=True):
        policy = policies.setdefault(row["playbook"], policy_of(ctx, org, row["playbook"]))
        facts = _facts(ctx, org, request, row, policy, file)
        sealed = row["value"] if request.intent.channel not in BY_HAND else None
        value = file.forms_of(sealed)[0] if sealed is not None else None
        subjects.append(Subject(request, facts, policy, row["contact_id"], value))
    return subjects


class _File:
    """Everything on file about the people asked about, by contact and by identifier."""

    def __init__(self, ctx: Context, org_id: int) -> None:
        self._ctx, self._org_id = ctx, org_id
        self.person: dict[int, int] = {}
        self.forms: dict[str, list[str]] = {}
        self.identifiers: defaultdict[int, set[str]] = defaultdict(set)
        self.attempts: defaultdict[int | str, list[RowMapping]] = defaultdict(list)
        self.consents: defaultdict[int, list[RowMapping]] = defaultdict(list)
        self.inbound: dict[str, Inbound] = {}
        self._bars_of: defaultdict[int | str, list[RowMapping]] = defaultdict(list)

    @classmethod
    async def read(
        cls, ctx: Context, db: AsyncConnection, org_id: int, found: Iterable[RowMapping], requests: Sequence[Request]
    ) -> _File:
        file = cls(ctx, org_id)
        contacts = sorted({row["contact_id"] for row in found if row["contact_id"] is not None})
        for alias in await rows(db, SQL["aliases"], org_id=org_id, contact_ids=contacts):
            file.person[alias["known_as"]] = (
                alias["contact_id"] if alias["contact_id"] in contacts else alias["known_as"]
            )
        known_as = sorted({*contacts, *file.person})
        for point in await rows(db, SQL["points_of"], org_id=org_id, contact_ids=known_as):
            file.identifiers[file._whose(point["contact_id"])].update(file.forms_of(point["value"]))
        sealed = sorted({form for forms in file.identifiers.values() for form in forms})
        ids: dict[str, Any] = {"org_id": org_id, "contact_ids": known_as, "sealed": sealed}
        for bar in await rows(db, SQL["bars"], **ids):
            file._bars_of[bar["value"] if bar["value"] is not None else file._whose(bar["contact_id"])].append(bar)
        for tried in await rows(db, SQL["attempts"], **ids):
            file.attempts[file._whose(tried["contact_id"])].append(tried)
            if tried["value"] is not None:
                file.attempts[tried["value"]].append(tried)
        for given in await rows(db, SQL["consents"], org_id=org_id, contact_ids=known_as):
            file.consents[file._whose(given["contact_id"])].append(given)
        await file._read_inbound(
            db, [request.lead_id for request in requests if request.intent.purpose == "REPLY_INBOUND"]
        )
        return file

    async def _read_inbound(self, db: AsyncConnection, leads: Sequence[UUID | str]) -> None:
        if leads:
            ids = sorted({str(lead) for lead in leads})
            for row in await rows(db, SQL["inbound"], org_id=self._org_id, lead_ids=ids):
                self.inbound[str(row["lead_id"])] = Inbound(row["at"], row["replies"])

    def _whose(self, contact_id: int) -> int:
        return self.person.get(contact_id, contact_id)

    def forms_of(self, value: str) -> list[str]:
        """The sealed values an identifier may be filed under: one per living key version."""
        if value not in self.forms:
            self.forms[value] = self._ctx.sealer.forms(self._org_id, self._ctx.sealer.open(self._org_id, value))
        return self.forms[value]

    def bars_on(self, contact_id: int, value: str | None) -> list[RowMapping]:
        """Bars on the person, on this identifier, and person-wide ones that came by another identifier of theirs."""
        own = set(self.forms_of(value)) if value is not None else set()
        wide = [
            bar
            for form in self.identifiers[contact_id]
            for bar in self._bars_of[form]
            if form in own or bar["reason"] in PERSON_WIDE
        ]
        return [*self._bars_of[contact_id], *wide]

    def attempts_on(self, contact_id: int, value: str | None) -> list[RowMapping]:
        """Tries to reach the person, over all their leads, and tries on the identifier, whoever was meant."""
        forms = self.forms_of(value) if value is not None else ()
        own = [tried for form in forms for tried in self.attempts[form]]
        return [*self.attempts[contact_id], *(tried for tried in own if self._whose(tried["contact_id"]) != contact_id)]


def _facts(ctx: Context, org: RowMapping, request: Request, row: RowMapping, policy: Policy, file: _File) -> Facts:
    channel = request.intent.channel
    by_hand = channel in BY_HAND
    kind = "email" if channel == "email" else "phone"
    known = row["profile"] is not None if by_hand else row["value"] is not None and row["kind"] == kind
    if not known or channel not in REACHES:
        return Facts(
            identifier="",
            identifier_ref="",
            source="unknown",
            seller_id=org["id"],
            location=Location(),
            lead_found=False,
        )
    contact, value = row["contact_id"], None if by_hand else row["value"]
    plain = row["profile"] if value is None else ctx.sealer.open(org["id"], value)
    return Facts(
        identifier="" if row["is_invalid"] and not by_hand else plain,
        identifier_ref=f"profile:{contact}" if by_hand else f"cp:{row['contact_point_id']}",
        source=source_category("profile" if by_hand else row["source"], policy),
        seller_id=org["id"],
        location=_location(row, plain if kind == "phone" and not by_hand else None),
        suppressions=(*_suppressions(file.bars_on(contact, value)), *_flags(row)),
        consents=tuple(_consent(ctx, org, given) for given in file.consents[contact]),
        scrubs=_scrubs(row, policy),
        attempts=tuple(_attempt(tried) for tried in file.attempts_on(contact, value)),
        inbound=file.inbound.get(str(request.lead_id)),
        line_type=row["line_type"],
        line_checked_at=row["line_type_checked_at"],
        business_line=_is_business_line(row, file),
        engaged_at=row["engaged_at"],
        senior=row["age"] is not None and row["age"] >= policy.senior_from_age,
        campaign_known=request.intent.campaign_id is None or row["campaign_id"] is not None,
        cold_email=bool(row["cold_email"]),
    )


def _is_business_line(row: RowMapping, file: _File) -> bool:
    """A landline or VoIP number that the company publishes as its own. A wireless number never is one (TCPA-13)."""
    published = row["main_phone"]
    if published is None or row["value"] is None or row["line_type"] not in ("landline", "voip"):
        return False
    return bool(set(file.forms_of(published)) & set(file.forms_of(row["value"])))


def source_category(source: str, policy: Policy) -> str:
    """The category of a named source; a name that is itself a prohibited category stays what it says."""
    name = source.lower()
    if name in policy.sources:
        return policy.sources[name]
    return name if name in ruleset.load().limits.sources_prohibited else policy.unnamed_source


def _location(row: RowMapping, phone: str | None) -> Location:
    return Location(
        address_state=row["state"],
        zip=_zip(row["postal_code"]),
        mailing_state=row["mailing_state"],
        mailing_zip=_zip(row["mailing_postal_code"]),
        lat=row["lat"],
        lng=row["lng"],
        phone=phone,
        form_state=row["declared_state"],
        declared_zone=row["declared_timezone"],
        country=_country(row["country"]),
        wide_zones=frozenset() if phone or _is_near(row) else zones_of_state(row["state"] or row["mailing_state"]),
    )


def _is_near(row: RowMapping) -> bool:
    """Whether something tells the time zone better than the state does. Without, a letter keeps the hours of all its
    zones; for a call the number's own zones count."""
    return any(row[name] for name in ("lat", "postal_code", "mailing_postal_code", "declared_timezone"))


def _country(written: str | None) -> str:
    """A company's country; the United States where nobody wrote one."""
    return "US" if re.sub(r"[^A-Z]", "", (written or "").upper()) in AMERICA else str(written)


def _zip(code: str | None) -> str | None:
    return code[:5] if code else None


def _suppressions(bars: Iterable[RowMapping]) -> Iterable[Suppression]:
    for bar in bars:
        channels = frozenset(bar["channels"])
        yield Suppression(bar["reason"], bar["created_at"], None if channels >= set(CHANNELS) else channels)


def _flags(row: RowMapping) -> Iterable[Suppression]:
    """Bars that stand on the person's own row."""
    for column, code in FLAGS:
        if row[column]:
            yield Suppression(code, row["contact_created_at"])
    if row["needs_review_since"] is not None:
        yield Suppression("SUPP_PENDING_REVIEW", row["needs_review_since"])


def _scrubs(row: RowMapping, policy: Policy) -> tuple[Scrub, ...]:
    """What the phone check said, for every list it is attested to answer for. No answer is not a clean answer."""
    if row["dnc_listed"] is None or row["dnc_checked_at"] is None:
        return ()
    version = row["dnc_checked_at"].astimezone(UTC).date()
    return tuple(Scrub(name, version, row["dnc_listed"]) for name in sorted(policy.registry_lists))


def _attempt(row: RowMapping) -> Attempt:
    still_open = row["state"] in ("reserved", "in_call")
    ended: datetime | None = None if still_open else row["ended_at"] or row["reserved_at"]
    return Attempt(
        row["channel"], row["reserved_at"], ended, cold=row["channel"] == "email" and row["purpose"] == "MARKETING"
    )


def _consent(ctx: Context, org: RowMapping, row: RowMapping) -> Consent:
    record = _evidence(ctx, org["id"], row)
    boxes: Mapping[str, Mapping[str, str]] = record.get("boxes") or {}
    ticked = [boxes.get(channel, {}) for channel in row["channels"]]
    return Consent(
        consent_id=str(row["id"]),
        kind="PEWC",
        seller_id=org["id"] if row["seller"] == org["legal_name"] else 0,
        captured_at=row["captured_at"],
        channels=frozenset(row["channels"]),
        phone=ctx.sealer.open(org["id"], row["phone"]),
        email=record.get("email"),
        text_flags=frozenset(row["flags"]),
        box_initial="unchecked" if all(box.get("initial") == "unchecked" for box in boxes.values()) else "checked",
        box_final="checked" if ticked and all(box.get("final") == "checked" for box in ticked) else "unchecked",
        signature_name=str(record.get("signature") or ""),
        evidence_complete=bool(record) and not evidence.missing(record),
        revoked_at=row["revoked_at"],
    )


def _evidence(ctx: Context, org_id: int, row: RowMapping) -> dict[str, Any]:
    """The evidence record, or nothing where it was lost or does not match its hashes."""
    try:
        text = ctx.sealer.open(org_id, row["evidence_sealed"])
        record: dict[str, Any] = json.loads(text)
    except ValueError:
        return {}
    whole = (
        wording.sha256(text) == row["evidence_sha256"]
        and wording.sha256(str(record.get("page_html"))) == record.get("page_sha256")
        and record.get("text_sha256") == row["text_sha256"]
    )
    return record if whole else {}


async def lock_people(
    db: AsyncConnection, org_id: int, *, leads: Sequence[UUID | str], contacts: Sequence[int]
) -> None:
    """Hold what belongs to these people until the transaction ends, in the one order everybody takes.

    Enrollments, leads, (consent links,) people: senders take an enrollment first and the person last, so nobody waits
    in a ring.
    """
    ids = sorted(str(lead) for lead in leads)
    await rows(db, SQL["lock_enrollments"], org_id=org_id, lead_ids=ids)
    await rows(db, SQL["lock_leads"], org_id=org_id, lead_ids=ids)
    if contacts:
        await rows(db, SQL["lock_contacts"], org_id=org_id, contact_ids=sorted(contacts))
