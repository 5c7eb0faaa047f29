"""The gate for people at companies: where they are, whose number it is, where addresses come from, notes by hand."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from compliance_cases import AT, ask, clean, pewc
from sqlalchemy import text

from factories import make_company, make_email, make_person
from penstock import compliance
from penstock.compliance.facts import Attempt, Intent, Suppression
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar

PHONE = "+12125550123"
BY_HAND = {"source": "public_record", "location": clean().location}


async def points(ctx: Context, contact: int) -> dict[str, int]:
    async with ctx.db.tenant(1) as db:
        found = await db.execute(text("select kind, id from app.contact_points where contact_id = :c"), {"c": contact})
        return {row.kind: row.id for row in found}


async def decide(ctx: Context, lead: uuid.UUID, point: int | None, channel: str, **more: Any) -> compliance.Decision:
    async with ctx.db.tenant(1) as db:
        campaign = await scalar(
            db, text("insert into app.campaigns (name) values (:name) returning id"), name=str(uuid.uuid4())
        )
        intent = Intent(channel=channel, seller_id=1, campaign_id=campaign, **more)
        return await compliance.decide(ctx, db, 1, lead_id=lead, contact_point_id=point, intent=intent)


async def change(ctx: Context, statement: str, **params: Any) -> None:
    async with ctx.db.tenant(1) as db:
        await execute(db, text(statement), **params)


async def with_phone(ctx: Context, contact: int, phone: str = PHONE, line_type: str = "landline") -> None:
    await change(
        ctx,
        "insert into app.contact_points (contact_id, kind, value, source, line_type, line_type_checked_at, verified,"
        " verified_at, status, dnc_listed, dnc_checked_at) values (:c, 'phone', :v, 'website', :t, app.now(), true,"
        " app.now(), 'green', true, app.now())",
        c=contact, v=ctx.sealer.seal(1, phone), t=line_type,
    )  # fmt: skip


async def test_the_companys_address_says_which_states_rules_bind(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx, state="WA", postal_code="98101"))
    decision = await decide(ctx, lead, (await points(ctx, contact))["email"], "email")
    assert (decision.verdict, decision.states, decision.zones) == ("ALLOW", ("WA",), ("America/Los_Angeles",))


async def test_a_company_abroad_is_not_written_to(ctx: Context) -> None:
    company = await make_company(ctx, country="Canada", state="ON", postal_code="M5V 2T6")
    contact, lead = await make_person(ctx, company)
    decision = await decide(ctx, lead, (await points(ctx, contact))["email"], "email")
    assert "JURISDICTION_UNSUPPORTED" in decision.reasons


@pytest.mark.parametrize("country", ["US", "usa", "U.S.A.", "United States", "", None])
async def test_the_united_states_have_many_names(ctx: Context, country: str | None) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx, country=country))
    assert (await decide(ctx, lead, (await points(ctx, contact))["email"], "email")).allowed


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("website", "ALLOW"),
        ("email_pattern", "ALLOW"),
        ("irs_eo_bmf", "ALLOW"),
        ("linkedin", "DENY"),
        ("manual", "DENY"),
        ("breach_or_scrape", "DENY"),
    ],
)
async def test_what_source_of_a_work_address_is_lawful(ctx: Context, source: str, verdict: str) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx), source=source)
    decision = await decide(ctx, lead, (await points(ctx, contact))["email"], "email")
    assert decision.verdict == verdict
    assert decision.reasons == (() if verdict == "ALLOW" else ("DATA_SOURCE_PROHIBITED",))


async def test_an_organisation_may_refuse_addresses_that_were_worked_out(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx), source="email_pattern")
    await change(ctx, """update app.orgs set policy = '{"sources": {"email_pattern": "unknown"}}' where id = 1""")
    assert not (await decide(ctx, lead, (await points(ctx, contact))["email"], "email")).allowed


@pytest.mark.parametrize(
    ("published", "line_type", "national_list_binds"),
    [(PHONE, "landline", False), (PHONE, "voip", False), (PHONE, "mobile", True), ("+12125550199", "landline", True)],
)
async def test_only_a_published_landline_is_a_business_line(
    ctx: Context, published: str, line_type: str, national_list_binds: bool
) -> None:
    company = await make_company(ctx, state="NY", postal_code="10001", main_phone=ctx.sealer.seal(1, published))
    contact, lead = await make_person(ctx, company)
    await with_phone(ctx, contact, line_type=line_type)
    decision = await decide(ctx, lead, (await points(ctx, contact))["phone"], "voice_live")
    assert ("DNC_NATIONAL_LISTED" in decision.reasons) is national_list_binds
    ai = await decide(ctx, lead, (await points(ctx, contact))["phone"], "voice_ai")
    assert "CONSENT_MISSING" in ai.reasons  # B2B never relaxes it


async def test_a_note_by_hand_needs_a_profile(ctx: Context) -> None:
    company = await make_company(ctx)
    (_, nobody), (_, lead) = await make_person(ctx, company), await make_person(ctx, company, "HR", profile="li/ada")
    assert "SYS_INPUT" in (await decide(ctx, nobody, None, "linkedin")).reasons
    assert (await decide(ctx, lead, None, "linkedin")).allowed


async def test_whoever_opts_out_of_email_gets_no_note_either(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx), profile="li/ada")
    async with ctx.db.tenant(1) as db:
        other = await make_email(ctx, db, contact, "ada@old.example")
        await compliance.suppress(
            ctx, db, 1, reason="SUPP_OPT_OUT", method="page", actor="person", contact_point_id=other, channels=["email"]
        )
    assert (await decide(ctx, lead, None, "linkedin")).reason == "SUPP_OPT_OUT"


async def test_a_reserved_note_counts_for_the_day_and_is_kept_as_proof(ctx: Context) -> None:
    contact, lead = await make_person(ctx, await make_company(ctx), profile="li/ada")
    async with ctx.db.tenant(1) as db:
        intent = Intent(channel="linkedin", seller_id=1)
        made = await compliance.reserve(
            ctx, db, 1, lead_id=lead, contact_point_id=None, intent=intent, reference="task:1"
        )
        assert made.attempt_id is not None
        await compliance.complete(ctx, db, 1, attempt_ids=[made.attempt_id])
        kept = await one(db, text("select channel, verdict, contact_point_id from app.contact_decisions"))
        assert dict(kept or {}) == {"channel": "linkedin", "verdict": "ALLOW", "contact_point_id": None}
    clock.hold(clock.now() + timedelta(hours=1))
    assert (await decide(ctx, lead, None, "linkedin")).reasons == ("FREQ_POLICY",)
    assert (await decide(ctx, lead, (await points(ctx, contact))["email"], "email")).allowed


def test_only_what_bars_email_bars_a_note() -> None:
    facts = clean(email="ada@example.test", **BY_HAND)
    bars = {
        frozenset({"voice_ai", "voice_live"}): "ALLOW",
        frozenset({"sms"}): "ALLOW",
        frozenset({"email"}): "DENY",
        None: "DENY",
    }
    for channels, verdict in bars.items():
        barred = replace(facts, suppressions=(Suppression("SUPP_OPT_OUT", AT, channels),))
        assert ask(barred, "linkedin").verdict == verdict, channels


def test_consent_to_calls_lifts_no_opt_out_from_notes() -> None:
    before = AT - timedelta(days=20)
    facts = clean(email="ada@example.test", **BY_HAND, suppressions=(Suppression("SUPP_OPT_OUT", before, None),))
    assert ask(replace(facts, consents=(pewc(),)), "linkedin").reason == "SUPP_OPT_OUT"


def test_notes_keep_the_hours_of_email_and_count_for_no_states_calls() -> None:
    facts = clean(email="ada@example.test", **BY_HAND)
    night = AT.replace(hour=6)  # one in the morning in New York
    assert ask(facts, "linkedin", at=night).reasons == ("TIME_QUIET_HOURS",)
    notes = tuple(Attempt("linkedin", AT - timedelta(hours=n), AT - timedelta(hours=n)) for n in (2, 3, 4))
    florida = clean(phone="+18135550123", attempts=notes)
    assert "FREQ_STATE_24H" not in ask(florida, "voice_live").reasons
