"""Every SQL statement printed in the Barton Outreach document runs as printed, with the documented effect.

The document is read where it is (PENSTOCK_SHARED); its statements stand below once more, so that they are run without
it too.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_documented_sql import statements

from ground import shared_data

Connection = psycopg.Connection[tuple[Any, ...]]
ZONES = ("America/Los_Angeles", "America/New_York", "Pacific/Honolulu", "America/Phoenix", "Pacific/Kiritimati", "UTC")

# The document, statement by statement, in its order: what each gives. A list: the columns of a query.
QUEUE = ["company_id", "url_type", "url", "last_checked_at"]
PROFILES = ["contact_id", "url", "last_checked_at"]
RECHECKS = ["contact_id", "full_name", "email", "email_status", "last_checked_at"]
READY = ["company_id", "company_name", "next_renewal_date", "campaign_window_start", "has_green_contact"]
PRINTED: dict[str, Any] = {
    "SELECT company_id, url_type, url, last_checked_at FROM company.next_company_urls_30d": QUEUE,
    "SELECT contact_id, url, last_checked_at FROM people.next_profile_urls_30d": PROFILES,
    "SELECT contact_id, full_name, email, email_status, last_checked_at FROM people.due_email_recheck_30d": RECHECKS,
    "SELECT company_id, company_name, role_code, full_name, email, email_status FROM company.vw_company_slots": [
        "company_id",
        "company_name",
        "role_code",
        "full_name",
        "email",
        "email_status",
    ],
    "SELECT company_id, company_name, next_renewal_date, campaign_window_start FROM company.vw_next_renewal": [
        "company_id",
        "company_name",
        "next_renewal_date",
        "campaign_window_start",
    ],
    "SELECT company_id, company_name, next_renewal_date, has_green_contact FROM company.vw_due_renewals_ready": [
        "company_id",
        "company_name",
        "next_renewal_date",
        "has_green_contact",
    ],
    "SELECT * FROM company.next_company_urls_30d LIMIT 10": QUEUE,
    "UPDATE company.company SET last_site_checked_at = now() WHERE company_id = $1": 1,
    "UPDATE company.company SET last_linkedin_checked_at = now() WHERE company_id = $1": 1,
    "SELECT * FROM people.due_email_recheck_30d LIMIT 50": RECHECKS,
    "UPDATE people.contact_verification SET email_checked_at = now(), email_status = $status, "
    "email_confidence = $confidence WHERE contact_id = $1": 1,
    "SELECT * FROM company.vw_due_renewals_ready": READY,
    "INSERT INTO marketing.campaign (name) VALUES ('Q1 2024 Renewals')": 1,
    "INSERT INTO marketing.campaign_contact (campaign_id, contact_id) SELECT $campaign_id, contact_id "
    "FROM company.vw_company_slots WHERE company_id = $company_id AND email_status = 'green'": 1,
    "INSERT INTO company.company (company_name, website_url, renewal_month) "
    "VALUES ('Acme Corp', 'https://acme.com', 6)": 1,
    "INSERT INTO company.company_slot (company_id, role_code) VALUES "
    "(currval('company.company_company_id_seq'), 'CEO'), (currval('company.company_company_id_seq'), 'CFO'), "
    "(currval('company.company_company_id_seq'), 'HR')": 0,  # the three are there already, made with the company
    "INSERT INTO people.contact (full_name, email, title) "
    "VALUES ('John Smith', 'john@acme.com', 'Chief Executive Officer')": 1,
    "INSERT INTO people.contact_verification (contact_id, email_status) "
    "VALUES (currval('people.contact_contact_id_seq'), 'gray')": 1,
    "UPDATE company.company_slot SET contact_id = currval('people.contact_contact_id_seq') "
    "WHERE company_id = 1 AND role_code = 'CEO'": 1,
    "SELECT * FROM company.next_company_urls_30d": QUEUE,
    "SELECT * FROM people.next_profile_urls_30d": PROFILES,
    "SELECT * FROM people.due_email_recheck_30d": RECHECKS,
    "SELECT c.company_name, nr.next_renewal_date, nr.campaign_window_start FROM company.vw_due_renewals_ready nr "
    "JOIN company.company c ON c.company_id = nr.company_id WHERE nr.has_green_contact = true": [
        "company_name",
        "next_renewal_date",
        "campaign_window_start",
    ],
    "SELECT c.company_name, COUNT(cs.role_code) as slot_count FROM company.company c "
    "LEFT JOIN company.company_slot cs ON cs.company_id = c.company_id "
    "GROUP BY c.company_id, c.company_name HAVING COUNT(cs.role_code) < 3": ["company_name", "slot_count"],
    "SELECT p.contact_id, p.full_name, p.email FROM people.contact p "
    "LEFT JOIN people.contact_verification v ON v.contact_id = p.contact_id "
    "WHERE p.email IS NOT NULL AND v.contact_id IS NULL": ["contact_id", "full_name", "email"],
    "SELECT 'company_urls' as queue, COUNT(*) FROM company.next_company_urls_30d UNION ALL "
    "SELECT 'profile_urls' as queue, COUNT(*) FROM people.next_profile_urls_30d UNION ALL "
    "SELECT 'email_recheck' as queue, COUNT(*) FROM people.due_email_recheck_30d": ["queue", "count"],
}
# Queries about trouble: they find none.
EMPTY = ("HAVING COUNT(cs.role_code) < 3", "v.contact_id IS NULL")
PLACEHOLDERS = {
    "$status": "'green'",
    "$confidence": "97.5",
    "$campaign_id": "currval('marketing.campaign_campaign_id_seq')",
    "$company_id": "1",
    "$1": "1",
}


@pytest.fixture
def sql(database: str) -> Iterator[Connection]:
    """A SQL prompt on a database with one organisation."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            """
            insert into app.orgs (slug, name, legal_name, postal_address, support_email, support_phone, from_domain)
            values ('a', 'A', 'A LLC', '1 Main St', 'a@a.example', '+18135550100', 'a.example')
            """
        )
        yield connection


def company(sql: Connection, name: str = "Acme Corp", **columns: Any) -> int:
    """A company written through the face."""
    names = ["company_name", *columns]
    values = [name, *columns.values()]
    marks = ", ".join(["%s"] * len(values))
    row = sql.execute(
        f"insert into company.company ({', '.join(names)}) values ({marks}) returning company_id",  # type: ignore[call-overload]
        values,
    ).fetchone()
    assert row is not None
    return int(row[0])


def person(sql: Connection, name: str, email: str | None = None, status: str = "gray") -> int:
    """A contact written through the face, its email in this state."""
    row = sql.execute(
        "insert into people.contact (full_name, email) values (%s, %s) returning contact_id", [name, email]
    ).fetchone()
    assert row is not None
    if status != "gray":
        sql.execute(
            """
            update people.contact_verification set email_status = %s, email_checked_at = now() where contact_id = %s
            """,
            [status, row[0]],
        )
    return int(row[0])


def one(sql: Connection, query: str, *values: Any) -> Any:
    """The first value of a query."""
    row = sql.execute(query, values).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def hold(sql: Connection, who: int, company_id: int, role: str) -> None:
    """Give a slot to somebody."""
    sql.execute(
        "update company.company_slot set contact_id = %s where company_id = %s and role_code = %s",
        [who, company_id, role],
    )


def prepared(sql: Connection) -> None:
    """What the document's own examples assume: company 1 in its window, somebody with an email in a slot, a profile."""
    sql.execute("select set_config('app.now', '2026-11-20T12:00:00Z', false)")
    first = company(sql, "First Corp", renewal_month=2, website_url="https://first.example", linkedin_url="https://l/1")
    assert first == 1
    who = person(sql, "Ada Sample", "ada@first.example")
    sql.execute(
        """
        update people.contact set profile_source_url = 'https://www.linkedin.com/in/ada' where contact_id = %s
        """,
        [who],
    )
    hold(sql, who, 1, "CFO")
    assert who == 1


def run(sql: Connection, statement: str) -> Any:
    """The statement as printed, placeholders filled: its columns, or how many rows it touched."""
    for mark, value in PLACEHOLDERS.items():
        statement = statement.replace(mark, value)
    cursor = sql.execute(statement)  # type: ignore[call-overload]
    if cursor.description is None:
        return cursor.rowcount
    found = cursor.fetchall()
    assert bool(found) == (not any(mark in statement for mark in EMPTY)), statement
    return [column.name for column in cursor.description]


def test_the_printed_statements_run_in_their_order(sql: Connection) -> None:
    prepared(sql)
    # the queries of ready companies come before the email turns green in the document's order: they are asked again
    later = [s for s in PRINTED if "vw_due_renewals_ready" in s]
    for statement, expected in PRINTED.items():
        if statement not in later:
            assert run(sql, statement) == expected, statement
    for statement in later:
        assert run(sql, statement) == PRINTED[statement], statement


def test_every_statement_of_the_document_stands_above() -> None:
    document = (shared_data() / "seeds" / "barton-outreach-schema.md").read_text("utf-8")
    assert set(statements(document)) == set(PRINTED)


def test_a_company_has_its_three_slots_whoever_writes_them(sql: Connection) -> None:
    number = company(sql)
    assert one(sql, "select count(*) from company.company_slot where company_id = %s", number) == 3
    who = person(sql, "Cleo Cash")
    for insert in ("", " on conflict do nothing", " on conflict (company_id, role_code) do nothing"):
        sql.execute(
            f"insert into company.company_slot (company_id, role_code) values ({number}, 'CFO'){insert}"  # type: ignore[call-overload]
        )
    sql.execute(
        "insert into company.company_slot (company_id, role_code, contact_id) values (%s, 'CFO', %s) "
        "on conflict (company_id, role_code) do update set contact_id = excluded.contact_id",
        [number, who],
    )
    held = sql.execute(
        "select role_code, contact_id from company.company_slot where company_id = %s order by role_code", [number]
    ).fetchall()
    assert held == [("CEO", None), ("CFO", who), ("HR", None)]


def test_a_company_keeps_its_three_slots(sql: Connection) -> None:
    number, other = company(sql), company(sql, "Beta Inc")
    hold(sql, person(sql, "Hal Rowe"), number, "HR")
    roles = "select array_agg(role_code::text order by role_code) from company.company_slot where company_id = %s"
    for table in ("company.company_slot", "app.company_slots"):
        for role in ("HR", "CFO"):
            sql.execute(f"delete from {table} where company_id = %s and role_code = %s", [number, role])  # type: ignore[call-overload]
    assert one(sql, roles, number) == ["CEO", "CFO", "HR"]
    assert one(sql, "select count(contact_id) from company.company_slot") == 0  # what is deleted is emptied
    for change in (f"role_code = 'HR' where company_id = {number} and role_code = 'CEO'", f"company_id = {other}"):
        with pytest.raises(psycopg.Error, match="stays that") as refused:
            sql.execute(f"update company.company_slot set {change}")  # type: ignore[call-overload]
        assert refused.value.sqlstate == "PS006"
        assert refused.value.diag.message_hint
    sql.execute("delete from company.company where company_id = %s", [other])
    assert one(sql, "select count(*) from app.company_slots where company_id = %s", other) == 0


def test_unknown_roles_months_and_numbers_are_refused_in_words(sql: Connection) -> None:
    number, who = company(sql), person(sql, "Two Hats")
    hold(sql, who, number, "CEO")
    for statement, words in {
        f"insert into company.company_slot (company_id, role_code) values ({number}, 'CTO')": "role_code_t",
        "insert into company.company (company_name, renewal_month) values ('X', 13)": "renewal_month 13 is no month",
        "insert into company.company (company_name, ein) values ('X', '12-34')": "EIN 12-34 is not nine digits",
        f"update company.company set ein = 'abcdefghi' where company_id = {number}": "is not nine digits",
        f"update company.company_slot set contact_id = {who} where company_id = {number} and role_code = 'HR'": (
            f"contact {who} already holds the CEO slot of company {number}"
        ),
        "insert into people.contact (full_name) values (' ')": "a contact needs a full_name",
        "insert into company.company (company_name) values (null)": "a company needs a company_name",
        f"update company.company set company_name = ' ' where company_id = {number}": "a company needs a company_name",
        "insert into company.company (company_name, renewal_notice_window_days) values ('X', -1)": "-1 is no window",
        f"update people.contact_verification set email_confidence = 101 where contact_id = {who}": "",
        f"insert into people.contact_verification (contact_id, email_status) values ({who}, 'green')": "has no email",
        "insert into marketing.message_log (direction, channel) values ('sideways', 'email')": "outbound or inbound",
        "insert into marketing.message_log (direction, channel) values ('inbound', 'fax')": "there is no channel fax",
        "insert into marketing.message_log (direction) values ('inbound')": "there is no channel",
    }.items():
        if not words:  # nobody with an email: no row to be wrong about
            assert sql.execute(statement).rowcount == 0  # type: ignore[call-overload]
            continue
        with pytest.raises(psycopg.Error, match=words) as refused:
            sql.execute(statement)  # type: ignore[call-overload]
        assert "role_code_t" in words or refused.value.diag.message_hint


def test_what_hangs_together_is_not_deleted_and_the_refusal_says_what_to_do(sql: Connection) -> None:
    number, who = company(sql), person(sql, "Ann Held", "ann@held.example")
    hold(sql, who, number, "CEO")
    for face, fix in (("company.company", "empty its slots"), ("people.contact", "company.company_slot")):
        with pytest.raises(psycopg.Error, match="is not deleted") as refused:
            sql.execute(f"delete from {face}")  # type: ignore[call-overload]
        assert (refused.value.sqlstate, fix in (refused.value.diag.message_hint or "")) == ("PS009", True)
    alone, nobody = company(sql, "Alone Inc"), person(sql, "Bo Free", "bo@free.example")
    for face, key, value in (("company.company", "company_id", alone), ("people.contact", "contact_id", nobody)):
        assert sql.execute(f"delete from {face} where {key} = {value}").rowcount == 1  # type: ignore[call-overload]


def test_a_queue_shows_never_checked_first_and_an_item_leaves_when_its_time_is_set(sql: Connection) -> None:
    sql.execute("select set_config('app.now', '2026-11-20T12:00:00Z', false)")
    numbers = [
        company(sql, f"C{n}", website_url=f"https://c{n}.example", news_url=f"https://c{n}.example/n") for n in range(3)
    ]
    ages = {numbers[0]: 31, numbers[1]: 45, numbers[2]: 29}
    for number, days in ages.items():
        sql.execute(
            "update company.company set last_site_checked_at = app.now() - make_interval(days => %s) "
            "where company_id = %s",
            [days, number],
        )
    queue = "select company_id, url_type from company.next_company_urls_30d"
    news = [(number, "news") for number in numbers]
    assert sql.execute(queue).fetchall() == [*news, (numbers[1], "website"), (numbers[0], "website")]
    sql.execute("update company.company set last_site_checked_at = now() where company_id = %s", [numbers[1]])
    assert sql.execute(queue).fetchall() == [*news, (numbers[0], "website")]
    sql.execute("select set_config('app.now', '2026-11-21T12:00:00Z', false)")
    assert (numbers[2], "website") in sql.execute(queue).fetchall()


def test_another_email_is_gray_again_and_the_old_one_is_kept(sql: Connection) -> None:
    who = person(sql, "Gil Gray", "gil@one.example", "green")
    state = """
        select email, email_status::text, email_checked_at is null
          from people.contact join people.contact_verification using (contact_id) where contact_id = %s
    """
    assert sql.execute(state, [who]).fetchone() == ("gil@one.example", "green", False)
    sql.execute("update people.contact set title = 'CFO' where contact_id = %s", [who])
    assert sql.execute(state, [who]).fetchone() == ("gil@one.example", "green", False)
    sql.execute("update people.contact set email = 'gil@two.example' where contact_id = %s", [who])
    assert sql.execute(state, [who]).fetchone() == ("gil@two.example", "gray", True)
    sql.execute("update people.contact set email = 'gil@one.example' where contact_id = %s", [who])
    assert sql.execute(state, [who]).fetchone() == ("gil@one.example", "gray", True)
    assert one(sql, "select count(*) from app.contact_points where contact_id = %s", who) == 2


def test_what_is_written_through_a_face_is_the_engines_row(sql: Connection) -> None:
    number, who = company(sql, renewal_month=3), person(sql, "Rae Row", "rae@row.example")
    hold(sql, who, number, "HR")
    sql.execute("insert into marketing.campaign (name) values ('Spring')")
    for _ in range(2):
        sql.execute(
            "insert into marketing.campaign_contact (campaign_id, contact_id) "
            "values (currval('marketing.campaign_campaign_id_seq'), %s)",
            [who],
        )
    sql.execute(
        "insert into marketing.message_log (contact_id, direction, channel, subject, body) "
        "values (%s, 'inbound', 'linkedin', 'Hi', 'Hello')",
        [who],
    )
    sql.execute(
        "insert into marketing.booking_event (contact_id, company_id, event_time, source) "
        "values (%s, %s, '2026-12-01T15:00Z', 'phone')",
        [who, number],
    )
    sql.execute(
        "insert into marketing.ac_handoff (company_id, contact_id, notes) values (%s, %s, 'call her')", [number, who]
    )
    sql.execute("insert into bit.signal (company_id, reason, payload) values (%s, 'funding_raised', '{}')", [number])
    sql.execute("insert into intake.raw_loads (source, payload) values ('hand', '{\"company_name\": \"Raw Inc\"}')")
    for table, count in {
        "companies": 1,
        "company_slots": 3,
        "contacts": 1,
        "campaigns": 1,
        "campaign_contacts": 1,
        "message_log": 1,
        "appointments": 1,
        "handoffs": 1,
        "signals": 1,
        "raw_loads": 1,
    }.items():
        assert one(sql, f"select count(*) from app.{table}") == count, table
    assert one(sql, "select state from app.message_log") == "received"
    for due in ("unled_slots_due", "signals_due", "promotion_due"):
        assert one(sql, f"select count(*) from app.{due}") == 1, due
    sql.execute("update app.companies set name = 'Acme Incorporated'")
    assert one(sql, "select company_name from company.company") == "Acme Incorporated"


def test_companies_are_ready_only_in_their_window_and_with_a_green_contact(sql: Connection) -> None:
    sql.execute("select set_config('app.now', '2026-11-20T12:00:00Z', false)")
    inside, outside, risky = (
        company(sql, "In", renewal_month=2),
        company(sql, "Out", renewal_month=6),
        company(sql, "Risky", renewal_month=2),
    )
    for number, status in ((inside, "green"), (outside, "green"), (risky, "yellow")):
        who = person(sql, f"P{number}", f"p{number}@x.example", status)
        hold(sql, who, number, "CFO")
    assert sql.execute("select company_id, has_green_contact from company.vw_due_renewals_ready").fetchall() == [
        (inside, True)
    ]


def expected(today: date, month: int, window: int) -> tuple[date, date]:
    """The renewal and the opening of its window, by walking day by day: slow, and plainly right."""
    day = today
    while not (day.day == 1 and day.month == month):
        day += timedelta(days=1)
    return day, day - timedelta(days=window)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.datetimes(datetime(2023, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 zone comes with it
    zone=st.sampled_from(ZONES),
    window=st.integers(0, 400),
)
def test_the_next_renewal_is_the_first_on_or_after_today(sql: Connection, at: datetime, zone: str, window: int) -> None:
    if one(sql, "select count(*) from app.companies") == 0:
        for month in range(1, 13):
            company(sql, f"Renews in {month}", renewal_month=month)
        company(sql, "Never renews")
    sql.execute("select set_config('app.now', %s, false)", [at.isoformat()])
    sql.execute("update app.orgs set timezone = %s", [zone])
    sql.execute("update app.companies set renewal_notice_window_days = %s where renewal_month is not null", [window])
    found = sql.execute(
        """
        select renewal_month, next_renewal_date, campaign_window_start from company.vw_next_renewal
         order by renewal_month
        """
    ).fetchall()
    today = at.astimezone(ZoneInfo(zone)).date()
    assert found == [(month, *expected(today, month, window)) for month in range(1, 13)]


@pytest.mark.parametrize("year", [2024, 2027, 2100])
def test_a_leap_day_counts_in_the_window(sql: Connection, year: int) -> None:
    number = company(sql, renewal_month=3, renewal_notice_window_days=1)
    sql.execute("select set_config('app.now', %s, false)", [f"{year}-02-10T12:00:00Z"])
    last = 29 if calendar.isleap(year) else 28
    assert one(sql, "select campaign_window_start from company.vw_next_renewal where company_id = %s", number) == date(
        year, 2, last
    )


def test_sequences_and_enums_of_the_faces_survive_an_upgrade(database: str, sql: Connection) -> None:
    from penstock.schema import migrate

    before = company(sql)
    sql.execute("comment on schema app is 'State. Faces laid: other'")
    migrate.upgrade(database)
    assert company(sql) == before + 1
    labels = one(sql, "select array_agg(e::text) from unnest(enum_range(null::people.email_status_t)) e")
    assert labels == ["green", "yellow", "red", "gray"]
