"""Renewals: benefits advisers who talk to companies before their plans renew.

Companies with three offices each; the CFO, else the HR lead, else the CEO is written to inside the renewal window.
Emails go by themselves, the LinkedIn note and the call are made by a person.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files

import yaml

from penstock.playbook import (
    Check,
    Fee,
    Finder,
    Persona,
    Playbook,
    SequenceStep,
    Showcase,
    Watch,
    WaterfallStep,
)

HERE = files(__package__)

# Where an address came from, in the first line of every email: by its source where one is named here, else by its kind.
PROVENANCE = {
    "vendor": "We found your name in public business records and your work address through a licensed contact-data "
    "service.",
    "file": "Your name and work address came to us with a list of companies from business records that we licensed.",
    "website": "We found your name and work address on your company's public web pages and in public business records.",
    "email_pattern": "We found your name in public business records and on public web pages, and worked out your work "
    "address from how your company writes its addresses.",
}

PLAYBOOK = Playbook(
    name="renewals",
    title="Companies before their benefits renew",
    subject="company",
    waterfall=(WaterfallStep("finder", "pattern", "find_email", Decimal(0)),),
    checks=(
        Check("email", "email", "mailprobe", "rcpt", Decimal(0), recheck_days=30, gray_hours=24),
        Check(
            "email",
            "email",
            "zerobounce",
            "validate",
            Decimal("0.8"),
            after=frozenset({"yellow", "gray"}),
            recheck_days=30,
            gray_hours=24,
        ),
        Check("phone", "phone", "batchdata", "phone_check", Decimal(1)),
    ),
    quality_sql=HERE.joinpath("quality.sql").read_text("utf-8"),
    lead_score_sql=HERE.joinpath("score.sql").read_text("utf-8"),
    audience_sql=HERE.joinpath("audience.sql").read_text("utf-8"),
    outside_sql=HERE.joinpath("outside.sql").read_text("utf-8"),
    targets=("CFO", "HR", "CEO"),
    campaign_name="Renewals %B %Y",
    sequence_name="renewal",
    sequence=(
        SequenceStep(1, "step1"),
        SequenceStep(2, "note", "linkedin"),
        SequenceStep(4, "step2"),
        SequenceStep(6, "call", "phone"),
        SequenceStep(8, "step3"),
        SequenceStep(11, "step4"),
    ),
    templates=HERE.joinpath("templates"),
    personas=tuple(Persona(**p) for p in yaml.safe_load(HERE.joinpath("personas.yaml").read_text("utf-8"))),
    reply_template="reply",
    provenance=PROVENANCE,
    policy={"cold_sequence_length": 4, "cold_gap_days": 3},
    watches=(
        Watch("website", "own"),
        Watch("news", "own"),
        Watch("linkedin", "apify", "penstock~company-scraper", Decimal("0.5")),
        Watch("profile", "apify", "penstock~profile-scraper", Decimal("0.5")),
    ),
    finder=Finder(),
    signal_rules=HERE.joinpath("signals.yaml"),
    fees=(
        Fee("appointment_set", 1, 40_000),
        Fee("appointment_set", 6, 35_000),
        Fee("appointment_set", 16, 30_000),
    ),
    call_purpose="your company's benefits renewal",
    appointment_title="Benefits renewal conversation",
    showcase=Showcase("Summit Benefits", "renewal-call", rows=300, days=21),
)
