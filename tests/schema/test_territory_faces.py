"""The views of schema `territory`: the columns that the documented models name, under row-level security."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from factories import make_lead
from ground import BROKER_ID, shared_data
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar

SOURCES = Path(__file__).parents[2] / "src" / "penstock"
CALL = text(
    "insert into app.vendor_calls (org_id, vendor, operation, request_hash, window_start, price_cents, cost_cents,"
    " stage, lead_id) values (1, 'test', :stage, :stage, '2026-11-30', :cents, :cents, :stage, :lead)"
)
MODEL = re.compile(r"^#### (\w+)\n.*?```sql\n(.*?)```", re.DOTALL | re.MULTILINE)


def documented_models() -> dict[str, list[str]]:
    """Columns of each model as the shared document lists them."""
    document = (shared_data() / "seeds" / "fish-mouth-schema.md").read_text("utf-8")
    models = {}
    for name, body in MODEL.findall(document):
        own = body.split("-- Relationships")[0]
        models[name] = re.findall(r"^(\w+) +[A-Z]", own, re.MULTILINE)
    return models


def views(database: str) -> dict[str, list[str]]:
    with psycopg.connect(database) as connection:
        found: dict[str, list[str]] = {}
        for view, column in connection.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'territory' "
            "order by table_name, ordinal_position"
        ):
            found.setdefault(view, []).append(column)
        return found


def test_every_documented_column_is_in_the_view_of_its_model(database: str) -> None:
    ours = views(database)
    models = documented_models()
    assert len(models) == 21
    missing = {model: [c for c in columns if c not in ours.get(model, [])] for model, columns in models.items()}
    assert {model: columns for model, columns in missing.items() if columns} == {}


def mapped_models() -> dict[str, list[str]]:
    """Columns of each model as our reference maps them."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "fish-mouth.md").read_text("utf-8")
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return {name: re.findall(r"^\| `(\w+)` \| \S", body, re.MULTILINE) for name, body in sections if name.islower()}


def test_the_reference_maps_every_column_to_where_it_lives(database: str) -> None:
    ours, mapped = views(database), mapped_models()
    assert len(mapped) == 21
    assert [
        (model, column) for model, columns in mapped.items() for column in columns if column not in ours[model]
    ] == []


def test_the_reference_leaves_no_documented_column_out() -> None:
    assert mapped_models() == documented_models()


def test_all_28_models_that_the_document_names_have_a_view(database: str) -> None:
    assert len(views(database)) == 28


def test_no_room_rests_on_these_views() -> None:
    """They show what the rooms have done; the rooms read the tables and views of `app`."""
    resting = [
        str(file.relative_to(SOURCES))
        for file in sorted(SOURCES.rglob("*.sql"))
        if "schema" not in file.parts and re.search(r"\b(from|join|update|into)\s+territory\.", file.read_text("utf-8"))
    ]
    assert resting == []


@pytest.mark.parametrize("role", ["admin", "broker"])
async def test_every_view_can_be_read(ctx: Context, role: str) -> None:
    await make_lead(ctx)
    sub = str(BROKER_ID) if role == "broker" else "00000000-0000-4000-8000-000000000009"
    names = [f"territory.{name}" for name in sorted(await names_of(ctx))]
    async with ctx.db.tenant(1, role="authenticated", sub=sub, user_role=role) as db:
        counts = {name: len(await rows(db, text(f"select * from {name}"))) for name in names}
    assert counts["territory.leads"] == (1 if role == "admin" else 0)
    assert counts["territory.users"] == 1


async def test_enriching_the_contact_of_a_lead_costs_neither_its_pictures_nor_its_calls(ctx: Context) -> None:
    lead = await make_lead(ctx)
    spent = {"intake": 1, "imagery": 2, "scrape": 4, "enrichment": 800, "verification": 1600, "voice": 32}
    async with ctx.db.tenant(1) as db:
        for stage, cents in spent.items():
            await execute(db, CALL, stage=stage, cents=cents, lead=lead)
        told = await scalar(db, text("select contact_enrichment_cost from territory.leads"))
    assert told == 24.0


async def names_of(ctx: Context) -> list[str]:
    async with ctx.db.owner() as db:
        found = await rows(db, text("select table_name from information_schema.views where table_schema = 'territory'"))
    return [row["table_name"] for row in found]
