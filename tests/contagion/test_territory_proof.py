"""The backtest on what is on record: what it needs, what it says; and its pictures."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from test_contagion_backtest import report_on
from world_contagion import TODAY, fill, permit, place

from penstock.contagion import score_due
from penstock.contagion.backtest import OURS, Comparison, Interval, Report
from penstock.contagion.backtest_run import Proof, prove, sentences
from penstock.contagion.charts import lift_chart
from penstock.contagion.map_box import Box, read_box
from penstock.contagion.map_svg import Circle, Drawn, draw, read_map
from penstock.core.context import Context
from penstock.core.errors import InvalidInput
from penstock.playbook import Playbook

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def book(ctx: Context) -> Playbook:
    return next(book for book in ctx.playbooks.values() if book.territory)


async def proof_of(ctx: Context, book: Playbook, days_ago: int = 365, days: int = 365) -> Proof:
    async with ctx.db.tenant(1) as db:
        return await prove(db, 1, book, as_of=TODAY - timedelta(days=days_ago), days=days, today=TODAY)


async def test_the_backtest_says_what_is_missing_for_it(ctx: Context, book: Playbook) -> None:
    with pytest.raises(InvalidInput, match="no place with coordinates"):
        await proof_of(ctx, book)
    await fill(ctx, [place(1, 0, 0)], [permit(1, 0, 1, work="solar", owner=1)])
    with pytest.raises(InvalidInput, match="no re-roofs up to 2026-11-30"):
        await proof_of(ctx, book)
    await fill(ctx, [], [permit(2, 0, 1, days=100, owner=1)])
    with pytest.raises(InvalidInput, match="the first is of 2026-08-22") as refused:
        await proof_of(ctx, book)
    assert refused.value.fix == "--as-of 2026-08-22"
    await fill(ctx, [], [permit(3, 0, 1, days=10)])
    with pytest.raises(InvalidInput, match="of 1 re-roofs after 2026-08-22 up to 2026-11-20, 0 are of a place"):
        await proof_of(ctx, book, days_ago=100, days=90)
    with pytest.raises(InvalidInput, match="is not over"):
        await proof_of(ctx, book, days_ago=0)
    with pytest.raises(InvalidInput, match="has no territory"):
        await proof_of(ctx, ctx.playbooks["equity"])


async def test_the_backtest_counts_who_asked_after_the_day_among_what_is_on_record(
    ctx: Context, book: Playbook
) -> None:
    homes = [place(id, 0, 3 * id) for id in range(1, 31)]
    before = [permit(100 + n, 0, 3 * n, days=500, owner=n) for n in (1, 2)]
    after = [permit(200 + n, 0, 3 * n, days=200, owner=n) for n in (3, 4)]
    too_late = [permit(300, 0, 90, days=-5, owner=30)]
    await fill(ctx, homes, [*before, *after, *too_late])
    proof = await proof_of(ctx, book)
    assert (proof.report.properties, proof.report.permits_known, proof.report.hits) == (30, 2, 2)
    ours = next(each for each in proof.report.rankings if each.name == OURS)
    assert ours.deciles[0].hits == 2  # next to the first two; those two themselves are done
    assert "too few" in proof.sentences[0] and len(proof.sentences) == 1
    told = json.loads(json.dumps(proof.as_json(), default=str, allow_nan=False))
    assert told["rankings"][0]["lift"]["low"] is None
    assert told["hits"] == 2 and told["until"] == str(TODAY)


def reported(lift: Interval, *apart: tuple[str, Interval]) -> Report:
    report = report_on(4, strength=0.1, resamples=2)
    ours = replace(report.rankings[0], lift=lift)
    return replace(
        report,
        rankings=(ours, *report.rankings[1:]),
        comparisons=tuple(Comparison(OURS, theirs, difference) for theirs, difference in apart),
    )


def test_the_verdict_says_no_more_than_the_intervals() -> None:
    count, age = "number of neighbours' permits", "age alone"
    clear, none, worse = Interval(1.9, 1.2, 2.6), Interval(0.1, -0.5, 0.6), Interval(-0.9, -1.4, -0.3)
    better = list(sentences(reported(clear, (count, Interval(0.5, 0.1, 0.9)), (age, clear))))
    assert better[0].endswith("better than chance.")
    assert better[1:] == [
        "The score finds more than the plain neighbour count: the score's lift less that one's is 0.50 (0.10 to 0.90).",
        "The score finds more than age alone: the score's lift less that one's is 1.90 (1.20 to 2.60).",
    ]
    alike = list(sentences(reported(Interval(1.2, 0.8, 1.6), (count, none), (age, worse))))
    assert alike[0].endswith("not shown to be better than chance.")
    assert alike[1].startswith("As far as these figures tell, the plain neighbour count predicts as well")
    assert alike[2].startswith("The simpler age alone predicts better")
    assert next(sentences(reported(Interval(0.5, 0.1, 0.9)))).endswith("worse than chance.")


def test_planted_contagion_makes_the_verdict_say_so() -> None:
    told = list(sentences(report_on(4, strength=0.1)))
    assert told[0].endswith(": better than chance.")
    by_chance = list(sentences(report_on(6, strength=0.0)))
    assert by_chance[0].endswith(": not shown to be better than chance.")
    assert by_chance[1].startswith("As far as these figures tell, the plain neighbour count predicts as well")


def drawn_marks(svg: str, kind: str) -> list[Any]:
    return [each for each in ElementTree.fromstring(svg).iter() if each.get("class") == kind]


def test_the_lift_chart_shows_each_tenth_with_its_interval_and_fetches_nothing() -> None:
    report = report_on(4, strength=0.1, resamples=40)
    svg = lift_chart(report, "Who <asked> next?", "below")
    bars = drawn_marks(svg, "bar")[1:]  # the first is the legend's
    tall = [float(bar.get("height")) for bar in bars]
    deciles = report.rankings[0].deciles
    assert [round(height / tall[0], 2) for height in tall] == pytest.approx(
        [each.lift / deciles[0].lift for each in deciles], abs=0.02
    )
    assert len(drawn_marks(svg, "whisker")) == 10
    assert all(len(drawn_marks(svg, f"m{n}")) == 11 for n in (1, 2, 3))
    assert "Who &lt;asked&gt; next?" in svg and "prefers-color-scheme:dark" in svg
    assert not re.search(r"https?://(?!www\.w3\.org)|@import|url\(", svg)


def test_without_intervals_the_chart_has_no_whiskers() -> None:
    report = report_on(4, strength=0.1, resamples=0)
    assert math.isnan(report.rankings[0].deciles[0].low)
    assert drawn_marks(lift_chart(report, "t", "b"), "whisker") == []


def test_a_map_puts_north_up_and_distances_to_scale() -> None:
    box = Box(-87.0, 36.0, -86.9, 36.1)
    day = date(2024, 6, 1)
    points = [(36.1, -87.0, day), (36.0, -86.9, day - timedelta(days=400)), (36.05, -86.95, day - timedelta(days=900))]
    ring = Circle(36.05, -86.95, 5280.0)
    svg = draw(Drawn(points, [ring], box, day, by_cell=False), "Permits")
    (new,), (older,), (oldest,) = (drawn_marks(svg, f"d{n}")[:-1] for n in range(3))  # the last is the legend's
    left, top, right, bottom = (float(each.get(name)) for each in (new, older) for name in ("cx", "cy"))
    assert left < right and top < bottom
    metres = np.array([right - left, bottom - top]) * 1609.344 / float(drawn_marks(svg, "ring")[0].get("r"))
    assert metres == pytest.approx([0.1 * 111_195 * np.cos(np.radians(36.05)), 0.1 * 111_195], rel=0.01)
    assert float(oldest.get("cx")) == pytest.approx((left + right) / 2, abs=0.1)
    assert "mile" in svg


async def test_a_map_by_cell_shows_no_single_permit(ctx: Context, book: Playbook) -> None:
    await fill(ctx, [place(1, 0, 0)], [permit(n, 0, n / 10, days=20 + n) for n in range(1, 7)])
    await score_due(ctx, 1, book)
    async with ctx.db.tenant(1) as db:
        single = await read_map(db, 1, book, on=TODAY)
        cells = await read_map(db, 1, book, on=TODAY, by_cell=True)
        assert (len(single.permits), len(single.clusters)) == (6, 1)
        svg = draw(cells, "t")
        assert len(drawn_marks(svg, "d0")) == 2  # one cell, and the legend
        assert len(drawn_marks(draw(single, "t"), "d0")) == 7
        assert (await read_map(db, 1, book, on=TODAY - timedelta(days=23), past=True)).clusters == []
        (then,) = (await read_map(db, 1, book, on=TODAY, past=True)).clusters
        assert then == single.clusters[0]
        with pytest.raises(InvalidInput, match="on record there"):
            await read_map(db, 1, book, on=TODAY, box=read_box("1,1,2,2"))
        with pytest.raises(InvalidInput, match="no re-roofs"):
            await read_map(db, 1, book, on=TODAY - timedelta(days=30))
        with pytest.raises(InvalidInput, match="date line"):
            await read_map(db, 1, book, on=TODAY, box=read_box("179,1,-179,2"))
