"""The gate on real rows: facts read in one snapshot, decisions kept as proof, attempts reserved once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from compliance_world import PHONE, consent, count, make_person, person_of, run
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factories import make_contactable
from penstock import compliance
from penstock.compliance import proof
from penstock.compliance.service import Wanted
from penstock.compliance.snapshot import Request
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import one, scalar
from penstock.core.errors import InvalidInput

EVERY = ("email", "sms", "voice_ai", "voice_live")


async def test_a_bought_address_may_be_written_to_and_a_bought_number_not_called(ctx: Context) -> None:
    person = await make_person(ctx)
    assert (await person.ask("email")).reason == "ALLOWED"
    assert (await person.ask("voice_ai")).reason == "CONSENT_MISSING"
    assert (await person.ask("voice_live")).reason == "ALLOWED"


async def test_many_questions_get_their_answers_in_order(ctx: Context) -> None:
    people = [await make_person(ctx, email=f"p{n}@home.example", phone=f"+1212555{n:04d}") for n in range(100, 108)]
    await people[3].suppress()
    async with ctx.db.tenant(1) as db:
        requests = [Request(p.lead, p.email, await p.intent(db, "email")) for p in people]
        decisions = await compliance.decide_many(ctx, db, 1, requests)
    assert [decision.reason for decision in decisions] == ["ALLOWED"] * 3 + ["SUPP_OPT_OUT"] + ["ALLOWED"] * 4


async def test_a_point_of_another_person_or_of_the_wrong_kind_is_refused(ctx: Context) -> None:
    ada, bob = await make_person(ctx), await make_person(ctx, email="bob@home.example", first_name="Bob")
    async with ctx.db.tenant(1) as db:
        for point in (bob.email, ada.phone, 999_999):
            request = Request(ada.lead, point, await ada.intent(db, "email"))
            assert (await compliance.decide_many(ctx, db, 1, [request]))[0].reason == "SYS_INPUT"


NUMBER = "where kind = 'phone'"
SPOILED = [
    ("update app.contacts set is_litigator = true", "email", "SUPP_LEGAL"),
    ("update app.contacts set is_deceased = true", "email", "SUPP_DECEASED_MINOR"),
    ("update app.contacts set needs_review_since = app.now()", "email", "SUPP_PENDING_REVIEW"),
    ("update app.contact_points set is_invalid = true", "email", "ID_INVALID"),
    ("update app.contact_points set source = 'trigger_lead'", "email", "DATA_SOURCE_PROHIBITED"),
    ("update app.campaigns set cold_email = false", "email", "DATA_SOURCE_PROHIBITED"),
    ("update app.orgs set policy = jsonb_build_object('switched_off', array['email'])", "email", "SYS_KILL_SWITCH"),
    (f"update app.contact_points set dnc_listed = null {NUMBER}", "voice_live", "DNC_SCRUB_STALE"),
    (f"update app.contact_points set dnc_listed = true {NUMBER}", "voice_live", "DNC_NATIONAL_LISTED"),
    (
        f"update app.contact_points set dnc_checked_at = app.now() - interval '32 days' {NUMBER}",
        "voice_live",
        "DNC_SCRUB_STALE",
    ),
    ("update app.contacts set declared_state = 'CT'", "voice_live", "CONSENT_MISSING"),
]


async def test_each_fact_on_file_reaches_the_gate(ctx: Context) -> None:
    person = await make_person(ctx)
    async with ctx.db.tenant(1) as db:

        async def ask(channel: str) -> compliance.Decision:
            request = Request(person.lead, person.point(channel), await person.intent(db, channel))
            return (await compliance.decide_many(ctx, db, 1, [request]))[0]

        for statement, channel, reason in SPOILED:
            assert (await ask(channel)).allowed
            async with db.begin_nested() as attempt:
                await db.execute(text(statement))
                assert (await ask(channel)).reason == reason, statement
                await attempt.rollback()


async def test_the_cadence_of_the_playbook_holds_over_four_emails(ctx: Context) -> None:
    person = await make_person(ctx)
    start = clock.now()
    for step, day in enumerate((0, 2, 4, 6)):
        with clock.held_at(start + timedelta(days=day)):
            reservation = await person.reserve("email", f"step-{step}")
            assert reservation.attempt_id is not None, reservation.decision
            async with ctx.db.tenant(1) as db:
                await compliance.complete(ctx, db, 1, attempt_ids=[reservation.attempt_id])
            assert (await person.ask("email")).reason == "FREQ_POLICY"
    with clock.held_at(start + timedelta(days=60)):
        over = await person.ask("email")
    assert (over.reason, over.next_permitted_at) == ("FREQ_POLICY", None)


async def test_a_reservation_is_a_decision_on_file_and_an_attempt(ctx: Context) -> None:
    person = await make_person(ctx)
    first = await person.reserve("email")
    assert first.decision.allowed and first.attempt_id is not None and first.decision.ledger_seq is not None
    second = await person.reserve("email", "m2")
    assert second.attempt_id is None
    assert second.decision.reasons == ("FREQ_POLICY", "FREQ_IN_FLIGHT")
    assert await count(ctx, "contact_attempts") == 1
    assert await count(ctx, "contact_decisions", "verdict = 'DENY'") == 1


async def test_planning_keeps_nothing(ctx: Context) -> None:
    person = await make_person(ctx)
    await person.ask("email")
    assert await count(ctx, "contact_decisions") == 0


async def test_the_same_step_is_reserved_once_and_again_only_if_it_never_left(ctx: Context) -> None:
    person = await make_person(ctx)
    first = await person.reserve("email")
    assert first.attempt_id is not None
    async with ctx.db.tenant(1) as db:
        await compliance.complete(ctx, db, 1, attempt_ids=[first.attempt_id], state="failed")
    again = await person.reserve("email")
    assert again.attempt_id == first.attempt_id
    async with ctx.db.tenant(1) as db:
        await compliance.complete(ctx, db, 1, attempt_ids=[first.attempt_id], state="in_doubt")
    with clock.held_at(clock.now() + timedelta(days=10)):
        third = await person.reserve("email")
    assert third.attempt_id is None and "FREQ_IN_FLIGHT" in third.decision.reasons


async def test_of_two_wishes_for_one_person_in_a_batch_the_first_wins(ctx: Context) -> None:
    person = await make_person(ctx)
    async with ctx.db.tenant(1) as db:
        wanted = [Wanted(Request(person.lead, person.email, await person.intent(db, "email")), f"m{n}") for n in (1, 2)]
        first, second = await compliance.reserve_many(ctx, db, 1, wanted)
    assert first.attempt_id is not None and second.attempt_id is None
    assert "FREQ_IN_FLIGHT" in second.decision.reasons


async def test_q10_two_workers_reserve_the_same_person_and_one_is_told_to_wait(ctx: Context) -> None:
    person = await make_person(ctx)
    made = await asyncio.gather(*(person.reserve("email", f"m{n}") for n in range(6)))
    assert sorted(reservation.decision.verdict for reservation in made) == ["ALLOW"] + ["DENY"] * 5
    refused = [reservation.decision for reservation in made if reservation.attempt_id is None]
    assert all("FREQ_IN_FLIGHT" in decision.reasons for decision in refused)


async def test_q11_an_opt_out_between_reservation_and_wire_stops_the_message(ctx: Context) -> None:
    person = await make_person(ctx)
    reservation = await person.reserve("email")
    assert reservation.attempt_id is not None
    assert await compliance.last_look(ctx, 1, [reservation.attempt_id]) == {reservation.attempt_id}
    await person.suppress()
    assert await compliance.last_look(ctx, 1, [reservation.attempt_id]) == frozenset()


async def test_a_decision_that_has_run_out_authorises_nothing(ctx: Context) -> None:
    person = await make_person(ctx)
    reservation = await person.reserve("email")
    assert reservation.attempt_id is not None
    with clock.held_at(clock.now() + timedelta(seconds=61)):
        assert await compliance.last_look(ctx, 1, [reservation.attempt_id]) == frozenset()


async def test_q09_a_job_queued_in_the_evening_is_refused_at_night(ctx: Context) -> None:
    person = await make_person(ctx)
    with clock.held_at(datetime(2026, 12, 1, 1, 50, tzinfo=UTC)):
        assert (await person.ask("voice_live")).allowed
    with clock.held_at(datetime(2026, 12, 1, 2, 1, tzinfo=UTC)):
        assert (await person.reserve("voice_live")).decision.reason == "TIME_QUIET_HOURS"


# -- suppression -----------------------------------------------------------------------------------------------------


async def test_q01_a_stop_closes_every_channel_although_consent_was_given(ctx: Context) -> None:
    person = await make_person(ctx)
    assert (await consent(person)).status_code == 200
    with clock.held_at(clock.now() + timedelta(hours=1)):
        assert (await person.suppress(phone=PHONE, channels=EVERY)).new
        for channel in EVERY:
            assert (await person.ask(channel)).reason == "SUPP_OPT_OUT"
    row = await person.row()
    assert (row["campaign_status"], row["consent"]) == ("unsubscribed", False)
    assert await person.events() == ["consent_given", "opted_out"]


async def test_q02_a_stop_outlives_another_import_of_the_same_number_or_address(ctx: Context) -> None:
    await (await make_person(ctx)).suppress(phone=PHONE)
    by_phone = await make_person(ctx, first_name="A.", last_name="Sampel", email="other@home.example")
    by_email = await make_person(ctx, first_name="Adah", last_name="S.", phone="+12125550177")
    for other in (by_phone, by_email):
        for channel in EVERY:
            assert (await other.ask(channel)).reason == "SUPP_OPT_OUT", channel


async def test_q03_a_stop_reaches_a_new_number_of_the_same_person(ctx: Context) -> None:
    person = await make_person(ctx)
    await person.suppress(phone=PHONE)
    insert = text(
        "insert into app.contact_points (org_id, contact_id, kind, value, source, line_type)"
        " values (1, :contact, 'phone', :value, 'test', 'mobile') returning id"
    )
    async with ctx.db.tenant(1) as db:
        point = await scalar(db, insert, contact=person.contact, value=ctx.sealer.seal(1, "+12125550188"))
        request = Request(person.lead, point, await person.intent(db, "sms"))
        assert (await compliance.decide_many(ctx, db, 1, [request]))[0].reason == "SUPP_OPT_OUT"


async def test_q04_a_newer_consent_reopens_what_it_ticks(ctx: Context) -> None:
    person = await make_person(ctx)
    await consent(person)
    with clock.held_at(clock.now() + timedelta(hours=1)):
        await person.suppress()
    with clock.held_at(clock.now() + timedelta(hours=2)):
        assert (await consent(person, channels=["sms"])).status_code == 200
        assert (await person.ask("sms")).allowed
        assert (await person.ask("voice_ai")).reason == "SUPP_OPT_OUT"
        assert (await person.ask("email")).reason == "SUPP_OPT_OUT"
    row = await person.row()
    assert (row["campaign_status"], row["consent"]) == ("replied", False)


async def test_q08_a_second_stop_changes_nothing_and_a_stop_after_new_consent_does(ctx: Context) -> None:
    person = await make_person(ctx)
    first, second = await person.suppress(), await person.suppress()
    assert (first.new, second.new) == (True, False)
    assert await person.events() == ["opted_out"]
    with clock.held_at(clock.now() + timedelta(hours=1)):
        await consent(person)
        assert (await person.ask("voice_ai")).allowed
    with clock.held_at(clock.now() + timedelta(hours=2)):
        assert (await person.suppress()).new
        assert (await person.ask("voice_ai")).reason == "SUPP_OPT_OUT"


async def test_a_stop_ends_the_sequence_and_leaves_a_booked_appointment_alone(ctx: Context) -> None:
    person = await make_person(ctx)
    await run(
        ctx,
        "insert into app.enrollments (org_id, campaign_id, lead_id, persona, next_execution_at)"
        " select 1, min(id), cast(:lead as uuid), 'Eva', app.now() from app.campaigns",
        lead=str(person.lead),
    )
    await person.suppress()
    assert (
        await count(ctx, "enrollments", "state = 'stopped' and stop_reason = 'SUPP_OPT_OUT' and ended_at is not null")
        == 1
    )


async def test_a_stop_for_voice_leaves_email_going(ctx: Context) -> None:
    person = await make_person(ctx)
    await person.suppress(channels=("voice_ai", "voice_live"))
    assert (await person.ask("voice_live")).reason == "SUPP_OPT_OUT"
    assert (await person.ask("email")).allowed
    assert (await person.row())["campaign_status"] == "queued"


async def test_a_hard_bounce_bars_the_address_and_not_the_person(ctx: Context) -> None:
    person = await make_person(ctx)
    await person.suppress(reason="SUPP_HARD_BOUNCE", lead_id=None, contact_point_id=person.email, channels=("email",))
    assert (await person.ask("email")).reason == "SUPP_HARD_BOUNCE"
    assert (await person.ask("voice_live")).allowed
    assert (await person.row())["campaign_status"] == "queued"


async def test_an_address_nobody_has_yet_can_be_barred(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        await compliance.suppress(
            ctx, db, 1, reason="SUPP_OPT_OUT", method="staff", actor="staff", email="Later@home.example"
        )
    person = await make_person(ctx, email="later@home.example")
    assert (await person.ask("email")).reason == "SUPP_OPT_OUT"


async def test_a_suppression_names_a_known_reason_and_somebody(ctx: Context) -> None:
    person = await make_person(ctx)
    for wrong in ({"reason": "SUPP_WHATEVER"}, {"channels": ("fax",)}, {"channels": ()}, {"lead_id": None}):
        with pytest.raises(InvalidInput):
            await person.suppress(**wrong)


async def test_i17_a_suppression_survives_the_deletion_of_the_lead_and_of_the_number(ctx: Context) -> None:
    person = await make_person(ctx)
    await person.suppress(phone=PHONE)
    await run(ctx, "delete from app.contact_points")
    again = await make_person(ctx, first_name="Ada", last_name="Other")
    assert (await again.ask("sms")).reason == "SUPP_OPT_OUT"


async def test_another_tenants_suppression_is_not_ours(ctx: Context) -> None:
    person = await make_person(ctx)
    async with ctx.db.owner() as db:
        await db.execute(
            text(
                "insert into app.orgs (id, slug, name, legal_name, postal_address, support_email, support_phone,"
                " from_domain) values (2, 'other', 'Other', 'Other LLC', 'x', 'x', 'x', 'x')"
            )
        )
    async with ctx.db.tenant(2) as db:
        await compliance.suppress(ctx, db, 2, reason="SUPP_OPT_OUT", method="x", actor="x", email="ada@home.example")
    assert (await person.ask("email")).allowed


# -- proof -----------------------------------------------------------------------------------------------------------


async def chain_of(ctx: Context, entries: int) -> None:
    person = await make_contactable(ctx, email="chain@home.example")
    holder = await person_of(ctx, person)
    for n in range(entries):
        await holder.reserve("email", f"m{n}")


async def test_the_chain_of_decisions_verifies_and_is_append_only(ctx: Context) -> None:
    await chain_of(ctx, 5)
    async with ctx.db.tenant(1) as db:
        report = await compliance.verify_chain(ctx, db, 1)
    assert (report.sound, report.entries, report.checkpoints) == (True, 5, 1)
    with pytest.raises(DBAPIError, match="append-only"):
        await run(ctx, "update app.contact_decisions set verdict = 'ALLOW'")
    with pytest.raises(DBAPIError, match="append-only"):
        await run(ctx, "delete from app.contact_decisions")


async def tamper(ctx: Context, statement: str) -> proof.ChainReport:
    """What the owner of the machine could do, and what the auditor then sees."""
    async with ctx.db.owner() as db:
        await db.execute(text("alter table app.contact_decisions disable trigger user"))
        months = "select inhrelid::regclass::text from pg_inherits where inhparent = 'app.contact_decisions'::regclass"
        for partition in (await db.execute(text(months))).scalars():
            await db.execute(text(f"alter table {partition} disable trigger user"))
        await db.execute(text(statement))
    async with ctx.db.tenant(1) as db:
        return await compliance.verify_chain(ctx, db, 1)


async def test_q14_a_changed_decision_is_found_where_it_was_changed(ctx: Context) -> None:
    await chain_of(ctx, 4)
    report = await tamper(ctx, "update app.contact_decisions set reasons = '{}', verdict = 'ALLOW' where chain_n = 3")
    assert (report.sound, report.broken_at, report.why) == (False, 3, "an entry was changed")


async def test_a_decision_taken_out_of_the_middle_is_found(ctx: Context) -> None:
    await chain_of(ctx, 4)
    report = await tamper(ctx, "delete from app.contact_decisions where chain_n = 2")
    assert (report.broken_at, report.why) == (2, "an entry is missing")


async def test_q15_a_cut_tail_is_found_by_its_checkpoint_alone(ctx: Context) -> None:
    await chain_of(ctx, 4)
    cut = "delete from app.contact_decisions where chain_n > 2"
    async with ctx.db.tenant(1) as db:
        assert await proof.checkpoint(ctx, db, 1, at=clock.now()) == 4
    report = await tamper(ctx, cut)
    assert (report.broken_at, report.why) == (3, "entries after the last one were taken away")
    async with ctx.db.owner() as db:
        await db.execute(text("delete from app.chain_checkpoints where n > 2"))
    async with ctx.db.tenant(1) as db:
        assert (await compliance.verify_chain(ctx, db, 1)).sound


async def test_a_forged_checkpoint_is_not_ours(ctx: Context) -> None:
    await chain_of(ctx, 2)
    await run(ctx, "update app.chain_checkpoints set mac = 'x'")
    async with ctx.db.tenant(1) as db:
        assert (await compliance.verify_chain(ctx, db, 1)).why == "a checkpoint is not ours"


async def test_a_decision_on_file_names_nobody(ctx: Context) -> None:
    person = await make_person(ctx)
    await person.reserve("email")
    async with ctx.db.tenant(1) as db:
        row = await one(db, text("select * from app.contact_decisions"))
    assert row is not None
    shown = str(dict(row))
    assert not any(secret in shown for secret in ("ada@", "Ada", "5550123", "Sample"))
    assert row["reason"] == "ALLOWED" and row["rules_version"] == "rules-2026-11-21"


async def test_a_letter_to_a_state_without_a_zip_keeps_the_hours_of_all_its_zones(ctx: Context) -> None:
    person = await make_person(ctx)
    async with ctx.db.tenant(1) as db:
        await db.execute(text("update app.properties set state = 'FL', postal_code = null, lat = null, lng = null"))
        await db.execute(text("update app.contacts set mailing_state = null, mailing_postal_code = null"))
    assert (await person.ask("email")).zones == ("America/Chicago", "America/New_York")
