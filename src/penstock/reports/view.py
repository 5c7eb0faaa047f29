"""What a stored content looks like on paper and on the web: the same words, put together once for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from penstock.reports.content import DAYS, long_day
from penstock.reports.map import AGES, COLOURS, svg

SAID = ("words", "counts", "social_proof", "score", "meaning", "unknown", "contractor")  # shown as stored


@dataclass(frozen=True, slots=True)
class Links:
    """Where a report leads. `consent` and `booking` are None where they are not offered."""

    page: str
    stop: str
    consent: str | None = None
    booking: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture's bytes and media type."""

    content: bytes
    media_type: str


def view(content: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """All that a template needs, in words; pictures are added by whoever renders."""
    days, contractor, place = content[DAYS], content["contractor"], content["address"]
    seller = content["seller"]
    title = f"{content['words']['many'].capitalize()} around {place['line1']}"
    made = date.fromisoformat(days["made_on"])
    map_title = _map_title(content)
    return {
        **{key: content[key] for key in SAID},
        "rings": [{**ring, "shown": f"{ring['count']:,}"} for ring in content["counts"]["rings"]],
        "title": title,
        "place": _town(place),
        "made": [made.year, made.month, made.day],
        "made_on": long_day(days["made_on"]),
        "scored_on": long_day(days["scored_on"]),
        "license": _license(contractor),
        "map": svg(content["map"], on=made, title=map_title),
        "map_title": map_title,
        "legend": [{"name": name, "colour": COLOURS[name], "label": label} for name, _, label in AGES],
        "sources": _sources(content),
        "by": _by(contractor, seller),
        "privacy": "Only you were sent this link. No name of yours is on this page.",
        "stop": links.stop,
        "page": links.page,
        "calls": _calls(links),
        "logo": None,
        "picture": None,
        "pdf": None,
    }


def caption(picture: Mapping[str, Any]) -> str:
    """Whose picture it is, of when, and what may be done with it."""
    taken = f", taken {long_day(picture['taken_on'])}" if picture["taken_on"] else ", day not stated"
    return f"From above: {picture['source']}{taken}. {picture['license']}."


def _map_title(content: Mapping[str, Any]) -> str:
    words, rings = content["words"], content["counts"]["rings"]
    told = ", ".join(f"{ring['count']:,} {ring['within']}" for ring in rings)
    return f"Map of {words['many']} permitted around the home: {told}"


def _town(place: Mapping[str, Any]) -> str:
    coded = " ".join(filter(None, (place["state"], place["postal_code"])))
    return ", ".join(filter(None, (place["city"], coded)))


def _license(contractor: Mapping[str, Any]) -> str | None:
    if not contractor["license_number"]:
        return None
    return " ".join(filter(None, (contractor["license_state"], "license", contractor["license_number"])))


def _by(contractor: Mapping[str, Any], seller: Mapping[str, Any]) -> str:
    """Who made the page; nothing as long as the seller has not said who it is."""
    who, where = seller["legal_name"].strip(), seller["postal_address"].strip()
    return f"Made for {contractor['name']} by {who}, {where}." if who and where else ""


def _sources(content: Mapping[str, Any]) -> str:
    if not content["cities"]:
        return "Source: no permits of this place are on record."
    read = f", as read on {long_day(content[DAYS]['read_on'])}" if content[DAYS]["read_on"] else ""
    return f"Source: public building permits of {'; '.join(content['cities'])}{read}."


def _calls(links: Links) -> list[dict[str, Any]]:
    offered = [("Choose a time", links.booking), ("Tell us that we may call you", links.consent)]
    given = [{"label": label, "url": url} for label, url in offered if url]
    return [{**call, "first": number == 0} for number, call in enumerate(given)]
