"""The morning's feed out of a long line of queued leads; against the bare scan of the best, and the bare writes.

Two peers. The scan reads as many leads off the head of the feeder's own index and does nothing with them: the least
that any feeder must do. The writes mark those leads active and enrol them, with no rule asked, and are rolled back:
what is left above them is the price of the rules.
"""

from __future__ import annotations

import psycopg

from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, Ground, broker
from penstock import onboarding
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.sealing import Sealer
from penstock.outreach import feeder

_SCAN = """
select id, contact_id, assigned_broker_id from app.leads
 where org_id = %s and campaign_status = 'queued' and lead_status = 'contactable' and merged_into is null
 order by lead_score desc limit %s
"""
_ENROL = """
with best as (
  select id from app.leads
   where org_id = %(org)s and campaign_status = 'queued' and lead_status = 'contactable' and merged_into is null
   order by lead_score desc limit %(n)s for update skip locked
), marked as (
  update app.leads l set campaign_status = 'active', added_to_campaign_at = app.now() from best
   where l.org_id = %(org)s and l.id = best.id returning l.id
)
insert into app.enrollments (org_id, campaign_id, lead_id, persona, next_execution_at)
select %(org)s, (select min(id) from app.campaigns where org_id = %(org)s), id, 'nobody', app.now() from marked
"""
# Every lead reachable and in line, with a score of its own; past the status machine, because this is no journey.
_QUEUE = """
update app.leads set lead_status = 'contactable', campaign_status = 'queued', quality_score = 60 + lead_number %% 40,
       lead_score = lead_number * 7919 %% 101, scored_at = app.now(), waterfall_exhausted_at = app.now(),
       assigned_broker_id = null, assigned_persona = null, added_to_campaign_at = null
  from (select id as numbered, row_number() over (order by id) as lead_number from app.leads) n
 where org_id = %s and id = numbered
"""
_WITHOUT_ADDRESS = """
select id from app.contacts c where not exists (select 1 from app.contact_points p where p.contact_id = c.id)
"""
_ADDRESSES = """
copy app.contact_points (org_id, contact_id, kind, value, source, score, verified, verified_at, status) from stdin
"""

# One in a hundred has opted out: half by address, half as a person.
_OPT_OUTS = """
insert into app.suppressions (org_id, kind, value, contact_id, reason, method, actor)
select org_id, by, case when by = 'email' then value end, case when by = 'contact' then contact_id end,
       'SUPP_OPT_OUT', 'reply', 'benchmark'
  from (select p.*, case when contact_id % 200 = 0 then 'email' else 'contact' end as by from app.contact_points p
         where kind = 'email' and contact_id % 100 = 0) p
on conflict do nothing
"""


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Milliseconds of a feed, for each number of brokers."""
    database = await ground.filled(sizes.rows)
    figures: list[Figure] = []
    async with ground.context(database) as ctx:
        with ground.owner(database) as db:
            _give_emails(db, ctx.sealer)
            db.execute(_OPT_OUTS)
        have = 1
        for brokers in sizes.brokers:
            for number in range(have + 1, brokers + 1):
                await onboarding.add_broker(ctx, ORG_ID, broker(number))
            have = max(have, brokers)
            figures += await _feed(ground, database, ctx, sizes, brokers)
    return figures


async def _feed(ground: Ground, database: str, ctx: Context, sizes: Sizes, brokers: int) -> list[Figure]:
    fed, scanned, enrolled = (Stopwatch() for _ in range(3))
    started = 0
    with ground.owner(database) as db:
        db.execute("update app.brokers set daily_cap = %s", [sizes.cap])
        for _ in range(sizes.rounds):
            queued = _queue(db)
            ground.settle(database)
            for _ in range(5):
                with scanned.lap():
                    db.execute(_SCAN, [ORG_ID, brokers * sizes.cap]).fetchall()
            with db.transaction(force_rollback=True), enrolled.lap():
                db.execute(_ENROL, {"org": ORG_ID, "n": brokers * sizes.cap})
            with fed.lap():
                started = (await feeder.feed(ctx, ORG_ID))["fed"]
    name = f"feed {brokers} broker{'s' if brokers > 1 else ''} x {sizes.cap}"
    note = f"{queued:,} queued, {started:,} fed, median of {sizes.rounds}"
    return [
        Figure(name, fed.median * 1e3, "ms", "index scan alone", scanned.median * 1e3, note),
        Figure(name, fed.median * 1e3, "ms", "scan, mark, enrol", enrolled.median * 1e3, note),
    ]


def _give_emails(db: psycopg.Connection, sealer: Sealer) -> None:
    """A checked address for each owner that has none."""
    owners = [who for (who,) in db.execute(_WITHOUT_ADDRESS)]
    with db.cursor() as cursor, cursor.copy(_ADDRESSES) as copy:
        for who in owners:
            sealed = sealer.seal(ORG_ID, f"owner{who}@home.example")
            copy.write_row((ORG_ID, who, "email", sealed, "benchmark", 90, True, clock.now(), "green"))


def _queue(db: psycopg.Connection) -> int:
    """Everybody back in line, as before the first feed; gives how many."""
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute("delete from app.enrollments")
        return db.execute(_QUEUE, [ORG_ID]).rowcount
