"""Records that come by POST, one or many: kept sealed until they are promoted, each taken once under its key."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NoReturn

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import dlq
from penstock.core.db import execute, one, rows, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.intake.company_load import FIELDS, ignored_fields, unknown_fields

SQL: Final = load(__package__, "loads.sql")
STAGE: Final = "intake.promotion"
MAX_RECORDS: Final = 5000
MAX_ID: Final = 2**63 - 1
STATUSES: Final = ("waiting", "promoted", "rejected", "dropped")
UNSTORABLE: Final = "holds a NUL character or half of a surrogate pair, which cannot be stored"
UNSTORABLE_FIX: Final = "take the character out and send it again"
_UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a record cannot even be kept: the field at fault (None: the whole record), what is wrong, what to do."""

    field: str | None
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a record that was sent.

    `received`, `known` (sent before, with its state now), `conflict` (its key belongs to another content) or `refused`
    (it cannot be kept: field, reason and fix say why). The last two have no id. `ignored` are fields that mean nothing
    for a company.
    """

    index: int
    result: str
    id: int | None = None
    key: str | None = None
    status: str | None = None
    reason: str | None = None
    ignored: tuple[str, ...] = ()
    field: str | None = None
    fix: str | None = None


async def receive(
    db: AsyncConnection,
    sealer: Sealer,
    org_id: int,
    records: Sequence[Record | Flaw],
    *,
    source: str,
    playbook: str | None,
    actor: str,
    idempotency_key: str | None = None,
) -> list[Received]:
    """Keep the records for promotion and tell of each what became of it, in order.

    A record's own `key`, or the request's `idempotency_key`, makes it taken once: the same again is told what became of
    it, be it sent at the same moment. A record that is flawed, or holds a value that cannot be stored, is refused and
    holds no other. Raises Conflict where the idempotency key was used for another content, and InvalidInput where
    `source`, `playbook` or `idempotency_key` cannot be stored.
    """
    _refuse_unstorable({"source": source, "playbook": playbook, "Idempotency-Key": idempotency_key})
    checked = [record if isinstance(record, Flaw) else _flaw_of(record) or record for record in records]
    lines = [
        _line(sealer, org_id, n, record, idempotency_key)
        for n, record in enumerate(checked)
        if not isinstance(record, Flaw)
    ]
    keys = [line.key for line in lines if line.key]
    if keys:
        await execute(db, SQL["one_at_a_time"], org_id=org_id, source=source)
    if idempotency_key:
        await _same_request(db, source, idempotency_key, sum(line.own_key is None for line in lines))
    known = {row["load_key"]: row for row in await rows(db, SQL["known_keys"], source=source, keys=keys)}
    firsts: dict[str, _Line] = {}  # of this request, by key
    fresh = [line for line in lines if line.key is None or (line.key not in known and _is_first(firsts, line))]
    made = await rows(
        db,
        SQL["receive"],
        org_id=org_id,
        source=source,
        playbook=playbook,
        actor=actor,
        keys=[line.key for line in fresh],
        hashes=[line.hashes[0] for line in fresh],
        payloads=[line.payload for line in fresh],
    )
    ids = {line.index: row["id"] for line, row in zip(fresh, made, strict=True)}
    answers = [
        Received(n, "refused", reason=flaw.reason, field=flaw.field, fix=flaw.fix)
        for n, flaw in enumerate(checked)
        if isinstance(flaw, Flaw)
    ]
    for line in lines:
        before, first = known.get(line.key or ""), firsts.get(line.key or "", line)
        if line.index in ids:
            answers.append(
                Received(line.index, "received", ids[line.index], line.own_key, "waiting", None, line.ignored)
            )
        elif not {*line.hashes} & {*(before["hashes"] if before else first.hashes)}:
            if line.own_key is None:
                raise Conflict("this Idempotency-Key was used for another content", fix="use a new key")
            reason = "this key was used for another content"
            answers.append(Received(line.index, "conflict", None, line.own_key, None, reason))
        else:
            load_id, status = (before["id"], before["status"]) if before else (ids[first.index], "waiting")
            answers.append(Received(line.index, "known", load_id, line.own_key, status))
    if fresh:
        event = journey.Event("raw_loads_received", None, "intake", {"records": len(fresh), "source": source})
        await journey.announce(db, org_id, [event])
    return sorted(answers, key=attrgetter("index"))


async def listed(
    db: AsyncConnection,
    *,
    status: str | None = None,
    ids: Sequence[int] | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[RowMapping]:
    """Records with their state, in the order in which they came, without their content. Raises InvalidInput."""
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"there is no status {status!r}", fix=f"use one of: {', '.join(STATUSES)}")
    return await rows(db, SQL["listing"], status=status, ids=list(ids) if ids else None, after=after, limit=limit)


async def shown(db: AsyncConnection, sealer: Sealer, org_id: int, load_id: int, *, actor: str) -> dict[str, Any]:
    """One record with its content in clear; the audit log keeps who looked. Raises NotFound."""
    row = await _one(db, load_id)
    await execute(
        db, SQL["audit"], org_id=org_id, actor=actor, action="accessed", id=str(load_id), details='{"what": "payload"}'
    )
    payload = opened(sealer, org_id, row["payload"])
    if payload is not None and unstorable(payload):  # written by hand: half a surrogate pair goes into no answer
        payload = json.loads(json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace"))
    return {**row, "payload": payload}


async def mend(
    db: AsyncConnection, sealer: Sealer, org_id: int, load_id: int, change: Mapping[str, Any], *, actor: str
) -> None:
    """Set fields of a record that waits or was refused (None takes one out); it waits for promotion again.

    Raises NotFound, Conflict where it is promoted or dropped, InvalidInput where it held no record or would hold
    a value that cannot be stored, and where the change sets `key`: a record stays known by the one it was sent under.
    """
    if "key" in change:
        flaw = Flaw("key", "cannot be changed: a record keeps the one it was sent under", "send a new record")
        refuse(flaw)
    row = await _open_one(db, load_id)
    before = opened(sealer, org_id, row["payload"])
    if before is None and not change:
        raise InvalidInput("the content is not a JSON object", fix="give the fields of the record")
    record = {name: value for name, value in {**(before or {}), **change}.items() if value is not None}
    _refuse_unstorable(record)
    _refuse_unstorable(dict.fromkeys(change))
    payload = _sealed(sealer, org_id, record)[0]
    await execute(db, SQL["mend"], id=load_id, payload=payload, hash=_hash(payload))
    await dlq.clear(db, org_id, stage=STAGE, items=[str(load_id)])
    details = json.dumps({"fields": sorted(change)})
    await execute(db, SQL["audit"], org_id=org_id, actor=actor, action="mended", id=str(load_id), details=details)
    await journey.announce(db, org_id, [journey.Event("raw_loads_received", None, "intake", {"records": 1})])


def refuse_unknown(change: Mapping[str, Any]) -> None:
    """Raise InvalidInput where the change sets a field that a record of a company cannot have."""
    if unknown := unknown_fields(change):
        raise InvalidInput(f"there is no field {', '.join(unknown)}", fix=f"use of: {', '.join(FIELDS)}")


async def drop(db: AsyncConnection, org_id: int, load_id: int, *, actor: str, reason: str) -> None:
    """Give a record up that waits or was refused. Raises NotFound, Conflict, InvalidInput where no reason is given."""
    if not reason.strip():
        raise InvalidInput("say why the record is dropped", fix="give a reason; the audit log keeps it")
    _refuse_unstorable({"reason": reason})
    await _open_one(db, load_id)
    await execute(db, SQL["drop"], id=load_id)
    await dlq.clear(db, org_id, stage=STAGE, items=[str(load_id)])
    details = json.dumps({"reason": reason})
    await execute(db, SQL["audit"], org_id=org_id, actor=actor, action="dropped", id=str(load_id), details=details)


def opened(sealer: Sealer, org_id: int, payload: str) -> Record | None:
    """The record in a payload, sealed or written by hand; None where it is no JSON object."""
    try:
        found = json.loads(sealer.open(org_id, payload))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def unstorable(value: Any, path: str = "") -> str | None:
    """The field that holds, in its name or value, a character that the database or UTF-8 cannot hold; None is well."""
    if isinstance(value, str):
        return path if _UNSTORABLE.search(value) else None
    if isinstance(value, list):
        return next((bad for n, item in enumerate(value) if (bad := unstorable(item, f"{path}[{n}]"))), None)
    if not isinstance(value, Mapping):
        return None
    for name, item in value.items():
        field = f"{path}.{name}" if path else str(name)
        if _UNSTORABLE.search(str(name)):
            return _UNSTORABLE.sub("\ufffd", field)
        if bad := unstorable(item, field):
            return bad
    return None


def _flaw_of(record: Mapping[str, Any]) -> Flaw | None:
    try:
        bad = unstorable(record)
    except RecursionError:
        return Flaw(None, "is nested too deeply", "send plain values")
    return Flaw(bad, UNSTORABLE, UNSTORABLE_FIX) if bad else None


def refuse(flaw: Flaw) -> NoReturn:
    """Raise InvalidInput for a record that came alone."""
    errors = [{"field": flaw.field, "reason": flaw.reason}] if flaw.field else []
    raise InvalidInput(f"{flaw.field or 'the record'} {flaw.reason}", fix=flaw.fix, errors=errors)


def _refuse_unstorable(record: Mapping[str, Any]) -> None:
    if flaw := _flaw_of(record):
        refuse(flaw)


@dataclass(frozen=True, slots=True)
class _Line:
    index: int
    key: str | None
    own_key: str | None
    hashes: tuple[str, ...]  # under all living keys: one that was kept before a change of keys is known by an older
    payload: str
    ignored: tuple[str, ...]


def _line(sealer: Sealer, org_id: int, index: int, record: Record, idempotency_key: str | None) -> _Line:
    content = {name: value for name, value in record.items() if name != "key" and value is not None}
    own = record.get("key") if (record.get("key") or "").strip() else None
    key = f"key:{own}" if own is not None else f"{_prefix(idempotency_key)}{index}" if idempotency_key else None
    forms = _sealed(sealer, org_id, content)
    return _Line(index, key, own, tuple(map(_hash, forms)), forms[0], ignored_fields(content))


def _prefix(idempotency_key: str) -> str:
    return f"request:{idempotency_key}/"


def _sealed(sealer: Sealer, org_id: int, record: Record) -> list[str]:
    """What the record is sealed, under all living keys; newest first."""
    return sealer.forms(org_id, json.dumps(record, sort_keys=True, ensure_ascii=False))


def _hash(payload: str) -> str:
    """Of the sealed text: of the plain one it could be guessed."""
    return hashlib.sha256(payload.encode()).hexdigest()


def _is_first(firsts: dict[str, _Line], line: _Line) -> bool:
    """Whether no earlier record of the request has this key."""
    assert line.key is not None
    return firsts.setdefault(line.key, line) is line


async def _same_request(db: AsyncConnection, source: str, idempotency_key: str, count: int) -> None:
    had = await scalar(db, SQL["of_request"], source=source, prefix=_prefix(idempotency_key))
    if had not in {0, count}:
        raise Conflict(f"this Idempotency-Key was used for a request of {had} records", fix="use a new key")


async def _one(db: AsyncConnection, load_id: int) -> RowMapping:
    if (row := await one(db, SQL["one"], id=load_id)) is None:
        raise NotFound(f"there is no raw load {load_id}", fix="penstock intake list shows them")
    return row


async def _open_one(db: AsyncConnection, load_id: int) -> RowMapping:
    row = await _one(db, load_id)
    if row["status"] not in {"waiting", "rejected"}:
        raise Conflict(f"raw load {load_id} is {row['status']}", fix="send a new record")
    return row
