"""What a measurement gives: a figure beside its peer. And how figures are shown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: what `--rows` leaves alone is fixed, so that two runs can be compared."""

    rows: int = 50_000  # data rows of the county file; about as many leads stand in the feeder's line
    rounds: int = 3
    calls: int = 1_000  # upserts of each kind
    cap: int = 250  # leads a broker gets a day
    brokers: tuple[int, ...] = (1, 20)
    facts: int = 2_000  # people asked about, a round
    companies: int = 1_000_000  # companies behind the queues
    homes: int = 1_000_000  # places that are scored; a tenth as many permits


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, the peer measured beside it in the same unit, and what they were measured on."""

    name: str
    value: float
    unit: str
    peer_name: str
    peer: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """Figure divided by peer. Of rates: the share of the ceiling reached. Of times: how many times as long."""
        return self.value / self.peer

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


class Stopwatch:
    """Collects the seconds of many laps."""

    def __init__(self) -> None:
        self.laps: list[float] = []

    @contextmanager
    def lap(self) -> Iterator[None]:
        """One lap: the time the block takes."""
        started = perf_counter()
        yield
        self.laps.append(perf_counter() - started)

    @property
    def median(self) -> float:
        return statistics.median(self.laps)

    def percentile(self, hundredths: int) -> float:
        """The lap that so many of a hundred do not exceed."""
        ordered = sorted(self.laps)
        return ordered[max(0, -(-len(ordered) * hundredths // 100) - 1)]


def machine(server_version: str) -> str:
    """One line about where and in what company this was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, PostgreSQL {server_version}; load average {load}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def table(title: str, figures: Sequence[Figure], line: str) -> Table:
    """The figures of one measurement, to be printed."""
    made = Table(title=title, title_justify="left", caption=line, caption_justify="left", box=None, header_style="bold")
    made.add_column("figure")
    for column in ("value", "peer", "ratio"):
        made.add_column(column, justify="right", no_wrap=True)
    made.add_column("peer is")
    for each in figures:
        value, peer = (f"{_plain(number)} {each.unit}" for number in (each.value, each.peer))
        made.add_row(f"{each.name}\n[dim]{each.note}[/]", value, peer, _plain(each.ratio), each.peer_name)
    return made


def _plain(number: float) -> str:
    """Three digits that count, without an exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
