"""Files of permits become permits: every row accounted for, nothing twice, nothing half-written."""

import io
import random
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from ground import ORG
from penstock import onboarding, permits
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import InvalidInput
from penstock.intake import BadFile
from penstock.permits import Imported
from penstock.permits.staging import contractor_key, is_final, masked
from permit_sheets import line, sheet

ALL = """
  select source_id, work, is_final, description, permit_date, value_cents, address_line1, city, state, postal_code,
         county, apn, addr_hash, lat, lng, contractor_name, content_hash,
         (select name from app.subdivisions s where s.id = b.subdivision_id) as subdivision,
         (select name_key from app.contractors c where c.id = b.contractor_id) as firm
    from app.building_permits b order by source, source_id
"""


async def take(ctx: Context, file: io.BytesIO, *, org_id: int = 1, **more: Any) -> Imported:
    return await permits.import_file(ctx, org_id, file, name="permits.csv", **more)


async def stored(ctx: Context, sql: str = ALL, org_id: int = 1) -> list[dict[str, Any]]:
    async with ctx.db.tenant(org_id) as db:
        return [dict(row) for row in await rows(db, text(sql))]


async def test_a_row_becomes_a_permit_with_its_work_its_keys_and_its_people_sealed(ctx: Context) -> None:
    done = await take(ctx, sheet(line()))
    assert (done.source, done.read, done.new, done.works) == ("nashville", 1, 1, {"reroof": 1})
    (one,) = await stored(ctx, "select * from app.building_permits")
    assert (one["work"], one["apn"], one["value_cents"], str(one["permit_date"])) == (
        "reroof", "00100200300", 900_000, "2024-03-09",
    )  # fmt: skip
    assert one["description"] == "re-roof, call [phone]"
    async with ctx.db.tenant(1) as db:
        hashed = "select api.compute_addr_hash('12 ELM STREET', 'nashville', 'TN', :zip)"
        assert one["addr_hash"] == await scalar(db, text(hashed), zip="37212-0001")
        assert one["addr_hash_city"] == await scalar(db, text(hashed), zip=None)
        assert "615-555-0199" in ctx.sealer.open(1, one["raw_sealed"])
        assert "615" not in one["raw_sealed"]
        shown = await permits.opened(db, ctx.sealer, 1, one["id"], actor="ada")
        assert "615-555-0199" in shown["raw"]
        assert await scalar(db, text("select actor from app.audit_logs where object_type = 'permit'")) == "ada"


async def test_a_row_that_comes_again_without_coordinates_leaves_the_permit_where_its_place_is(ctx: Context) -> None:
    spot = "select lat, at_place, matched_at is null as due, value_cents from app.building_permits"
    await take(ctx, sheet(line(Lat="", Lon="")))
    async with ctx.db.tenant(1) as db:
        await execute(
            db, text("update app.building_permits set lat = 36.1, lng = -86.8, at_place = true, matched_at = now()")
        )
    await take(ctx, sheet(line(Lat="", Lon="", Const_Cost="9100")))
    assert [tuple(row.values()) for row in await stored(ctx, spot)] == [(36.1, True, False, 910_000)]
    await take(ctx, sheet(line(Lat="36.2", Lon="-86.7", Const_Cost="9100")))
    assert [tuple(row.values()) for row in await stored(ctx, spot)] == [(36.2, False, True, 910_000)]


async def test_what_is_refused_is_kept_with_its_row_its_field_and_what_to_do(ctx: Context) -> None:
    done = await take(
        ctx,
        sheet(
            line(),
            line(Permit__="2", Date_Issued="2071-01-01"),
            line(Permit__="3", Date_Issued="1949-12-31"),
            line(Permit__="", Date_Issued=""),
            line(Permit__="5", Lat="0", Lon="0"),
        ),
    )
    assert (done.read, done.new, done.refused) == (5, 2, 3)
    assert done.warnings == {"lat, lon: is the sea off Ghana, (0, 0)": 1}
    refused = await stored(ctx, "select row_number, field, reason, fix, raw_sealed from app.rejected_rows order by 1")
    assert [(r["row_number"], r["field"]) for r in refused] == [
        (3, "issued_on"),
        (4, "issued_on"),
        (5, "permit_number, applied_on"),
    ]
    assert all("between 1950 and today" in r["reason"] for r in refused[:2])
    assert refused[2]["reason"] == "permit_number is missing; applied_on is missing, and so is issued_on"
    assert "2071-01-01" in ctx.sealer.open(1, refused[0]["raw_sealed"])
    (upload,) = await stored(ctx, "select * from app.uploads")
    assert (upload["state"], upload["playbook"], upload["rows_read"], upload["rejected"]) == ("done", "permits", 5, 3)
    assert await stored(ctx, "select 1 from app.intake_due") == []


@pytest.mark.parametrize("seed", range(4))
async def test_rows_are_conserved_and_the_same_file_in_any_order_says_nothing_new(ctx: Context, seed: int) -> None:
    dice = random.Random(seed)
    lines = [
        line(
            Permit__=dice.choice([f"{n}", f"{n}", f"{n // 3}", ""]),
            Date_Issued=dice.choice(["2024-03-09", "2023-01-02", "", "2071-01-01"]),
            Date_Entered=dice.choice(["2022-05-05", "", "1900-01-01"]),
            Lat=dice.choice(["36.16", "-86.78", "0", "north", ""]),
            Purpose=dice.choice(["re-roof", "new house", "solar panels", "porch \N{EN DASH} x"]),
            Contact=dice.choice(["Roofs LLC", "ROOFS, L.L.C.", "SELF", ""]),
            Const_Cost=dice.choice(["9000", "-5", "1", "much"]),
            Subdivision_Lot=dice.choice(["LOT 3 OAK HILL", "N SIDE OF ELM", ""]),
        )
        for n in range(dice.randint(1, 80))
    ]
    shuffled = dice.sample(lines, len(lines))
    first = await take(ctx, sheet(*lines), source="nashville")
    assert first.read == len(lines) == first.new + first.repeated + first.refused
    assert (first.changed, first.unchanged, sum(first.works.values())) == (0, 0, first.read - first.refused)
    before = await stored(ctx)
    assert len(before) == first.new
    again = await take(ctx, sheet(*shuffled), source="nashville")
    assert (again.new, again.changed, again.unchanged, again.refused) == (0, 0, first.new, first.refused)
    assert await stored(ctx) == before
    other = onboarding.OrgProfile(**{**vars(ORG), "slug": "other", "name": "Other", "legal_name": "Other LLC"})
    await onboarding.ensure_org(ctx, 2, other)
    await take(ctx, sheet(*shuffled), source="nashville", org_id=2)
    assert await stored(ctx, org_id=2) == before


async def test_a_changed_row_is_written_and_its_place_looked_up_again_only_where_it_moved(ctx: Context) -> None:
    await take(ctx, sheet(line(), line(Permit__="2")))
    async with ctx.db.tenant(1) as db:
        await execute(db, text("update app.building_permits set matched_at = app.now()"))
    done = await take(ctx, sheet(line(Const_Cost="9500"), line(Permit__="2", Lat="36.17")))
    assert (done.new, done.changed) == (0, 2)
    left = await stored(
        ctx, "select value_cents, version, matched_at is null as open from app.building_permits order by 1"
    )
    assert left == [
        {"value_cents": 900_000, "version": 2, "open": True},
        {"value_cents": 950_000, "version": 2, "open": False},
    ]


async def test_two_spellings_of_a_firm_are_one_and_nobody_is_none(ctx: Context) -> None:
    names = ["Roofs, LLC", "THE ROOFS L.L.C.", "Self Contractor Residential (see applicant information)", ""]
    await take(ctx, sheet(*(line(Permit__=str(n), Contact=name) for n, name in enumerate(names))))
    assert [row["firm"] for row in await stored(ctx)] == ["roofs", "roofs", None, None]
    assert len(await stored(ctx, "select 1 from app.contractors")) == 1


async def test_a_cancelled_permit_is_no_work(ctx: Context) -> None:
    head = "Application/Permit Number,Permit Type,Address,Category,Action Type,Work Type,Value,Application Date,"
    head += "Issue Date,Final Date,Expiration Date,Status,Master Use Permit,Latitude,Longitude\r\n"
    body = "".join(
        f"{n},Construction,{n} OAK ST,COMMERCIAL,NEW,x,5000,1/2/10,1/9/10,,,{status},,47.6,-122.3\r\n"
        for n, status in enumerate(("CANCELLED", "Permit Closed", "Permit Issued"), start=1)
    )
    done = await take(ctx, io.BytesIO((head + body).encode()))
    assert (done.source, done.read, done.works["void"]) == ("seattle_commercial", 3, 1)
    assert [row["is_final"] for row in await stored(ctx)] == [False, True, False]


async def test_a_file_that_cannot_be_read_leaves_its_reason_and_nothing_else(ctx: Context) -> None:
    with pytest.raises(BadFile, match="No known source"):
        await take(ctx, io.BytesIO(b"a,b\r\n1,2\r\n"))
    with pytest.raises(InvalidInput, match="no source of permits named"):
        await take(ctx, sheet(line()), source="atlantis")
    told = await stored(ctx, "select state, error from app.uploads")
    assert [one["state"] for one in told] == ["failed", "failed"]
    assert await stored(ctx) == []


async def test_an_import_that_breaks_off_leaves_nothing(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(*_: object) -> None:
        raise RuntimeError("the power is gone")

    monkeypatch.setattr("penstock.permits.store._account", cut)
    with pytest.raises(RuntimeError):
        await take(ctx, sheet(line()))
    for table in ("building_permits", "uploads", "contractors", "pipeline_events"):
        assert await stored(ctx, f"select 1 from app.{table}") == [], table


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("call (615) 555-0199 or 615.555.0199", "call [phone] or [phone]"),
        ("POC: 555-0199, a@b.example", "POC: [phone], [email]"),
        ("+1 615 555 0199", "[phone]"),
        ("see 2021043055, parcel 131-15-0074, $12,500 and 2024-03-09", None),
        (None, None),
    ],
)
def test_numbers_of_people_are_masked_and_other_numbers_are_not(told: str | None, shown: str | None) -> None:
    assert masked(told) == (told if shown is None else shown)


@pytest.mark.parametrize("name", ["SELF", "Owner", "homeowner", "None", "unknown", "TBD", "N/A", "", "..."])
def test_who_is_no_firm_has_no_key(name: str) -> None:
    assert contractor_key(name) is None


@pytest.mark.parametrize(
    ("status", "final"),
    [("Final", True), ("Permit Finaled", True), ("Signed-off", True), ("Issued", False), ("Finance hold", False)],
)
def test_a_status_says_whether_the_work_is_done(status: str, final: bool) -> None:
    assert is_final(permits.Permit("s", "1", "1", "TN", issued_on=date(2024, 1, 1), status=status)) is final
