"""What people get to see of a place from above: side by side, stand-ins named as such, each only their own."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from imagery_cast import change, desk, found_leads, sql
from typer.testing import CliRunner

from api.api_cast import CARL_ID, Cast, add_user
from ground import BROKER, BROKER_ID
from penstock import onboarding
from penstock.api.app import create_app
from penstock.cli import app
from penstock.core.context import Context
from penstock.core.settings import Settings
from penstock.imagery import live_photo, shown
from penstock.imagery.desk import is_real
from penstock.imagery.tasks import look_at_one
from penstock.providers import Reply
from penstock.providers.vision import RoofView, Sight, Unreadable

IMAGE = (
    "insert into app.roof_images (org_id, property_id, source, status, license, content, content_sha256, media_type) "
    "values (1, {place}, '{source}', '{status}', case '{status}' when 'live' then 'free' end, 'x', 'y', 'image/jpeg')"
)
VIEW = (
    "insert into app.roof_assessments (org_id, property_id, image_id, vendor, model, status, condition_score, "
    "remaining_life_years, damage_level) select 1, property_id, id, '{vendor}', 'm', '{status}', {score}, 10, 'minor' "
    "from app.roof_images where source = '{source}'"
)


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(ctx), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        yield client


async def seen(ctx: Context, place: int, **scores: int) -> None:
    """A live picture of the place with these words of models, and a stand-in's with a word of its own."""
    await change(ctx, IMAGE.format(place=place, source="naip", status="live"))
    await change(ctx, IMAGE.format(place=place, source="mapbox", status="synthetic"))
    await change(ctx, VIEW.format(vendor="openai", status="synthetic", score=0, source="mapbox"))
    for vendor, score in scores.items():
        await change(ctx, VIEW.format(vendor=vendor, status="live", score=score, source="naip"))


@pytest.mark.parametrize(("other", "disagree"), [(45, False), (70, True)])
async def test_models_that_are_far_apart_disagree_and_a_stand_in_has_no_say(
    ctx: Context, other: int, disagree: bool
) -> None:
    (place,) = await found_leads(ctx, 1)
    await seen(ctx, place, openai=40, anthropic=other)
    async with ctx.db.tenant(1) as db:
        found = await shown.of_property(db, place)
        photo = await live_photo(db, 1, place)
    assert found["live"] == {
        "models": 2,
        "condition_score": round((40 + other) / 2),
        "apart": other - 40,
        "models_disagree": disagree,
    }
    (facts,) = await sql(ctx, "select damage, apart, looked from app.roof_facts")
    assert facts == {"damage": 100 - (40 + other) / 2, "apart": other - 40, "looked": 2}
    assert {image["status"] for image in found["images"]} == {"live", "synthetic"}
    assert photo is not None
    assert photo.source == "naip"


async def test_a_broker_sees_pictures_of_their_own_places_only(ctx: Context, client: httpx.AsyncClient) -> None:
    (hers,) = await found_leads(ctx, 1, broker_id=BROKER_ID)
    cast = Cast()
    await onboarding.add_broker(ctx, 1, onboarding.BrokerProfile(**{**vars(BROKER), "name": "Carl"}), broker_id=CARL_ID)
    for name, role, who in (("Bea", "broker", BROKER_ID), ("Carl", "broker", CARL_ID)):
        await add_user(ctx, cast, name, role, who)
    await seen(ctx, hers, openai=40)
    (image,) = await sql(ctx, "select id from app.roof_images where status = 'synthetic'")
    path = f"/v1/properties/{hers}/imagery"
    content = f"{path}/{image['id']}/content"
    told = await client.get(path, headers=cast.headers("Bea"))
    assert told.status_code == 200
    assert {picture["content_url"] for picture in told.json()["images"]} >= {content}
    assert told.json()["live"]["models"] == 1
    assert {(one["status"], one["license"]) for one in told.json()["images"]} == {("live", "free"), ("synthetic", None)}
    picture = await client.get(content, headers=cast.headers("Bea"))
    assert (picture.content, picture.headers["content-type"]) == (b"x", "image/jpeg")
    assert picture.headers["x-image-status"] == "synthetic"
    for address in (path, content):
        assert (await client.get(address, headers=cast.headers("Carl"))).status_code == 404
        assert (await client.get(address)).status_code == 401
    assert (await client.get(f"{path}/999/content", headers=cast.headers("Bea"))).status_code == 404
    endless = 10**23
    for senseless in (f"/v1/properties/{endless}/imagery", f"{path}/{endless}/content"):
        assert (await client.get(senseless, headers=cast.headers("Bea"))).status_code == 422


class Blindfolded:
    """A model that sees nothing on any picture."""

    async def fetch(self, sight: Sight) -> Reply:
        said = {"usable": False, "condition_score": 50, "damage_level": "none", "damage_indicators": []}
        view = said | {"remaining_life_years": 0, "material": "unknown", "assessment": "A tree stands before it."}
        return Reply(raw={"view": view}, billable=True)

    def read(self, raw: Mapping[str, Any]) -> RoofView | Unreadable:
        return RoofView.model_validate(raw["view"])


async def test_a_picture_on_which_nothing_can_be_judged_is_a_failure_in_words(town_ctx: Context) -> None:
    (place,) = await found_leads(town_ctx, 1)
    usual = desk(town_ctx)
    blind = replace(usual, models=tuple(replace(model, connection=Blindfolded()) for model in usual.models))
    await look_at_one(town_ctx, blind, place)
    views = await sql(town_ctx, "select status, reason, condition_score from app.roof_assessments")
    told = "it cannot be judged on this picture: A tree stands before it."
    assert views == [{"status": "failed", "reason": told, "condition_score": None}] * 2
    assert [row["outcome"] for row in await sql(town_ctx, "select outcome from app.roof_looks")] == ["pictured"]
    assert await sql(town_ctx, "select 1 from app.roof_facts") == []
    await look_at_one(town_ctx, usual, place)  # the word that was paid for stands
    assert len(await sql(town_ctx, "select 1 from app.vendor_calls where operation = 'assess'")) == 2


def test_only_an_installation_of_its_own_makes_what_is_live(settings: Settings) -> None:
    real = settings.model_copy(update={"environment": "production"})
    assert is_real(real)
    assert not is_real(settings)  # a demo
    assert not is_real(real.model_copy(update={"town_url": "http://127.0.0.1:1"}))


def test_the_commands_look_and_tell_what_they_saw_as_what_it_is(
    database: str, town: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "DATABASE_URL": database,
        "PENSTOCK_HOME": str(tmp_path),
        "PENSTOCK_SETTINGS": str(tmp_path / "none"),
        "PENSTOCK_TOWN_URL": town.http_url,
        "PENSTOCK_VENDORS__NAIP__BASE_URL": f"{town.http_url}/naip",
        "PENSTOCK_VENDORS__OPENAI__BASE_URL": f"{town.http_url}/openai/v1",
        "PENSTOCK_VENDORS__OPENAI__KEY": "town-key-0001",
        "COLUMNS": "200",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def penstock(*arguments: str, expect: int = 0) -> str:
        result = CliRunner().invoke(app, ["imagery", *arguments])
        assert result.exit_code == expect, result.output
        return result.output

    assert "Nobody" not in penstock("status")
    place = _a_place(database)
    assert "There is no property 999" in penstock("look", "999", expect=2)
    said = json.loads(penstock("look", str(place), "--json"))
    assert said["live"] is None
    assert said["looks"][0]["outcome"] == "pictured"
    assert "anthropic not connected" in said["looks"][0]["reason"]
    words = penstock("show", str(place))
    assert "synthetic naip: made up" in words
    assert "pictures count for nothing" in words
    status = json.loads(penstock("status", "--json"))
    assert {row["status"] for row in status["images"]} == {"synthetic"}
    assert {row["vendor"]: row["bought"] for row in status["spent"]} == {"naip": 0, "openai": 1}
    for senseless in ("show", "look"):
        penstock(senseless, "9" * 30, expect=2)
    assert "no playbook of places" in penstock("look", str(place), "--playbook", "equity", expect=2)


def _a_place(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "insert into app.properties (org_id, address_line1, addr_hash, lat, lng, source) "
            "values (1, '1 Elm St', 'h', 30.27, -97.74, 'file') returning id"
        ).fetchone()
    assert row is not None
    return int(row[0])
