"""Where a person may be: every state and time zone that any evidence points to.

The sets only grow with evidence, and all of their members bind at once, so a mobile number carried to another coast
is answered with the hours of both. Source of the method: the rule sheet's TZ-01 and ST-03.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
import zipcodes
from phonenumbers.tzdata import TIMEZONE_DATA
from timezonefinder import timezone_at

from penstock.compliance.ruleset import STATES, RuleSet


@dataclass(frozen=True, slots=True)
class Location:
    """What is known of a person's whereabouts: the place in question, their mailing address, their phone, their word.

    `phone` is E.164, ZIPs have five digits, states two letters. `wide_zones`: all zones of the state, where whoever
    read the facts found nothing nearer.
    """

    address_state: str | None = None
    zip: str | None = None
    mailing_state: str | None = None
    mailing_zip: str | None = None
    lat: float | None = None
    lng: float | None = None
    phone: str | None = None
    form_state: str | None = None
    declared_zone: str | None = None
    wide_zones: frozenset[str] = frozenset()
    country: str = "US"


@dataclass(frozen=True, slots=True)
class Place:
    """The candidate states and zones of a location, sorted."""

    states: tuple[str, ...]
    zones: tuple[str, ...]


@lru_cache(maxsize=65536)
def place(location: Location, rules: RuleSet) -> Place:
    """Every state and zone that the address, the ZIP, the area code or the person's own word point to."""
    zip_state, zip_zones = _of_zip(location.zip)
    mailing_zip_state, mailing_zones = _of_zip(location.mailing_zip)
    npa_state, npa_zones = _of_area_code(location.phone, rules)
    given = {location.address_state, location.mailing_state, location.form_state}
    states = (given | {zip_state, mailing_zip_state, npa_state}) & STATES
    zones = {*_of_point(location.lat, location.lng), *zip_zones, *mailing_zones, *npa_zones, location.declared_zone}
    zones |= location.wide_zones
    return Place(
        tuple(sorted(state for state in states if state)), tuple(sorted(zone for zone in zones if is_zone(zone)))
    )


def zones_of_state(state: str | None) -> frozenset[str]:
    """Every zone that some ZIP of the state lies in."""
    return frozenset(zone for zone in _atlas().state_zones[state or ""] if is_zone(zone))


def is_zone(name: str | None) -> TypeGuard[str]:
    """Whether the name loads as a time zone; the ZIP data holds a few that do not."""
    return bool(name) and _loads(str(name))


@cache
def _loads(name: str) -> bool:
    try:
        return ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def area_code(phone: str | None) -> str | None:
    """The three digits after +1, or None."""
    return phone[2:5] if phone and phone.startswith("+1") and len(phone) == 12 and phone[1:].isdigit() else None


def _of_point(lat: float | None, lng: float | None) -> Iterable[str]:
    if lat is None or lng is None or not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return ()
    zone = timezone_at(lat=lat, lng=lng)
    return (zone,) if zone else ()


def _of_zip(code: str | None) -> tuple[str | None, frozenset[str]]:
    atlas = _atlas()
    if code is None or code not in atlas.zip_state:
        return None, frozenset()
    prefix = atlas.prefix_zones[code[:3]]
    own = atlas.zip_zone[code]
    return atlas.zip_state[code], prefix if len(prefix) > 1 else frozenset({own} if own else ())


def _of_area_code(phone: str | None, rules: RuleSet) -> tuple[str | None, frozenset[str]]:
    code = area_code(phone)
    if code is None or _not_geographic(str(phone)):
        return None, frozenset()
    atlas = _atlas()
    return rules.limits.new_area_codes.get(int(code)) or atlas.npa_state.get(code), atlas.npa_zones.get(
        code, frozenset()
    )


def _zips() -> Iterable[Mapping[str, Any]]:
    rows: Iterable[Mapping[str, Any]] = zipcodes.list_all()  # type: ignore[no-untyped-call]
    return rows


def _not_geographic(phone: str) -> bool:
    """Toll-free, premium and personal numbers sit in no zone; the library would name every zone of North America."""
    try:
        return not phonenumbers.is_number_geographical(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return True


@dataclass(frozen=True, slots=True)
class _Atlas:
    zip_state: Mapping[str, str]
    zip_zone: Mapping[str, str | None]
    prefix_zones: Mapping[str, frozenset[str]]
    npa_state: Mapping[str, str]
    npa_zones: Mapping[str, frozenset[str]]
    state_zones: Mapping[str, frozenset[str]]


@cache
def _atlas() -> _Atlas:
    """ZIP and area-code tables, built once (half a second).

    The state of an area code is the one that holds most of its ZIPs. Its zones are those of all its ZIPs and of every
    longer prefix the phone library knows: the library's own answer for a number names one zone where an area code
    spans two.
    """
    zip_state: dict[str, str] = {}
    zip_zone: dict[str, str | None] = {}
    prefixes: defaultdict[str, set[str]] = defaultdict(set)
    states: defaultdict[str, Counter[str]] = defaultdict(Counter)
    zones: defaultdict[str, set[str]] = defaultdict(set)
    of_state: defaultdict[str, set[str]] = defaultdict(set)
    for row in _zips():
        code, zone = row["zip_code"], row["timezone"] or None
        zip_state[code], zip_zone[code] = row["state"], zone
        if zone:
            prefixes[code[:3]].add(zone)
            of_state[row["state"]].add(zone)
        for npa in row["area_codes"]:
            states[npa][row["state"]] += 1
            if zone:
                zones[npa].add(zone)
    for prefix, names in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            zones[prefix[1:4]].update(names)
    return _Atlas(
        zip_state=zip_state,
        zip_zone=zip_zone,
        prefix_zones=defaultdict(frozenset, {prefix: frozenset(names) for prefix, names in prefixes.items()}),
        npa_state={npa: counted.most_common(1)[0][0] for npa, counted in states.items()},
        npa_zones={npa: frozenset(names) for npa, names in zones.items()},
        state_zones=defaultdict(frozenset, {state: frozenset(names) for state, names in of_state.items()}),
    )
