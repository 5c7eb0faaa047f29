"""Final decisions on file: append-only, chained by hash, with signed checkpoints, and the check an auditor runs."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.compliance import ledger
from penstock.compliance.facts import Decision
from penstock.compliance.snapshot import SQL, Subject
from penstock.core.context import Context
from penstock.core.db import execute, one, rows

CHECKPOINT_ENTRIES = 1000
CHECKPOINT_AGE = timedelta(hours=1)
KEY = "decision-chain-checkpoints"


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of the chain found. `broken_at` is the first entry that does not fit, `why` says how."""

    entries: int
    checkpoints: int
    broken_at: int | None = None
    why: str | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was changed, reordered or taken away up to the last checkpoint."""
        return self.why is None


async def lock(db: AsyncConnection, org_id: int) -> None:
    """Become the one writer of the org's chain until the transaction ends.

    Taken before any person's row, so nobody waits in a ring.
    """
    await execute(db, SQL["chain_lock"], org_id=org_id)


async def keep(
    ctx: Context, db: AsyncConnection, org_id: int, decided: Sequence[tuple[Subject, Decision]], *, at: datetime
) -> list[int]:
    """Append decisions to the chain; gives their ids, in order. The caller holds the lock."""
    if not decided:
        return []
    head = await one(db, SQL["chain_head"], org_id=org_id)
    first = head["chain_n"] + 1 if head else 1
    previous = bytes.fromhex(head["chain_hash"]) if head else ledger.GENESIS
    columns = [_columns(subject, decision, at) for subject, decision in decided]
    hashes = list(ledger.chain([entry_of(each) for each in columns], previous=previous, first=first))
    entries = [{**each, "chain_n": first + n, "chain_hash": hashes[n].hex()} for n, each in enumerate(columns)]
    made = await rows(db, SQL["keep_decisions"], org_id=org_id, entries=json.dumps(entries))
    ids = {row["chain_n"]: row["id"] for row in made}
    await _checkpoint_if_due(ctx, db, org_id, first + len(columns) - 1, hashes[-1].hex(), at)
    return [ids[first + n] for n in range(len(columns))]


async def checkpoint(ctx: Context, db: AsyncConnection, org_id: int, *, at: datetime) -> int | None:
    """Sign the chain as it stands; gives the entry signed, None for an empty chain."""
    head = await one(db, SQL["chain_head"], org_id=org_id)
    if head is None:
        return None
    await _sign(ctx, db, org_id, head["chain_n"], head["chain_hash"], at)
    return int(head["chain_n"])


async def verify_chain(ctx: Context, db: AsyncConnection, org_id: int) -> ChainReport:
    """Recompute every hash of the org's decisions and compare with the checkpoints. Reads a thousand at a time."""
    signed = await rows(db, SQL["checkpoints"], org_id=org_id)
    expected = {row["n"]: row["entry_hash"] for row in signed}
    for row in signed:
        if not hmac.compare_digest(row["mac"], _mac(ctx, org_id, row["n"], row["entry_hash"], row["at"])):
            return ChainReport(0, len(signed), row["n"], "a checkpoint is not ours")
    previous, n = ledger.GENESIS, 0
    while page := await rows(db, SQL["chain_page"], org_id=org_id, after=n):
        for row in page:
            n += 1
            if row["chain_n"] != n:
                return ChainReport(n - 1, len(signed), n, "an entry is missing")
            previous = ledger.link(previous, n, entry_of(dict(row)))
            if previous.hex() != row["chain_hash"]:
                return ChainReport(n - 1, len(signed), n, "an entry was changed")
            if expected.get(n, row["chain_hash"]) != row["chain_hash"]:
                return ChainReport(n - 1, len(signed), n, "an entry differs from its checkpoint")
    if expected and max(expected) > n:
        return ChainReport(n, len(signed), n + 1, "entries after the last one were taken away")
    return ChainReport(n, len(signed))


def entry_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The chained form of a kept decision: ids and reasons, nobody's name, number or address."""
    plain = {name: _text(row[name]) for name in _CHAINED}
    return {"type": "DECISION", **plain}


_CHAINED = (
    "at",
    "lead_id",
    "contact_id",
    "contact_point_id",
    "channel",
    "purpose",
    "verdict",
    "reason",
    "reasons",
    "next_permitted_at",
    "cure",
    "valid_until",
    "obligations",
    "states",
    "zones",
    "rules_version",
    "inputs_hash",
)


def _columns(subject: Subject, decision: Decision, at: datetime) -> dict[str, Any]:
    request = subject.request
    return {
        "at": _text(at),
        "lead_id": str(request.lead_id),
        "contact_id": subject.contact_id,
        "contact_point_id": request.contact_point_id,
        "channel": request.intent.channel,
        "purpose": request.intent.purpose,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "reasons": list(decision.reasons),
        "next_permitted_at": _text(decision.next_permitted_at),
        "cure": decision.cure,
        "valid_until": _text(decision.valid_until),
        "obligations": list(decision.obligations),
        "states": list(decision.states),
        "zones": list(decision.zones),
        "rules_version": decision.rules_version,
        "inputs_hash": decision.inputs_hash,
    }


def _text(value: Any) -> Any:
    """The one spelling of a value, whether it comes from Python or back from the database."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if value is None or isinstance(value, int | str | list):
        return value
    return str(value)


async def _checkpoint_if_due(
    ctx: Context, db: AsyncConnection, org_id: int, n: int, entry_hash: str, at: datetime
) -> None:
    last = await one(db, SQL["newest_checkpoint"], org_id=org_id)
    if last is None or n - last["n"] >= CHECKPOINT_ENTRIES or at - last["at"] >= CHECKPOINT_AGE:
        await _sign(ctx, db, org_id, n, entry_hash, at)


async def _sign(ctx: Context, db: AsyncConnection, org_id: int, n: int, entry_hash: str, at: datetime) -> None:
    mac = _mac(ctx, org_id, n, entry_hash, at)
    await execute(db, SQL["insert_checkpoint"], org_id=org_id, n=n, entry_hash=entry_hash, mac=mac, at=at)


def _mac(ctx: Context, org_id: int, n: int, entry_hash: str, at: datetime) -> str:
    text = f"checkpoint.v1\0{org_id}\0{n}\0{entry_hash}\0{_text(at)}"
    return hmac.new(ctx.sealer.secret(KEY), text.encode(), hashlib.sha256).hexdigest()
