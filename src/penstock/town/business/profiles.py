"""Addresses on LinkedIn: a person's last part ends in a code that leads back to company, office and turn."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from penstock.town.business import words
from penstock.town.business.company import OFFICES, fold
from penstock.town.people import Person

FIGURES: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
TURNS: Final = 32  # at most, of one office
STEM: Final = re.compile(r"([a-z]+)-([a-z]+)([1-9]\d{0,6})?")
PAIRS: Final = len(words.FIRST) * len(words.SECOND)
FIRST: Final = {word: position for position, word in enumerate(words.FIRST)}
SECOND: Final = {word: position for position, word in enumerate(words.SECOND)}


def profile_url(person: Person) -> str:
    """The page of an officer."""
    return f"https://www.linkedin.com/in/{profile_slug(person)}"


def profile_slug(person: Person) -> str:
    """Such as jane-doe-4f7k2: name, then code."""
    stem, _, post = person.id.partition("#")
    office = next(position for position, name in enumerate(OFFICES) if post.startswith(name))
    turn = int(post.lstrip("CEOFHR"))
    code = (sum_of(stem) * len(OFFICES) + office) * TURNS + turn
    return f"{fold(person.first)}-{fold(person.last)}-{_to_text(code)}"


def person_id(slug: str) -> str:
    """The id of the officer whose profile ends so, if there is such a company and office; else an empty string."""
    _, dash, code = slug.rpartition("-")
    if not dash or not re.fullmatch(r"[0-9a-z]{1,12}", code):
        return ""
    rest, turn = divmod(int(code, 36), TURNS)
    place, office = divmod(rest, len(OFFICES))
    again, pair = divmod(place, PAIRS)
    first, second = divmod(pair, len(words.SECOND))
    figure = str(again + 1) if again else ""
    return f"{words.FIRST[first]}-{words.SECOND[second]}{figure}#{OFFICES[office]}{turn}"


def sum_of(stem: str) -> int:
    """The place of a domain's words among all pairs of words, and -1 if they are none of the town's."""
    found = STEM.fullmatch(stem)
    if found is None or found[1] not in FIRST or found[2] not in SECOND or found[3] == "1":
        return -1
    return (int(found[3] or 1) - 1) * PAIRS + FIRST[found[1]] * len(words.SECOND) + SECOND[found[2]]


def slug_of(url: str, kind: str) -> str:
    """The part of a LinkedIn URL behind /in/ or /company/ (`kind`), or an empty string for any other URL."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = (parts.hostname or "").removeprefix("www.")
    found = re.fullmatch(rf"/{kind}/([^/]+)/?", parts.path.casefold())
    return unquote(found[1]) if found and host == "linkedin.com" else ""


def _to_text(number: int) -> str:
    text = ""
    while number:
        number, figure = divmod(number, len(FIGURES))
        text = FIGURES[figure] + text
    return text or "0"
