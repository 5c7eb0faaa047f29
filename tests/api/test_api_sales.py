"""Notes, tags, follow-ups and stages over HTTP: whoever sees the lead may."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from ground import START
from penstock.core.context import Context

if TYPE_CHECKING:
    from api_cast import Cast

pytest_plugins = ["api_cast"]


async def test_a_broker_works_on_own_leads_over_http_and_on_no_others(
    ctx: Context, cast: Cast, client: httpx.AsyncClient
) -> None:
    bea, mine, theirs = cast.headers("Bea"), cast.leads["Bea's"], cast.leads["Carl's"]

    async def post(path: str, body: dict[str, Any]) -> httpx.Response:
        return await client.post(path, json=body, headers=bea)

    assert (await post(f"/v1/leads/{mine}/notes", {"text": "likes slate"})).status_code == 201
    assert (await post(f"/v1/leads/{theirs}/notes", {"text": "likes slate"})).status_code == 404
    assert (await post(f"/v1/leads/{mine}/tags", {"add": ["slate"]})).json() == ["slate"]
    assert (await client.get("/v1/tags", headers=bea)).json() == {"slate": 1}
    assert (await client.get("/v1/tags", headers=cast.headers("Carl"))).json() == {}
    due = {"title": "call", "due_at": (START + timedelta(days=1)).isoformat()}
    task = (await post(f"/v1/leads/{mine}/follow_ups", due)).json()["id"]
    done = await client.patch(f"/v1/follow_ups/{task}", json={"state": "done"}, headers=cast.headers("Carl"))
    assert done.status_code == 404
    done = await client.patch(f"/v1/follow_ups/{task}", json={"state": "done"}, headers=bea)
    assert (done.status_code, done.json()["state"]) == (200, "done")
    again = await client.patch(f"/v1/follow_ups/{task}", json={"state": "done"}, headers=bea)
    assert (again.status_code, bool(again.json()["fix"])) == (409, True)
    later = {"due_at": (START + timedelta(days=2)).isoformat()}
    shut = await client.patch(f"/v1/follow_ups/{task}", json=later, headers=bea)
    assert shut.status_code == 409 and "open" in shut.json()["fix"]
    reopened = await client.patch(f"/v1/follow_ups/{task}", json={"state": "open", **later}, headers=bea)
    assert (reopened.status_code, reopened.json()["state"]) == (200, "open")
    assert reopened.json()["due_at"].startswith("2026-12-02")
    both = await client.patch(f"/v1/follow_ups/{task}", json={"state": "done", **later}, headers=bea)
    assert both.status_code == 409, "what is done has no other day"
    moved = await post(f"/v1/leads/{mine}/stage", {"stage": "CLOSED_LOST", "reason": "sold"})
    assert moved.json() == {"from": "new", "to": "lost"}
    back = await post(f"/v1/leads/{mine}/stage", {"stage": "QUALIFIED", "reason": "  "})
    assert (back.status_code, back.json()["fix"]) == (422, "say why")
    back = await post(f"/v1/leads/{mine}/stage", {"stage": "QUALIFIED", "reason": "the buyer left"})
    assert back.json() == {"from": "lost", "to": "interested"}
    told = (await client.get(f"/v1/leads/{mine}/activities", headers=bea)).json()
    assert {"note_added", "tags_changed", "follow_up_made", "follow_up_closed", "status_changed"} <= {
        line["activity_type"] for line in told
    }
    assert "likes slate" in [line["description"] for line in told]
    assert (await client.get(f"/v1/leads/{theirs}/activities", headers=bea)).status_code == 404
