"""How the voice agent speaks and texts are written for a customer; and campaigns of calls."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text

from penstock.api.accounts import audit
from penstock.core.access import Caller, allow
from penstock.core.db import execute, one, scalar
from penstock.core.errors import InvalidInput, NotAllowed, NotFound

router = APIRouter(tags=["territory"])
Writer = Annotated[Caller, allow("leads:write")]
Share = Annotated[float, Field(ge=0, le=1)]
Speed = Annotated[float, Field(ge=0.5, le=2)]
Words = Annotated[str, Field(max_length=10_000)]
Word = Annotated[str, Field(min_length=1, max_length=100)]


class VoiceConfiguration(BaseModel):
    """What to change. Consent and do-not-call are law: they cannot be switched off."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"speaking_rate": 0.9}]})
    default_voice_id: Word | None = None
    tts_vendor: Literal["elevenlabs", "cartesia"] | None = None
    voice_style: Word | None = None
    speaking_rate: Speed | None = None
    pitch_adjustment: Annotated[float, Field(ge=-20, le=20)] | None = None
    asr_vendor: Literal["deepgram", "whisper"] | None = None
    asr_language: Word | None = None
    enable_punctuation: bool | None = None
    confidence_threshold: Share | None = None
    llm_vendor: Literal["openai", "anthropic"] | None = None
    llm_model: Word | None = None
    system_prompt_template: Words | None = None
    max_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_call_duration_minutes: Annotated[int, Field(ge=1, le=60)] | None = None
    enable_barge_in: bool | None = None
    silence_timeout_seconds: Annotated[int, Field(ge=1, le=120)] | None = None
    require_consent: bool | None = None
    enable_recording: bool | None = None
    dnc_compliance: bool | None = None
    jurisdiction: Literal["US"] | None = None


class AiConfiguration(BaseModel):
    """What to change."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"email_tone": "warm"}]})
    voice_enabled: bool | None = None
    voice_id: Word | None = None
    voice_tone: Word | None = None
    voice_speed: Speed | None = None
    max_call_duration: Annotated[int, Field(ge=30, le=3600)] | None = None
    max_objections: Annotated[int, Field(ge=0, le=10)] | None = None
    email_tone: Word | None = None
    email_length: Literal["short", "medium", "long"] | None = None
    email_personalization: Literal["low", "medium", "high"] | None = None
    sms_tone: Word | None = None
    sms_emoji_enabled: bool | None = None
    company_voice_description: Words | None = None
    key_differentiators: Annotated[list[Words], Field(max_length=50)] | None = None
    value_propositions: Annotated[list[Words], Field(max_length=50)] | None = None
    common_objections: Annotated[list[Words], Field(max_length=50)] | None = None
    voice_opening_prompt: Words | None = None
    voice_objection_prompts: dict[str, Words] | None = None
    voice_closing_prompt: Words | None = None
    email_generation_prompt: Words | None = None
    sms_generation_prompt: Words | None = None
    ai_creativity: Share | None = None
    ai_formality: Share | None = None
    urgency_level: Share | None = None


class CallCampaign(BaseModel):
    """Calls that belong together. Whom we may call is the gate's to say, whatever the filters."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"playbook": "PLAYBOOK", "name": "Spring", "goal": "schedule"}]}
    )
    playbook: Word
    name: Word
    goal: Literal["qualify", "schedule", "follow_up"] = "schedule"
    contractor_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    filters: dict[str, str | int | bool] = {}


class CallCampaignChange(BaseModel):
    """Where it stands."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "paused"}]})
    status: Literal["draft", "active", "paused", "completed"]


@router.put("/v1/territory/voice_configurations/{broker_id}")
async def set_voice_configuration(broker_id: UUID, change: VoiceConfiguration, caller: Writer) -> dict[str, Any]:
    """Change how the voice agent speaks for a customer; gives all of it."""
    for name in ("require_consent", "dnc_compliance"):
        if getattr(change, name) is False:
            raise InvalidInput(f"{name}: cannot be switched off", fix="calls need consent and heed do-not-call: law")
    return await _set(caller, "voice_configurations", broker_id, change.model_dump(exclude_none=True))


@router.put("/v1/territory/ai_configurations/{broker_id}")
async def set_ai_configuration(broker_id: UUID, change: AiConfiguration, caller: Writer) -> dict[str, Any]:
    """Change how texts are written for a customer; gives all of it."""
    return await _set(caller, "ai_configurations", broker_id, change.model_dump(exclude_none=True))


async def _set(caller: Caller, table: str, broker_id: UUID, changes: dict[str, Any]) -> dict[str, Any]:
    if caller.who.role == "broker" and caller.who.user_id != broker_id:
        raise NotFound("There is no such customer.")
    values = {name: json.dumps(v) if isinstance(v, list | dict) else v for name, v in changes.items()}
    pairs = ", ".join(f"{name} = {_typed(name, v)}" for name, v in changes.items())
    async with caller.ctx.db.tenant(caller.org_id) as db:
        known = await scalar(db, text("select true from app.brokers where id = :id"), id=broker_id)
        if not known:
            raise NotFound("There is no such customer.")
        made = f"insert into app.{table} (org_id, broker_id) values (:org_id, :id) on conflict do nothing"  # noqa: S608
        await execute(db, text(made), org_id=caller.org_id, id=broker_id)
        if pairs:
            statement = f"update app.{table} set {pairs}, updated_at = app.now() where broker_id = :id"  # noqa: S608
            await execute(db, text(statement), id=broker_id, **values)
        await audit(
            db,
            caller.org_id,
            actor=caller.who.actor,
            action="changed",
            kind=table,
            id=broker_id,
            fields=sorted(changes),
        )
        row = await one(db, text(f"select * from territory.{table} where user_id = :id"), id=broker_id)  # noqa: S608
    assert row is not None
    return {name: value for name, value in row.items() if name != "org_id"}


def _typed(name: str, value: object) -> str:
    return f"cast(:{name} as jsonb)" if isinstance(value, list | dict) else f":{name}"


@router.post("/v1/territory/call_campaigns", status_code=201)
async def make_call_campaign(wanted: CallCampaign, caller: Writer) -> dict[str, int]:
    """Make a campaign of calls, as a draft. Staff only."""
    _staff(caller)
    if wanted.playbook not in caller.ctx.playbooks:
        raise InvalidInput(
            f"playbook: there is no {wanted.playbook!r}", fix=f"one of {', '.join(caller.ctx.playbooks)}"
        )
    async with caller.ctx.db.tenant(caller.org_id) as db:
        if wanted.contractor_id is not None and not await scalar(
            db, text("select true from app.contractors where id = :id"), id=wanted.contractor_id
        ):
            raise InvalidInput("contractor_id: there is no such contractor", fix="see /v1/territory/contractors")
        made = await scalar(
            db,
            text(
                "insert into app.call_campaigns (org_id, contractor_id, playbook, name, goal, filters, created_by) "
                "values (:org_id, cast(:contractor_id as int), :playbook, :name, :goal, cast(:filters as jsonb), "
                ":actor) returning id"
            ),
            org_id=caller.org_id,
            actor=caller.who.actor,
            **(wanted.model_dump() | {"filters": json.dumps(wanted.filters)}),
        )
    return {"id": int(made)}


@router.patch("/v1/territory/call_campaigns/{campaign_id}")
async def change_call_campaign(
    campaign_id: Annotated[int, Field(ge=1, le=2**63 - 1)], change: CallCampaignChange, caller: Writer
) -> dict[str, Any]:
    """Start, pause or end a campaign of calls. Staff only."""
    _staff(caller)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        statement = "update app.call_campaigns set status = :status, updated_at = app.now() where id = :id"
        if not await execute(db, text(statement), id=campaign_id, status=change.status):
            raise NotFound("There is no such campaign.")
    return {"id": campaign_id, "status": change.status}


def _staff(caller: Caller) -> None:
    if caller.who.role not in ("admin", "operator") and not caller.who.may("admin"):
        raise NotAllowed("Only operators and admins make campaigns.")
