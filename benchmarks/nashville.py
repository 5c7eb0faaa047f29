"""The backtest on Nashville's permits: what the docs quote, and the two pictures of the docs.

`python -m benchmarks.nashville ../shared/data docs/images` prints the one and draws the other into the folder.

The file is a sample (5,996 of some tens of thousands), so two questions are asked. Of the parcels of corporate owners,
a list made without looking at permits: where do re-roofs come next? And of the places that file for anything after a
day: which file for a roof? The second is a case-control study: its controls are of the same streets and sample.
"""

from __future__ import annotations

import csv
import gzip
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from penstock.contagion.arrays import PERMIT, PROPERTY, Ints, Reach, Rows
from penstock.contagion.backtest import Interval, Report, backtest
from penstock.contagion.charts import lift_chart
from penstock.contagion.clusters import Density, find
from penstock.contagion.field import one_per_project
from penstock.contagion.geometry import flaws
from penstock.contagion.map_box import Box
from penstock.contagion.map_svg import Drawn, circles, draw
from penstock.contagion.parts import by_cell
from penstock.contagion.score import Weights
from penstock.contagion.states import BOXES
from penstock.core.errors import InvalidInput
from penstock.permits import standard

EPOCH = date(1970, 1, 1)
JULY_2022 = date(2022, 7, 1)
ASKING = "re-roofs among all that file"
Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Places, the permits of one kind of work, and which place each permit is about."""

    name: str
    properties: Rows
    permits: Rows
    own: Ints
    filed: Ints | None = None  # the latest day on which each place filed for anything; None: all places are at risk

    def at_risk(self, as_of: int, until: int) -> Case:
        """The places among which a hit is looked for."""
        if self.filed is None:
            return self
        kept = (self.filed > as_of) & (self.filed <= until)
        new = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        return Case(self.name, self.properties[kept], self.permits, new[self.own])


def rows_of(file: Path) -> Iterator[Row]:
    """The rows of a gzipped CSV file."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def is_reroof(row: Row) -> bool:
    """What the product itself takes for a re-roof."""
    verdict = standard()(
        type_raw=row["Permit_Type_Description"],
        work_raw=row["Permit_Subtype_Description"],
        description=row["Purpose"],
        valuation=int(float(row["Const_Cost"] or 0)),
    )
    return verdict.kind == "reroof"


def is_addition(row: Row) -> bool:
    """Additions to homes: another kind of work, of which there are more."""
    return row["Permit_Type_Description"] == "Building Residential - Addition"


def address(text: str) -> str:
    """Upper case, single blanks, without what follows a comma."""
    return " ".join(text.split(",")[0].upper().split())


def places(keyed: Iterable[tuple[str, float, float]], built: dict[str, int]) -> tuple[Rows, dict[str, int]]:
    """PROPERTY rows of the keys with a plausible place, and the position of each key."""
    first = {key: (lat, lng) for key, lat, lng in reversed(list(keyed))}
    points = np.array(list(first.values()))
    good = flaws(points[:, 0], points[:, 1], BOXES["TN"]) == 0
    keys = [key for key, fine in zip(first, good, strict=True) if fine]
    made = np.zeros(len(keys), dtype=PROPERTY)
    made["id"] = np.arange(len(keys))
    made["lat"], made["lng"] = points[good].T
    made["year_built"] = [built.get(key, 0) for key in keys]
    made["subdivision"] = -1
    return made, {key: position for position, key in enumerate(keys)}


def permits_of(rows: list[Row], positions: dict[str, int], key: str) -> tuple[Rows, Ints]:
    """PERMIT rows, one per project, and `own` by the key column."""
    made = np.zeros(len(rows), dtype=PERMIT)
    made["id"] = [int(row["ObjectId"]) for row in rows]
    made["lat"], made["lng"] = ([float(row[name]) for row in rows] for name in ("Lat", "Lon"))
    made["day"] = [int(row["Date_Entered"]) // 86_400_000 for row in rows]
    names = {name: code for code, name in enumerate(sorted({row["Contact"].upper() for row in rows}))}
    made["contractor"] = [names[row["Contact"].upper()] for row in rows]
    made["subdivision"] = -1
    made["value_cents"] = [int(float(row["Const_Cost"] or 0) * 100) for row in rows]
    own = np.array([positions.get(address(row[key]), -1) for row in rows], dtype=np.int64)
    kept = one_per_project(made, own)
    return made[kept], own[kept]


def cases(data: Path) -> Iterator[Case]:
    """Corporate parcels and all places with a permit, for re-roofs; the latter also for additions."""
    filed = list(rows_of(data / "permits/nashville_permits_2021_2024.csv.gz"))
    built = {
        address(row["PropertyAddress"]): int(row["YearBuilt"])
        for row in rows_of(data / "property/nashville_sales_2013_2016.csv.gz")
        if row["YearBuilt"]
    }
    parcels = rows_of(data / "property/nashville_corporate_parcels_a.csv.gz")
    corporate = places(((address(r["address"]), float(r["lat"]), float(r["lon"])) for r in parcels if r["lat"]), built)
    asking = places(((address(r["Address"]), float(r["Lat"]), float(r["Lon"])) for r in filed), built)
    reroofs, additions = ([row for row in filed if chosen(row)] for chosen in (is_reroof, is_addition))
    print(f"{len(filed)} permits, {len(reroofs)} re-roofs, {len(additions)} additions")
    latest = np.zeros(len(asking[0]), dtype=np.int64)
    at = [asking[1].get(address(row["Address"]), -1) for row in filed]
    np.maximum.at(latest, np.array(at), [int(row["Date_Entered"]) // 86_400_000 for row in filed])
    yield Case("re-roofs, parcels of corporate owners", corporate[0], *permits_of(reroofs, corporate[1], "Address"))
    yield Case(ASKING, asking[0], *permits_of(reroofs, asking[1], "Address"), latest)
    yield Case("additions among all that file", asking[0], *permits_of(additions, asking[1], "Address"), latest)


def _report(case: Case, day: int, horizon: int) -> Report:
    blocks = by_cell(case.properties, resolution=7)
    return backtest(
        case.properties, case.permits, case.own, blocks,
        as_of=day, reach=Reach(), weights=Weights(), horizon_days=horizon,
    )  # fmt: skip


def show(case: Case, as_of: date, horizon: int) -> None:
    """Print one backtest."""
    day = (as_of - EPOCH).days
    case = case.at_risk(day, day + horizon)
    print(f"\n## {case.name}, as of {as_of} for {horizon} days")
    print(f"{len(case.properties)} places, {len(case.permits)} projects, {(case.own >= 0).sum()} at a known place")
    try:
        report = _report(case, day, horizon)
    except InvalidInput as none:
        print(none)
        return
    for line in lines(report):
        print(line)


def lines(report: Report) -> Iterator[str]:
    """A report as text."""
    yield f"{report.permits_known} projects known, {report.hits} places asked after, {report.blocks} neighbourhoods"
    for each in report.rankings:
        yield f"  {each.name:32} lift {_of(each.lift)}  fifth {_of(each.captured)}  auc {_of(each.auc)}"
        yield "  " + " " * 32 + " hits by tenth " + " ".join(f"{d.hits:.1f}" for d in each.deciles)
    for comparison in report.comparisons:
        yield f"  {comparison.ours} less {comparison.theirs}: {_of(comparison.difference)}"
    yield from (f"  ! {warning}" for warning in report.warnings)


def _of(interval: Interval) -> str:
    between = "no interval" if math.isnan(interval.low) else f"{interval.low:.2f} to {interval.high:.2f}"
    return f"{interval.value:.2f} ({between})"


def pictures(case: Case, folder: Path) -> None:
    """The lift chart of the longest time after July 2022, and a map of the last day; single permits do not show."""
    as_of, horizon, last = JULY_2022, 800, int(case.permits["day"].max())
    day = (as_of - EPOCH).days
    at_risk = case.at_risk(day, day + horizon)
    report = _report(at_risk, day, horizon)
    asked = f"{report.hits} of {report.properties:,} places of Nashville that filed for anything"
    chart = lift_chart(report, "Which of those who file, file for a re-roof?", f"{asked} after {as_of}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nashville-lift.svg").write_text(chart, encoding="utf-8")
    known = case.permits
    days = (EPOCH + timedelta(days=each) for each in known["day"].tolist())
    points = list(zip(known["lat"].tolist(), known["lng"].tolist(), days, strict=True))
    box = Box(float(known["lng"].min()) - 0.02, float(known["lat"].min()) - 0.02,
              float(known["lng"].max()) + 0.02, float(known["lat"].max()) + 0.02)  # fmt: skip
    rules = Density(min_permits=3, window_days=3 * 365)
    found = circles(find(case.permits, case.own, case.properties, as_of=last, density=rules).clusters)
    drawn = Drawn(points, found, box, EPOCH + timedelta(days=last), by_cell=True)
    picture = draw(drawn, "Re-roofs in Nashville; clusters of three or more within three years")
    (folder / "nashville-map.svg").write_text(picture, encoding="utf-8")


def main() -> None:
    """Print the backtests and the clusters; draw the pictures if a folder is given for them."""
    for case in cases(Path(sys.argv[1])):
        for as_of, horizon in ((JULY_2022, 365), (JULY_2022, 800), (date(2023, 7, 1), 365)):
            show(case, as_of, horizon)
        day = (JULY_2022 - EPOCH).days
        found = find(case.permits, case.own, case.properties, as_of=day, density=Density(min_permits=3)).clusters
        for cluster in found:
            last = EPOCH + timedelta(days=int(cluster["last_day"]))
            print(f"  cluster of {cluster['permits']} at {cluster['lat']:.4f}, {cluster['lng']:.4f}, last {last}")
        if case.name == ASKING and len(sys.argv) > 2:
            pictures(case, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
