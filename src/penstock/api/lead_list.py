"""The list of leads: filters, orders and keyset pages, as one statement built from the parts that were asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, cast, column, func, or_, select, table, types
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.api.paging import Position

Sort = Literal["score", "created"]

# Names only: the schema of record is the migrations; this is what a statement needs to be put together.
_LEAD_COLUMNS: Final = (
    "org_id", "id", "playbook", "lead_status", "campaign_status", "sales_stage", "priority", "lead_score",
    "quality_score", "assigned_broker_id", "consent", "first_seen_at", "last_seen_at", "last_reply_at",
    "call_attempt_count",
)  # fmt: skip
leads = table("leads", *map(column, (*_LEAD_COLUMNS, "contact_id", "property_id", "merged_into")), schema="app").alias(
    "l"
)
places = table(
    "properties",
    *map(column, ("org_id", "id", "address_line1", "address_line2", "city", "state", "postal_code")),
    schema="app",
).alias("p")
people = table("contacts", *map(column, ("org_id", "id", "full_name", "company")), schema="app").alias("c")
_NAME = func.coalesce(people.c.full_name, people.c.company)

_SORTS: Final[Mapping[str, tuple[ColumnElement[Any], types.TypeEngine[Any]]]] = {
    "score": (leads.c.lead_score, types.Integer()),
    "created": (leads.c.first_seen_at, types.DateTime(timezone=True)),
}
_SORT_COLUMN: Final = {"score": "lead_score", "created": "first_seen_at"}


@dataclass(frozen=True)
class Filters:
    """What a listed lead must be; None asks nothing. Scores are lead scores, both ends included."""

    status: str | None = None
    campaign_status: str | None = None
    playbook: str | None = None
    broker: UUID | None = None
    state: str | None = None
    score_min: int | None = None
    score_max: int | None = None
    q: str | None = None


def statement(filters: Filters, *, sort: Sort, after: Position | None, limit: int) -> Select[tuple[object, ...]]:
    """The query of one page: highest or newest first, ties by id, `limit` rows after `after`."""
    key, kind = _SORTS[sort]
    wide = [places.c[name] for name in ("address_line1", "address_line2", "city", "state", "postal_code")]
    query = (
        select(*(leads.c[name] for name in _LEAD_COLUMNS if name != "org_id"), _NAME.label("name"), *wide)
        .select_from(
            leads.outerjoin(
                places, and_(places.c.org_id == leads.c.org_id, places.c.id == leads.c.property_id)
            ).outerjoin(people, and_(people.c.org_id == leads.c.org_id, people.c.id == leads.c.contact_id))
        )
        .where(leads.c.merged_into.is_(None), *_conditions(filters))
        .order_by(key.desc(), leads.c.id)
        .limit(limit)
    )
    if after is None:
        return query
    value, last_id = cast(after.value, kind), cast(after.id, types.Uuid())
    # Redundant on purpose: `key <= value` alone lets the index start where the last page ended.
    return query.where(key <= value, or_(key < value, leads.c.id > last_id))


def _conditions(asked: Filters) -> list[ColumnElement[bool]]:
    wanted = {
        leads.c.lead_status: asked.status,
        leads.c.campaign_status: asked.campaign_status,
        leads.c.playbook: asked.playbook,
        places.c.state: asked.state,
    }
    found: list[ColumnElement[bool]] = [
        cast(name, types.Text()) == value for name, value in wanted.items() if value is not None
    ]
    if asked.broker is not None:
        found.append(leads.c.assigned_broker_id == cast(str(asked.broker), types.Uuid()))
    if asked.score_min is not None:
        found.append(leads.c.lead_score >= asked.score_min)
    if asked.score_max is not None:
        found.append(leads.c.lead_score <= asked.score_max)
    # Every word must occur somewhere: "smith oak tampa" finds Jo Smith at 12 Oak St, Tampa.
    text = func.concat_ws(
        " ", _NAME, places.c.address_line1, places.c.address_line2, places.c.city, places.c.postal_code
    )
    found += [text.icontains(word, autoescape=True) for word in (asked.q or "").split()]
    return found


async def page(
    db: AsyncConnection, filters: Filters, *, sort: Sort, after: Position | None, limit: int
) -> tuple[list[RowMapping], Position | None]:
    """One page of leads, and where the next one starts (None on the last)."""
    query = statement(filters, sort=sort, after=after, limit=limit + 1)
    found = list((await db.execute(query)).mappings())
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    value = last[_SORT_COLUMN[sort]]
    return found[:limit], Position(value.isoformat() if isinstance(value, datetime) else str(value), str(last["id"]))
