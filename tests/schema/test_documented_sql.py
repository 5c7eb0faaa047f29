"""Every SQL statement printed in the Equity Connect documents runs as printed, with the documented outcome.

The documents are read where they are (PENSTOCK_SHARED). What they prove is proven without them too: the statements that
are meant to be used stand below once more, word for word.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ground import shared_data
from penstock.schema import migrate

DOCUMENTS = ("equity-connect-architecture.md", "equity-connect-production-plan.md", "equity-connect-waterfall.md")

# Statements meant to be used: what they must give. `LEAD` in an expectation stands for the seeded lead.
USED: dict[str, Any] = {
    "SELECT normalize_zip('90028-1234')": "90028",
    "SELECT compute_addr_hash('123 Main St', 'Los Angeles', 'CA', '90028')": re.compile(r"[0-9a-f]{64}"),
    "SELECT merge_contact_point( 'lead-uuid', 'phone', '+15551234567', 'melissa', 85, true )": int,
    "SELECT merge_contact_point( 'lead-uuid', 'email', 'john@example.com', 'batchdata', 75, false )": int,
    # The document's comment says 75, which its own table cannot give: all points are multiples of ten.
    "SELECT compute_quality_score('lead-uuid')": 80,
    "SELECT update_lead_status_from_score('lead-uuid')": "contactable",
    "SELECT has_vendor_ids_been_seen( 'batchdata', 'query-sig-hash', ARRAY['vendor-123', 'vendor-124'] )": True,
    "SELECT upsert_lead( p_source := 'batchdata', p_vendor_record_id := 'batch-123', "
    "p_vendor_list_id := 'hollywood-pull-1', p_address_line1 := '123 Sunset Blvd', p_address_line2 := NULL, "
    "p_city := 'Los Angeles', p_state := 'CA', p_postal_code := '90028', p_apn := '5544-003-021', "
    "p_owner_first_name := 'John', p_owner_last_name := 'Smith', p_owner_full_name := 'John Smith', "
    "p_owner_company := NULL, p_property_value := 850000, p_estimated_equity := 425000, p_age := 68 )": uuid.UUID,
    "SELECT * FROM vw_lead_quality_summary": [
        "status",
        "source",
        "count",
        "avg_quality_score",
        "contactable_count",
        "enriched_count",
        "low_quality_count",
    ],
    "SELECT * FROM vw_campaign_ready_leads LIMIT 250": [
        "id",
        "first_name",
        "last_name",
        "property_city",
        "property_state",
        "quality_score",
        "phones",
        "emails",
        "assigned_persona",
        "microsite_url",
        "first_seen_at",
    ],
    "SELECT merge_contact_point(lead_id, 'phone', '+15551234567', 'melissa', 85, true)": int,
    "SELECT compute_quality_score(lead_id)": 80,
    "SELECT update_lead_status_from_score(lead_id)": "contactable",
    "SELECT has_vendor_ids_been_seen('batchdata', 'query-sig', ARRAY['id1', 'id2'])": False,
    "set time zone 'America/Los_Angeles'": None,
}
# Fragments that cannot stand alone: an ellipsis, and a piece of a function body with its variables.
FRAGMENTS = {"SELECT upsert_lead(...)", "update leads set melissa_payload"}
# Printed DDL that is not PostgreSQL; we wrote the same properly.
INVALID_DDL = {
    "create policy if not exists broker_leads_insert": "policies of app.leads",
    "create policy if not exists pipeline_leads_write": "policies of app.leads",
    "add constraint if not exists consent_requires_timestamp": "constraint of app.leads",
    "add constraint if not exists lead_score_range": "check on app.leads.lead_score",
    "add constraint if not exists leads_broker_fk": "foreign key of app.leads",
}
UNAVAILABLE = {
    "create extension if not exists pgcrypto"
}  # no extension may be required: sealing is done by the application


def statements(markdown: str) -> Iterator[str]:
    """Every statement of every ```sql block, comments dropped, white space folded."""
    for block in re.findall(r"```sql\n(.*?)```", markdown, re.DOTALL):
        yield from split(block)


def split(sql: str) -> Iterator[str]:
    """Statements of a script; semicolons inside quotes and dollar quotes do not end one."""
    pieces = re.findall(r"--[^\n]*|\$\$.*?\$\$|'(?:[^']|'')*'|;|[^;'$-]+|.", sql, re.DOTALL)
    current = ""
    for piece in [*pieces, ";"]:
        if piece.startswith("--"):
            continue
        if piece == ";":
            if current.strip():
                yield " ".join(current.split())
            current = ""
        else:
            current += piece


@pytest.fixture
def seeded(database: str) -> Iterator[tuple[psycopg.Connection[tuple[Any, ...]], uuid.UUID]]:
    """A database as an operator with a SQL prompt sees it: one org, one lead with a verified email, known pages."""
    with psycopg.connect(database, autocommit=True) as connection:
        # what `alter database … set search_path` does for every session is not copied with a cloned database
        connection.execute("set search_path = api, app, public")
        connection.execute(
            """
            insert into app.orgs (slug, name, legal_name, postal_address, support_email, support_phone, from_domain)
            values ('a', 'A', 'A LLC', '1 Main St', 'a@a.example', '+18135550100', 'a.example')
            """
        )
        lead = connection.execute(
            """
            select upsert_lead(
              p_source := 'batchdata', p_vendor_record_id := 'seed-1',
              p_address_line1 := '9 Seed St', p_city := 'Los Angeles', p_state := 'CA', p_postal_code := '90028',
              p_owner_first_name := 'Ada', p_owner_last_name := 'Sample', p_owner_full_name := 'Ada Sample',
              p_age := 70, p_property_value := 500000, p_estimated_equity := 100000)
            """
        ).fetchone()[0]  # type: ignore[index]
        connection.execute("select merge_contact_point(%s, 'email', 'ada@example.com', 'melissa', 90, true)", [lead])
        connection.execute("select merge_contact_point(%s, 'phone', '+15551230000', 'melissa', 90, true)", [lead])
        connection.execute("update app.contact_points set line_type = 'mobile' where kind = 'phone'")
        connection.execute(
            """
            insert into lead_source_events (source, query_sig, page_number, seen_vendor_ids)
            values ('batchdata', 'query-sig-hash', 1, array['vendor-124', 'vendor-125'])
            """
        )
        yield connection, lead


def run(connection: psycopg.Connection[tuple[Any, ...]], statement: str, lead: uuid.UUID) -> Any:
    """The statement as printed; only the placeholder for a lead's id becomes an id.

    The literal in place, the name through FROM.
    """
    sql = statement.replace("'lead-uuid'", f"'{lead}'")
    if re.search(r"\(lead_id[,)]", sql):
        sql += f" from (values ('{lead}'::uuid)) as printed(lead_id)"
    cursor = connection.execute(sql)  # type: ignore[call-overload]
    if cursor.description is None:
        return None
    if statement.startswith("SELECT *"):
        assert cursor.fetchall(), "the view shows the seeded lead"
        return [column.name for column in cursor.description]
    return cursor.fetchone()[0]


def matches(got: Any, expected: Any) -> bool:
    if isinstance(expected, re.Pattern):
        return bool(expected.fullmatch(got))
    if isinstance(expected, type):
        return isinstance(got, expected)
    return bool(got == expected)


def test_the_documented_statements_give_what_is_documented(
    seeded: tuple[psycopg.Connection[tuple[Any, ...]], uuid.UUID],
) -> None:
    connection, lead = seeded
    connection.execute("select update_lead_status_from_score(%s)", [lead])
    wrong = {s: got for s, expected in USED.items() if not matches(got := run(connection, s, lead), expected)}
    assert wrong == {}


def test_scores_route_as_the_table_says(seeded: tuple[psycopg.Connection[tuple[Any, ...]], uuid.UUID]) -> None:
    connection, _ = seeded
    routes = connection.execute(
        "select api.status_for_score(s)::text from unnest(array[0, 39, 40, 59, 60, 100]) s"
    ).fetchall()
    assert [r for (r,) in routes] == [
        "do_not_contact",
        "do_not_contact",
        "enriched",
        "enriched",
        "contactable",
        "contactable",
    ]


def test_a_lead_that_repeats_is_updated_not_inserted(
    seeded: tuple[psycopg.Connection[tuple[Any, ...]], uuid.UUID],
) -> None:
    connection, _ = seeded
    upsert = next(s for s in USED if "upsert_lead" in s)
    first, second = (connection.execute(upsert).fetchone() for _ in range(2))  # type: ignore[call-overload]
    by_apn = connection.execute(
        "select upsert_lead(p_source := 'other', p_apn := '5544003021', p_state := 'CA')"
    ).fetchone()
    assert first == second == by_apn


def test_all_statements_of_the_documents_are_accounted_for(
    seeded: tuple[psycopg.Connection[tuple[Any, ...]], uuid.UUID],
) -> None:
    """Used ones run as printed; DDL runs on a bare database or is named invalid; nothing printed is passed over."""
    connection, lead = seeded
    connection.execute("select update_lead_status_from_score(%s)", [lead])
    seen: set[str] = set()
    for document in DOCUMENTS:
        for statement in statements((shared_data() / "seeds" / document).read_text("utf-8")):
            if statement in USED:
                assert matches(run(connection, statement, lead), USED[statement]), statement
                seen.add(statement)
            elif not any(statement.startswith(f) for f in FRAGMENTS):
                assert re.match(r"(?i)(create|alter|drop|do|grant)\b", statement), f"not accounted for: {statement}"
    assert seen == set(USED)


def test_printed_ddl_is_valid_or_named(server_url: str) -> None:
    invalid: set[str] = set()
    scratch = f"t_ddl_{uuid.uuid4().hex[:12]}"
    documents = [(shared_data() / "seeds" / d).read_text("utf-8") for d in DOCUMENTS]
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {scratch}")
    try:
        from ground import database_named

        with psycopg.connect(database_named(server_url, scratch), autocommit=True) as connection:
            connection.execute(
                """
                create schema auth;
                create function auth.uid() returns uuid language sql as 'select null::uuid';
                create function auth.role() returns text language sql as 'select null::text'
                """
            )
            connection.execute(
                """
                create table brokers (id uuid primary key);
                create table leads (id uuid primary key, campaign_status text)
                """
            )
            # the documents print their pieces in the order of explanation: columns first, then what uses them
            everything = sorted(
                {s for d in documents for s in statements(d)},
                key=lambda s: (not s.startswith("alter table leads add column"), not s.startswith("do $$"), s),
            )
            connection.execute("alter table leads drop column campaign_status")
            for statement in everything:
                if statement in USED or any(statement.startswith(f) for f in FRAGMENTS) or statement in UNAVAILABLE:
                    continue
                try:
                    connection.execute(statement)  # type: ignore[call-overload]
                except psycopg.errors.SyntaxError:
                    named = [name for name in INVALID_DDL if name in statement]
                    assert named, f"invalid and not named: {statement}"
                    invalid.update(named)
                except (
                    psycopg.errors.UndefinedColumn,
                    psycopg.errors.UndefinedObject,
                    psycopg.errors.InsufficientPrivilege,
                ) as error:
                    # a piece that builds on another piece which is invalid as printed
                    assert "lead_score" in str(error) or "campaign_status" in str(error), f"{statement}: {error}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f"drop database {scratch} with (force)")
    assert invalid == set(INVALID_DDL)


def test_what_was_printed_wrongly_is_there_properly(database: str) -> None:
    with psycopg.connect(database) as connection:
        policies = {
            r
            for (r,) in connection.execute(
                "select polname from pg_policy where polrelid = 'app.leads'::regclass"
            ).fetchall()
        }
        checks = {
            r
            for (r,) in connection.execute(
                "select conname from pg_constraint where conrelid = 'app.leads'::regclass"
            ).fetchall()
        }
        triggers = {
            r
            for (r,) in connection.execute(
                "select tgname from pg_trigger where tgrelid in ('app.leads'::regclass, 'app.properties'::regclass)"
            ).fetchall()
        }
    assert {"broker_leads_insert", "broker_leads_modify", "pipeline_leads_write"} <= policies
    assert {"consent_requires_timestamp", "leads_lead_score_check", "leads_org_id_assigned_broker_id_fkey"} <= checks
    assert {"trg_leads_addr_hash", "trg_set_added_to_campaign_at"} <= triggers


def test_faces_can_be_laid_again_and_again(database: str) -> None:
    before = migrate.upgrade(database)
    assert migrate.upgrade(database).after == before.after == migrate.head()


def test_a_document_without_sql_gives_no_statement() -> None:
    assert list(statements(Path(__file__).read_text("utf-8").partition("def split")[0].replace("```sql", ""))) == []


def test_two_parcels_at_one_address_stay_two(
    seeded: tuple[psycopg.Connection[tuple[Any, ...]], uuid.UUID],
) -> None:
    connection, _ = seeded
    there = "p_address_line1 := '5 Twin Ct', p_city := 'Los Angeles', p_state := 'CA', p_postal_code := '90028'"
    first, other, again, bare = (
        connection.execute(f"select upsert_lead(p_source := 'x', {there}{apn})").fetchone()
        for apn in (", p_apn := 'A-1'", ", p_apn := 'B-2'", ", p_apn := 'a1'", "")
    )
    assert first == again == bare != other
