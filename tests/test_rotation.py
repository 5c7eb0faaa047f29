"""A new key: nothing is lost, nothing stops matching."""

from __future__ import annotations

import dataclasses

from sqlalchemy import text

from factories import make_contactable
from ground import MASTER_KEY
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.sealing import Sealer
from penstock.rotation import IDENTIFIERS, NAMED, _texts, reseal


async def test_identifiers_still_match_and_every_value_opens_after_a_rotation(ctx: Context) -> None:
    await make_contactable(ctx, email="ada@home.example")
    async with ctx.db.tenant(1) as db:
        await execute(
            db,
            text(
                """
                insert into app.suppressions (org_id, kind, value, reason, method, actor)
                values (1, 'email', :v, 'SUPP_OPT_OUT', 'page', 'test')
                """
            ),
            v=ctx.sealer.seal(1, "ada@home.example"),
        )
        await execute(db, text("update app.brokers set webhook_secret_sealed = :v"), v=ctx.sealer.seal(1, "s3cret"))
    both = dataclasses.replace(ctx, sealer=Sealer({1: bytes.fromhex(MASTER_KEY), 2: b"n" * 32}))
    changed = await reseal(both, 1)
    assert (
        changed["contact_points.value"] == 2
        and changed["suppressions.value"] == 1
        and changed["brokers.webhook_secret_sealed"] == 1
    )
    async with ctx.db.tenant(1) as db:
        values = [r["value"] for r in await rows(db, text("select value from app.contact_points"))]
        matching = await scalar(
            db,
            text(
                """
                select count(*) from app.suppressions s
                  join app.contact_points p on p.kind = s.kind and p.value = s.value
                """
            ),
        )
        secret = await scalar(db, text("select webhook_secret_sealed from app.brokers"))
        current = await scalar(db, text("select version from app.key_versions where is_current"))
    assert all(v.startswith("s2.") for v in values) and matching == 1 and current == 2
    assert Sealer({2: b"n" * 32}).open(1, secret) == "s3cret"
    assert sum((await reseal(both, 1)).values()) == 0


async def test_every_sealed_column_is_known_to_the_rotation(ctx: Context) -> None:
    found = {(c.table, c.column) for c in await _texts(ctx)}
    assert ("vendor_calls", "answer_sealed") in found and ("message_log", "body_sealed") in found
    async with ctx.db.owner() as db:
        commented = await rows(
            db,
            text(
                r"""
                select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
                 where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
                   and a.atttypid = 'text'::regtype
                   and col_description(c.oid, a.attnum) ~* '\msealed\M' and a.attname not like '%\_sealed'
                """
            ),
        )
    assert {(r["relname"], r["attname"]) for r in commented} == {(c.table, c.column) for c in (*IDENTIFIERS, *NAMED)}
