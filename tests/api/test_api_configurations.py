"""How the voice agent speaks and texts are written for a customer, and campaigns of calls, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from ground import BROKER_ID
from penstock.core.context import Context
from penstock.core.db import rows

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]

VOICE = f"/v1/territory/voice_configurations/{BROKER_ID}"
AI = f"/v1/territory/ai_configurations/{BROKER_ID}"
CAMPAIGNS = "/v1/territory/call_campaigns"
SPRING = {"playbook": "equity", "name": "Spring"}
AUDIT = text("select action, object_type, object_id, details from app.audit_logs where object_type = :kind order by id")


async def told(ctx: Context, kind: str) -> list[tuple[str, str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [(row["action"], row["object_id"], row["details"]) for row in await rows(db, AUDIT, kind=kind)]


async def test_a_configuration_is_changed_field_by_field_and_what_is_left_out_stays(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    bea = cast.headers("Bea")
    made = await client.put(VOICE, json={"speaking_rate": 0.9, "system_prompt_template": "Be brief."}, headers=bea)
    assert (made.status_code, made.json()["speaking_rate"], made.json()["require_consent"]) == (200, 0.9, True)
    again = (await client.put(VOICE, json={"voice_style": " warm "}, headers=bea)).json()
    assert (again["speaking_rate"], again["voice_style"], again["system_prompt_template"]) == (0.9, "warm", "Be brief.")
    assert (await client.get(VOICE, headers=bea)).json() == again
    emptied = (await client.put(VOICE, json={"system_prompt_template": None}, headers=bea)).json()
    assert (emptied["system_prompt_template"], emptied["voice_style"]) == (None, "warm")
    assert await told(ctx, "voice_configurations") == [
        ("changed", str(BROKER_ID), {"fields": ["speaking_rate", "system_prompt_template"]}),
        ("changed", str(BROKER_ID), {"fields": ["voice_style"]}),
        ("changed", str(BROKER_ID), {"fields": ["system_prompt_template"]}),
    ]


async def test_every_setting_of_both_configurations_can_be_changed(cast: Cast, client: httpx.AsyncClient) -> None:
    bea = cast.headers("Bea")
    models = (await client.get("/openapi.json")).json()["components"]["schemas"]
    others: dict[str, Any] = {
        "tts_vendor": "cartesia",
        "asr_vendor": "whisper",
        "llm_vendor": "anthropic",
        "jurisdiction": "US",
        "email_length": "long",
        "email_personalization": "low",
        "require_consent": True,
        "dnc_compliance": True,
        "max_call_duration": 60,
    }
    by_kind: dict[str, Any] = {
        "string": "other",
        "number": 0.75,
        "integer": 5,
        "boolean": False,
        "array": ["slate"],
        "object": {"too dear": "Compare the years."},
    }
    for path, model in ((VOICE, "VoiceConfiguration"), (AI, "AiConfiguration")):
        fields = models[model]["properties"]
        wanted = {
            name: others.get(name, by_kind.get(next(k["type"] for k in field["anyOf"] if k["type"] != "null")))
            for name, field in fields.items()
        }
        answer = await client.put(path, json=wanted, headers=bea)
        assert answer.status_code == 200, answer.text
        assert {name: answer.json()[name] for name in wanted} == wanted
        assert sorted(answer.json()) == sorted([*wanted, "id", "user_id", "created_at", "updated_at"])


async def test_asking_without_a_change_shows_the_defaults_and_tells_of_no_change(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    shown = (await client.put(AI, json={}, headers=cast.headers("Bea"))).json()
    assert (shown["voice_id"], shown["max_objections"], shown["user_id"]) == ("rachel", 3, str(BROKER_ID))
    assert await told(ctx, "ai_configurations") == []


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (VOICE, {"require_consent": False}, "require_consent: cannot be switched off"),
        (VOICE, {"dnc_compliance": False}, "dnc_compliance: cannot be switched off"),
        (VOICE, {"speaking_rate": 9}, "speaking_rate"),
        (VOICE, {"speed": 1}, "speed"),
        (VOICE, {"jurisdiction": "FR"}, "jurisdiction"),
        (VOICE, {"voice_style": "  "}, "voice_style"),
        (VOICE, {"voice_style": None}, "voice_style: cannot be empty"),
        (VOICE, {"require_consent": None}, "require_consent: cannot be empty"),
        (VOICE, {"system_prompt_template": "a\0b"}, "system_prompt_template: holds a character"),
        (AI, {"key_differentiators": ["slate", "\0"]}, "key_differentiators: holds a character"),
        (AI, {"voice_objection_prompts": {"a\0b": "x"}}, "voice_objection_prompts: holds a character"),
        (AI, {"key_differentiators": ["x"] * 51}, "key_differentiators"),
        (AI, {"voice_objection_prompts": {str(n): "x" for n in range(51)}}, "voice_objection_prompts"),
        (AI, {"ai_creativity": "much"}, "ai_creativity"),
    ],
)
async def test_what_the_law_or_sense_forbids_is_refused_and_changes_nothing(
    ctx: Context, cast: Cast, client: httpx.AsyncClient, path: str, body: dict[str, Any], says: str
) -> None:
    refused = await client.put(path, json=body, headers=cast.headers("Bea"))
    assert refused.status_code == 422 and says in refused.json()["detail"], refused.text
    assert (await client.get(path, headers=cast.headers("Bea"))).status_code == 404


async def test_a_number_that_is_none_is_refused(cast: Cast, client: httpx.AsyncClient) -> None:
    headers = cast.headers("Bea") | {"Content-Type": "application/json"}
    for number in ("NaN", "Infinity"):
        refused = await client.put(VOICE, content=f'{{"speaking_rate": {number}}}', headers=headers)
        assert refused.status_code == 422, refused.text


async def test_a_broker_configures_nobody_else_and_nobody_configures_a_stranger(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    stranger = f"/v1/territory/voice_configurations/{UUID(int=9)}"
    for actor, path in (("Carl", VOICE), ("Carl", AI), ("Mallory", VOICE), ("Ada", stranger)):
        assert (await client.put(path, json={}, headers=cast.headers(actor))).status_code == 404, (actor, path)
    assert (await client.put(VOICE, json={"temperature": 1}, headers=cast.headers("Otto"))).status_code == 200


async def test_a_campaign_of_calls_is_made_run_and_ended_by_staff(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    ada = cast.headers("Ada")
    made = await client.post(CAMPAIGNS, json={**SPRING, "filters": {"state": "FL", "hot": True, "n": 3}}, headers=ada)
    assert made.status_code == 201
    number, path = made.json()["id"], f"{CAMPAIGNS}/{made.json()['id']}"
    shown = (await client.get(path, headers=ada)).json()
    assert (shown["status"], shown["filters"]) == ("draft", {"state": "FL", "hot": True, "n": 3})
    for status in ("active", "paused", "paused", "active"):
        answer = await client.patch(path, json={"status": status}, headers=ada)
        assert answer.json() == {"id": number, "status": status}
    back = await client.patch(path, json={"status": "draft"}, headers=ada)
    assert (back.status_code, back.json()["fix"]) == (409, "from active: paused, completed")
    await client.patch(path, json={"status": "completed"}, headers=ada)
    ended = await client.patch(path, json={"status": "active"}, headers=ada)
    assert (ended.status_code, ended.json()["fix"]) == (409, "completed is final: make another campaign")
    moves = [details["to"] for _, _, details in await told(ctx, "call_campaigns") if "to" in details]
    assert moves == ["active", "paused", "active", "completed"]


async def test_a_campaign_of_calls_that_makes_no_sense_is_refused_with_the_fix(
    cast: Cast, client: httpx.AsyncClient
) -> None:
    ada, bea = cast.headers("Ada"), cast.headers("Bea")
    refused = await client.post(CAMPAIGNS, json=SPRING, headers=bea)
    assert (refused.status_code, "admin" in refused.json()["fix"]) == (403, True)
    for body, says in (
        ({"playbook": "none", "name": "x"}, "playbook"),
        ({**SPRING, "contractor_id": 7}, "contractor_id"),
        ({**SPRING, "name": "   "}, "name"),
        ({**SPRING, "name": "a\0"}, "name: holds a character"),
        ({**SPRING, "filters": {"a": "\0"}}, "filters: holds a character"),
        ({**SPRING, "goal": "sell"}, "goal"),
    ):
        refused = await client.post(CAMPAIGNS, json=body, headers=ada)
        assert refused.status_code == 422 and says in refused.json()["detail"], refused.text
    made = (await client.post(CAMPAIGNS, json=SPRING, headers=ada)).json()["id"]
    other = await client.patch(f"{CAMPAIGNS}/{made}", json={"status": "active"}, headers=cast.headers("Mallory"))
    assert other.status_code == 404
