"""What the assistant may ask of us while the person is on the line: free slots, a booking, the end of all calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import booking, compliance
from penstock.booking import Spoken
from penstock.core.context import Context
from penstock.providers.voice.calls import ToolAnswer, ToolCall

log = structlog.get_logger(__name__)


def _tool(name: str, about: str, fields_of: Mapping[str, str], *, required: Sequence[str] = ()) -> Mapping[str, Any]:
    fields = {field: {"type": "string", "description": text} for field, text in fields_of.items()}
    parameters = {"type": "object", "properties": fields, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


TOOLS: tuple[Mapping[str, Any], ...] = (
    _tool(
        "check_slots",
        "Free appointment times. Ask before offering any time.",
        {"near": "A time the person would like, ISO 8601 with offset."},
    ),
    _tool(
        "book_appointment",
        "Book the time the person chose. Say the answer.",
        {
            "start": "The chosen time, ISO 8601 with offset.",
            "name": "The person's name, if they correct it.",
            "email": "The person's email, if they give one.",
        },
        required=["start"],
    ),
    _tool("opt_out", "The person does not want to be called again, said stop, or pressed 9. Then say goodbye.", {}),
)


async def answer(ctx: Context, org_id: int, lead_id: UUID, contact_id: int, phone: str, asked: ToolCall) -> ToolAnswer:
    """Do what the assistant asks; whatever goes wrong becomes words it can say, never an HTTP error.

    `phone` is the sealed number the person is speaking on.
    """
    try:
        said = await _do(ctx, org_id, lead_id, contact_id, phone, asked)
    except Exception as error:
        log.warning("tool_failed", tool=asked.name, lead=str(lead_id), error=type(error).__name__)
        said = Spoken("That did not work. Offer that the broker calls back.", failed=True)
    return ToolAnswer(asked.tool_call_id, asked.name, said.text, said.failed)


async def _do(ctx: Context, org_id: int, lead_id: UUID, contact_id: int, phone: str, asked: ToolCall) -> Spoken:
    given = asked.arguments
    if asked.name == "check_slots":
        return await booking.offer_slots(ctx, org_id, lead_id, wish=_text(given, "near"))
    if asked.name == "book_appointment":
        return await booking.book_for_call(
            ctx,
            org_id,
            lead_id,
            start=given.get("start"),
            name=_text(given, "name"),
            email=_text(given, "email"),
            phone=ctx.sealer.open(org_id, phone),
        )
    if asked.name == "opt_out":
        async with ctx.db.tenant(org_id) as db:
            await opt_out(ctx, db, org_id, lead_id, contact_id, phone)
        return Spoken("You are off our list. Goodbye.")
    return Spoken(f"There is no tool {asked.name}.", failed=True)


async def opt_out(ctx: Context, db: AsyncConnection, org_id: int, lead_id: UUID, contact_id: int, phone: str) -> None:
    """The person asked on a call not to be contacted again: every channel, every identifier, at commit (TCPA-06)."""
    await compliance.suppress(
        ctx,
        db,
        org_id,
        reason="SUPP_OPT_OUT",
        method="call",
        actor="voice",
        phone=ctx.sealer.open(org_id, phone),
        contact_id=contact_id,
        lead_id=lead_id,
    )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    return value.strip()[:200] or None if isinstance(value, str) else None
