"""Rules are entries of a file: one entry more is a signal more, and a wrong entry says where it is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from signal_room import ask, at, change, officer, page_of, signals, write

from factories import make_company, make_person
from ground import START
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.errors import NotConfigured
from penstock.playbooks import load_all
from penstock.signals.rules import Told, read, rules_of
from penstock.signals.tasks import open_windows, pump

RENEWALS = load_all()["renewals"]


def with_rules(ctx: Context, folder: Path, text: str) -> Context:
    """The same Context, its company playbook with these rules of its own."""
    file = folder / "signals.yaml"
    file.write_text(text)
    return replace(ctx, playbooks={"renewals": replace(RENEWALS, signal_rules=file)})


async def test_a_new_rule_is_one_entry(ctx: Context, tmp_path: Path) -> None:
    made_up = """
      - reason: office_opened
        fact: office
        where: {country: [US, CA], desks: {at_least: 20}, city: {present: true}, name: {matches: "head ?office"}}
        cause: "{city}"
        payload: [city, desks]
        then: rescore
    """
    ctx = with_rules(ctx, tmp_path, made_up)
    company = await make_company(ctx)
    _, lead = await make_person(ctx, company)
    await change(ctx, "update app.leads set facts_changed_at = app.now() - interval '1 day'")
    office = {"country": "US", "desks": 40, "city": "Tampa", "name": "New Head Office", "phone": "s1.x"}
    for n, other in enumerate(
        [{}, {"city": "Tampa"}, {"country": "FR"}, {"desks": 5}, {"city": ""}, {"name": "Store"}]
    ):
        await write(ctx, company, "office", f"{n}", office | other)
    await pump(ctx, 1)
    (raised,) = await signals(ctx, "office_opened")
    assert (raised["cause"], raised["payload"]) == ("Tampa", {"city": "Tampa", "desks": 40})
    assert (raised["outcome"], raised["processed_at"]) == ("scored anew", START)
    (touched,) = await ask(ctx, "select facts_changed_at from app.leads where id = cast(:id as uuid)", id=str(lead))
    assert touched["facts_changed_at"] == START


async def test_a_playbook_has_the_last_word_on_a_reason(ctx: Context, tmp_path: Path) -> None:
    theirs = '[{reason: funding_raised, fact: funding, where: {amount: {at_least: 5000000}}, cause: "{series}"}]'
    ctx = with_rules(ctx, tmp_path, theirs)
    company = await make_company(ctx)
    await write(ctx, company, "funding", "a", {"amount": 900_000, "series": "seed"})
    await write(ctx, company, "funding", "b", {"amount": 12_000_000, "series": "B"})
    await pump(ctx, 1)
    assert [(one["cause"], one["outcome"]) for one in await signals(ctx, "funding_raised")] == [("B", "noted")]


async def test_money_and_jobs_are_signals_once_each(ctx: Context) -> None:
    company = await make_company(ctx)
    page = await page_of(ctx, company)
    recent, old = {"amount": 12, "date": "2026-11-01"}, {"amount": 7, "date": "2024-11-01"}
    for _ in range(2):
        await write(ctx, company, "funding", "recent", recent)
        await write(ctx, company, "funding", "old", old)
        await write(ctx, company, "funding", "undated, page never read before", {"amount": 3}, page=None)
        await write(ctx, company, "job", "benefits manager:/jobs/1", {"title": "Benefits Manager"}, page=page)
        await write(ctx, company, "job", "welder:/jobs/2", {"title": "Welder"}, page=page)
        await pump(ctx, 1)
        await change(ctx, "update app.company_facts set read_at = null")
    assert [one["cause"] for one in await signals(ctx, "job_postings")] == ["benefits manager:/jobs/1"]
    assert {one["cause"] for one in await signals(ctx, "funding_raised")} == {
        "recent",
        "undated, page never read before",
    }


async def test_undated_news_of_a_page_read_for_the_first_time_is_no_signal(ctx: Context) -> None:
    company = await make_company(ctx)
    page = await page_of(ctx, company)
    await change(ctx, "delete from app.company_facts")
    await write(ctx, company, "funding", "first", {"amount": 3}, page=page)
    await write(ctx, company, "funding", "second", {"amount": 4}, page=page, days=30)
    await pump(ctx, 1)
    assert [one["cause"] for one in await signals(ctx, "funding_raised")] == ["second"]


async def test_a_signal_written_by_hand_is_closed_too(ctx: Context) -> None:
    company = await make_company(ctx)
    await change(
        ctx, "insert into bit.signal (company_id, reason) values (:c, 'executive_movement'), (:c, 'a hunch')", c=company
    )
    assert await pump(ctx, 1) == 2
    outcomes = await ask(ctx, "select reason, outcome from app.signals order by id")
    assert [tuple(row.values()) for row in outcomes] == [("executive_movement", "nobody we know"), ("a hunch", "noted")]


async def test_a_window_opens_once_for_each_renewal_date(ctx: Context) -> None:
    open_now = await make_company(ctx, renewal_month=2)
    await make_company(ctx, renewal_month=6)
    await make_company(ctx, renewal_month=None)
    assert await open_windows(ctx, 1, START) == {"renewal_window_open_120d": 1}
    assert await open_windows(ctx, 1, START) == {"renewal_window_open_120d": 0}
    (raised,) = await signals(ctx, "renewal_window_open_120d")
    window = {"renewal_month": 2, "next_renewal_date": "2027-02-01", "campaign_window_start": "2026-10-04"}
    assert (raised["company_id"], raised["cause"], raised["payload"]) == (open_now, "2027-02-01", window)
    await pump(ctx, 1)
    assert [one["outcome"] for one in await signals(ctx, "renewal_window_open_120d")] == ["scored anew"]
    with clock.held_at(START + timedelta(days=365)):
        assert await open_windows(ctx, 1, clock.now()) == {"renewal_window_open_120d": 1}
    assert len(await signals(ctx, "renewal_window_open_120d")) == 2


async def test_companies_that_come_in_open_their_windows_at_once_and_nothing_else_looks_at_windows(
    ctx: Context,
) -> None:
    await make_company(ctx, renewal_month=2)
    await pump(ctx, 1)
    assert await signals(ctx, "renewal_window_open_120d") == []
    came = "insert into app.pipeline_events (org_id, event_type, stage) values (1, 'companies_merged', 'identity')"
    await change(ctx, came)
    await pump(ctx, 1)
    assert len(await signals(ctx, "renewal_window_open_120d")) == 1
    await make_company(ctx, renewal_month=2)
    await pump(ctx, 1)
    assert len(await signals(ctx, "renewal_window_open_120d")) == 1
    await change(ctx, came)
    await pump(ctx, 1)
    assert len(await signals(ctx, "renewal_window_open_120d")) == 2


async def test_companies_of_another_playbook_and_merged_ones_have_no_window_here(ctx: Context) -> None:
    keep = await make_company(ctx, renewal_month=2, playbook=None)
    gone = await make_company(ctx, renewal_month=2)
    other = await make_company(ctx, renewal_month=2)
    await change(ctx, "update app.companies set merged_into = :keep where id = :gone", keep=keep, gone=gone)
    await change(ctx, "update app.companies set playbook = 'another' where id = :other", other=other)
    await open_windows(ctx, 1, START)
    assert [one["company_id"] for one in await signals(ctx, "renewal_window_open_120d")] == [keep]


async def test_facts_of_a_company_that_was_merged_move_nothing(ctx: Context) -> None:
    keep, gone = await make_company(ctx), await make_company(ctx)
    await officer(ctx, gone, "Jane Doe")
    await change(ctx, "update app.companies set merged_into = :keep where id = :gone", keep=keep, gone=gone)
    await pump(ctx, 1)
    assert await ask(ctx, "select * from app.company_slots where contact_id is not null") == []
    assert await ask(ctx, "select * from app.signals_due") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- reason: [", "is no YAML"),
        ("reason: x", "is no list of rules"),
        ("- fact: job\n  cause: x", "entry 1: reason: Field required"),
        (
            "- {reason: a, fact: job, cause: x}\n- {reason: b, cause: x}",
            "entry 2 (b): Value error, say either fact or window",
        ),
        ("- {reason: b, fact: job}", "a fact needs a cause"),
        ("- {reason: b, window: select 1, cause: x}", "leave out where"),
        ("- {reason: b, fact: job, cause: x, then: sing}", "then: Input should be"),
        ("- {reason: b, fact: job, cause: x, color: red}", "color: Extra inputs"),
        (
            "- {reason: b, fact: job, cause: x, where: {title: {matches: '('}}}",
            "where.title.matches: Value error, no regular",
        ),
        (
            "- {reason: b, fact: job, cause: x}\n- {reason: b, fact: funding, cause: x}",
            "entry 2 (b): the reason stands there twice",
        ),
        ("- just a word", "entry 1"),
    ],
)
def test_a_rule_that_makes_no_sense_says_file_and_entry(text: str, says: str) -> None:
    with pytest.raises(NotConfigured) as refused:
        read(text, "book/signals.yaml")
    assert "book/signals.yaml" in str(refused.value)
    assert says in str(refused.value)


def test_every_rules_file_that_there_is_makes_sense() -> None:
    for playbook in (None, *load_all().values()):
        assert {"executive_movement", "funding_raised", "job_postings"} <= rules_of(playbook).by_reason.keys()


@pytest.mark.parametrize(("value", "holds"), [(5, True), (4, False), ("5", False), (None, False)])
def test_a_number_is_compared_with_numbers_only(value: Any, holds: bool) -> None:
    rules = read("[{reason: r, fact: f, cause: c, where: {n: {at_least: 5}}}]", "x")
    assert (rules["r"].raised_by(Told("f", "k", {"n": value}, at(0))) is not None) == holds


def test_a_field_that_is_missing_leaves_its_place_in_the_cause_empty() -> None:
    rules = read('[{reason: r, fact: f, cause: "{key}/{gone}/{n}"}]', "x")
    raised = rules["r"].raised_by(Told("f", "k", {"n": 1, "on": date(2026, 1, 1).isoformat()}, at(0)))
    assert raised is not None
    assert raised.cause == "k//1"
