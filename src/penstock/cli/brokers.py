"""Who gets the appointments and pays: brokers, roofers, coordinators."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import text

from penstock import onboarding
from penstock.api.accounts import audit
from penstock.api.brokers import NewBroker
from penstock.cli.output import Json, answers, command, escape, print_json, table
from penstock.cli.session import session
from penstock.core.db import rows, scalar
from penstock.core.errors import Conflict, InvalidInput

broker_app = typer.Typer(help="Who gets leads and appointments.", no_args_is_help=True)
_KNOWN = text("select exists (select 1 from app.brokers where lower(email) = :email)")
_LISTING = text(
    "select id, name, company, email, timezone, is_active, daily_cap from app.brokers order by created_at, id"
)


@broker_app.command(
    epilog='Example: penstock broker add --name "Ana Ruiz" --email ana@roofs.example --company "Ruiz Roofing" '
    "--timezone America/Chicago"
)
@command
async def add(
    name: Annotated[str, typer.Option(help="The person.")],
    email: Annotated[str, typer.Option(help="Where appointments are announced.")],
    company: Annotated[str | None, typer.Option(help="The firm.")] = None,
    phone: Annotated[str | None, typer.Option(help="E.164, such as +18135550198.")] = None,
    timezone: Annotated[str, typer.Option(help="IANA zone of the calendar.")] = "America/Los_Angeles",
    daily_cap: Annotated[int, typer.Option(help="Leads the feeder may start on a weekday.")] = 250,
    calendar_username: Annotated[str | None, typer.Option(help="User name in the calendar service.")] = None,
    calendar_event_slug: Annotated[str | None, typer.Option(help="Event type in booking links.")] = None,
    json: Json = False,
) -> None:
    """Make a broker. What is more (webhooks, changes) goes over PATCH /v1/brokers."""
    given = {
        "name": name, "email": email, "company": company, "phone": phone, "timezone": timezone, "daily_cap": daily_cap,
        "calendar_username": calendar_username, "calendar_event_slug": calendar_event_slug,
    }  # fmt: skip
    try:
        wanted = NewBroker.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise InvalidInput(f"{option}: {first['msg']}", fix="penstock broker add --help") from None
    async with session() as ctx:
        org_id = ctx.settings.org_id
        async with ctx.db.tenant(org_id) as db:
            if await scalar(db, _KNOWN, email=wanted.email.lower()):
                raise Conflict(f"there is a broker {wanted.email} already", fix="penstock broker list")
        broker_id = await onboarding.add_broker(
            ctx, org_id, onboarding.BrokerProfile(**wanted.model_dump(exclude={"is_active", "webhook_url"}))
        )
        async with ctx.db.tenant(org_id) as db:
            await audit(db, org_id, actor="cli", action="created", kind="broker", id=broker_id)
    if json:
        print_json({"broker_id": broker_id})
    else:
        answers.print(f"broker {broker_id}")


@broker_app.command("list", epilog="Example: penstock broker list --json")
@command
async def listing(json: Json = False) -> None:
    """Every broker."""
    async with session() as ctx, ctx.db.tenant(ctx.settings.org_id) as db:
        found = [dict(row) for row in await rows(db, _LISTING)]
    if json:
        print_json(found)
        return
    if not found:
        answers.print("There is no broker yet: penstock broker add --help")
        return
    lines = [
        (
            str(b["id"])[:8],
            b["name"],
            escape(b["company"] or ""),
            b["email"],
            b["timezone"],
            "yes" if b["is_active"] else "no",
        )
        for b in found
    ]
    answers.print(table("Brokers", ["id", "name", "company", "email", "zone", "active"], lines))


def add_to(app: typer.Typer) -> None:
    """Put these commands into the whole."""
    app.add_typer(broker_app, name="broker")
