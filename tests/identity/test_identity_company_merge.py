"""The set-based merge of companies and people against the pure cascade, on a real database; and who holds a slot."""

import itertools
import json
import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import copy_in, execute, one, rows, scalar
from penstock.core.errors import NotFound
from penstock.identity import (
    STAGED_COMPANY,
    FoundPerson,
    MergedCompanies,
    Person,
    assign_slot,
    claim_of_title,
    found_people,
    merge_companies,
    name_keys,
    open_companies,
    outcomes,
    slot_of_title,
    staged_person,
)
from penstock.identity.key_cascade import COMPANY, RowKeys, place_all
from penstock.identity.slots import Candidate, best
from penstock.identity.tasks import make_missing_keys

KEY = st.none() | st.sampled_from("abc")
FILE = st.lists(st.tuples(KEY, KEY, KEY, KEY, KEY).filter(any), min_size=1, max_size=9)
_case = itertools.count(1)
Row = dict[str, Any]


async def start_upload(ctx: Context) -> UUID:
    async with ctx.db.tenant(1) as db:
        insert = (
            "insert into app.uploads (org_id, name, source, playbook, content_sha256, actor, state)"
            " values (1, 'x', 'x', 'equity', :sha, 'test', 'running') returning id"
        )
        made: UUID = await scalar(db, text(insert), sha=str(uuid4()))
        return made


async def merge(ctx: Context, found: list[Row]) -> tuple[MergedCompanies, dict[int, tuple[str, int, int | None]]]:
    """Merge rows given as columns of the staging table; `people` is a list of Person."""
    upload = await start_upload(ctx)
    staged = []
    for number, row in enumerate(found, start=2):
        people = [staged_person(one) for one in row.get("people", ())]
        values: Row = dict.fromkeys(STAGED_COMPANY) | {"row_number": number, **row, "people": json.dumps(people)}
        if "name_key" not in row and row.get("name"):
            values["name_key"], values["other_name_key"] = (*name_keys(row["name"], row.get("state")), None, None)[:2]
        staged.append(tuple(values[name] for name in STAGED_COMPANY))
    async with ctx.db.tenant(1) as db:
        await open_companies(db)
        await copy_in(db, "companies_in", STAGED_COMPANY, staged)
        merged = await merge_companies(db, 1, upload_id=upload, source="test", playbook="equity")
        assert merged.inserted + merged.updated + merged.duplicate_in_file == len(found)
        return merged, await outcomes(db)


def person(name: str, title: str | None = None, **more: Any) -> Person:
    return Person(name=name, title=title, slot=more.pop("slot", slot_of_title(title)), **more)


async def slots_of(ctx: Context, company_id: int) -> dict[str, str | None]:
    """Name by role."""
    query = (
        "select s.role_code::text as role, c.full_name from app.company_slots s"
        " left join app.contacts c on c.id = s.contact_id where s.company_id = :id"
    )
    async with ctx.db.tenant(1) as db:
        return {row["role"]: row["full_name"] for row in await rows(db, text(query), id=company_id)}


async def colour(ctx: Context, email: str, status: str) -> None:
    query = (
        "update app.contact_points set status = cast(:s as people.email_status_t), verified_at = app.now()"
        " where value = :e"
    )
    async with ctx.db.tenant(1) as db:
        assert await execute(db, text(query), s=status, e=email)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILE, second=FILE, seed=st.integers(0, 99))
async def test_the_database_has_the_companies_that_the_cascade_tells(
    ctx: Context, first: Any, second: Any, seed: int
) -> None:
    tag = next(_case)
    known: list[tuple[int, RowKeys]] = []
    for keys in (first, random.Random(seed).sample(first, len(first)), second):
        rows_in = [row_of(tag, given_keys) for given_keys in keys]
        _, told = await merge(ctx, rows_in)
        numbered = list(enumerate((keys_of(row) for row in rows_in), start=2))
        placed, _ = place_all(COMPANY, known, numbered)
        ids: dict[int, int] = {}
        for row in placed:
            outcome, company_id, _ = told[row.row_number]
            assert outcome == row.outcome
            assert ids.setdefault(row.place, company_id) == company_id
            assert row.known_id in {None, company_id}
        assert len(set(ids.values())) == len(ids)
        known = await all_keys(ctx, tag)


def row_of(tag: int, keys: tuple[str | None, ...]) -> Row:
    ein, domain, linkedin, name, other = keys
    row: Row = {
        "name": f"{tag} somebody",
        "ein": ein and f"{tag:04}{ord(ein):05}",
        "domain": domain and f"{domain}.{tag}",
    }
    row |= {"linkedin_key": linkedin and f"company/{tag}{linkedin}"}
    names = [f"{key} {tag}|TX" for key in dict.fromkeys((name, other)) if key]
    return row | {"name_key": (names or [None])[0], "other_name_key": (*names, None, None)[1]}


def keys_of(row: Row) -> RowKeys:
    single = (row["ein"], row["domain"], row["linkedin_key"])
    return (*((key,) if key else () for key in single), tuple(k for k in (row["name_key"], row["other_name_key"]) if k))


async def all_keys(ctx: Context, tag: int) -> list[tuple[int, RowKeys]]:
    query = "select * from app.companies where name = :name order by id"
    async with ctx.db.tenant(1) as db:
        return [(row["id"], keys_of(dict(row))) for row in await rows(db, text(query), name=f"{tag} somebody")]


async def test_later_values_win_and_what_is_known_is_not_emptied(ctx: Context) -> None:
    address = {"address_line1": "1 Old St", "city": "Tampa", "state": "FL", "postal_code": "33602"}
    acme = {"name": "Acme LLC", "ein": "123456789", "website_url": "https://www.acme.example/"}
    await merge(ctx, [acme | address | {"employees": 10, "facts": '{"a": 1, "b": 1}', "renewal_month": 6}])
    _, told = await merge(
        ctx,
        [
            acme | {"employees": 20, "facts": '{"b": 2}', "website_url": "http://acme.example"},
            acme | {"name": "Acme Holdings", "address_line1": "2 New St", "city": "Miami", "state": "FL"},
        ],
    )
    assert [outcome for outcome, _, _ in told.values()] == ["updated", "duplicate_in_file"]
    async with ctx.db.tenant(1) as db:
        (company,) = await rows(db, text("select * from app.companies"))
        (page,) = await rows(db, text("select url from app.pages"))
        seen = await one(db, text("select times_seen from app.company_seen"))
    assert (company["name"], company["employees"], company["facts"]) == ("Acme Holdings", 20, {"a": 1, "b": 2})
    assert (company["address_line1"], company["city"], company["postal_code"]) == ("2 New St", "Miami", "33602")
    assert (company["renewal_month"], company["name_key"], company["other_name_key"]) == (
        6,
        "acme|FL",
        "acme holdings|FL",
    )
    assert page["url"] == "https://www.acme.example/"  # only spelled otherwise
    assert seen is not None and seen["times_seen"] == 2


async def test_a_page_that_moved_is_due_again_and_one_spelled_otherwise_is_not(ctx: Context) -> None:
    acme = {"name": "Acme", "ein": "123456789", "website_url": "https://acme.example"}
    await merge(ctx, [acme])
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.pages set last_checked_at = app.now(), etag = 'x'"))
    await merge(ctx, [acme | {"website_url": "http://www.acme.example/", "employees": 3}])
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select etag from app.pages")) == "x"
    await merge(ctx, [acme | {"website_url": "https://acme-new.example"}])
    async with ctx.db.tenant(1) as db:
        assert (await one(db, text("select url, last_checked_at from app.pages"))) == {
            "url": "https://acme-new.example",
            "last_checked_at": None,
        }


async def test_people_fill_the_slots_of_their_titles_and_importing_again_changes_nothing(ctx: Context) -> None:
    row = {
        "name": "Acme",
        "ein": "123456789",
        "people": [
            person("Jane Doe", "CEO", email="s1.jane"),
            person("Bob Ray", "VP People"),
            person("Al Smith", "Clerk"),
        ],
    }
    merged, told = await merge(ctx, [row])
    ((_, company_id, contact_id),) = told.values()
    assert (merged.companies, merged.people, merged.slots_filled) == (1, 3, 2)
    assert await slots_of(ctx, company_id) == {"CEO": "Jane Doe", "CFO": None, "HR": "Bob Ray"}
    async with ctx.db.tenant(1) as db:
        jane = await one(db, text("select * from app.contacts where id = :id"), id=contact_id)
        assert jane is not None
        assert (jane["first_name"], jane["last_name"], jane["title"], jane["company_id"]) == (
            "Jane",
            "Doe",
            "CEO",
            company_id,
        )
        events = await rows(db, text("select event_type, details from app.pipeline_events order by event_type, id"))
    assert [e["event_type"] for e in events] == ["companies_merged", "slot_filled", "slot_filled"]
    again, _ = await merge(ctx, [row])
    assert (again.inserted, again.updated, again.companies, again.people, again.slots_filled) == (0, 1, 0, 0, 0)


async def test_the_better_verified_then_the_more_recent_candidate_holds_the_slot(ctx: Context) -> None:
    acme = {"name": "Acme", "ein": "123456789"}
    _, told = await merge(ctx, [acme | {"people": [person("Jane Doe", "CFO", email="s1.jane")]}])
    company_id = next(iter(told.values()))[1]
    await colour(ctx, "s1.jane", "green")
    await merge(ctx, [acme | {"people": [person("Bob Ray", "CFO", email="s1.bob")]}])
    assert (await slots_of(ctx, company_id))["CFO"] == "Jane Doe"  # green holds against gray
    await colour(ctx, "s1.jane", "red")
    merged, _ = await merge(ctx, [acme | {"people": [person("Bob Ray", "CFO", email="s1.bob")]}])
    assert (merged.slots_filled, (await slots_of(ctx, company_id))["CFO"]) == (1, "Bob Ray")
    await merge(ctx, [acme | {"people": [person("Cy Poe", "CFO", email="s1.cy")]}])
    assert (await slots_of(ctx, company_id))["CFO"] == "Cy Poe"  # both gray: the more recent one
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, text("select count(*) from app.contacts where company_id = :c"), c=company_id) == 3
        left = await rows(
            db, text("select details ->> 'reason' as why from app.pipeline_events where event_type = 'slot_vacated'")
        )
    assert [row["why"] for row in left] == ["a better candidate"] * 2


def test_of_equally_good_emails_the_title_that_names_the_role_wins() -> None:
    president = Candidate(1, "CEO", 7, 2, 9, "gray")
    for in_time in (False, True):
        assert best([president, Candidate(1, "CEO", 8, 1, 3, "gray")], in_time=in_time).contact_id == 8
        assert best([president, Candidate(1, "CEO", 8, 1, 3, None)], in_time=in_time).contact_id == 7
        assert best([president, Candidate(1, "CEO", 8, 2, None, "gray", True)], in_time=in_time).contact_id == 7


def test_of_equals_the_later_record_wins_and_in_a_file_the_holder_then_the_name() -> None:
    ann, bob = (Candidate(1, "CEO", n, 1, n, "gray", False, name) for n, name in ((1, "ann"), (2, "bob")))
    assert best([ann, bob], in_time=True) == best([bob, ann], in_time=True) == bob
    assert best([ann, bob], in_time=False) == best([bob, ann], in_time=False) == ann
    holder = bob._replace(holds=True)
    assert best([ann, holder], in_time=False) == holder
    assert best([ann._replace(line=9), holder], in_time=True).name == "ann"


async def test_one_person_holds_one_slot_of_a_company_and_may_hold_one_of_another(ctx: Context) -> None:
    both = [person("Jane Doe", "Owner", email="s1.jane"), person("Jane Doe", "CFO", slot="CFO", email="s1.jane")]
    merged, told = await merge(
        ctx,
        [
            {"name": "Acme", "ein": "123456789", "people": both},
            {"name": "Beta", "ein": "223456789", "people": [person("J. Doe", "CEO", email="s1.jane")]},
        ],
    )
    (_, acme, jane), (_, beta, same) = told.values()
    assert (merged.people, merged.said_for_two, jane) == (1, 1, same)
    assert await slots_of(ctx, acme) == {
        "CEO": None,
        "CFO": "Jane Doe",
        "HR": None,
    }  # CFO names the role, Owner stands in
    assert (await slots_of(ctx, beta))["CEO"] == "Jane Doe"


async def test_somebody_who_is_named_for_another_slot_now_moves_there(ctx: Context) -> None:
    acme = {"name": "Acme", "ein": "123456789"}
    first = [person("Jane Doe", "CFO", email="s1.jane"), person("Bob Ray", "CEO", email="s1.bob")]
    _, told = await merge(ctx, [acme | {"people": first}])
    company_id = next(iter(told.values()))[1]
    await merge(ctx, [acme | {"people": [person("Jane Doe", "CEO"), person("Bob Ray", "CFO")]}])
    assert await slots_of(ctx, company_id) == {"CEO": "Jane Doe", "CFO": "Bob Ray", "HR": None}


async def test_people_are_told_by_profile_then_email_then_name(ctx: Context) -> None:
    _, told = await merge(ctx, [{"name": "Acme", "ein": "123456789"}])
    company = next(iter(told.values()))[1]

    def found(name: str, **more: Any) -> FoundPerson:
        return FoundPerson(company_id=company, source="website", name=name, **more)

    async with ctx.db.tenant(1) as db:
        ids = await found_people(
            db,
            1,
            [
                found("Jane Doe", profile_url="https://linkedin.com/in/jane", title="CEO"),
                found("Dr. Jane Doe"),  # the name
                found("J. Doe", profile_url="https://www.linkedin.com/in/Jane/", email="s1.jane"),  # the profile
                found("Jane Smith", email="s1.jane"),  # the email
                found("Jane Doe", profile_url="https://linkedin.com/in/jane-2"),  # another profile: another Jane Doe
                found("Ann Lee", email="s1.info", email_is_shared=True),
                found("Bo Lee", email="s1.info", email_is_shared=True),  # info@ is nobody's sign
            ],
        )
    assert len(ids) == 7
    assert ids[0] == ids[1] == ids[2] == ids[3]
    assert len(set(ids)) == 4
    async with ctx.db.tenant(1) as db:
        again = await found_people(db, 1, [found("Jane Doe", title="Chief Executive Officer")])
        assert again == [ids[0]]
        jane = await one(db, text("select title, profile_key from app.contacts where id = :id"), id=ids[0])
        primary = await scalar(
            db, text("select value from app.contact_points where contact_id = :id and is_primary"), id=ids[0]
        )
        assert await found_people(db, 1, []) == []
    assert jane == {"title": "Chief Executive Officer", "profile_key": "linkedin.com/in/jane"}
    assert primary == "s1.jane"
    assert set((await slots_of(ctx, company)).values()) == {None}  # found_people moves no slot


async def test_who_left_is_not_named_by_an_old_list_but_by_a_page_that_shows_them(ctx: Context) -> None:
    acme = {"name": "Acme", "ein": "123456789", "people": [person("Jane Doe", "CEO")]}
    _, told = await merge(ctx, [acme])
    ((_, company, jane),) = told.values()
    assert jane is not None
    async with ctx.db.tenant(1) as db:
        await assign_slot(db, 1, company, "CEO", None, reason="left", at=clock.now())
        await execute(db, text("update app.contacts set left_company_at = app.now()"))
    await merge(ctx, [acme])
    assert (await slots_of(ctx, company))["CEO"] is None
    async with ctx.db.tenant(1) as db:
        await found_people(db, 1, [FoundPerson(company_id=company, source="website", name="Jane Doe", title="CEO")])
        assert await scalar(db, text("select left_company_at from app.contacts")) is None


async def test_a_slot_is_given_moved_and_emptied_with_its_history(ctx: Context) -> None:
    _, told = await merge(ctx, [{"name": "Acme", "ein": "123456789", "people": [person("Jane Doe", "CEO")]}])
    ((_, company, jane),) = told.values()
    async with ctx.db.tenant(1) as db:
        assert await assign_slot(db, 1, company, "CEO", jane, reason="page", at=clock.now()) == jane  # nothing happens
        assert await assign_slot(db, 1, company, "HR", jane, reason="page", at=clock.now()) is None  # she moves
        assert await assign_slot(db, 1, company, "HR", None, reason="left", at=clock.now()) == jane
        with pytest.raises(NotFound):
            await assign_slot(db, 1, 999, "HR", None, reason="left", at=clock.now())
        told_of = await rows(
            db,
            text(
                "select event_type, details ->> 'role' as role, details ->> 'reason' as why"
                " from app.pipeline_events where event_type like 'slot%' order by id"
            ),
        )
    assert [tuple(row.values()) for row in told_of] == [
        ("slot_filled", "CEO", "named"),
        ("slot_vacated", "CEO", "moved"),
        ("slot_filled", "HR", "page"),
        ("slot_vacated", "HR", "left"),
    ]
    assert set((await slots_of(ctx, company)).values()) == {None}


async def test_a_new_address_takes_the_place_of_a_dead_one(ctx: Context) -> None:
    acme = {"name": "Acme", "ein": "123456789"}
    await merge(ctx, [acme | {"people": [person("Jane Doe", "CEO", email="s1.old")]}])
    await merge(ctx, [acme | {"people": [person("Jane Doe", "CEO", email="s1.new")]}])
    primary = text("select value from app.contact_points where is_primary")
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, primary) == "s1.old"
    await colour(ctx, "s1.old", "red")
    await merge(ctx, [acme | {"people": [person("Jane Doe", "CEO", email="s1.new")]}])
    async with ctx.db.tenant(1) as db:
        assert await scalar(db, primary) == "s1.new"


async def test_a_company_typed_by_hand_is_found_by_its_keys(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        insert = (
            "insert into company.company (company_name, website_url, state_region)"
            " values ('The Acme Co.', 'https://www.acme.example', 'Texas')"
        )
        await execute(db, text(insert))
    assert await make_missing_keys(ctx, 1) == 1
    assert await make_missing_keys(ctx, 1) == 0
    merged, _ = await merge(
        ctx, [{"name": "Acme", "state": "TX"}, {"name": "Else", "domain": "acme.example", "ein": "123456789"}]
    )
    assert (merged.companies, merged.updated, merged.duplicate_in_file) == (0, 1, 1)


async def test_another_tenants_companies_are_not_met(ctx: Context) -> None:
    await merge(ctx, [{"name": "Acme", "ein": "123456789"}])
    async with ctx.db.tenant(2) as db:
        assert await scalar(db, text("select count(*) from app.companies")) == 0


def test_the_rank_of_a_line_is_that_of_its_title() -> None:
    assert claim_of_title("Owner") == ("CEO", 2)
    assert staged_person(person("Jane Doe", "CEO"))[5] == 1
    assert staged_person(person("Jane Doe", "CEO", slot="HR"))[5] == 2
