"""The set-based merge against the oracle, on a real database; merging two known places, and parting them again."""

import io
import itertools
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from test_identity_cascade import Place, oracle

from penstock.core.context import Context
from penstock.core.db import copy_in, rows, scalar
from penstock.core.errors import Conflict, NotFound
from penstock.identity import STAGED, merge_properties, merge_staged, open_staging, undo_merge
from penstock.intake.service import import_file

KEY = st.none() | st.integers(0, 2).map(str)
FILE = st.lists(st.tuples(KEY, KEY, KEY, KEY).filter(lambda row: any(row[:3])), min_size=1, max_size=10)
_case = itertools.count()


async def merge_keys(ctx: Context, tag: str, keys: list[tuple[str | None, ...]]) -> list[tuple[int, str, int]]:
    """Stage rows that have keys only, merge them, and give (property, outcome, first row) of each."""
    staged = []
    for number, (mak, apn, home, vendor) in enumerate(keys, start=1):
        values = dict.fromkeys(STAGED) | {"row_number": number, "numbered": home is not None, "property_value": number}
        values |= {"mak": mak and f"{tag}m{mak}", "vendor_record_id": vendor and f"{tag}v{vendor}"}
        if apn:
            values |= {"apn_raw": f"{tag}-{apn}", "state": "FL", "county": "POLK"}
        if home:
            values |= {"address_line1": f"{home} {tag} St", "city": "Tampa", "state": "FL", "postal_code": "33602"}
        staged.append(tuple(values[name] for name in STAGED))
    async with ctx.db.tenant(1) as db:
        upload = await scalar(
            db,
            text(
                "insert into app.uploads (org_id, name, source, playbook, content_sha256, actor, state) "
                "values (1, 'x', 'x', 'equity', :sha, 'test', 'running') returning id"
            ),
            sha=str(uuid4()),
        )
        await open_staging(db)
        await copy_in(db, "incoming", STAGED, staged)
        counted = await merge_staged(db, 1, upload_id=upload, source="test", playbook="equity", actor="test")
        assert counted.inserted + counted.updated + counted.duplicate_in_file == len(keys)
        told = await rows(
            db,
            text(
                "select property_id, outcome, coalesce(first_row, row_number) as first_row from app.upload_rows "
                "where upload_id = :u order by row_number"
            ),
            u=upload,
        )
        return [(t["property_id"], t["outcome"], t["first_row"]) for t in told]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(FILE, min_size=1, max_size=3))
async def test_files_end_where_a_row_by_row_replay_puts_them(
    ctx: Context, files: list[list[tuple[str | None, ...]]]
) -> None:
    tag = f"c{next(_case)}x"
    places: list[Place] = []
    numbers: dict[int, int] = {}  # the oracle's place -> property
    for keys in files:
        for place in places:
            place.touched = False
        expected = oracle(keys, places)
        found = await merge_keys(ctx, tag, keys)
        assert [outcome for _, outcome, _ in found] == [outcome for _, outcome in expected]
        for (number, _), (property_id, _, _) in zip(expected, found, strict=True):
            assert numbers.setdefault(number, property_id) == property_id
    assert len(set(numbers.values())) == len(numbers)
    async with ctx.db.tenant(1) as db:
        kept = await rows(
            db,
            text("select id, mak, apn, addr_hash, address_line1 from app.properties where id = any(:ids)"),
            ids=list(numbers.values()),
        )
    by_id = {row["id"]: row for row in kept}
    for number, property_id in numbers.items():
        place, row = places[number], by_id[property_id]
        assert row["mak"] == (place.mak and f"{tag}m{place.mak}")
        assert row["apn"] == (place.apn and f"{tag}{place.apn}".upper())
        assert row["addr_hash"].startswith("shared:") == (place.addr is None)
        if place.addr:
            assert row["address_line1"] == f"{place.addr} {tag} St"


async def import_rows(ctx: Context, *lines: str) -> None:
    header = "address,zip,county,apn,mak,owner first name,owner last name,est value,phone"
    data = "\n".join([header, *lines]) + "\n"
    await import_file(ctx, 1, stream=io.BytesIO(data.encode()), playbook="equity", source="test")


async def ask(ctx: Context, sql: str, **values: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(found) for found in await rows(db, text(sql), **values)]


async def two_places(ctx: Context, first_name: str = "Ada") -> tuple[int, int]:
    """Two rows that are one house: one known by its parcel, one by its address."""
    await import_rows(
        ctx,
        "1 Oak St,33602,Polk,A-1,,Ada,Sample,300000,",
        f"1 Oak St Rear,33602,,,,{first_name},Sample,,8135550100",
    )
    keep, gone = await ask(ctx, "select id from app.properties order by apn nulls last")
    return keep["id"], gone["id"]


async def merge(ctx: Context, keep: int, gone: int) -> int:
    async with ctx.db.tenant(1) as db:
        return await merge_properties(db, 1, keep=keep, gone=gone, reason="mak")


STATE = (
    "select p.id, p.mak, p.apn, p.addr_hash, p.property_value, p.merged_into, l.id as lead, "
    "l.merged_into as lead_into, "
    "l.contact_id, l.campaign_status::text, l.consent from app.properties p "
    "left join app.leads l on l.property_id = p.id "
    "order by p.id, l.first_seen_at, l.id"
)


async def test_merged_places_are_one_and_can_be_parted_again(ctx: Context) -> None:
    keep, gone = await two_places(ctx)
    before = await ask(ctx, STATE)
    merge_id = await merge(ctx, keep, gone)
    living = await ask(ctx, "select id from app.properties where merged_into is null")
    leads = await ask(ctx, "select property_id from app.leads where merged_into is null")
    assert (living, leads) == ([{"id": keep}], [{"property_id": keep}])
    async with ctx.db.tenant(1) as db:
        await undo_merge(db, 1, merge_id)
    assert await ask(ctx, STATE) == before
    with pytest.raises(Conflict, match="undone already"):
        async with ctx.db.tenant(1) as db:
            await undo_merge(db, 1, merge_id)


async def test_keys_of_the_gone_place_lead_to_the_kept_one(ctx: Context) -> None:
    await import_rows(ctx, "1 Oak St,33602,Polk,A-1,,Ada,Sample,1,", "9 Elm St,33602,,,8008006245,Ada,Sample,1,")
    keep, gone = [row["id"] for row in await ask(ctx, "select id from app.properties order by apn nulls last")]
    await merge(ctx, keep, gone)
    await import_rows(ctx, "77 Other Rd,33602,,,8008006245,Ada,Sample,123456,")
    (found,) = await ask(ctx, "select id, mak, apn, property_value from app.properties where merged_into is null")
    assert found == {"id": keep, "mak": "8008006245", "apn": "A1", "property_value": 123456}


async def test_suppressions_unite_over_a_merge_and_stay_when_it_is_undone(ctx: Context) -> None:
    keep, gone = await two_places(ctx, first_name="Eva")
    leads = {
        row["property_id"]: row["contact_id"] for row in await ask(ctx, "select property_id, contact_id from app.leads")
    }
    assert leads[keep] != leads[gone]
    await ask(
        ctx,
        "insert into app.suppressions (org_id, kind, contact_id, reason, method, actor) "
        "values (1, 'contact', :contact, 'SUPP_OPT_OUT', 'reply', 'test') returning id",
        contact=leads[gone],
    )
    merge_id = await merge(ctx, keep, gone)
    closed = "select count(*) as n from app.suppressions where contact_id = :contact and lifted_at is null"
    assert (await ask(ctx, closed, contact=leads[keep]))[0]["n"] == 1
    async with ctx.db.tenant(1) as db:
        await undo_merge(db, 1, merge_id)
    assert (await ask(ctx, closed, contact=leads[keep]))[0]["n"] == 1


async def give_consent(ctx: Context, property_id: int) -> None:
    """A consent on file for the lead of that place."""
    async with ctx.db.owner() as db:
        await db.execute(
            text(
                "insert into app.consent_texts (id, body_html, sha256, channels, flags, approved_by) "
                "values ('t1', 'x', 'x', '{voice_ai}', '{}', 'test') on conflict do nothing"
            )
        )
    await ask(
        ctx,
        "insert into app.consents (org_id, lead_id, contact_id, seller, phone, channels, text_id, text_sha256, "
        "evidence_sealed, evidence_sha256, captured_at) select 1, id, contact_id, 'Acme', 's1.x', '{voice_ai}', 't1', "
        "'x', "
        "'s1.x', 'x', app.now() from app.leads where property_id = :p returning id",
        p=property_id,
    )
    await ask(
        ctx,
        "update app.leads set consent = true, consented_at = app.now(), consent_method = 'form' where property_id = :p "
        "returning id",
        p=property_id,
    )


@pytest.mark.parametrize(("consenting", "left"), [("keep", 0), ("gone", 0), ("both", 1)])
async def test_consents_of_two_people_intersect(ctx: Context, consenting: str, left: int) -> None:
    keep, gone = await two_places(ctx, first_name="Eva")
    if consenting in ("keep", "both"):
        await give_consent(ctx, keep)
    if consenting in ("gone", "both"):
        await give_consent(ctx, gone)
    merge_id = await merge(ctx, keep, gone)
    valid = "select count(*) as n from app.leads where merged_into is null and consent"
    assert (await ask(ctx, valid))[0]["n"] == left
    standing = await ask(ctx, "select count(*) as n from app.consents where revoked_at is null")
    assert standing[0]["n"] == (2 if consenting == "both" else 0)
    async with ctx.db.tenant(1) as db:
        await undo_merge(db, 1, merge_id)
    given = await ask(ctx, "select count(*) as n from app.consents where revoked_at is null")
    assert given[0]["n"] == (2 if consenting == "both" else 1)
    assert (await ask(ctx, valid))[0]["n"] == given[0]["n"]


async def test_the_lead_further_on_stays_and_takes_the_phones_of_the_same_person(ctx: Context) -> None:
    await import_rows(
        ctx,
        "1 Oak St,33602,Polk,A-1,,Ada,Sample,300000,",
        "2 Elm St,33602,,,,Ada,Sample,,8135550100",
    )
    keep, gone = [row["id"] for row in await ask(ctx, "select id from app.properties order by apn nulls last")]
    await ask(ctx, "update app.leads set campaign_status = 'queued' where property_id = :p returning id", p=gone)
    (active,) = await ask(
        ctx, "update app.leads set campaign_status = 'active' where property_id = :p returning id, contact_id", p=gone
    )
    await merge(ctx, keep, gone)
    (lead,) = await ask(
        ctx, "select id, property_id, campaign_status::text as s from app.leads where merged_into is null"
    )
    assert lead == {"id": active["id"], "property_id": keep, "s": "active"}


async def test_a_merge_of_what_is_not_there_or_merged_is_refused(ctx: Context) -> None:
    keep, gone = await two_places(ctx)
    for wrong, error in (((keep, keep), Conflict), ((keep, 999_999), NotFound)):
        with pytest.raises(error):
            await merge(ctx, *wrong)
    merge_id = await merge(ctx, keep, gone)
    with pytest.raises(Conflict, match="merged already"):
        await merge(ctx, gone, keep)
    async with ctx.db.tenant(1) as db:
        with pytest.raises(NotFound):
            await undo_merge(db, 1, merge_id + 1)
    (event,) = await ask(ctx, "select details from app.pipeline_events where event_type = 'property_merged'")
    assert json.loads(json.dumps(event["details"]))["kept"] == keep
