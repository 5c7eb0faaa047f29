"""The export: what it writes, under which version, and what it never touches."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from ground import MASTER_KEY, fresh_database
from penstock.cli import app
from penstock.components import Export, export
from penstock.components.catalogue import Face, read_faces
from penstock.components.exporting import package_files, write
from penstock.components.typescript import INTERFACES, schema_ts
from penstock.components.views import Trace, Views
from penstock.core.context import Context
from penstock.core.db import Database, rows
from penstock.core.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
def other_database(server_url: str, template_database: str) -> Iterator[str]:
    with fresh_database(server_url, template_database) as url:
        yield url


@asynccontextmanager
async def owner(url: str) -> AsyncIterator[Any]:
    database = Database(url, pool_size=1)
    try:
        async with database.owner() as db:
            yield db
    finally:
        await database.close()


async def exported(url: str, out: Path, **options: bool) -> Export:
    async with owner(url) as db:
        return await export(db, out, **options)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def change(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


# --- version ----------------------------------------------------------------------------------------------------------


async def test_the_same_schema_gives_the_same_bytes_under_the_same_version(
    ctx: Context, other_database: str, tmp_path: Path
) -> None:
    first, second = await exported(ctx.db.url, tmp_path / "one"), await exported(other_database, tmp_path / "two")
    assert first.version == second.version and re.fullmatch(r"1\.\d+\.\d+", first.version)
    assert tree(first.out) == tree(second.out)
    assert first.files == len(tree(first.out))


@pytest.mark.parametrize(
    "statement",
    [
        "alter view bit.signal rename column reason to why",
        "alter table app.signals alter column reason drop not null",
        "alter type company.role_code_t add value 'COO'",
        "comment on view bit.signal is 'Something else.'",
    ],
)
async def test_a_changed_face_moves_the_version(database: str, tmp_path: Path, statement: str) -> None:
    before = await exported(database, tmp_path / "package")
    old = (before.out / "src/schema.ts").read_text()
    change(database, statement)
    after = await exported(database, tmp_path / "package")
    assert (after.out / "src/schema.ts").read_text() != old
    assert after.version != before.version and after.fingerprint != before.fingerprint


def test_a_migration_moves_the_second_number_and_every_file_agrees() -> None:
    before, after = package_files("// one\n", ["01_ground"]), package_files("// one\n", ["01_ground", "02_model"])
    old, new = json.loads(before["package.json"]), json.loads(after["package.json"])
    assert (old["version"].split(".")[1], new["version"].split(".")[1]) == ("1", "2")
    assert new["penstock"]["schema"] == "02_model"
    lock = json.loads(after["package-lock.json"])
    assert {lock["version"], lock["packages"][""]["version"]} == {new["version"]}
    assert json.loads(package_files("// two\n", ["01_ground"])["package.json"])["version"] != old["version"]


# --- content ----------------------------------------------------------------------------------------------------------


async def test_rows_are_as_their_types_say(ctx: Context) -> None:
    """Written through the faces, with as little as possible and with everything; emails and phones sealed."""
    email, phone = ctx.sealer.seal(1, "ada@home.example"), ctx.sealer.seal(1, "+18135550123")
    async with ctx.db.tenant(1) as db:
        faces = await read_faces(db, list(INTERFACES))
        for statement in (
            "insert into company.company (company_name) values ('Bare')",
            "insert into company.company (company_name, ein, website_url, renewal_month) "
            "values ('Full', '12-3456789', 'https://full.example', 6)",
            "insert into people.contact (full_name, email, phone, title) values ('Ada Sample', :email, :phone, 'CFO')",
            "insert into people.contact (full_name) values ('Eve Foster')",
            "update people.contact_verification set email_status = 'green', email_confidence = 97.5",
            "update company.company_slot set contact_id = (select min(contact_id) from people.contact) "
            "where role_code = 'CFO' and company_id = (select min(company_id) from company.company)",
            "insert into bit.signal (company_id, reason) select min(company_id), 'funding_raised' from company.company",
        ):
            given = {"email": email, "phone": phone} if ":email" in statement else {}
            await db.execute(text(statement), given)
        for face in faces:
            found = [dict(row["row"]) for row in await rows(db, text(f"select to_jsonb(f) as row from {face.name} f"))]
            assert found, face.name
            fits(face, found)
    assert {(f.name, c.name) for f in faces for c in f.columns if c.sealed} == {
        ("people.contact", "email"),
        ("people.contact", "phone"),
        ("company.vw_company_slots", "email"),
        ("company.vw_company_slots", "phone"),
    }


def fits(face: Face, found: list[dict[str, Any]]) -> None:
    kinds: dict[str, type | tuple[type, ...]] = {"bigint": int, "integer": int, "numeric": (int, float), "jsonb": dict}
    for column in face.columns:
        values = [row[column.name] for row in found]
        where = f"{face.name}.{column.name}"
        assert column.nullable or None not in values, where
        kind = kinds.get(column.type.split("(")[0], str)
        assert all(isinstance(value, kind) for value in values if value is not None), where
        assert column.sealed or not any(str(value).startswith("s1.") for value in values), where
        assert column.enum is None or set(values) - {None} <= set(column.enum[1]), where


async def test_no_row_value_or_key_is_in_the_package(ctx: Context, tmp_path: Path) -> None:
    async with ctx.db.tenant(1) as db:
        sealed = ctx.sealer.seal(1, "ada@home.example")
        await db.execute(
            text("insert into people.contact (full_name, email) values ('Zora Quixworth', :email)"), {"email": sealed}
        )
    done = await exported(ctx.db.url, tmp_path / "package")
    for path, data in tree(done.out).items():
        content = data.decode()
        for secret in ("Zora", "Quixworth", sealed, sealed.removeprefix("s1."), MASTER_KEY, "Acme"):
            assert secret not in content, path
        assert not re.search(r"\bs\d+\.[A-Za-z0-9_-]{8,}", content), path
        assert not re.search(r'"resolved"|registry\.', content), path
        for address in re.findall(r"[\w.+-]+@[\w-]+\.\w[\w.]*", content):
            assert address.endswith(".example"), (path, address)


async def test_the_types_say_what_may_be_null_and_what_is_sealed(database: str) -> None:
    async with owner(database) as db:
        written = schema_ts(await read_faces(db, list(INTERFACES)))
    for line in (
        'export const ROLE_CODES = ["CEO", "CFO", "HR"] as const;',
        'export const EMAIL_STATUSES = ["green", "yellow", "red", "gray"] as const;',
        "  company_name: string;",
        "  website_url: string | null;",
        "  renewal_notice_window_days: number;",
        "  role_code: RoleCode;",
        "  email: Sealed | null;",
        "  next_renewal_date: CalendarDate | null;",
        "  payload: Json;",
        "  processed_at: Instant | null;",
    ):
        assert line in written.splitlines(), line
    assert "unknown" not in re.findall(r": (\w+)(?: \| null)?;", written)


async def test_a_missing_face_is_named(database: str, tmp_path: Path) -> None:
    change(database, "drop view bit.signal")
    with pytest.raises(NotFound, match=r"bit\.signal"):
        await exported(database, tmp_path / "package")
    assert list(tmp_path.iterdir()) == []


# --- views are followed to their tables -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "nullable", "sources"),
    [
        ("select a.must from t.a", False, {"a.must"}),
        ("select a.may from t.a", True, {"a.may"}),
        ("select b.must from t.a left join t.b using (id)", True, {"b.must"}),
        ("select a.must from t.a left join t.b using (id)", False, {"a.must"}),
        ("select a.must from t.a right join t.b using (id)", True, {"a.must"}),
        ("select a.must from t.a full join t.b using (id)", True, {"a.must"}),
        ("select b.must from t.a join t.b using (id)", False, {"b.must"}),
        ("select coalesce(a.may, 'x') from t.a", False, {"a.may"}),
        ("select coalesce(a.may, b.may) from t.a join t.b using (id)", True, {"a.may", "b.may"}),
        ("select upper(a.must) from t.a", True, {"a.must"}),
        ("select 'x'::text", False, set()),
        ("select (select b.must from t.b where b.id = a.id) from t.a", True, {"b.must"}),
        ("select x.v from t.a, lateral (select b.must as v from t.b where b.id = a.id) x", False, {"b.must"}),
        ("select x.v from t.a left join lateral (select b.must as v from t.b) x on true", True, {"b.must"}),
        ("with x as (select must as v from t.b) select x.v from x", False, {"b.must"}),
        ("select x.v from t.a, lateral unnest(array[a.may]) x(v)", True, {"a.may"}),
        ("select v.must from t.over_a v", False, {"a.must"}),
        ("select a.must from t.a group by a.must", False, {"a.must"}),
        ("select max(a.must) from t.a", True, {"a.must"}),
        ("select case when a.may = 'x' then b.must end from t.a join t.b using (id)", True, {"a.may", "b.must"}),
    ],
)
def test_a_view_column_is_followed_to_its_tables(
    followed: psycopg.Connection[Any], query: str, nullable: bool, sources: set[str]
) -> None:
    trace, names = follow(followed, query)
    assert (trace.nullable, {names[place] for place in trace.sources}) == (nullable, sources)


def test_a_view_over_a_union_is_refused(followed: psycopg.Connection[Any]) -> None:
    with pytest.raises(ValueError, match="union"):
        follow(followed, "select a.must from t.a union all select b.must from t.b")


@pytest.fixture(scope="module")
def followed(server_url: str, template_database: str) -> Iterator[psycopg.Connection[Any]]:
    with fresh_database(server_url, template_database) as url, psycopg.connect(url) as connection:
        connection.execute(
            """
            create schema t;
            create table t.a (id int primary key, must text not null, may text);
            create table t.b (like t.a including all);
            create view t.over_a as select must, may from t.a;
            """
        )
        yield connection


def follow(connection: psycopg.Connection[Any], query: str) -> tuple[Trace, dict[tuple[int, int], str]]:
    with connection.transaction(force_rollback=True):
        connection.execute(f"create view t.followed as {query}")
        rules = dict(connection.execute("select ev_class::bigint, ev_action::text from pg_rewrite where ev_type = '1'"))
        columns = connection.execute(
            "select c.oid::bigint, attnum, relname || '.' || attname, attnotnull from pg_attribute a "
            "join pg_class c on c.oid = attrelid where relnamespace = 't'::regnamespace"
        ).fetchall()
        [(view,)] = connection.execute("select 't.followed'::regclass::oid::bigint")
    not_null = frozenset((relation, number) for relation, number, _, fixed in columns if fixed)
    return Views(rules, not_null).trace(view, 1), {(relation, number): name for relation, number, name, _ in columns}


# --- the folder -------------------------------------------------------------------------------------------------------


def test_an_earlier_export_is_replaced_with_what_npm_left_in_it(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "package"
    old, new = package_files("// one\n", ["01"]), package_files("// two\n", ["01"])
    write(old, out, force=False)
    (out / "node_modules" / "vite").mkdir(parents=True)
    (out / "node_modules" / "vite" / "index.js").write_text("vite")
    (out / "page" / "dist").mkdir()
    (out / "page" / "dist" / "index.html").write_text("built")
    assert write(new, out, force=False).moved is None
    assert tree(out) == new
    assert [entry.name for entry in out.parent.iterdir()] == ["package"]


@pytest.mark.parametrize("name", ["mine.txt", "src/mine.txt", "README.md"])
def test_a_file_that_no_export_wrote_is_never_lost(tmp_path: Path, name: str) -> None:
    out, content = tmp_path / "package", package_files("// one\n", ["01"])
    write(content, out, force=False)
    (out / name).write_text("mine")
    with pytest.raises(Conflict, match="--force"):
        write(content, out, force=False)
    assert (out / name).read_text() == "mine"
    moved = write(content, out, force=True).moved
    assert moved == tmp_path / "package.old" and (moved / name).read_text() == "mine"
    (out / name).write_text("mine again")
    assert write(content, out, force=True).moved == tmp_path / "package.old2"
    assert tree(out) == content


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    content = package_files("// one\n", ["01"])
    (tmp_path / "empty").mkdir()
    write(content, tmp_path / "empty", force=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(Conflict):
        write(content, tmp_path / "full", force=False)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for target in ("file", "link"):
        with pytest.raises(InvalidInput, match="not a folder"):
            write(content, tmp_path / target, force=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["empty", "file", "full", "link"]


def test_the_folder_one_stands_in_is_not_moved_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "inside")
    with pytest.raises(InvalidInput, match="where you stand"):
        write(package_files("// one\n", ["01"]), tmp_path / "work", force=True)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "package"
    content = package_files("// one\n", ["01"])
    write(content, out, force=False)
    with pytest.raises(OSError):
        write({"a": b"a file", "a/b": b"under a file"}, out, force=False)
    assert tree(out) == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["package"]


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_wrote(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("PENSTOCK_SETTINGS", str(tmp_path / "none"))
    monkeypatch.delenv("PENSTOCK_MASTER_KEY", raising=False)
    out = tmp_path / "package"
    runner = CliRunner()
    done = json.loads(runner.invoke(app, ["components", "export", "--out", str(out), "--json"]).stdout)
    package = json.loads((out / "package.json").read_text())
    assert (done["package"], done["version"]) == (package["name"], package["version"])
    assert done["fingerprint"] == package["penstock"]["fingerprint"] and done["out"] == str(out)
    assert package["version"] in runner.invoke(app, ["components", "export", "--out", str(out)]).stdout
    (out / "mine.txt").write_text("mine")
    refused = runner.invoke(app, ["components", "export", "--out", str(out)])
    assert refused.exit_code == 1 and "--force" in refused.stderr and refused.stdout == ""
    forced = json.loads(runner.invoke(app, ["components", "export", "--out", str(out), "--force", "--json"]).stdout)
    assert forced["moved"] == str(tmp_path / "package.old")
    assert runner.invoke(app, ["components", "export"]).exit_code == 2
