"""What a report says, as plain data: composed once, stored, and shown again as it was.

Says only what is on record: permits are permits, not finished work, and nothing is claimed of the owner's own place
that nobody looked at. Neighbours appear as dots and months; names of people, firms and streets next door do not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from penstock.contagion import Known, Reach, Tier, Weights, rounded_feet

VERSION = 1
DAYS = "days"  # the key whose values move from day to day and make no new report
ABOUT_THE_PLACE = frozenset(
    {
        *("PERMITS_UNKNOWN", "NONE_NEARBY", "CLOSE_BY", "IN_THE_AREA", "NEXT_DOOR", "SAME_SUBDIVISION"),
        *("AGE_UNKNOWN", "FRESH", "AGE_BY_PERMIT", "AGE_GUESSED", "AGE_OF_BUILDING"),
    }
)
"""Reasons an owner is shown. Liens, equity and other firms' names are not put on a page that travels by mail, and what
a program read in a picture is no finding of damage."""
MOST_REASONS, MOST_DOTS, MOST_HOMES = 4, 300, 600
HEADLINES = {
    Tier.HOT: "Worth a look soon",
    Tier.WARM: "Worth a look",
    Tier.COLD: "Nothing pressing on record",
}


@dataclass(frozen=True, slots=True)
class Dot:
    """A permit on the map: whole feet east and north of the home, rounded to ten, and its month."""

    east: int
    north: int
    on: date


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around a place: permits, nearest first, the other homes, and whose permits they are."""

    dots: Sequence[Dot] = ()
    homes: Sequence[tuple[int, int]] = ()
    cities: Sequence[str] = ()
    read_on: date | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """The terms of a playbook that reports are written in."""

    words: Mapping[str, str]  # one, many, part
    reach: Reach
    weights: Weights


def compose(
    maker: Maker,
    row: Mapping[Any, Any],
    around: Surroundings,
    reasons: Iterable[Any],
    pictures: Sequence[Mapping[Any, Any]],
    *,
    made_on: date,
) -> dict[str, Any]:
    """The content of a report out of a row of the query `scored`; `reasons` have `code` and `sentence`, best first."""
    counted = counts(maker, row)
    content: dict[str, Any] = {
        "version": VERSION,
        "words": dict(maker.words),
        "address": {
            "line1": " ".join(filter(None, (_proper(row["address_line1"]), row["address_line2"]))) or "This home",
            "city": _proper(row["city"]),
            "state": row["state"],
            "postal_code": row["postal_code"],
        },
        "counts": counted,
        "social_proof": social_proof(maker.words, counted),
        "map": _map(maker.reach, around),
        "score": _score(maker, row, reasons),
        "meaning": meaning(maker.words, row, counted),
        "unknown": unknown(maker.words, row, seen=bool(pictures)),
        "pictures": [_picture(picture) for picture in pictures],
        "contractor": {
            key: row[name]
            for key, name in (
                *(("name", "contractor"), ("license_number", "license_number"), ("license_state", "license_state")),
                *(("phone", "phone"), ("website", "website")),
            )
        },
        "seller": {"legal_name": row["legal_name"], "postal_address": row["postal_address"]},
        "cities": sorted(around.cities)[:3],
        DAYS: {
            "made_on": made_on.isoformat(),
            "scored_on": row["scored_on"].isoformat(),
            "read_on": around.read_on.isoformat() if around.read_on else None,
        },
    }
    if content["contractor"]["name"] is None:
        content["contractor"]["name"] = row["legal_name"]
    return content


def sha256(content: Mapping[str, Any]) -> str:
    """Hash of what a content says, without the days that it counts from."""
    lasting = {key: value for key, value in content.items() if key != DAYS}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def counts(maker: Maker, row: Mapping[Any, Any]) -> dict[str, Any]:
    """How many permits within which distance, since when, by how many firms, and how near the nearest is."""
    near = row["permits_within_quarter_mile"] > 0
    return {
        "rings": [
            {"feet": feet, "within": distance(feet), "short": short(feet), "count": row[f"permits_within_{name}"]}
            for feet, name in zip(rings(maker.reach), ("100ft", "500ft", "quarter_mile"), strict=True)
        ],
        "window": window(maker.reach.window_days),
        "since": month(row["since"]) if row["permits_within_500ft"] else None,
        "contractors": row["contractor_count"] if row["permits_within_500ft"] else 0,
        "nearest_feet": rounded_feet(row["nearest_permit_ft"]) if near else None,
        "nearest_month": month(row["nearest_on"]) if near and row["nearest_on"] else None,
    }


def social_proof(words: Mapping[str, str], counted: Mapping[str, Any]) -> str | None:
    """The work around a place in a sentence of public facts, or None where there is none."""
    _, block, area = counted["rings"]
    ring = block if block["count"] else area
    if not ring["count"]:
        return None
    since = f"since {counted['since']}" if ring is block else f"in the last {counted['window']}"
    number, one = ring["count"], ring["count"] == 1
    what = f"{number} {words['one']} was" if one else f"{number:,} {words['many']} were"
    sentence = f"{what} permitted {ring['within']} {since}"
    if ring is block and counted["contractors"] > 1:
        sentence += f", by {counted['contractors']:,} different contractors"
    return f"{sentence}; {_nearest(counted, one=one)}."


def _nearest(counted: Mapping[str, Any], *, one: bool) -> str:
    when = f", in {counted['nearest_month']}" if counted["nearest_month"] else ""
    return f"{'it is' if one else 'the nearest is'} about {counted['nearest_feet']:,} ft away{when}"


def meaning(words: Mapping[str, str], row: Mapping[Any, Any], counted: Mapping[str, Any]) -> list[str]:
    """What the counts and years may mean, said no stronger than they are."""
    part, many, age, said = words["part"], words["many"], _years(row["roof_age_years"]), []
    if row["fresh"]:
        return [
            f"On record, the {part} of this home is {row['roof_age_years']} years old or less. Nothing is due.",
            "Keep this page for the day it is.",
        ]
    if counted["rings"][2]["count"]:
        said.append(
            f"Homes that were built together often need the same work at about the same time. {many.capitalize()} next "
            f"door are a reason to have your {part} looked at. They are no sign that anything is wrong with it."
        )
    else:
        said.append(f"No neighbour's {words['one']} is on record {counted['rings'][2]['within']} of this home.")
    if row["roof_age_years"] >= 0 and row["by_permit"]:
        said.append(f"The last permit for your {part} is of {row['installed_year']}: it is about {age} old.")
    elif row["roof_age_years"] >= 0:
        said.append(
            f"Your home was built in {row['installed_year']}. If it still has its first {part}, that {part} is about "
            f"{age} old."
        )
    return said


def unknown(words: Mapping[str, str], row: Mapping[Any, Any], *, seen: bool) -> list[str]:
    """What this page does not know: said as plainly as the rest."""
    part, one = words["part"], words["one"]
    looked = f"No person has been at your {part}" if seen else f"Nobody has looked at your {part}"
    gaps = [f"{looked} for this page. What state it is in, we do not know."]
    if row["roof_age_years"] < 0:
        gaps.append(f"How old your {part} is. If it was done in the last years, this page is not for you.")
    elif not row["by_permit"]:
        gaps.append(
            f"Whether your {part} was replaced without a permit, or before the records begin. If it was, "
            "this page is not for you."
        )
    if not row["known"] & Known.CONTAGION:
        gaps.append("The permits of your town: we have none of them on record.")
    gaps.append(f"A permit says that a {one} was allowed, not why, and not that it was finished.")
    return gaps


def _score(maker: Maker, row: Mapping[Any, Any], reasons: Iterable[Any]) -> dict[str, Any]:
    weights, part = maker.weights, maker.words["part"]
    parts = (
        ("contagion", "Permits next door", row["contagion_score"], weights.contagion, Known.CONTAGION),
        ("age_match", f"Age of the {part}", row["age_match_score"], weights.age_match, Known.AGE),
        (
            "financial",
            "Value of the home, on record",
            row["financial_score"],
            weights.financial,
            Known.FINANCIAL,
        ),
        ("visual", "Pictures, as a program reads them", row["visual_score"], weights.visual, Known.VISUAL),
    )
    known = sum(weight for _, _, _, weight, flag in parts if row["known"] & flag)
    tier = Tier(row["tier"])
    told = [reason.sentence for reason in reasons if reason.code in ABOUT_THE_PLACE]
    return {
        "total": row["total_urgency_score"],
        "tier": tier.name,
        "headline": f"Your {part} was done lately" if row["fresh"] else HEADLINES[tier],
        "confidence": ("low", "medium", "high")[row["confidence"]],
        "parts": [
            {"name": name, "label": label, "points": points if row["known"] & flag else None,
             "share": round(100 * weight / known) if known and row["known"] & flag else 0}
            for name, label, points, weight, flag in parts
        ],
        "reasons": told[:MOST_REASONS],
        "version": weights.version,
    }  # fmt: skip


def _map(reach: Reach, around: Surroundings) -> dict[str, Any]:
    spots: dict[tuple[int, int], list[date]] = {}
    for dot in around.dots:
        spots.setdefault((dot.east, dot.north), []).append(dot.on)
    dots = [
        {"east": east, "north": north, "month": max(days).strftime("%Y-%m"), "count": len(days)}
        for (east, north), days in list(spots.items())[:MOST_DOTS]
    ]
    homes = [coordinate for home in around.homes[:MOST_HOMES] for coordinate in home]
    return {"reach_ft": reach.area_ft, "rings_ft": list(rings(reach)), "dots": dots,
            "homes": homes}  # fmt: skip


def _picture(picture: Mapping[Any, Any]) -> dict[str, Any]:
    taken = picture["taken_on"]
    return {
        "id": picture["id"],
        "sha256": picture["content_sha256"],
        "source": picture["source"],
        "license": picture["license"],
        "taken_on": taken.isoformat() if taken else None,
    }


def month(day: date) -> str:
    """October 2026."""
    return day.strftime("%B %Y")


def long_day(day: str | None) -> str:
    """November 20, 2026, of an ISO day; nothing of None."""
    return f"{date.fromisoformat(day):%B} {date.fromisoformat(day).day}, {date.fromisoformat(day).year}" if day else ""


def rings(reach: Reach) -> tuple[float, float, float]:
    """Feet of the three circles that are counted in."""
    return reach.near_ft, reach.block_ft, reach.area_ft


def short(feet: float) -> str:
    """A distance in as few letters as it can be told in: `¼ mile`."""
    return {1320.0: "¼ mile", 2640.0: "½ mile", 5280.0: "1 mile"}.get(feet, f"{feet:,g} ft")


def distance(feet: float) -> str:
    """A distance as one says it: `within a quarter mile`."""
    known = {1320.0: "a quarter mile", 2640.0: "half a mile", 5280.0: "a mile"}
    return f"within {known.get(feet, f'{feet:,g} ft')}"


def window(days: int) -> str:
    """Days as one says them: `3 years`."""
    years = round(days / 365.25)
    return f"{years} years" if years > 1 else f"{days} days"


def _years(number: int) -> str:
    return "one year" if number == 1 else f"{number} years"


def _proper(text: str | None) -> str:
    """MAIN ST as Main St; anything in mixed case as it is."""
    clean = " ".join((text or "").split())
    return clean.title() if clean.isupper() else clean
