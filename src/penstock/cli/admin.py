"""Setting up: db upgrade and reseal, org add, user add, key add."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer

from penstock import assembly, onboarding, rotation
from penstock.api import accounts
from penstock.cli.output import Code, Json, answers, command, escape, fail, print_json, table
from penstock.cli.session import quiet, session
from penstock.core import embedded
from penstock.core.settings import load_settings
from penstock.schema import migrate

db_app = typer.Typer(help="The database.", no_args_is_help=True)
org_app = typer.Typer(help="The tenant.", no_args_is_help=True)
user_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)


@db_app.command("upgrade", epilog="Example: DATABASE_URL=postgresql://… penstock db upgrade")
@command
def db_upgrade(json: Json = False) -> None:
    """Bring the database to this version: migrations, then views and functions, in one transaction. Repeatable."""
    settings = load_settings()
    if settings.database_url:
        done = migrate.upgrade(settings.database_url)
    else:
        with embedded.embedded_server(settings.home) as server:
            done = migrate.upgrade(server.ensure_database("penstock"))
    if json:
        print_json(done)
        return
    answers.print(f"from {done.before or 'nothing'} to {done.after}, {done.faces} files of views and functions")


@db_app.command("reseal", epilog="Example: PENSTOCK_MASTER_KEY=2:<new>,1:<old> penstock db reseal")
@command
async def db_reseal(json: Json = False) -> None:
    """Seal what older key versions sealed under the newest one, for every tenant. Repeatable; may be interrupted."""
    changed: dict[str, int] = {}
    async with session() as ctx:
        for org_id in await ctx.db.org_ids():
            for column, count in (await rotation.reseal(ctx, org_id)).items():
                changed[column] = changed.get(column, 0) + count
        version = ctx.sealer.current
    if json:
        print_json({"key_version": version, "resealed": changed})
        return
    moved = [item for item in changed.items() if item[1]]
    if moved:
        answers.print(table("Sealed anew", ["column", "values"], moved, right=["values"]))
    answers.print(f"everything is sealed under key version {version}")


@org_app.command(
    "add",
    epilog='Example: penstock org add --slug acme --name Acme --legal-name "Acme LLC" '
    '--postal-address "1 Main St, Tampa, FL 33602" '
    "--support-email help@acme.example --support-phone +18135550199 --from-domain mail.acme.example --public-url https://acme.example",
)
@command
async def org_add(
    slug: Annotated[str, typer.Option(help="Short name, lower case.")],
    name: Annotated[str, typer.Option(help="Name that people know.")],
    legal_name: Annotated[str, typer.Option(help="Registered name: on consent pages and at the start of calls.")],
    postal_address: Annotated[str, typer.Option(help="Printed in every email (CAN-SPAM).")],
    support_email: Annotated[str, typer.Option(help="Where people write to withdraw or ask.")],
    support_phone: Annotated[str, typer.Option(help="Where people call to withdraw or ask, E.164.")],
    from_domain: Annotated[str, typer.Option(help="Domain that personas write from.")],
    public_url: Annotated[str, typer.Option(help="Where consent and unsubscribe pages are reached from outside.")],
    timezone: Annotated[str, typer.Option(help="IANA zone of the timetable.")] = "America/Los_Angeles",
    alert_email: Annotated[str | None, typer.Option(help="Who is mailed when an alert fires.")] = None,
    alert_webhook_url: Annotated[str | None, typer.Option(help="Where alerts are posted, signed.")] = None,
    json: Json = False,
) -> None:
    """Make the tenant that PENSTOCK_ORG_ID names (1 by default)."""
    secret = accounts.new_signing_secret() if alert_webhook_url else None
    profile = onboarding.OrgProfile(
        slug=slug, name=name, legal_name=legal_name, postal_address=postal_address, support_email=support_email,
        support_phone=support_phone, from_domain=from_domain, public_url=public_url, timezone=timezone,
        alert_email=alert_email, alert_webhook_url=alert_webhook_url, alert_secret=secret,
    )  # fmt: skip
    settings = assembly.with_keys(quiet(load_settings()))
    with assembly.database_url(settings) as url:
        async with assembly.context(settings, url) as ctx:
            if not await onboarding.ensure_org(ctx, settings.org_id, profile):
                raise fail(f"tenant {settings.org_id} is there already", Code.FAILED)
    if json:
        print_json({"org_id": settings.org_id, "alert_webhook_secret": secret})
        return
    answers.print(f"tenant {settings.org_id}: {escape(name)}" + (f"; alert webhook secret {secret}" if secret else ""))


@user_app.command("add", epilog="Example: penstock user add ada@acme.example --name Ada --role admin")
@command
async def user_add(
    email: Annotated[str, typer.Argument(help="Sign-in name.")],
    name: Annotated[str, typer.Option(help="Shown name.")],
    role: Annotated[str, typer.Option(help="admin, operator, auditor or broker.")] = "operator",
    broker: Annotated[UUID | None, typer.Option(help="For the role broker: the broker's id.")] = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from stdin instead of asking.")] = False,
    json: Json = False,
) -> None:
    """Make somebody who can sign in. The password is asked for, never an argument: arguments show in process lists."""
    password = (
        sys.stdin.readline().rstrip("\n")
        if password_stdin
        else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        made = await accounts.add_user(
            db,
            ctx.settings.org_id,
            email=email,
            name=name,
            password=password,
            user_role=role,
            broker_id=broker,
            actor="cli",
        )
    if json:
        print_json({"user_id": made})
        return
    answers.print(f"user {made}")


@key_app.command("add", epilog='Example: penstock key add "nightly import" --scope uploads:write --scope leads:read')
@command
async def key_add(
    name: Annotated[str, typer.Argument(help="What will use it.")],
    scope: Annotated[
        list[str], typer.Option(help="leads:read, leads:write, uploads:write, events:read or admin; repeat.")
    ],
    allow_v1: Annotated[bool, typer.Option(help="Accept the old signature that covers the body only.")] = False,
    json: Json = False,
) -> None:
    """Make an API key. Its text and its signing secret are shown once."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        made = await accounts.add_key(
            ctx, db, ctx.settings.org_id, name=name, scopes=scope, allow_v1=allow_v1, actor="cli"
        )
    if json:
        print_json(asdict(made))
        return
    shown: dict[str, Any] = {"key": made.key, "signing secret": made.signing_secret, "scopes": ", ".join(made.scopes)}
    for label, value in shown.items():
        answers.print(f"{label:>14}  {value}", soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the application."""
    for name, group in {"db": db_app, "org": org_app, "user": user_app, "key": key_app}.items():
        app.add_typer(group, name=name)
