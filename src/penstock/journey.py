"""Start here: the stages in order, what wakes what, the daily timetable.

A record becomes an invoice by walking the stages below. Each stage derives what is due from facts (its `due` view),
works until the view is empty, and ends every piece of work the same way, in one transaction: rows changed, one event
per lead (`announce`), and a nudge for the stages that follow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core import jobs
from penstock.core.db import execute
from penstock.core.sqlfile import load

SQL = load(__package__, "journey.sql")


@dataclass(frozen=True)
class Stage:
    """A room of the house: its folder, what it does, and the view of what is due there (None: driven by others)."""

    name: str
    does: str
    due: str | None = None
    pump: str | None = None  # "package.module:function", resolved by the worker
    queue: str = "default"  # where its jobs wait: one of QUEUES

    @property
    def folder(self) -> str:
        """Where to read on."""
        return f"src/penstock/{self.name.split('.')[0]}/"

    @property
    def task(self) -> str:
        """Name of its job in the queue."""
        return f"pump.{self.name}"


# How many pumps of a queue a worker runs at once. What vendors, strangers' pages and great areas take minutes or hours
# for never keeps others waiting; and what people told us (an opt-out has a time limit) waits for none of our own work.
# What is ours and short has a slot for nearly each of its stages: a list that comes in takes five of them for a while.
QUEUES = {"inbound": 2, "default": 8, "slow": 4}

STAGES: tuple[Stage, ...] = (
    Stage(
        "intake",
        "a record becomes a lead, or a rejected row with its reason",
        "app.intake_due",
        "penstock.intake.tasks:pump",
    ),
    Stage(
        "intake.promotion",
        "rows that came one by one become companies and people",
        "app.promotion_due",
        "penstock.intake.promotion:pump",
    ),
    Stage(
        "intake.leads",
        "who holds a slot of a company becomes a lead",
        "app.unled_slots_due",
        "penstock.intake.leads:pump",
    ),
    Stage("identity", "the same place, company and person, once"),
    Stage(
        "intake.locating",
        "places without coordinates are looked up",
        "app.geocoding_due",
        "penstock.intake.locating:pump",
        "slow",
    ),
    Stage("permits", "permits find the place they are about", "app.permits_due", "penstock.permits.tasks:pump", "slow"),
    Stage(
        "contagion",
        "what permits next door say about a place",
        "app.contagion_due",
        "penstock.contagion.tasks:pump",
        "slow",
    ),
    Stage("scans", "an area becomes leads", "app.scans_due", "penstock.scans.tasks:pump", "slow"),
    Stage("imagery", "leads are looked at from above", "app.imagery_due", "penstock.imagery.tasks:pump", "slow"),
    Stage("reports", "a lead gets its report", "app.reports_due", "penstock.reports.tasks:pump", "slow"),
    Stage("scrape", "watched pages are read, facts are kept", "app.scrape_due", "penstock.scrape.tasks:pump", "slow"),
    Stage("signals", "facts become signals, signals are acted on", "app.signals_due", "penstock.signals.tasks:pump"),
    Stage(
        "enrichment",
        "vendors fill gaps, each fact with its source and cost",
        "app.enrichment_due",
        "penstock.enrichment.tasks:pump",
        "slow",
    ),
    Stage(
        "verification",
        "are the email and phone alive, and what kind",
        "app.verification_due",
        "penstock.verification.tasks:pump",
        "slow",
    ),
    Stage("scoring", "quality, promise, route", "app.scoring_due", "penstock.scoring.tasks:pump"),
    Stage("compliance", "may we contact this person, on this channel, now?"),
    Stage("outreach", "campaigns, personas, sequences, sending", "app.outreach_due", "penstock.outreach.tasks:pump"),
    Stage(
        "replies",
        "what came back, what it means, what follows",
        "app.replies_due",
        "penstock.replies.tasks:pump",
        "inbound",
    ),
    Stage("voice", "numbers, calls, the talking agent", "app.calls_due", "penstock.voice.tasks:pump"),
    Stage(
        "voice.receipts",
        "what the voice vendor reports of calls",
        "app.voice_receipts_due",
        "penstock.voice.tasks:pump_receipts",
        "inbound",
    ),
    Stage("booking", "slots and appointments", "app.booking_due", "penstock.booking.tasks:pump", "inbound"),
    Stage(
        "booking.notifications",
        "brokers and operators are told",
        "app.notifications_due",
        "penstock.booking.notifications:pump",
    ),
    Stage("sales", "notes, tags, follow-ups, stages of the sale, chances"),
    Stage("billing", "fees, usage, invoices", pump="penstock.billing.tasks:pump"),
    Stage(
        "billing.usage",
        "usage is told to the payment service",
        "app.usage_due",
        "penstock.billing.usage:pump",
    ),
    Stage("insight", "funnel, alerts, explain"),
)
BY_NAME = {stage.name: stage for stage in STAGES}

# What happens to a lead, in the words of the diary, and the stages that each wakes.
NEXT: dict[str, tuple[str, ...]] = {
    "upload_received": ("intake",),
    "dedupe_success": ("enrichment", "verification", "scoring"),
    "lead_updated": ("enrichment", "verification", "scoring"),
    "places_received": ("intake.locating", "permits", "contagion"),
    "places_located": ("permits", "contagion"),
    "permits_received": ("permits", "contagion"),
    "permits_matched": ("contagion", "scans"),
    "places_scored": ("scans", "scoring"),
    "clusters_found": (),
    "scan_estimated": (),
    "scan_queued": ("scans",),
    "scan_started": (),
    "scan_completed": ("imagery", "reports"),
    "scan_failed": (),
    "scan_cancelled": (),
    "lead_found": ("enrichment", "verification", "scoring", "imagery", "reports", "billing.usage"),
    "roof_assessed": ("contagion",),
    "report_made": (),
    "report_opened": (),
    "note_added": (),
    "tags_changed": (),
    "stage_changed": (),
    "follow_up_made": (),
    "follow_up_closed": (),
    "usage_recorded": ("billing.usage",),
    "usage_reported": (),
    "subscription_changed": ("scans", "billing.usage"),
    "payment_event_received": ("billing.usage",),
    "property_merged": ("scoring",),
    "raw_loads_received": ("intake.promotion",),
    "companies_merged": ("intake.leads", "scrape", "signals"),
    "slot_filled": ("intake.leads",),
    "slot_vacated": ("outreach",),
    "lead_opened": ("enrichment", "verification", "scoring"),
    "page_run_reported": ("scrape",),
    "page_read": ("signals",),
    "signal_raised": ("signals",),
    "signal_processed": ("scoring",),
    "windows_opened": (),
    "campaign_created": (),
    "task_opened": (),
    "task_closed": ("outreach",),
    "handoff_made": ("booking.notifications",),
    "lead_enriched": ("verification", "scoring"),
    "lead_waterfall_exhausted": ("scoring",),
    "email_verified": ("scoring",),
    "phone_verified": ("scoring",),
    "contact_point_failed": ("scoring",),
    "lead_scored": ("enrichment",),
    "lead_routed": ("enrichment",),
    "campaign_queued": ("outreach",),
    "email_sent": (),
    "email_bounced": ("scoring", "outreach"),
    "email_received": ("replies",),
    "email_replied": ("voice",),
    "person_left": ("signals",),
    "contact_denied": (),
    "sequence_finished": (),
    "sequence_stopped": (),
    "consent_given": ("voice",),
    "opted_out": (),
    "call_event_received": ("voice.receipts",),
    "call_initiated": (),
    "call_completed": ("voice",),
    "lead_unreachable": (),
    "booking_event_received": ("booking",),
    "appointment_booked": ("booking.notifications",),
    "appointment_moved": ("booking.notifications",),
    "appointment_cancelled": ("booking.notifications", "voice"),
    "notification_queued": ("booking.notifications",),
    "application_submitted": (),
    "loan_funded": (),
    "invoice_issued": (),
}
EVENTS = tuple(NEXT)


@dataclass(frozen=True)
class Slot:
    """A line of the daily timetable, in the tenant's time zone. A missed slot runs late once, never twice."""

    job: str
    at: time
    run: str  # "package.module:function(ctx, org_id, slot)", resolved by the worker
    weekdays_only: bool = False
    day_of_month: int | None = None


TIMETABLE: tuple[Slot, ...] = (
    Slot("pull_permits", time(4, 30), "penstock.permits.tasks:pull_permits"),
    Slot("refresh_contactable", time(5, 30), "penstock.insight.refresh:refresh"),
    Slot("rescore_places", time(3, 30), "penstock.contagion.passes:rescore"),
    Slot("learn_chances", time(4, 45), "penstock.sales:learn"),
    Slot("open_windows", time(5, 15), "penstock.signals.tasks:open_windows"),
    Slot("make_campaigns", time(5, 45), "penstock.outreach.campaigns:make_due", weekdays_only=True),
    Slot("feed_campaigns", time(6, 0), "penstock.outreach.feeder:feed", weekdays_only=True),
    Slot("month_partitions", time(1, 0), "penstock.sweep:make_partitions"),
    Slot("reconcile_usage", time(2, 30), "penstock.billing.reconcile:reconcile_usage"),
    Slot("issue_invoices", time(2, 0), "penstock.billing.tasks:issue_month", day_of_month=1),
)


@dataclass(frozen=True)
class Event:
    """One line of a lead's diary. `details` hold no personal data."""

    type: str
    lead_id: UUID | str | None
    stage: str
    details: dict[str, Any] = field(default_factory=dict)
    duration_ms: int | None = None
    upload_id: UUID | str | None = None


async def announce(db: AsyncConnection, org_id: int, events: Sequence[Event]) -> None:
    """Write events into the diary and wake what follows, in the caller's transaction; one statement for any number."""
    if not events:
        return
    unknown = {event.type for event in events} - NEXT.keys()
    if unknown:
        raise ValueError(f"events that journey.NEXT does not know: {sorted(unknown)}")
    await execute(
        db,
        SQL["announce"],
        org_id=org_id,
        lead_ids=[str(e.lead_id) if e.lead_id else None for e in events],
        upload_ids=[str(e.upload_id) if e.upload_id else None for e in events],
        types=[e.type for e in events],
        stages=[e.stage for e in events],
        durations=[e.duration_ms for e in events],
        details=[json.dumps(e.details) for e in events],
    )
    await wake(db, org_id, {e.type for e in events})


async def wake(db: AsyncConnection, org_id: int, event_types: set[str]) -> None:
    """Nudge the stages that follow these events: for callers that wrote the events set-based in SQL."""
    for name in sorted({stage for event in event_types for stage in NEXT[event]}):
        await jobs.nudge(db, BY_NAME[name].task, org_id, BY_NAME[name].queue)
