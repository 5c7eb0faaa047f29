"""What is written through the faces of companies and people is what is read there afterwards."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import test_renewals_sql as renewals
from test_renewals_sql import Connection, company, one, person

from penstock.identity.companies import clean_ein

sql = renewals.sql  # a SQL prompt on a database with one organisation

URLS = "select url from company.next_company_urls_30d"
PROFILES = "select url from people.next_profile_urls_30d"


@pytest.mark.parametrize(
    ("column", "at"),
    [
        ("website_url", "last_site_checked_at"),
        ("linkedin_url", "last_linkedin_checked_at"),
        ("news_url", "last_news_checked_at"),
    ],
)
def test_a_new_address_of_a_company_has_never_been_read(sql: Connection, column: str, at: str) -> None:
    who = company(sql, **{column: "https://old.example", at: "2000-01-01"})
    sql.execute(f"update company.company set {at} = now()")  # type: ignore[call-overload]
    assert one(sql, URLS) is None
    sql.execute(
        """
        update app.pages set failures = 3, last_error = 'refused', outcome = 'given_up', etag = 'e', content_hash = 'h',
               leased_until = now() + interval '1 hour', lease_id = gen_random_uuid()
        """
    )
    sql.execute(
        "insert into app.dlq (org_id, stage, item, retry_after)"
        " select org_id, 'scrape', id::text, now() + interval '1 day' from app.pages"
    )
    sql.execute(f"update company.company set {column} = 'https://new.example'")  # type: ignore[call-overload]
    assert one(sql, URLS) == "https://new.example"
    assert one(sql, f"select {at} from company.company where company_id = %s", who) is None
    left = "select failures, last_error, outcome, etag, content_hash, leased_until, lease_id from app.pages"
    assert sql.execute(left).fetchall() == [(0, None, None, None, None, None, None)]  # type: ignore[call-overload]
    assert one(sql, "select url from app.scrape_due") == "https://new.example"
    # The time counts where it is written with the address; the same address keeps its own.
    sql.execute(f"update company.company set {column} = 'https://third.example', {at} = now()")  # type: ignore[call-overload]
    assert one(sql, URLS) is None
    sql.execute(f"update company.company set {column} = 'https://third.example', city = 'Tampa'")  # type: ignore[call-overload]
    assert one(sql, URLS) is None


def test_a_new_profile_of_a_person_has_never_been_read(sql: Connection) -> None:
    who = person(sql, "Ada")
    sql.execute("update people.contact set profile_source_url = 'https://l/old', last_profile_checked_at = now()")
    assert one(sql, PROFILES) is None
    sql.execute("update people.contact set profile_source_url = 'https://l/new'")
    assert one(sql, PROFILES) == "https://l/new"
    assert one(sql, "select last_profile_checked_at from people.contact where contact_id = %s", who) is None
    sql.execute("update people.contact set profile_source_url = 'https://l/3', last_profile_checked_at = now()")
    assert one(sql, PROFILES) is None


def test_the_phone_that_is_written_is_the_phone(sql: Connection) -> None:
    who = person(sql, "Ada")
    phone = "select phone from people.contact"
    for number in ("A", "B", "A"):
        sql.execute("update people.contact set phone = %s", [number])
        assert one(sql, phone) == number
    sql.execute("update app.contact_points set verified = true, verified_at = now(), score = 100 where value = 'A'")
    sql.execute("update people.contact set phone = 'C'")
    assert one(sql, phone) == "C"
    assert sql.execute("select value from app.contact_points where not is_invalid").fetchall() == [("C",)]
    sql.execute("update people.contact set phone = null")
    assert one(sql, phone) is None
    assert one(sql, "select count(*) from app.contact_points where contact_id = %s", who) == 3


def test_no_email_is_no_email(sql: Connection) -> None:
    who = person(sql, "Ada", "ada@a.example", "green")
    sql.execute("update people.contact set email = null")
    assert one(sql, "select email from people.contact") is None
    assert one(sql, "select count(*) from app.contact_points where contact_id = %s and not is_invalid", who) == 0


def test_the_source_of_a_verification_is_kept_until_the_email_changes(sql: Connection) -> None:
    who = person(sql, "Ada", "ada@a.example", "green")
    source = "select email_source_url from people.contact_verification"
    assert one(sql, source) == "manual"
    sql.execute("update people.contact_verification set email_source_url = 'https://a.example/team'")
    assert one(sql, source) == "https://a.example/team"
    sql.execute("update people.contact_verification set email_status = 'yellow'")
    assert one(sql, source) == "https://a.example/team"
    sql.execute("update people.contact set email = 'other@a.example' where contact_id = %s", [who])
    assert one(sql, source) is None


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("insert into people.contact_verification (contact_id, email_status) values (999, 'gray')", "no contact 999"),
        ("insert into people.contact_verification (email_status) values ('gray')", "no contact without a number"),
        (
            "insert into people.contact_verification (contact_id, email_confidence)"
            " select contact_id, 5 from people.contact",
            "has no email",
        ),
        (
            "insert into marketing.message_log (contact_id, direction, channel) values (999, 'outbound', 'email')",
            "no contact 999",
        ),
        (
            "insert into marketing.message_log (campaign_id, direction, channel) values (999, 'outbound', 'email')",
            "no campaign 999",
        ),
        ("insert into marketing.campaign_contact (campaign_id, contact_id) values (-1, -1)", "no campaign -1"),
        (
            "insert into marketing.campaign_contact (campaign_id, contact_id)"
            " select campaign_id, -1 from marketing.campaign",
            "no contact -1",
        ),
        (
            "insert into marketing.campaign_contact (campaign_id) select campaign_id from marketing.campaign",
            "no contact without a number",
        ),
        ("insert into marketing.booking_event (contact_id, event_time) values (-1, now())", "no contact -1"),
        ("insert into marketing.booking_event (company_id, event_time) values (-1, now())", "no company -1"),
        ("insert into marketing.ac_handoff (contact_id) values (-1)", "no contact -1"),
        ("insert into marketing.ac_handoff (company_id) values (-1)", "no company -1"),
        ("insert into bit.signal (company_id, reason) values (-1, 'funding_raised')", "no company -1"),
        ("insert into company.company_slot (company_id, role_code) values (-1, 'CEO')", "no company -1"),
        ("update company.company_slot set contact_id = -1 where role_code = 'CEO'", "no contact -1"),
    ],
)
def test_what_is_about_nobody_is_refused_in_words(sql: Connection, statement: str, said: str) -> None:
    person(sql, "Without an email")
    company(sql)
    sql.execute("insert into marketing.campaign (name) values ('Spring')")
    with pytest.raises(psycopg.Error, match=said) as refused:
        sql.execute(statement)  # type: ignore[call-overload]
    assert (refused.value.sqlstate, bool(refused.value.diag.message_hint)) == ("PS006", True)


@pytest.mark.parametrize(
    "text",
    [
        *("not an email", "nobody", "@a.example", "ada@", "ada@localhost", "ada@@a.example", "ada@a..example", "n/a"),
        *("ada@a.example, bo@a.example", "ada@a.example;", "Ada <ada@a.example>", "mailto:ada@a.example", "x.y1.ada"),
    ],
)
def test_what_cannot_be_an_email_address_is_not_taken_as_one(sql: Connection, text: str) -> None:
    person(sql, "Ada", "ada@a.example", "green")
    for statement in (
        "insert into people.contact (full_name, email) values ('Bo', %s)",
        "update people.contact set email = %s",
    ):
        with pytest.raises(psycopg.Error, match="is no email address") as refused:
            sql.execute(statement, [text])  # type: ignore[call-overload]
        assert (refused.value.sqlstate, "name@" in (refused.value.diag.message_hint or "")) == ("PS006", True)
        assert text not in str(refused.value.diag.message_primary)  # addresses stay out of logs
    found = sql.execute(
        "select full_name, email, email_status from people.contact natural join people.contact_verification"
    )
    assert found.fetchall() == [("Ada", "ada@a.example", "green")]
    assert one(sql, "select count(*) from people.contact") == 1


@pytest.mark.parametrize(
    "text", ["Ada.O'Hara+news@mail.a.example", " ada@a.example ", "ada@bücher.example", "s1.Zm9v-_x", "s12.Zm9v"]
)
def test_what_may_be_an_email_address_or_is_sealed_is_taken(sql: Connection, text: str) -> None:
    who = person(sql, "Ada", text)
    assert one(sql, "select email from people.contact") == text.strip()
    sql.execute("update people.contact set email = null where contact_id = %s", [who])
    sql.execute("update people.contact set email = %s where contact_id = %s", [text, who])
    assert one(sql, "select email from people.contact") == text.strip()


def test_gray_of_a_contact_without_an_email_is_what_it_is_and_counts_no_row(sql: Connection) -> None:
    who = person(sql, "Without an email")
    told: Any = sql.execute("insert into people.contact_verification (contact_id) values (%s)", [who])
    assert told.rowcount == 0


def test_a_booking_typed_by_hand_says_so(sql: Connection) -> None:
    who, where = person(sql, "Ada"), company(sql)
    sql.execute(
        "insert into marketing.booking_event (contact_id, company_id, event_time) values (%s, %s, now())", [who, where]
    )
    assert one(sql, "select source from marketing.booking_event") == "manual"


def test_what_the_reference_says_of_writing_twice(sql: Connection) -> None:
    who, where = person(sql, "Ada", "ada@a.example"), company(sql)
    slot = "insert into company.company_slot (company_id, role_code, contact_id) values (%s, 'CFO', %s)"
    sql.execute(
        f"{slot} on conflict (company_id, role_code) do update set contact_id = excluded.contact_id", [where, who]
    )  # type: ignore[call-overload]
    for colour in ("yellow", "green"):
        sql.execute("insert into people.contact_verification (contact_id, email_status) values (%s, %s)", [who, colour])
        assert one(sql, "select email_status from company.vw_company_slots where role_code = 'CFO'") == colour
    campaign = one(sql, "insert into marketing.campaign (name) values ('Spring') returning campaign_id")
    for _ in range(2):
        sql.execute("insert into marketing.campaign_contact (campaign_id, contact_id) values (%s, %s)", [campaign, who])
    assert one(sql, "select count(*) from marketing.campaign_contact") == 1
    for view, key in (("people.contact_verification", "contact_id"), ("company.company", "company_id")):
        with pytest.raises(psycopg.errors.InvalidColumnReference):
            sql.execute(f"insert into {view} ({key}) values (1) on conflict ({key}) do nothing")  # type: ignore[call-overload]


def points(sql: Connection, who: int, *colours: str, source: str = "pattern") -> None:
    """Further emails of a contact, checked, of these colours."""
    for n, colour in enumerate(colours):
        sql.execute(
            """
            insert into app.contact_points (org_id, contact_id, kind, value, source, status, verified, verified_at)
            values (1, %s, 'email', %s, %s, %s::people.email_status_t, %s = 'green', now())
            """,
            [who, f"s1.{len(colours)}{source}{colour}{n}", source, colour, colour],
        )


@pytest.mark.parametrize(
    ("source", "primary", "others", "shown"),
    [
        ("pattern", "red", ["yellow", "green"], "green"),
        ("pattern", "red", ["red", "yellow"], "yellow"),
        ("pattern", "red", ["red", "gray"], "red"),
        ("pattern", "yellow", ["green"], "green"),
        ("pattern", "gray", ["yellow"], "yellow"),
        ("pattern", "green", ["green", "yellow"], "green"),
        ("manual", "yellow", ["green"], "yellow"),
        ("manual", "red", ["green"], "green"),
    ],
)
def test_a_dead_primary_email_gives_its_place_to_a_living_one(
    sql: Connection, source: str, primary: str, others: list[str], shown: str
) -> None:
    who = person(sql, "Ada")
    points(sql, who, primary, source=source)
    points(sql, who, *others)
    before = one(sql, "select id from app.contact_points where is_primary")
    sql.execute("select people.show_living_email(array[%s]::bigint[])", [who])
    assert one(sql, "select email_status from people.contact_verification") == shown
    if shown == primary:
        assert one(sql, "select id from app.contact_points where is_primary") == before


def test_a_replaced_email_never_takes_the_place_of_a_dead_one(sql: Connection) -> None:
    who = person(sql, "Ada", "old@a.example", "green")
    sql.execute("update people.contact set email = 'new@a.example'")
    sql.execute("update people.contact_verification set email_status = 'red'")
    sql.execute("select people.show_living_email(array[%s]::bigint[])", [who])
    assert one(sql, "select email from people.contact") == "new@a.example"


def test_what_the_engine_sent_and_received_stays_as_it_was(sql: Connection) -> None:
    who = person(sql, "Ada")
    engines = (
        "insert into app.message_log (org_id, contact_id, direction, channel, state, sent_at, {}, intent)"
        " values (1, %s, %s, 'email', 'sent', now(), {}, 'other')"
    )
    sql.execute(engines.format("attempt_id", 7), [who, "outbound"])  # type: ignore[arg-type]
    sql.execute(engines.format("message_id", "'<a@b>'"), [who, "inbound"])  # type: ignore[arg-type]
    for statement in (
        "update marketing.message_log set body = 'I never wrote this'",
        "update marketing.message_log set campaign_id = null",
        "delete from marketing.message_log",
    ):
        with pytest.raises(psycopg.Error, match="stays as it was") as refused:
            sql.execute(statement)  # type: ignore[call-overload]
        assert (refused.value.sqlstate, bool(refused.value.diag.message_hint)) == ("PS009", True)


def test_a_message_logged_by_hand_is_mended_or_deleted(sql: Connection) -> None:
    who = person(sql, "Ada")
    sql.execute("insert into marketing.campaign (name) values ('Spring')")
    sql.execute(
        "insert into marketing.message_log (contact_id, direction, channel, body, sent_at)"
        " values (%s, 'inbound', 'phone', 'yes', now() - interval '2 days')",
        [who],
    )
    sql.execute("update app.message_log set intent = 'positive'")
    sql.execute(
        "update marketing.message_log set subject = 'a call', campaign_id = (select max(id) from app.campaigns)"
    )
    assert sql.execute("select subject, intent, campaign_id is not null from app.message_log").fetchall() == [
        ("a call", "positive", True)
    ]
    sql.execute("update marketing.message_log set body = 'no'")
    assert one(sql, "select intent from app.message_log") is None  # read anew
    for changed in ("direction = 'outbound'", "channel = 'email'", "contact_id = null", "sent_at = now()"):
        with pytest.raises(psycopg.Error, match="keeps its person, direction, channel and time") as refused:
            sql.execute(f"update marketing.message_log set {changed}")  # type: ignore[call-overload]
        assert (refused.value.sqlstate, bool(refused.value.diag.message_hint)) == ("PS006", True)
    with pytest.raises(psycopg.Error, match="no campaign 999"):
        sql.execute("update marketing.message_log set campaign_id = 999")
    assert sql.execute("delete from marketing.message_log").rowcount == 1
    assert one(sql, "select count(*) from app.message_log") == 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "insert into marketing.booking_event (company_id) select company_id from company.company",
            "needs an event_time",
        ),
        ("insert into marketing.booking_event (event_time) values (now())", "is with somebody"),
        ("insert into bit.signal (company_id, reason) select company_id, null from company.company", "needs a reason"),
        ("insert into bit.signal (company_id, reason) select company_id, '' from company.company", "needs a reason"),
        (
            "insert into company.company_slot (company_id, role_code) select company_id, null from company.company",
            "role",
        ),
        ("insert into intake.raw_loads (payload) values (null)", "needs a payload"),
        ("insert into intake.raw_loads (source, payload) values (null, '{}')", "needs a payload and a source"),
        ("update intake.raw_loads set status = 'promoted'", "promoted or rejected by the engine"),
        ("update intake.raw_loads set status = 'done'", "promoted or rejected by the engine"),
        ("update people.contact_verification set email_confidence = 1000", "1000 is not between"),
        ("insert into marketing.campaign (name) values (null)", "needs a name"),
        ("insert into marketing.ac_handoff (notes) values ('call')", "about somebody"),
    ],
)
def test_what_a_face_is_not_told_is_refused_in_words(sql: Connection, statement: str, said: str) -> None:
    company(sql), person(sql, "Ada", "ada@a.example", "green")
    sql.execute("insert into intake.raw_loads (source, payload) values ('hand', '{}')")
    with pytest.raises(psycopg.Error, match=said) as refused:
        sql.execute(statement)  # type: ignore[call-overload]
    assert (refused.value.sqlstate, bool(refused.value.diag.message_hint)) == ("PS006", True)


def test_a_campaign_in_use_is_paused_not_deleted(sql: Connection) -> None:
    where, who = company(sql), person(sql, "Ada", "ada@a.example", "green")
    sql.execute("insert into marketing.campaign (name) values ('Spring')")
    number = one(sql, "select campaign_id from marketing.campaign")
    sql.execute(
        "insert into app.leads (org_id, playbook, company_id, contact_id) values (1, 'renewals', %s, %s)", [where, who]
    )
    sql.execute(
        "insert into app.enrollments (org_id, campaign_id, lead_id, persona, next_execution_at)"
        " select 1, %s, id, 'Ann', now() from app.leads",
        [number],
    )
    with pytest.raises(psycopg.Error, match="a campaign that somebody was enrolled in") as refused:
        sql.execute("delete from marketing.campaign")
    hint = refused.value.diag.message_hint
    assert (refused.value.sqlstate, hint) == ("PS009", f"penstock campaign pause {number}")
    sql.execute("delete from app.enrollments")
    assert sql.execute("delete from marketing.campaign").rowcount == 1


EINS = (
    *(
        "12-3456789",
        " 12 3456789 ",
        "EIN: 12-3456789",
        "fein12-3456789",
        "123456789.0",
        "1-2-3-4-5-6-7-8-9",
        "",
        " ",
        "-",
    ),
    *(
        "0",
        "0.0",
        "00-0000000",
        "000000000",
        "99-9999999",
        "07-1234567",
        "96-1234567",
        "98-1234567",
        "12-34",
        "abcdefghi",
    ),
    *("12-3456789.5", "n/a", "1234567890", "EIN"),
)


@pytest.mark.parametrize("written", EINS)
def test_a_face_takes_the_eins_that_intake_takes(sql: Connection, written: str) -> None:
    try:
        taken = clean_ein(written)
    except ValueError:
        with pytest.raises(psycopg.Error, match="EIN") as refused:
            sql.execute("insert into company.company (company_name, ein) values ('Acme', %s)", [written])
        assert (refused.value.sqlstate, bool(refused.value.diag.message_hint)) == ("PS006", True)
        return
    sql.execute("insert into company.company (company_name, ein) values ('Acme', %s)", [written])
    assert one(sql, "select ein from app.companies") == taken


def test_an_ein_in_use_is_refused_by_the_number_of_its_company(sql: Connection) -> None:
    first = company(sql, "First Inc", ein="12-3456789")
    company(sql, "Second Inc")
    for statement in (
        "insert into company.company (company_name, ein) values ('Third Inc', '123456789')",
        "update company.company set ein = '12 3456789' where company_name = 'Second Inc'",
    ):
        with pytest.raises(psycopg.Error, match=f"EIN 12-3456789 is that of company {first}") as refused:
            sql.execute(statement)  # type: ignore[call-overload]
        assert (refused.value.sqlstate, bool(refused.value.diag.message_hint)) == ("PS006", True)
    sql.execute("update app.companies set ein = '999999999' where name = 'First Inc'")  # as it was taken before
    sql.execute("update company.company set city = 'Tampa' where company_name = 'First Inc'")
    assert one(sql, "select ein from company.company where company_name = 'First Inc'") == "99-9999999"


def test_what_an_update_gives_back_is_what_is_kept(sql: Connection) -> None:
    company(sql)
    back = sql.execute(
        "update company.company set renewal_notice_window_days = null, ein = '123456789'"
        " returning renewal_notice_window_days, ein"
    )
    assert back.fetchall() == [(120, "12-3456789")]
