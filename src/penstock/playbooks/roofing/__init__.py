"""Roofing: roofs that are due because the neighbours' were just replaced, for roofers.

Permits next door score a place; an area scan turns places from 60 points on into leads; four emails with a report, then
a call to who consented. A roofer pays per lead, the first 25 are free.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files

import yaml

from penstock.playbook import (
    Check,
    Fee,
    Persona,
    Picture,
    Playbook,
    Search,
    SequenceStep,
    Showcase,
    Territory,
    Viewer,
    WaterfallStep,
)

HERE = files(__package__)

PLAYBOOK = Playbook(
    name="roofing",
    title="Roofs near recent roofing permits, for roofers",
    subject="property",
    waterfall=(
        WaterfallStep("append", "melissa", "personator", Decimal(5), when="always"),
        WaterfallStep("skiptrace", "batchdata", "skip_trace", Decimal(15), when="still_missing"),
    ),
    checks=(
        Check("email", "email", "melissa", "email_check", Decimal(1)),
        Check("phone", "phone", "batchdata", "phone_check", Decimal(1)),
    ),
    lead_score_sql=HERE.joinpath("score.sql").read_text("utf-8"),
    sequence_name="introduction",
    sequence=(SequenceStep(1, "step1"), SequenceStep(3, "step2"), SequenceStep(5, "step3"), SequenceStep(7, "step4")),
    templates=HERE.joinpath("templates"),
    personas=tuple(Persona(**p) for p in yaml.safe_load(HERE.joinpath("personas.yaml").read_text("utf-8"))),
    reply_template="reply",
    policy={"email_per_7_days": 4, "cold_sequence_length": 4, "cold_gap_days": 2},
    fees=(Fee("appointment_set", 1, 0),),  # a roofer pays for the lead; the appointment is part of it
    call_purpose="the roof of your home",
    appointment_title="Roof inspection",
    provenance={
        "vendor": "We found your name in public property records and your email address through a licensed "
        "contact-data service.",
        "file": "Your name and email address came to us with a list of property records that we licensed.",
    },
    showcase=Showcase("Harbor Roofing", "roof-inspection", rows=400),
    territory=Territory(
        works=frozenset({"reroof"}),
        words={"one": "re-roof", "many": "re-roofs", "part": "roof"},
        search=Search("batchdata", "property_search", Decimal(10)),
        pictures=(Picture("naip"),),  # public domain; name another source once a contract allows keeping and reading
        viewers=(
            Viewer("anthropic", "claude-haiku-5-5", Decimal(2)),
            Viewer("openai", "gpt-5-mini", Decimal(2)),
        ),
        lead_cents={"professional": 2_500, "enterprise": 1_800},
    ),
)
