"""The lift chart of a backtest as SVG: what each tenth of the ranking caught, beside chance and the simpler scores."""

from __future__ import annotations

import math
from collections.abc import Iterator

from penstock.contagion.backtest import OURS, Ranking, Report
from penstock.contagion.drawing import document, line, mark, words

WIDTH, HEIGHT = 760.0, 430.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 24.0, 112.0, 58.0
TICKS = 6  # at most, on the axis of the lift


def lift_chart(report: Report, title: str, below: str) -> str:
    """Bars: the total score by tenths, with intervals; marks: the other ways of ranking. 1 is chance."""
    ours = next(each for each in report.rankings if each.name == OURS)
    others = [each for each in report.rankings if each.name != OURS]
    top = _top(report)
    pieces = [
        words(LEFT, 28, title, kind="title"),
        words(LEFT, 48, below, kind="quiet"),
        *_legend(others),
        *_axis(top),
        *_bars(ours, top),
        *(piece for number, each in enumerate(others) for piece in _marks(each, number, top)),
        line(LEFT, _y(1, top), WIDTH - RIGHT, _y(1, top), "even"),
    ]
    return document(WIDTH, HEIGHT, f"{title}. {below}", pieces)


def _top(report: Report) -> float:
    highest = [each.lift for ranking in report.rankings for each in ranking.deciles]
    highest += [each.high for ranking in report.rankings if ranking.name == OURS for each in ranking.deciles]
    step = _step(max(value for value in [*highest, 2.0] if not math.isnan(value)))
    return step * math.ceil(max(value for value in [*highest, 2.0] if not math.isnan(value)) / step)


def _step(top: float) -> float:
    """A round distance between the lines of the axis."""
    return next(step for step in (0.5, 1.0, 2.0, 5.0, 10.0) if top / step <= TICKS or step == 10.0)


def _x(tenth: float) -> float:
    return LEFT + (tenth - 0.5) * (WIDTH - LEFT - RIGHT) / 10


def _y(lift: float, top: float) -> float:
    return HEIGHT - BOTTOM - lift / top * (HEIGHT - BOTTOM - TOP)


def _legend(others: list[Ranking]) -> Iterator[str]:
    yield f'<rect class="bar" x="{LEFT:g}" y="66" width="12" height="12"/>'
    yield words(LEFT + 18, 77, OURS)
    x = LEFT + 110
    for number, each in enumerate(others):
        yield mark(x, 72, number)
        yield words(x + 12, 77, each.name)
        x += 34 + 7 * len(each.name)


def _axis(top: float) -> Iterator[str]:
    step = _step(top)
    for number in range(round(top / step) + 1):
        height = _y(number * step, top)
        yield line(LEFT, height, WIDTH - RIGHT, height)
        yield words(LEFT - 8, height + 4, f"{number * step:g}", kind="quiet", anchor="end")
    yield words(LEFT, TOP - 12, "lift (1: as many as by chance)", kind="quiet")
    for tenth in range(1, 11):
        yield words(_x(tenth), HEIGHT - BOTTOM + 20, str(tenth), kind="quiet", anchor="middle")
    yield words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, "tenth of the places, ranked first to last", anchor="middle")


def _bars(ours: Ranking, top: float) -> Iterator[str]:
    for each in ours.deciles:
        x, y = _x(each.number), _y(each.lift, top)
        yield f'<rect class="bar" x="{x - 17:.1f}" y="{y:.1f}" width="34" height="{_y(0, top) - y:.1f}"/>'
        if not math.isnan(each.low):
            low, high = _y(each.low, top), _y(each.high, top)
            yield f'<path class="whisker" d="M{x:.1f} {low:.1f}V{high:.1f}m-5 0h10M{x - 5:.1f} {low:.1f}h10"/>'


def _marks(ranking: Ranking, number: int, top: float) -> Iterator[str]:
    for each in ranking.deciles:
        yield mark(_x(each.number) - 8 + 8 * number, _y(each.lift, top), number)
