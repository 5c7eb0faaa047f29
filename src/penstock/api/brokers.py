"""/v1/brokers: who gets the appointments. A broker sees their own row; operators and admins keep them all."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, status
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.api.accounts import audit, check_email, new_signing_secret
from penstock.core.access import Caller, allow
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import NotAllowed, NotFound
from penstock.core.sqlfile import load

router = APIRouter(prefix="/v1/brokers", tags=["brokers"])
SQL = load(__package__)
Reader = Annotated[Caller, allow("leads:read")]
Keeper = Annotated[Caller, allow("leads:write", as_service=True)]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not an IANA time zone such as America/Chicago")
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
Email = Annotated[str, Field(max_length=320), AfterValidator(check_email)]


class Broker(BaseModel):
    """A broker. `leads` counts the leads assigned to them that the caller may see."""

    id: UUID
    name: str
    company: str | None
    email: str
    phone: str | None
    timezone: str
    daily_cap: int
    is_active: bool
    calendar_username: str | None
    calendar_event_slug: str | None
    calendar_event_type_id: int | None
    webhook_url: str | None
    created_at: datetime
    leads: int


class KeptBroker(Broker):
    """A broker just made or changed. `webhook_secret` is there only when a new webhook address was set; keep it."""

    webhook_secret: str | None = None


class NewBroker(BaseModel):
    """A broker to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Ana Ruiz", "email": "ana@broker.example", "timezone": "America/Chicago", "daily_cap": 250}
            ]
        }
    )
    name: str = Field(min_length=1, max_length=200)
    company: str | None = Field(default=None, min_length=1, max_length=200)
    email: Email
    phone: str | None = Field(default=None, pattern=r"^\+1[0-9]{10}$")
    timezone: Zone = "America/Los_Angeles"
    daily_cap: int = Field(default=250, ge=0, le=10000, description="Leads the feeder may start on a weekday.")
    is_active: bool = True
    calendar_username: str | None = Field(default=None, min_length=1, max_length=100)
    calendar_event_slug: str | None = Field(default=None, min_length=1, max_length=100)
    calendar_event_type_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    webhook_url: HttpUrl | None = Field(default=None, description="Appointments are posted there, signed.")


class BrokerChanges(BaseModel):
    """What to change; what is left out stays, null clears what may be empty."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"daily_cap": 100}, {"is_active": False}]}
    )
    name: str = Field(default="", min_length=1, max_length=200)
    company: str | None = Field(default=None, min_length=1, max_length=200)
    email: Email = ""
    phone: str | None = Field(default=None, pattern=r"^\+1[0-9]{10}$")
    timezone: Zone = ""
    daily_cap: int = Field(default=250, ge=0, le=10000)
    is_active: bool = True
    calendar_username: str | None = Field(default=None, min_length=1, max_length=100)
    calendar_event_slug: str | None = Field(default=None, min_length=1, max_length=100)
    calendar_event_type_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    webhook_url: HttpUrl | None = None


@router.get("")
async def list_brokers(caller: Reader) -> list[Broker]:
    """The brokers that the caller may see: all for staff and keys, oneself for a broker."""
    return [Broker(**row) for row in await rows(caller.db, SQL["brokers"], id=None)]


@router.get("/{broker_id}")
async def show_broker(broker_id: UUID, caller: Reader) -> Broker:
    """One broker."""
    return Broker(**await _broker(caller.db, broker_id))


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_broker(body: NewBroker, caller: Keeper) -> KeptBroker:
    """Make a broker."""
    _staff_only(caller)
    values, secret = _values(caller, body.model_dump(mode="json"))
    made: UUID = await scalar(caller.db, SQL["add_broker"], org_id=caller.org_id, **values)
    await audit(caller.db, caller.org_id, actor=caller.who.actor, action="created", kind="broker", id=made)
    return KeptBroker(**await _broker(caller.db, made), webhook_secret=secret)


@router.patch("/{broker_id}")
async def change_broker(broker_id: UUID, body: BrokerChanges, caller: Keeper) -> KeptBroker:
    """Change a broker. A changed webhook address gets a new signing secret."""
    _staff_only(caller)
    await scalar(caller.db, SQL["lock_broker"], id=broker_id)
    before = dict(await _broker(caller.db, broker_id))
    changes = body.model_dump(mode="json", exclude_unset=True)
    new_address = changes.get("webhook_url") not in (None, before["webhook_url"])
    values, secret = _values(caller, before | changes, new_secret=new_address)
    fields = NewBroker.model_fields.keys() | {"webhook_secret_sealed"}
    await execute(caller.db, SQL["change_broker"], id=broker_id, **{k: v for k, v in values.items() if k in fields})
    await audit(
        caller.db,
        caller.org_id,
        actor=caller.who.actor,
        action="changed",
        kind="broker",
        id=broker_id,
        fields=sorted(changes),
    )
    return KeptBroker(**await _broker(caller.db, broker_id), webhook_secret=secret)


@router.delete("/{broker_id}", status_code=status.HTTP_204_NO_CONTENT)
async def drop_broker(broker_id: UUID, caller: Keeper) -> None:
    """Remove a broker who never had a number, a scan, an appointment or a charge; others are made inactive (409)."""
    _staff_only(caller)
    if not await execute(caller.db, SQL["drop_broker"], id=broker_id):
        raise NotFound("There is no such broker.")
    await audit(caller.db, caller.org_id, actor=caller.who.actor, action="removed", kind="broker", id=broker_id)


def _staff_only(caller: Caller) -> None:
    # A key that may change leads must not thereby redirect a broker's appointments to another webhook.
    if caller.who.role not in ("admin", "operator") and not caller.who.may("admin"):
        raise NotAllowed("Only operators and admins keep brokers.")


async def _broker(db: AsyncConnection, broker_id: UUID) -> RowMapping:
    found = await one(db, SQL["brokers"], id=broker_id)
    if found is None:
        raise NotFound("There is no such broker.")
    return found


def _values(
    caller: Caller, fields: dict[str, Any], *, new_secret: bool | None = None
) -> tuple[dict[str, Any], str | None]:
    wanted = bool(fields["webhook_url"]) if new_secret is None else new_secret
    secret = new_signing_secret() if wanted else None
    sealed = caller.ctx.sealer.seal(caller.org_id, secret) if secret else None
    return fields | {"webhook_secret_sealed": sealed}, secret
