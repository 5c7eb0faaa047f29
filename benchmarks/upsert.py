"""`api.upsert_lead`, one call a commit, in the database that the import filled; against a bare INSERT of such a row.

The peer is one row with the same values into the same wide table, app.properties, and its commit: no look-up, no
lock, no lead, no contact.
"""

from __future__ import annotations

import psycopg

from benchmarks import county
from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, Ground

_UPSERT = """
select api.upsert_lead(p_source => 'benchmark', p_vendor_record_id => %(record)s, p_apn => %(apn)s,
  p_address_line1 => %(line1)s, p_address_line2 => %(unit)s, p_city => 'Tampa', p_state => %(state)s,
  p_county => %(county)s, p_postal_code => %(zip)s, p_owner_full_name => %(owner)s, p_property_value => %(value)s)
"""
_INSERT = """
insert into app.properties (org_id, apn, apn_raw, state, county, addr_hash, address_line1, address_line2, city,
  postal_code, owner_full_name, property_value, source)
values (%(org)s, %(apn)s, %(apn)s, %(state)s, upper(%(county)s), 'bare:' || %(record)s, %(line1)s, %(unit)s, 'Tampa',
  %(zip)s, %(owner)s, %(value)s, 'benchmark')
"""
_WARM_UP = 20  # calls before the clock starts: plans are cached, pages are at hand


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Median and 95th percentile of a call, for a new place and for a known one."""
    database = await ground.filled(sizes.rows)
    new, known, bare = (Stopwatch() for _ in range(3))
    # Places from here on are new; those that the file holds are met all over the table.
    fresh = sizes.rows - sizes.rows // county.REPEATED
    stride = max(1, fresh // (sizes.calls + _WARM_UP))
    with ground.owner(database) as db:
        _enter(db)
        held = db.execute("select count(*) from app.properties").fetchone()
        for call in range(sizes.calls + _WARM_UP):
            if call == _WARM_UP:
                new, known, bare = (Stopwatch() for _ in range(3))
            for watch, statement, number, tag in (
                (new, _UPSERT, fresh + 2 * call, "new"),
                (bare, _INSERT, fresh + 2 * call + 1, "bare"),
                (known, _UPSERT, call * stride % fresh, "known"),
            ):
                values = _values(number, f"{tag}-{call}")
                with watch.lap():
                    db.execute(statement, values)
    assert held is not None
    note = f"{held[0]:,} places, {sizes.calls:,} calls"
    return [
        Figure(
            f"upsert_lead, {name} place, {label}", of(watch) * 1e3, "ms", f"bare INSERT, {label}", of(bare) * 1e3, note
        )
        for name, watch in (("new", new), ("known", known))
        for label, of in (("p50", _p50), ("p95", _p95))
    ]


def _enter(db: psycopg.Connection) -> None:
    """The rest of the session is the service's, inside the org; as a transaction of the product's would be."""
    db.execute("set role service_role")
    db.execute("select set_config('app.org_id', %s, false)", [str(ORG_ID)])
    claims = f'{{"role": "service_role", "org_id": {ORG_ID}}}'
    db.execute("select set_config('request.jwt.claims', %s, false)", [claims])


def _values(number: int, record: str) -> dict[str, object]:
    here = county.place(number)
    return {
        "org": ORG_ID,
        "record": record,
        "apn": here.apn,
        "line1": here.line1,
        "unit": here.unit,
        "state": county.STATE,
        "county": county.COUNTY,
        "zip": here.postal_code,
        "owner": here.owner,
        "value": here.value + 1,
    }


def _p50(watch: Stopwatch) -> float:
    return watch.percentile(50)


def _p95(watch: Stopwatch) -> float:
    return watch.percentile(95)
