"""The first hundred rows of each queue over many companies, against the same rows read straight off their index.

Two thirds of everything was checked lately, a tenth is due by age, the rest was never checked.
"""

from __future__ import annotations

import psycopg

from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, Ground

HEAD = 100
_CHECKED = "case when n % 10 = 0 then now() - interval '40 days' when n % 4 <> 0 then now() end"
_FILL = (
    "insert into app.companies (name, state, renewal_month, keys_at) "
    "select 'Company ' || n, 'FL', 1 + n % 12, now() from generate_series(1, {n}) n",
    "insert into app.contacts (full_name, company_id) select 'Person ' || id, id from app.companies",
    "insert into app.pages (company_id, url_type, url, last_checked_at) "
    f"select n, t, 'https://c' || n || '.example/' || t, {_CHECKED} "
    "from generate_series(1, {n}) n, unnest(array['website', 'linkedin', 'news']) t",
    "insert into app.pages (contact_id, url_type, url, last_checked_at) "
    f"select n, 'profile', 'https://l.example/' || n, {_CHECKED} from generate_series(1, {{n}}) n",
    "insert into app.contact_points (contact_id, kind, value, source, is_primary, status, verified_at) "
    f"select n, 'email', 's1.' || n, 'benchmark', true, 'green', {_CHECKED} from generate_series(1, {{n}}) n",
    "update app.company_slots set contact_id = company_id where role_code = 'CFO'",
)
_PAGES = "select {subject}_id, url, last_checked_at from app.pages where org_id = 1 and {subject}_id is not null "
_BY_AGE = "order by coalesce(last_checked_at, '-infinity'::timestamptz), id"
_POINTS = (
    "select contact_id, value, verified_at from app.contact_points where org_id = 1 and is_primary "
    "order by coalesce(verified_at, '-infinity'::timestamptz), id"
)
QUEUES = {
    "company.next_company_urls_30d": _PAGES.format(subject="company") + _BY_AGE,
    "people.next_profile_urls_30d": _PAGES.format(subject="contact") + _BY_AGE,
    "people.due_email_recheck_30d": _POINTS,
    "company.vw_due_renewals_ready": "select id, name, renewal_month from app.companies where org_id = 1 "
    "and renewal_month is not null and merged_into is null order by renewal_month, id",
}


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Median time of the first hundred rows, as the service role sees them."""
    database = ground.new_database()
    async with ground.context(database):
        with ground.owner(database) as db:
            for statement in _FILL:
                db.execute(statement.format(n=sizes.companies))  # type: ignore[call-overload]
            db.execute("vacuum (analyze) app.companies, app.company_slots, app.pages, app.contacts, app.contact_points")
            db.execute("set role service_role")
            db.execute(f"set app.org_id = '{ORG_ID}'")  # type: ignore[call-overload]
            figures = [_figure(db, view, peer, sizes) for view, peer in QUEUES.items()]
    ground.drop(database)
    return figures


def _figure(db: psycopg.Connection, view: str, peer: str, sizes: Sizes) -> Figure:
    ours, bare = Stopwatch(), Stopwatch()
    for _ in range(3 + sizes.rounds):
        for watch, query in ((ours, f"select * from {view}"), (bare, peer)):
            with watch.lap():
                found = db.execute(f"{query} limit {HEAD}").fetchall()  # type: ignore[call-overload]
    note = f"first {len(found)} of {sizes.companies:,} companies"
    return Figure(view, ours.median * 1000, "ms", "its index alone", bare.median * 1000, note)
