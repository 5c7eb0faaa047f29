"""Equity: home-equity leads for brokers.

Owners of houses, Melissa before BatchData, four emails, then a call to who consented.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files

import yaml

from penstock.playbook import Check, Fee, Persona, Playbook, SequenceStep, Showcase, WaterfallStep

HERE = files(__package__)

PLAYBOOK = Playbook(
    name="equity",
    title="Home-equity leads for brokers",
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
    fees=(
        Fee("appointment_set", 1, 25_000),
        Fee("appointment_set", 11, 22_500),
        Fee("appointment_set", 26, 20_000),
        Fee("application_submitted", 1, 50_000),
        Fee("loan_funded", 1, 150_000),
    ),
    call_purpose="the equity in your home",
    appointment_title="Home-equity conversation",
    provenance={
        "vendor": "We found your name in public property records and your email address through a licensed "
        "contact-data service.",
        "file": "Your name and email address came to us with a list of property records that we licensed.",
    },
    showcase=Showcase("Summit Home Equity", "equity-call"),
)
