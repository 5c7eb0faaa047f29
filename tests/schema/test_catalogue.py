"""Promises that hold for every table, view and function, asked of the catalogue itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from penstock.core.sqlfile import read_queries
from penstock.playbook import Playbook
from penstock.playbooks import load_all

# Tables that belong to no tenant. Everything else has org_id, forced row-level security, and keys that start with it.
GLOBAL = {
    "orgs",
    "status_transitions",
    "verification_code_map",
    "consent_texts",
    "key_versions",
    "workers",
    "simulation",
    "alembic_version",
}
# Unique over all tenants on purpose: people and keys are found before the tenant is known; a nonce must never repeat.
# The slot's key stands a second time as the document words it, so that `on conflict (company_id, role_code)` finds it.
GLOBAL_UNIQUE = {
    "users_email_key",
    "api_keys_prefix_key",
    "consent_tokens_nonce_hash_key",
    "signature_checks_pkey",
    "ux_company_slots_role",
}
# Where a playbook's own SQL stands in a query of the engine, and what it gives.
OF_PLAYBOOKS = {
    "/* promise */": "select null::uuid as lead_id, 0 as lead_score",
    "/* quality */": "select null::uuid as lead_id, 0::numeric as quality, false as has_email",
    "/* audience */": "select 0::bigint as company_id, 0::bigint as contact_id, null::company.role_code_t as role_code",
    "/* window */": "select 0::bigint as company_id, null::text as cause, '{}'::jsonb as payload",
}
STAGES = re.compile(r"(?is)^\s*(--[^\n]*\n\s*)*create\s+temp\s+table\s+(?P<table>\w+)")
PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)(?!:)")
SOURCES = Path(str(files("penstock")))


@pytest.fixture
def catalogue(database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database) as connection:
        yield connection


def ask(catalogue: psycopg.Connection[tuple[Any, ...]], sql: str) -> list[tuple[Any, ...]]:
    return catalogue.execute(sql).fetchall()


TABLES = """
    select c.oid, c.relname from pg_class c
     where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
"""


def test_every_tenant_table_forces_row_level_security(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    bare = ask(
        catalogue,
        f"""
        select t.relname from ({TABLES}) t join pg_class c using (oid)
         where not (c.relrowsecurity and c.relforcerowsecurity)
        """,
    )
    assert {name for (name,) in bare} == GLOBAL - {"orgs"}


def test_every_other_table_has_an_org(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    without = ask(
        catalogue,
        f"""
        select relname from ({TABLES}) t
         where not exists (select 1 from pg_attribute a where a.attrelid = t.oid and a.attname = 'org_id')
        """,
    )
    assert {name for (name,) in without} == GLOBAL


def test_every_tenant_table_is_walled_by_a_restrictive_policy(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    open_tables = ask(
        catalogue,
        f"""
        select relname from ({TABLES}) t
         where not exists (select 1 from pg_policy p
                            where p.polrelid = t.oid and p.polname = 'org_isolation' and not p.polpermissive)
        """,
    )
    assert {name for (name,) in open_tables} == GLOBAL


def test_unique_keys_start_with_the_org(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    strays = ask(
        catalogue,
        f"""
        select i.relname from ({TABLES}) t
          join pg_index x on x.indrelid = t.oid and x.indisunique
          join pg_class i on i.oid = x.indexrelid
          join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
         where a.attname <> 'org_id' and t.relname <> all (array{sorted(GLOBAL)}::text[])
        """,
    )
    assert {name for (name,) in strays} <= GLOBAL_UNIQUE


def test_foreign_keys_between_tenant_tables_carry_the_org(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    strays = ask(
        catalogue,
        f"""
        select k.conrelid::regclass::text, k.conname from pg_constraint k
          join ({TABLES}) t on t.oid = k.conrelid
          join pg_class r on r.oid = k.confrelid
         where k.contype = 'f' and r.relname <> all (array{sorted(GLOBAL)}::text[])
           and not exists (select 1 from pg_attribute a
                            where a.attrelid = k.conrelid and a.attname = 'org_id' and a.attnum = any (k.conkey))
        """,
    )
    assert strays == []


def test_views_run_with_the_rights_of_who_asks(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    loose = ask(
        catalogue,
        """
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'v'
           and n.nspname in ('api', 'app', 'company', 'people', 'marketing', 'bit', 'intake')
           and not coalesce('security_invoker=true' = any (c.reloptions), false)
        """,
    )
    assert loose == []


def test_a_materialised_view_is_closed_to_people_who_sign_in(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    readable = ask(
        catalogue,
        """
        select c.oid::regclass::text from pg_class c
         where c.relkind = 'm'
           and (has_table_privilege('authenticated', c.oid, 'select') or has_table_privilege('anon', c.oid, 'select'))
        """,
    )
    assert readable == []


def test_definer_functions_pin_their_search_path(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    loose = ask(
        catalogue,
        """
        select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname in ('app', 'api', 'auth') and p.prosecdef
           and not exists (select 1 from unnest(p.proconfig) s where s like 'search_path=%')
        """,
    )
    assert loose == []


def test_every_table_and_column_is_described(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    columns = ask(
        catalogue,
        f"""
        select t.relname, a.attname from ({TABLES}) t
          join pg_attribute a on a.attrelid = t.oid and a.attnum >= 0 and not a.attisdropped
         where t.relname <> 'alembic_version' and col_description(t.oid, a.attnum) is null
        """,
    )
    tables = ask(
        catalogue,
        f"""
        select relname from ({TABLES}) t
         where relname <> 'alembic_version' and obj_description(oid, 'pg_class') is null
        """,
    )
    assert (columns, tables) == ([], [])


def test_anonymous_reads_nothing_of_a_tenant(catalogue: psycopg.Connection[tuple[Any, ...]]) -> None:
    readable = ask(
        catalogue,
        f"""
        select relname from ({TABLES}) t
         where has_table_privilege('anon', oid, 'select') or has_any_column_privilege('anon', oid, 'select')
        """,
    )
    assert {name for (name,) in readable} <= {"status_transitions", "consent_texts"}


def query_files() -> list[Path]:
    return sorted(p for p in SOURCES.rglob("*.sql") if "schema" not in p.parts and "-- name:" in p.read_text("utf-8"))


@pytest.mark.parametrize("file", query_files(), ids=lambda p: str(p.relative_to(SOURCES)))
def test_every_query_prepares_against_the_real_schema(
    catalogue: psycopg.Connection[tuple[Any, ...]], file: Path
) -> None:
    catalogue.execute("set search_path = api, app, public")
    stage_beside(catalogue, file)
    for name, sql in read_queries(file.read_text("utf-8")).items():
        body = sql.rstrip().rstrip(";")
        for place, of_playbook in OF_PLAYBOOKS.items():
            body = body.replace(place, of_playbook)
        if STAGES.match(body):
            catalogue.execute(PARAMETER.sub("null", body))  # later queries of the file work on it
            continue
        if re.match(r"(?is)^\s*(--[^\n]*\n\s*)*(with|select|insert|update|delete|merge|values)\b", body):
            catalogue.execute(f"prepare q_{name} as {numbered(body)}")


@pytest.mark.parametrize("book", load_all().values(), ids=lambda book: book.name)
def test_the_own_sql_of_every_playbook_prepares(catalogue: psycopg.Connection[tuple[Any, ...]], book: Playbook) -> None:
    catalogue.execute("set search_path = api, app, public")
    own = (book.lead_score_sql, book.quality_sql, book.audience_sql, book.outside_sql)
    for number, sql in enumerate(filter(None, own)):
        catalogue.execute(f"prepare own_{number} as {numbered(sql)}")


def stage_beside(catalogue: psycopg.Connection[tuple[Any, ...]], file: Path) -> None:
    """Make the staging tables of the files beside this one that it reads and does not make itself."""
    text = file.read_text("utf-8")
    own = set(staged(text))
    for other in sorted(file.parent.glob("*.sql")):
        made = staged(other.read_text("utf-8")) if other != file else {}
        if any(re.search(rf"\b{table}\b", text) for table in made.keys() - own):
            for table, body in made.items():
                if table not in own:
                    catalogue.execute(PARAMETER.sub("null", body))


def staged(text: str) -> dict[str, str]:
    """The temporary tables that a file's queries make, in their order, each with its query."""
    bodies = read_queries(text).values()
    return {made["table"]: body for body in bodies if (made := STAGES.match(body))}


def numbered(sql: str) -> str:
    """`:name` parameters as $1, $2… the way the driver sends them."""
    names: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return PARAMETER.sub(replace, re.sub(r"--[^\n]*", "", sql))
