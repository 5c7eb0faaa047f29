"""`penstock db upgrade`: drop the faces, bring `app` to the newest migration, lay the faces again.

All in one transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import alembic.command
import psycopg
from alembic import op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from penstock.core.db import SEARCH_PATH, sqlalchemy_url
from penstock.core.errors import NotConfigured

HERE = Path(str(files(__package__)))
FACE_SCHEMAS = ("api", "company", "people", "marketing", "bit", "intake", "territory")
# Schemas that also hold state: sequences and enums that documents name. Only the views and functions around them go.
KEPT_SCHEMAS = FACE_SCHEMAS[1:]
UPGRADE_LOCK = 7_203_447_001  # advisory lock: two upgrades wait for each other
ROLES_LOCK = 7_203_447_002  # roles belong to the cluster, so two databases of it must not make them at once
OLDEST_SERVER = 150000
LOGIN_NEEDS = (
    "use a login that owns the database and may create roles (CREATEROLE); "
    "where another login made anon, authenticated, service_role and pipeline_writer, "
    "let it grant them with admin option"
)


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did: revision before (None on an empty database) and after, and how many face files it laid."""

    before: str | None
    after: str
    faces: int


def run_sql_beside(python_file: str) -> None:
    """Run the `.sql` file that has the name of a migration. Raw: no parameter or `%` is looked for."""
    sql = Path(python_file).with_suffix(".sql").read_text("utf-8")
    run_script(op.get_bind(), sql)


def run_script(connection: Connection, sql: str) -> None:
    """Run many statements as they stand. An error shows the server's words and place, not the whole script."""
    try:
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    except DBAPIError as error:
        diag = getattr(error.orig, "diag", None)
        position = int(diag.statement_position or 0) if diag else 0
        line = sql[:position].count("\n") + 1 if position else None
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise NotConfigured(f"the login may not do what the upgrade needs: {error.orig}", fix=LOGIN_NEEDS) from None
        raise RuntimeError(f"{error.orig} (line {line})" if line else f"{error.orig}") from None


def face_files() -> list[Path]:
    """All face files in the order in which they are laid."""
    return sorted((HERE / "faces").rglob("*.sql"), key=lambda p: p.relative_to(HERE / "faces").parts)


def head() -> str:
    """The newest revision that this version of Penstock knows."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def is_current(url: str) -> bool:
    """True when the database stands at our newest revision with our faces: nothing to do, and no lock to take."""
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            return _current(connection) == head() and _faces_laid(connection) == _faces_hash()
    finally:
        engine.dispose()


def upgrade(url: str) -> Upgrade:
    """Bring the database at `url` up to date. Safe to run twice and by two at once.

    Raises NotConfigured on a server before 15.
    """
    engine = create_engine(sqlalchemy_url(url), connect_args={"options": "-c timezone=UTC"})
    try:
        with engine.begin() as connection:
            version = connection.exec_driver_sql("show server_version_num").scalar()
            if int(str(version)) < OLDEST_SERVER:
                raise NotConfigured(f"PostgreSQL {version} is too old", fix="use a server of version 15 or newer")
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
            connection.execute(text("set local search_path to public"))
            connection.execute(text("create schema if not exists app"))
            before = _current(connection)
            with _roles_are_ours(url):
                _drop_faces(connection)
                _install_queue(connection)
                alembic.command.upgrade(_config(connection), "head")
                connection.execute(text("set local search_path to public"))
                for file in face_files():
                    run_script(connection, file.read_text("utf-8"))
                _search_path_for_everyone(connection)
                connection.exec_driver_sql(f"comment on schema app is 'State. Faces laid: {_faces_hash()}'")
                after = _current(connection)
        assert after is not None
        return Upgrade(before, after, len(face_files()))
    finally:
        engine.dispose()


def _roles_are_ours(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Holds a cluster-wide lock.

    Advisory locks count per database, so it is taken in the maintenance database where there is one.
    """
    try:
        lock = psycopg.connect(url, dbname="postgres", autocommit=True)
    except psycopg.OperationalError:
        lock = psycopg.connect(url, autocommit=True)
    lock.execute("select pg_advisory_lock(%s)", [ROLES_LOCK])
    return lock


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE / "migrations"))
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    if connection.exec_driver_sql("select to_regclass('app.alembic_version')").scalar() is None:
        return None
    found = connection.exec_driver_sql("select version_num from app.alembic_version").scalar()
    return None if found is None else str(found)


def _faces_hash() -> str:
    """Changes when any face does."""
    digest = hashlib.sha256()
    for file in face_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _faces_laid(connection: Connection) -> str | None:
    comment = connection.exec_driver_sql("select obj_description(to_regnamespace('app'), 'pg_namespace')").scalar()
    return str(comment).rpartition(": ")[2] if comment else None


def _drop_faces(connection: Connection) -> None:
    connection.exec_driver_sql("drop schema if exists api cascade")
    for kind, name in connection.execute(text(_FACES), {"schemas": list(KEPT_SCHEMAS)}).all():
        connection.exec_driver_sql(f"drop {kind} if exists {name} cascade")


_FACES = """
select 'view', c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'v' and (n.nspname = 'app' or n.nspname = any(cast(:schemas as text[])))
union all
select 'function', p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = any(cast(:schemas as text[]))
"""


def _install_queue(connection: Connection) -> None:
    """The queue's own tables, once, with what the service role needs to defer a job in its transaction."""
    if connection.exec_driver_sql("select to_regclass('public.procrastinate_jobs')").scalar() is not None:
        return
    schema = files("procrastinate.sql").joinpath("schema.sql").read_text("utf-8")
    run_script(connection, schema)


def _search_path_for_everyone(connection: Connection) -> None:
    """People with a SQL prompt name leads, not api.leads; the queue is reached by the roles that defer."""
    run_script(
        connection,
        f"""
        do $$ begin
          execute format('alter database %I set search_path = {SEARCH_PATH}', current_database());
        end $$;
        grant usage on schema public to service_role, authenticated, anon, pipeline_writer;
        grant select, insert, update, delete
          on public.procrastinate_jobs, public.procrastinate_events,
             public.procrastinate_workers, public.procrastinate_periodic_defers
          to service_role;
        grant usage on all sequences in schema public to service_role;
        """,
    )
