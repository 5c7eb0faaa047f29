"""HTTP: how the voice agent speaks and texts are written for a customer; and campaigns of calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from penstock.core.access import Caller, allow
from penstock.core.errors import InvalidInput, NotAllowed
from penstock.voice import configurations

router = APIRouter(tags=["territory"])
Writer = Annotated[Caller, allow("leads:write")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Speed = Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=10_000)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


class VoiceConfiguration(BaseModel):
    """What to change; the rest stays. Consent and do-not-call are law: they cannot be switched off.

    Null empties the prompt: then the playbook's is used. Nothing else can be empty.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"speaking_rate": 0.9}]})
    default_voice_id: Word | None = None
    tts_vendor: Literal["elevenlabs", "cartesia"] | None = None
    voice_style: Word | None = None
    speaking_rate: Speed | None = None
    pitch_adjustment: Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)] | None = None
    asr_vendor: Literal["deepgram", "whisper"] | None = None
    asr_language: Word | None = None
    enable_punctuation: bool | None = None
    confidence_threshold: Share | None = None
    llm_vendor: Literal["openai", "anthropic"] | None = None
    llm_model: Word | None = None
    system_prompt_template: Words | None = None
    max_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    max_call_duration_minutes: Annotated[int, Field(ge=1, le=60)] | None = None
    enable_barge_in: bool | None = None
    silence_timeout_seconds: Annotated[int, Field(ge=1, le=120)] | None = None
    require_consent: bool | None = None
    enable_recording: bool | None = None
    dnc_compliance: bool | None = None
    jurisdiction: Literal["US"] | None = None


class AiConfiguration(BaseModel):
    """What to change; the rest stays. Null empties a prompt or the description; nothing else can be empty."""

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
    voice_objection_prompts: Annotated[dict[Word, Words], Field(max_length=50)] | None = None
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
    filters: Annotated[dict[Word, Words | int | bool], Field(max_length=50)] = {}


class CallCampaignChange(BaseModel):
    """Where it shall stand: a completed one stays so, and none is a draft again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "paused"}]})
    status: Literal["draft", "active", "paused", "completed"]


@router.put("/v1/territory/voice_configurations/{broker_id}")
async def set_voice_configuration(broker_id: UUID, change: VoiceConfiguration, caller: Writer) -> dict[str, Any]:
    """Change how the voice agent speaks for a customer; gives all of it."""
    return await _set(caller, "voice_configurations", broker_id, change)


@router.put("/v1/territory/ai_configurations/{broker_id}")
async def set_ai_configuration(broker_id: UUID, change: AiConfiguration, caller: Writer) -> dict[str, Any]:
    """Change how texts are written for a customer; gives all of it."""
    return await _set(caller, "ai_configurations", broker_id, change)


async def _set(caller: Caller, kind: configurations.Kind, broker_id: UUID, change: BaseModel) -> dict[str, Any]:
    await configurations.must_exist(caller.db, broker_id)  # seeing the customer is the permission
    async with caller.ctx.db.tenant(caller.org_id) as db:
        return await configurations.configure(
            db, caller.org_id, kind, broker_id, change.model_dump(exclude_unset=True), actor=caller.who.actor
        )


@router.post("/v1/territory/call_campaigns", status_code=201)
async def make_call_campaign(wanted: CallCampaign, caller: Writer) -> dict[str, int]:
    """Make a campaign of calls, as a draft. Staff only."""
    _staff(caller)
    if wanted.playbook not in caller.ctx.playbooks:
        raise InvalidInput(
            f"playbook: there is no {wanted.playbook!r}", fix=f"one of {', '.join(caller.ctx.playbooks)}"
        )
    async with caller.ctx.db.tenant(caller.org_id) as db:
        made = await configurations.make_call_campaign(db, caller.org_id, actor=caller.who.actor, **wanted.model_dump())
    return {"id": made}


@router.patch("/v1/territory/call_campaigns/{campaign_id}")
async def change_call_campaign(campaign_id: Number, change: CallCampaignChange, caller: Writer) -> dict[str, Any]:
    """Start, pause or end a campaign of calls; what may not follow is refused (409) with what may. Staff only."""
    _staff(caller)
    async with caller.ctx.db.tenant(caller.org_id) as db:
        await configurations.move_call_campaign(db, caller.org_id, campaign_id, change.status, actor=caller.who.actor)
    return {"id": campaign_id, "status": change.status}


def _staff(caller: Caller) -> None:
    if caller.who.role not in ("admin", "operator") and not caller.who.may("admin"):
        raise NotAllowed("Only operators and admins make campaigns.", fix="ask one of them, or use an admin's key")
