"""Companies and people one by one or in bulk: `POST /insert` takes them, `POST /pipeline/execute` promotes them now."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Query
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from penstock.core.access import Caller, allow
from penstock.core.errors import Conflict, InvalidInput
from penstock.core.problems import Problem
from penstock.intake import loads
from penstock.intake.promotion import Promoted, execute_pipeline
from penstock.intake.service import company_playbook

router = APIRouter(tags=["companies"])
MayLoad = Annotated[Caller, allow("uploads:write", as_service=True)]
LoadId = Annotated[int, Path(ge=1, le=loads.MAX_ID)]
MAX_KEY: Final = 200
Value = str | int | float | bool | None
EXAMPLE: dict[str, Any] = {
    "key": "crm-1881", "company_name": "Stone Mill LLC", "ein": "46-1234567", "website_url": "https://stone-mill.example",
    "linkedin_url": "https://www.linkedin.com/company/stone-mill", "state": "FL", "employees": 120, "renewal_month": 6,
    "people": [{"full_name": "Jane Doe", "title": "VP People", "email": "jane@stone-mill.example"}],
}  # fmt: skip


class PersonIn(BaseModel):
    """Somebody at the company. The title, or `role`, says which slot they hold."""

    model_config = ConfigDict(extra="allow")

    full_name: Value = None
    title: Value = None
    role: Value = Field(None, description="CEO, CFO or HR, where the title does not say it")
    email: Value = None
    phone: Value = None
    profile_url: Value = None


class RecordIn(BaseModel):
    """A company, with people if you have them. Other field names that a file's header may have are understood too."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": EXAMPLE})

    key: str | None = Field(None, max_length=MAX_KEY, description="yours: the same key is taken once")
    company_name: Value = None
    ein: Value = None
    website_url: Value = None
    linkedin_url: Value = None
    news_url: Value = None
    address_line1: Value = None
    address_line2: Value = None
    city: Value = None
    state: Value = None
    postal_code: Value = None
    country: Value = None
    company_phone: Value = None
    employees: Value = None
    revenue: Value = None
    industry: Value = None
    renewal_month: Value = Field(None, description="1 to 12, or a month's name")
    renewal_notice_window_days: Value = None
    people: list[PersonIn] | None = None


# What is wrong, by pydantic's word for it, and what to do. Where several plain types would do, the first word counts.
_PLAIN: Final = frozenset({"str", "int", "float", "bool"})
_NO_OBJECT: Final = ("is not an object", "send an object with the fields by name")
_FLAWS: Final = {
    "model_type": _NO_OBJECT, "model_attributes_type": _NO_OBJECT, "dict_type": _NO_OBJECT,
    "list_type": ("is not a list", "send a list of objects, one per person"),
    "string_type": ("is not text", "send text"),
    "string_too_long": (f"has more than {MAX_KEY} characters", "use a shorter one"),
}  # fmt: skip


def _each(sent: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """The record, or what is wrong with it: one that is badly formed holds no other of its request."""
    try:
        return check(sent)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = list(first["loc"])
    if place and place[-1] in _PLAIN:
        place.pop()
        said = ("is not a plain value", "send text, a number, true, false or null")
    else:
        said = _FLAWS.get(first["type"], (first["msg"], "send it as /docs shows"))
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    return loads.Flaw(path or None, *said)


class RecordsIn(BaseModel):
    """Many records at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"records": [EXAMPLE], "source": "crm"}})

    records: list[Annotated[RecordIn, WrapValidator(_each)]] = Field(min_length=1, max_length=loads.MAX_RECORDS)
    source: str = Field("api", max_length=80, description="where they come from; keys are unique within it")
    playbook: str | None = Field(None, description="by default the only one about companies")


def _shape(sent: Any) -> str:
    return "many" if isinstance(sent, RecordsIn) or (isinstance(sent, dict) and "records" in sent) else "one"


Sent = Annotated[Annotated[RecordsIn, Tag("many")] | Annotated[RecordIn, Tag("one")], Discriminator(_shape)]


class Answer(BaseModel):
    """What became of one record that was sent."""

    index: int
    result: Literal["received", "known", "conflict", "refused"] = Field(
        description="known: sent before under this key; conflict: its key belongs to another content, it was not taken;"
        " refused: it is badly formed, and was not taken: field, reason and fix say why"
    )
    id: int | None = None
    key: str | None = None
    status: str | None = Field(None, description="waiting, promoted, rejected or dropped")
    field: str | None = Field(None, description="the field at fault; null where it is the whole record")
    reason: str | None = None
    fix: str | None = None
    ignored: list[str] = Field([], description="fields that mean nothing for a company")


class Inserted(BaseModel):
    """What became of the records that were sent; they are promoted in the background."""

    received: int
    known: int
    conflicts: int
    refused: int
    records: list[Answer]


class Load(BaseModel):
    """A record that came in, and what became of it."""

    id: int
    source: str
    playbook: str | None
    key: str | None
    status: str
    field: str | None
    reason: str | None
    fix: str | None
    outcome: str | None = Field(description="inserted, updated or duplicate, once promoted")
    company_id: int | None
    contact_id: int | None
    created_at: datetime
    updated_at: datetime
    promoted_at: datetime | None


class LoadWithPayload(Load):
    """A record with its content."""

    payload: dict[str, Any] | None = Field(description="null where it is not a JSON object")


class Execute(BaseModel):
    """Which records to promote now: those named, or all that wait."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"load_ids": [1, 2, 3]}})

    load_ids: list[Annotated[int, Field(ge=1, le=loads.MAX_ID)]] | None = Field(
        None, max_length=loads.MAX_RECORDS, description="refused ones are tried again"
    )
    all: bool = False
    dry_run: bool = Field(False, description="only tell what would become of them")


class RefusedLoad(BaseModel):
    """A record that could not be promoted."""

    id: int
    field: str | None
    reason: str
    fix: str


class PromotedLoad(BaseModel):
    """A record that was promoted without this request."""

    id: int
    outcome: str | None = Field(description="inserted, updated or duplicate")
    company_id: int | None
    contact_id: int | None


class Executed(BaseModel):
    """What became of the records, row by row; each that was named stands in one of the lists.

    `failed` are not at fault: they are tried again by themselves.
    """

    dry_run: bool
    inserted: list[int]
    updated: list[int]
    duplicate: list[int]
    rejected: list[RefusedLoad]
    failed: list[int]
    promoted: list[PromotedLoad] = Field([], description="promoted before, or by a worker meanwhile")
    dropped: list[int] = Field([], description="given up: send a new record")
    in_progress: list[int] = Field([], description="a worker has them just now: ask again")
    unknown: list[int] = Field([], description="ids of no record")


@router.post(
    "/insert",
    status_code=202,
    responses={202: {"model": Inserted}, 409: {"model": Problem}, 422: {"model": Problem}},
)
async def insert(
    sent: Sent,
    caller: MayLoad,
    idempotency_key: Annotated[str | None, Header(max_length=200, description="the same request is taken once")] = None,
) -> Inserted:
    """Take one record, or up to 5,000 as `{"records": […]}`. They are kept, then promoted to companies and people.

    Of many, each record is answered by itself: one that cannot be taken, badly formed ones too, holds no other. The
    same `key` (or `Idempotency-Key`) with the same content is told what became of it, be it sent twice at one moment;
    with another content it is a conflict.
    """
    many = sent if isinstance(sent, RecordsIn) else RecordsIn(records=[sent])
    records: list[Any] = [*many.records]  # a Flaw in the place of each that is badly formed
    playbook = company_playbook(caller.ctx.playbooks, many.playbook)
    answers = await loads.receive(
        caller.db,
        caller.ctx.sealer,
        caller.org_id,
        [one if isinstance(one, loads.Flaw) else one.model_dump(exclude_none=True) for one in records],
        source=many.source,
        playbook=playbook,
        actor=caller.who.actor,
        idempotency_key=idempotency_key,
    )
    counted = Counter(one.result for one in answers)
    if isinstance(sent, RecordIn) and counted["conflict"]:
        raise Conflict("this key was used for another content", fix="use a new key, or mend the record with PATCH")
    if isinstance(sent, RecordIn) and counted["refused"]:
        loads.refuse(loads.Flaw(answers[0].field, answers[0].reason or "", answers[0].fix or ""))
    return Inserted(
        received=counted["received"],
        known=counted["known"],
        conflicts=counted["conflict"],
        refused=counted["refused"],
        records=[Answer(**{name: getattr(one, name) for name in Answer.model_fields}) for one in answers],
    )


@router.post("/pipeline/execute", responses={422: {"model": Problem}})
async def execute(wanted: Execute, caller: MayLoad) -> Executed:
    """Promote records to companies, people and slots now, and tell row by row what became of them."""
    if bool(wanted.load_ids) == wanted.all:
        raise InvalidInput("say which records", fix='give "load_ids", or "all": true')
    done = await execute_pipeline(caller.ctx, caller.org_id, wanted.load_ids, dry_run=wanted.dry_run)
    return _executed(done, wanted.dry_run)


@router.get("/insert")
async def list_loads(
    caller: MayLoad,
    status: Literal["waiting", "promoted", "rejected", "dropped"] | None = None,
    after: Annotated[int, Query(ge=0, le=loads.MAX_ID, description="the last id of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[Load]:
    """Records in the order in which they came, without their content."""
    return [_shown(row) for row in await loads.listed(caller.db, status=status, after=after, limit=limit)]


@router.get("/insert/{load_id}", responses={404: {"model": Problem}})
async def show_load(load_id: LoadId, caller: MayLoad) -> LoadWithPayload:
    """A record with its content in clear; leaves an `accessed` row in the audit log."""
    row = await loads.shown(caller.db, caller.ctx.sealer, caller.org_id, load_id, actor=caller.who.actor)
    return LoadWithPayload(**_shown(row).model_dump(), payload=row["payload"])


@router.patch("/insert/{load_id}", responses={404: {"model": Problem}, 409: {"model": Problem}})
async def mend_load(load_id: LoadId, change: dict[str, Any], caller: MayLoad) -> Load:
    """Set fields of a record that waits or was refused; null takes one out. It waits for promotion again."""
    who = caller.who.actor
    await loads.mend(caller.db, caller.ctx.sealer, caller.org_id, load_id, change, actor=who)
    return _shown((await loads.listed(caller.db, ids=[load_id]))[0])


@router.delete("/insert/{load_id}", status_code=204, responses={404: {"model": Problem}, 409: {"model": Problem}})
async def drop_load(load_id: LoadId, caller: MayLoad) -> None:
    """Give a record up that waits or was refused; it stays listed as dropped."""
    await loads.drop(caller.db, caller.org_id, load_id, actor=caller.who.actor, reason="DELETE")


def _executed(done: Promoted, dry_run: bool) -> Executed:
    rejected = [RefusedLoad(id=one.id, field=one.field, reason=one.reason, fix=one.fix) for one in done.rejected]
    told = {name: getattr(done, name) for name in ("inserted", "updated", "duplicate", "failed", "unknown")}
    promoted = [
        PromotedLoad(id=one.id, outcome=one.outcome, company_id=one.company_id, contact_id=one.contact_id)
        for one in done.promoted
    ]
    return Executed(
        dry_run=dry_run,
        rejected=rejected,
        promoted=promoted,
        dropped=done.dropped,
        in_progress=done.in_progress,
        **told,
    )


def _shown(row: Any) -> Load:
    key = (row["load_key"] or "").removeprefix("key:") if (row["load_key"] or "").startswith("key:") else None
    return Load(**{name: row[name] for name in Load.model_fields if name != "key"}, key=key)
