"""/v1/territory: the models of a territory business, each as a read resource over the view of its name.

One reader serves all: filters by equality on any column, pages by key, one row by its id. Contact values and texts
that are sealed are left out of lists; on one row they are opened, and the look is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import contagion
from penstock.api.accounts import audit
from penstock.api.paging import Page, Position, open_cursor, seal_cursor
from penstock.core.access import Caller, allow
from penstock.core.db import one, rows
from penstock.core.errors import InvalidInput, NotFound
from penstock.core.sealing import is_sealed

router = APIRouter(prefix="/v1/territory", tags=["territory"])
Reader = Annotated[Caller, allow("leads:read")]
RESERVED: Final = {"limit", "cursor"}
UNFILTERED: Final = {"jsonb", "bytea", "ARRAY"}


@dataclass(frozen=True)
class Model:
    """A view of schema `territory`: the column its pages are ordered by, which columns are sealed, and, where an id is
    made of several columns (`roofing:17`), which."""

    key: str = "id"
    kind: str = "bigint"
    sealed: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()


_CALL = Model(kind="uuid", sealed=("to_number", "transcript", "ai_summary"))
_OF_A_PLACE = Model(key="property_id", parts=(("playbook", "text"), ("property_id", "bigint")))
_OWNER = ("homeowner_email", "homeowner_phone", "homeowner_email_hash", "homeowner_phone_hash")
MODELS: Final[Mapping[str, Model]] = {
    "users": Model(kind="uuid"),
    "area_scans": Model(),
    "leads": Model(kind="uuid", sealed=(*_OWNER, "homeowner_email_encrypted", "homeowner_phone_encrypted", "notes")),
    "lead_activities": Model(kind="text", sealed=("description",)),
    "sequences": Model(),
    "sequence_nodes": Model(),
    "sequence_enrollments": Model(),
    "sequence_executions": Model(kind="text"),
    "voice_calls": _CALL,
    "voice_call_turns": Model(kind="text", sealed=("text",)),
    "voice_call_events": Model(),
    "voice_bookings": Model(kind="uuid"),
    "voice_configurations": Model(kind="uuid"),
    "voice_metrics_daily": Model(key="day", kind="date", parts=(("day", "date"), ("user_id", "uuid"))),
    "ai_configurations": Model(kind="uuid"),
    "billing_usage": Model(kind="uuid"),
    "audit_logs": Model(),
    "properties": Model(sealed=("owner_phone", "owner_email", "notes")),
    "building_permits": Model(),
    "contagion_clusters": Model(),
    "property_scores": _OF_A_PLACE,
    "social_proof_data": _OF_A_PLACE,
    "property_reports": Model(kind="uuid"),
    "contractors": Model(kind="int"),
    "call_campaigns": Model(),
    "ai_calls": _CALL,
    "scheduled_sms": Model(sealed=("to_number", "body")),
    "follow_up_tasks": Model(sealed=("notes",)),
}
Name = Annotated[str, Path(description=f"One of {', '.join(MODELS)}.", max_length=40)]


@router.get("")
async def list_models(caller: Reader) -> dict[str, list[str]]:
    """The models and their columns."""
    return {name: list(await _columns(caller.db, name)) for name in MODELS}


@router.get("/{model}")
async def list_rows(
    model: Name,
    request: Request,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[dict[str, Any]]:
    """Rows of a model that the caller may see, in the order of their key. Any other parameter filters by a column.

    A page may hold a few rows more than `limit`; the last may be empty.
    """
    known = _known(model)
    filters = {name: value for name, value in request.query_params.items() if name not in RESERVED}
    where = await _where(caller.db, model, filters)
    secret, listing = caller.ctx.sealer.secret("page cursor"), f"territory:{model}"
    after = open_cursor(secret, listing=listing, cursor=cursor).id if cursor else None
    statement = text(
        f"select * from territory.{model} where (cast(:after as {known.kind}) is null "  # noqa: S608  names of our own
        f"or {known.key} > cast(:after as {known.kind})){where} order by {known.key} "
        "fetch first (:limit) rows with ties"  # rows of one key stay on one page
    )
    values = {f"f_{name}": value for name, value in filters.items()}
    found = await rows(caller.db, statement, after=after, limit=limit, **values)
    more = seal_cursor(secret, listing=listing, at=_position(found[-1], known)) if len(found) >= limit else None
    return Page(items=[_without(row, known.sealed) for row in found], next=more)


@router.get("/{model}/{key}")
async def show_row(model: Name, key: Annotated[str, Path(max_length=80)], caller: Reader) -> dict[str, Any]:
    """One row, what is sealed in the clear; leaves an `accessed` row in the audit log where there is such.

    A row of `property_scores` has its `reasons` too, most telling first: code, sentence, points.
    """
    known = _known(model)
    row = await _row(caller.db, model, key)
    if row is None:
        raise NotFound(f"There is no such row in {model}.")
    opened = _without(row, ())
    for name in known.sealed:
        if isinstance(opened[name], str) and is_sealed(opened[name]):
            opened[name] = caller.ctx.sealer.open(caller.org_id, opened[name])
    if model == "property_scores":
        told = await contagion.reasons(caller.ctx, caller.org_id, row["playbook"], row["property_id"])
        opened["reasons"] = [asdict(reason) for reason in told]
    if known.sealed:
        await audit(caller.db, caller.org_id, actor=caller.who.actor, action="accessed", kind=model, id=key)
    return opened


def _known(model: str) -> Model:
    if model not in MODELS:
        raise NotFound(f"There is no model {model!r}.", fix=f"one of {', '.join(MODELS)}")
    return MODELS[model]


def _position(row: RowMapping, model: Model) -> Position:
    return Position(value="", id=str(row[model.key]))


def _without(row: RowMapping, sealed: tuple[str, ...]) -> dict[str, Any]:
    return {name: None if name in sealed else value for name, value in row.items() if name != "org_id"}


_COLUMNS = text(
    "select column_name, data_type from information_schema.columns where table_schema = 'territory' "
    "and table_name = :model and column_name <> 'org_id' order by ordinal_position"
)


async def _columns(db: AsyncConnection, model: str) -> dict[str, str]:
    return {row["column_name"]: row["data_type"] for row in await rows(db, _COLUMNS, model=model)}


async def _where(db: AsyncConnection, model: str, filters: Mapping[str, str]) -> str:
    """The conditions of the filters. Names are checked against the view's columns, values travel as parameters."""
    if not filters:
        return ""
    columns = await _columns(db, model)
    able = [name for name, kind in columns.items() if kind not in UNFILTERED and name not in MODELS[model].sealed]
    unknown = sorted(set(filters) - set(able))
    if unknown:
        raise InvalidInput(f"{model} cannot be filtered by {unknown[0]!r}.", fix=f"one of {', '.join(able)}")
    kinds = {name: "text" if columns[name] == "USER-DEFINED" else columns[name] for name in filters}
    if not await _fit(db, kinds, filters):
        raise InvalidInput("A value does not fit its column.", fix=f"check {', '.join(filters)}")
    left = {name: f"cast({name} as text)" if columns[name] == "USER-DEFINED" else name for name in filters}
    return "".join(f" and {left[name]} = cast(:f_{name} as {kinds[name]})" for name in filters)


async def _row(db: AsyncConnection, model: str, id: str) -> RowMapping | None:
    """The row of that id; an empty part of one that is made of several says that it is not known: `2026-11-30:`."""
    known = _known(model)
    parts = dict(known.parts or ((known.key, known.kind),))
    given = id.split(":") if known.parts else [id]
    if len(given) != len(parts):
        return None
    values = {name: value for name, value in zip(parts, given, strict=True) if value}
    if not await _fit(db, parts, values):
        return None
    tests = (f"{name} = cast(:{name} as {parts[name]})" if name in values else f"{name} is null" for name in parts)
    return await one(db, text(f"select * from territory.{model} where {' and '.join(tests)}"), **values)  # noqa: S608


async def _fit(db: AsyncConnection, kinds: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Whether the values are of these types; asked apart, so that a row nobody can be shown is not put down to them."""
    casts = ", ".join(f"cast(:{name} as {kinds[name]})" for name in values)
    try:
        await one(db, text(f"select {casts}"), **values)
    except DataError:
        return False
    return True
