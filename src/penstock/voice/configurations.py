"""How the agent speaks and texts are written for a customer, and campaigns of calls. Who may ask, the edge says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.db import execute, one, scalar
from penstock.core.errors import Conflict, InvalidInput, NotFound
from penstock.core.sqlfile import load
from penstock.core.texts import keepable

SQL = load(__package__, "configurations.sql")
Kind = Literal["voice_configurations", "ai_configurations"]
# Law: calls need consent and heed do-not-call.
ALWAYS_ON: Final = ("require_consent", "dnc_compliance")
# What may stand empty: then the playbook's words are used. Anything else always has a value.
MAY_BE_EMPTY: Final = {
    "system_prompt_template",
    "company_voice_description",
    "voice_opening_prompt",
    "voice_closing_prompt",
    "email_generation_prompt",
    "sms_generation_prompt",
}
# What may follow what in a campaign of calls. One that ran is never a draft again; a completed one stays completed.
FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "draft": ("active", "paused", "completed"),
    "active": ("paused", "completed"),
    "paused": ("active", "completed"),
    "completed": (),
}


async def must_exist(db: AsyncConnection, broker_id: UUID) -> None:
    """Raises NotFound for a customer whom the asker cannot see: a broker sees nobody but themselves."""
    if not await scalar(db, SQL["customer_exists"], broker_id=str(broker_id)):
        raise NotFound("There is no such customer.")


async def configure(
    db: AsyncConnection, org_id: int, kind: Kind, broker_id: UUID, changes: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Change what `changes` names, beginning with the defaults; gives the whole configuration.

    Raises InvalidInput for what the law or the table does not allow. `broker_id` must exist.
    """
    _check(changes)
    whose = {"org_id": org_id, "broker_id": str(broker_id)}
    await execute(db, SQL[f"begin_{kind}"], **whose)
    if changes:
        await execute(db, SQL[f"change_{kind}"], changes=json.dumps(changes), **whose)
        await _audit(db, org_id, actor, "changed", kind, broker_id, {"fields": sorted(changes)})
    row = await one(db, SQL[kind], broker_id=str(broker_id))
    assert row is not None
    return {name: value for name, value in row.items() if name not in ("org_id", "broker_id")}


def _check(changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if name in ALWAYS_ON and value is False:
            raise InvalidInput(f"{name}: cannot be switched off", fix="calls need consent and heed do-not-call: law")
        if value is None and name not in MAY_BE_EMPTY:
            raise InvalidInput(f"{name}: cannot be empty", fix="leave it out to keep it as it is")
        _check_words(name, value)


def _check_words(field: str, value: Any) -> None:
    if isinstance(value, str):
        keepable(field, value)
    elif isinstance(value, list):
        for each in value:
            _check_words(field, each)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_words(field, key)
            _check_words(field, each)


async def make_call_campaign(
    db: AsyncConnection,
    org_id: int,
    *,
    playbook: str,
    name: str,
    goal: str,
    contractor_id: int | None,
    filters: Mapping[str, str | int | bool],
    actor: str,
) -> int:
    """Make a campaign of calls as a draft; gives its id. Raises InvalidInput for a contractor that there is not."""
    _check_words("filters", dict(filters))
    if contractor_id is not None and not await scalar(db, SQL["contractor_exists"], id=contractor_id):
        raise InvalidInput("contractor_id: there is no such contractor", fix="see /v1/territory/contractors")
    made = await scalar(
        db,
        SQL["make_call_campaign"],
        org_id=org_id,
        contractor_id=contractor_id,
        playbook=playbook,
        name=keepable("name", name),
        goal=goal,
        filters=json.dumps(dict(filters)),
        actor=actor,
    )
    await _audit(db, org_id, actor, "created", "call_campaigns", made, {"playbook": playbook, "goal": goal})
    return int(made)


async def move_call_campaign(db: AsyncConnection, org_id: int, campaign_id: int, status: str, *, actor: str) -> None:
    """Start, pause or end a campaign of calls. Raises NotFound; Conflict naming what may follow."""
    row = await one(db, SQL["call_campaign"], org_id=org_id, id=campaign_id)
    if row is None:
        raise NotFound("There is no such campaign.")
    present = str(row["status"])
    if status == present:
        return
    if status not in FOLLOWS[present]:
        may = ", ".join(FOLLOWS[present])
        fix = f"from {present}: {may}" if may else f"{present} is final: make another campaign"
        raise Conflict(f"The campaign may not go from {present} to {status}.", fix=fix)
    await execute(db, SQL["move_call_campaign"], org_id=org_id, id=campaign_id, status=status)
    await _audit(db, org_id, actor, "changed", "call_campaigns", campaign_id, {"from": present, "to": status})


async def _audit(
    db: AsyncConnection, org_id: int, actor: str, action: str, kind: str, object_id: object, details: dict[str, Any]
) -> None:
    about = {"kind": kind, "object_id": str(object_id), "details": json.dumps(details)}
    await execute(db, SQL["audit"], org_id=org_id, actor=actor, action=action, **about)
