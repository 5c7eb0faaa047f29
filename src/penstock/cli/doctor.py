"""doctor: looks at everything an installation stands on, and says what to do about what is wrong."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

import httpx
import psycopg
import typer
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import assembly, onboarding
from penstock.cli.output import Code, Json, answers, command, escape, print_json
from penstock.core import clock, embedded
from penstock.core.db import Database, one, rows, scalar
from penstock.core.errors import NotConfigured, PenstockError
from penstock.core.settings import PLACEHOLDERS, Settings, Vendor, load_settings
from penstock.core.sqlfile import load
from penstock.schema import migrate

SQL = load(__package__)
ROLES: Final = {"anon", "authenticated", "service_role", "pipeline_writer"}
MAX_DRIFT_S: Final = 5.0  # signatures of uploads and webhooks live for five minutes; this leaves room
LOW_DISK: Final = 2_000_000_000  # bytes
TIMEOUT_S: Final = 5.0
_CREATES = re.compile(r"create (?:or replace )?(?:materialized )?(?:view|function) (\w+\.\w+)")
MARKS: Final = {"ok": "[green]ok[/]", "note": "[blue]note[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `note` is for information, `warn` and `fail` need a person, and `fix` says what to do."""

    check: str
    state: Literal["ok", "note", "warn", "fail"]
    says: str
    fix: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; one thing that is broken does not stop the rest."""
    findings = [python(), keys(settings), disk(settings)]
    try:
        async with _database(settings) as database, database.owner() as db:
            findings += [await check(db) for check in DATABASE_CHECKS]
            if not any(f.state == "fail" for f in findings if f.check == "schema"):
                findings += [await check(db) for check in WORK_CHECKS]
                findings.append(await tenants(db, reaches_people=settings.reaches_people))
    except (DBAPIError, psycopg.Error, OSError, PenstockError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        findings.append(Finding("database", "fail", said, "check DATABASE_URL, or unset it to use the embedded server"))
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
        findings += await asyncio.gather(*(vendor(http, settings, name) for name in VENDORS), mail(settings))
    return findings


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    """The installation's database as it is: looked at, not upgraded."""
    if settings.database_url:
        database = Database(settings.database_url, pool_size=2)
        try:
            yield database
        finally:
            await database.close()
        return
    with embedded.embedded_server(settings.home) as server:
        database = Database(server.ensure_database("penstock"), pool_size=2)
        try:
            yield database
        finally:
            await database.close()


# --- this machine -----------------------------------------------------------------------------------------------------


def python() -> Finding:
    """Whether Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    return (
        Finding("python", "ok", found)
        if sys.version_info >= (3, 11)
        else Finding("python", "fail", found, "use 3.11 or newer")
    )


def keys(settings: Settings) -> Finding:
    """Whether there is a master key that is not a placeholder."""
    try:
        versions = sorted(assembly.with_keys(settings).keys())
    except NotConfigured as error:
        return Finding("keys", "fail", error.detail, error.fix or "")
    made = (
        "" if settings.master_key.get_secret_value() else f", made by us in {settings.home / 'master.key'}: keep a copy"
    )
    return Finding("keys", "ok", f"sealing key version {', '.join(map(str, versions))}{made}")


def disk(settings: Settings) -> Finding:
    """Whether there is room where the data lives."""
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    says = f"{free / 1e9:.1f} GB free at {folder}"
    return (
        Finding("disk", "ok", says)
        if free >= LOW_DISK
        else Finding("disk", "warn", says, "make room, or move PENSTOCK_HOME")
    )


# --- the database -----------------------------------------------------------------------------------------------------


async def version(db: AsyncConnection) -> Finding:
    """Whether the server is 15 or newer."""
    number = int(await scalar(db, SQL["server_version"]))
    says = f"PostgreSQL {number // 10000}.{number % 10000}"
    return (
        Finding("database", "ok", says)
        if number >= migrate.OLDEST_SERVER
        else Finding("database", "fail", says, "use a server of version 15 or newer")
    )


async def schema(db: AsyncConnection) -> Finding:
    """Whether the tables are those of this version."""
    found, wanted = await scalar(db, SQL["has_schema"]), migrate.head()
    at = await scalar(db, text("select version_num from app.alembic_version")) if found else None
    if at == wanted:
        return Finding("schema", "ok", f"at {wanted}")
    return Finding("schema", "fail", f"at {at or 'nothing'}, this version wants {wanted}", "run: penstock db upgrade")


async def roles(db: AsyncConnection) -> Finding:
    """Whether the roles exist and we may become them."""
    usable = {row["rolname"] for row in await rows(db, SQL["usable_roles"], names=sorted(ROLES))}
    if missing := ROLES - usable:
        return Finding(
            "roles",
            "fail",
            f"cannot use {', '.join(sorted(missing))}",
            "run: penstock db upgrade, as a login that may create roles",
        )
    return Finding("roles", "ok", ", ".join(sorted(ROLES)))


async def faces(db: AsyncConnection) -> Finding:
    """Whether every view and function that this version lays is there."""
    missing = [row["name"] for row in await rows(db, SQL["missing_faces"], names=face_names())]
    if missing:
        return Finding("faces", "fail", f"missing: {', '.join(missing[:5])}", "run: penstock db upgrade")
    return Finding("faces", "ok", f"{len(face_names())} views and functions")


def face_names() -> list[str]:
    """The names that the face files create, schema-qualified."""
    return sorted({name for file in migrate.face_files() for name in _CREATES.findall(file.read_text("utf-8").lower())})


async def row_security(db: AsyncConnection) -> Finding:
    """Whether every tenant table forces row-level security."""
    if bare := [row["relname"] for row in await rows(db, SQL["unprotected_tables"])]:
        return Finding(
            "row security",
            "fail",
            f"not forced on {', '.join(bare)}",
            "restore the policies: a table was changed by hand",
        )
    return Finding("row security", "ok", "forced on every tenant table")


async def drift(db: AsyncConnection) -> Finding:
    """Whether this machine and the database agree on the time."""
    before = clock.now()
    theirs = await scalar(db, SQL["their_time"])
    seconds = (theirs - before - (clock.now() - before) / 2).total_seconds()
    says = f"{seconds:+.1f} s between us and the database"
    return (
        Finding("clock", "ok", says)
        if abs(seconds) <= MAX_DRIFT_S
        else Finding("clock", "fail", says, "run an NTP client on both machines")
    )


# --- the work ---------------------------------------------------------------------------------------------------------


async def tenants(db: AsyncConnection, *, reaches_people: bool) -> Finding:
    """Whether there is a tenant, and one whose name and address may be shown to people."""
    found = await rows(db, SQL["tenants"])
    if not found:
        return Finding("tenant", "note", "none yet; the first command makes a local one")
    if rehearsed := [row["slug"] for row in found if row["rehearsed_at"]]:
        state: Literal["fail", "warn", "note"] = "fail" if reaches_people else "note"
        says = f"{', '.join(rehearsed)} was in a town: people and answers in it are invented, nobody real is reached"
        return Finding("tenant", state, says, f"for real work {onboarding.FRESH}")
    if unset := [row["slug"] for row in found if not row["postal_address"].strip()]:
        state = "warn" if reaches_people else "note"
        fix = "run: penstock org add with its legal name and postal address, before any message goes out"
        return Finding("tenant", state, f"{', '.join(unset)} has no legal name and address", fix)
    return Finding("tenant", "ok", ", ".join(row["slug"] for row in found))


async def places(db: AsyncConnection) -> Finding:
    """Whether places wait for their coordinates."""
    count = await scalar(db, SQL["unlocated"])
    if not count:
        return Finding("places", "ok", "none waits for its coordinates")
    fix = "a worker looks them up; penstock status shows how far it is"
    return Finding("places", "note", f"{count} without coordinates wait for the geocoder", fix)


async def workers(db: AsyncConnection) -> Finding:
    """Whether somebody works."""
    count = await scalar(db, SQL["workers"])
    return Finding(
        "workers", "ok" if count else "note", f"{count} at work" if count else "none at work; penstock up starts one"
    )


async def trouble(db: AsyncConnection) -> Finding:
    """Whether items or alerts wait for a person."""
    found = await one(db, SQL["trouble"])
    assert found is not None
    if found["alerts"] or found["stuck"]:
        says = f"{found['alerts']} alerts firing, {found['stuck']} items wait for a person"
        return Finding("trouble", "warn", says, "run: penstock status, and penstock dlq list")
    return Finding("trouble", "ok", "no alerts, nothing waits for a person")


Check = Callable[[AsyncConnection], Awaitable[Finding]]
DATABASE_CHECKS: Final[tuple[Check, ...]] = (version, drift, schema)
WORK_CHECKS: Final[tuple[Check, ...]] = (roles, faces, row_security, places, workers, trouble)


# --- the outside ------------------------------------------------------------------------------------------------------

VENDORS: Final = (
    "melissa",
    "batchdata",
    "vapi",
    "calcom",
    "zerobounce",
    "neverbounce",
    "millionverifier",
    "stripe",
    "mapbox",
    "nearmap",
    "openai",
    "anthropic",
)


async def vendor(http: httpx.AsyncClient, settings: Settings, name: str) -> Finding:
    """Whether a vendor is connected and its host answers. Any answer will do: asking for more might cost money."""
    group: Vendor = getattr(settings.vendors, name)
    variable = f"PENSTOCK_VENDORS__{name.upper()}"
    if not group.connected:
        return Finding(name, "note", "not connected", f"set {variable}__KEY to use it; what needs it waits")
    secret = getattr(group, "webhook_secret", None)
    if secret is not None and secret.get_secret_value().lower() in PLACEHOLDERS:
        return Finding(name, "fail", "its webhooks cannot be verified", f"set {variable}__WEBHOOK_SECRET")
    try:
        answer = await http.get(group.base_url)
    except httpx.HTTPError as error:
        return Finding(
            name,
            "fail",
            f"{group.base_url} does not answer: {type(error).__name__}",
            "check the network and the base URL",
        )
    return Finding(name, "ok", f"{group.base_url} answers ({answer.status_code})")


async def mail(settings: Settings) -> Finding:
    """Whether the mail server greets us."""
    host, port = settings.mail.smtp_host, settings.mail.smtp_port
    if not host:
        return Finding("mail", "note", "no server set", "set PENSTOCK_MAIL__SMTP_HOST to send mail")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=settings.mail.smtp_tls == "tls" or None)
            greeting = (await reader.readline()).decode("ascii", "replace").strip()
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        return Finding(
            "mail",
            "fail",
            f"{host}:{port} does not answer: {type(error).__name__}",
            "check PENSTOCK_MAIL__SMTP_HOST and port",
        )
    if not greeting.startswith("220"):
        return Finding("mail", "fail", f"{host}:{port} says {greeting[:60]!r}", "is this a mail server?")
    return Finding("mail", "ok", f"{host}:{port} greets us")


def _grid(findings: list[Finding]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for finding in findings:
        fix = f"\n[dim]{escape(finding.fix)}[/]" if finding.fix and finding.state != "ok" else ""
        grid.add_row(MARKS[finding.state], finding.check, escape(finding.says) + fix)
    return grid


@command
async def doctor(json: Json = False) -> None:
    """Check machine, keys, disk, database, clock, workers and vendors. Exit code 3 when something needs a person."""
    findings = await examine(load_settings())
    if json:
        print_json(findings)
    else:
        answers.print(_grid(findings))
    if any(finding.state in ("warn", "fail") for finding in findings):
        raise typer.Exit(Code.ATTENTION)


def add_to(app: typer.Typer) -> None:
    """Put the command into the application."""
    app.command(epilog="Example: penstock doctor || echo somebody should look")(doctor)
