"""Which column of a file means what: named maps, a map of one's own as YAML, or by the words of the header.

A map says nothing about how a value is cleaned; it only brings cells to the fields and inputs of a vocabulary.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.core.errors import InvalidInput
from penstock.intake.reader import BadFile
from penstock.intake.vocabulary import VOCABULARIES, Subject, Vocabulary

_CONTACT = re.compile(
    r"^(?P<kind>phone|phonenumber|cell|cellphone|mobile|mobilephone|landline|otherphone|other|homephone|workphone|voip)"
    r"(?P<n>\d{0,2})(?:number)?(?P<about>type|linetype|dnc|donotcall)?$"
)
_PERMIT_ID = re.compile(r"^(?!last|latest|recent|prior|previous).*permit(?:s|number|num|no|nr|id)?$")
_EMAIL = re.compile(r"^(?:email|emailaddress|ownersemail|owneremail)(?P<n>\d{0,2})(?:address)?$")
_KIND_OF: Final = {
    "cell": "mobile",
    "cellphone": "mobile",
    "mobile": "mobile",
    "mobilephone": "mobile",
    "landline": "landline",
    "homephone": "landline",
    "voip": "voip",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Unless(_Strict):
    """A condition on a row: the column's text matches the expression, in any case."""

    column: str
    matches: str


class Join(_Strict):
    """Cells joined into one value; each padded with zeros to its width; none if a cell is empty."""

    columns: list[str]
    widths: list[int] = []
    between: str = "-"
    unit: bool = False  # the unit belongs to the key as well: several owners share the lot
    unit_unless: Unless | None = None


class Lookup(_Strict):
    """A column whose codes stand for words."""

    column: str
    values: dict[str, str]


class MapFile(_Strict):
    """One map, as its YAML file says it. docs/reference/maps.md explains each key."""

    name: str
    about: str = ""
    subject: Subject = "property"
    source: str | None = None
    recognise: list[list[str]] = []
    last_name_first: bool = False
    constants: dict[str, str] = {}
    columns: dict[str, str] = {}
    joins: dict[str, Join] = {}
    splits: dict[str, list[str]] = {}
    lookups: dict[str, Lookup] = {}
    facts: dict[str, str] = {}
    scales: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class PhoneColumn:
    """Where a phone number stands, and its type and do-not-call mark if the file has them."""

    number: int
    type: int | None = None
    dnc: int | None = None
    default_type: str | None = None


@dataclass(slots=True)
class Plan:
    """A map laid over the header of one file."""

    name: str
    source: str | None
    header: list[str]
    subject: Subject = "property"
    last_name_first: bool = False
    constants: dict[str, str] = field(default_factory=dict)
    columns: list[tuple[int, str]] = field(default_factory=list)
    splits: list[tuple[int, list[str]]] = field(default_factory=list)
    lookups: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    joins: list[tuple[list[int], str, Join, tuple[int, re.Pattern[str]] | None]] = field(default_factory=list)
    phones: list[PhoneColumn] = field(default_factory=list)
    emails: list[int] = field(default_factory=list)
    facts: list[tuple[int, str]] = field(default_factory=list)
    scales: dict[str, int] = field(default_factory=dict)

    def fields(self) -> set[str]:
        """Every field and input some row may get a value for."""
        found = set(self.constants) | {name for _, name in self.columns} | {name for _, name, _ in self.lookups}
        return found | {name for _, names in self.splits for name in names} | {name for _, name, _, _ in self.joins}

    def unused(self) -> list[str]:
        """Columns that the map makes nothing of."""
        used = (
            {i for i, _ in self.columns}
            | {i for i, _ in self.splits}
            | {i for i, _, _ in self.lookups}
            | set(self.emails)
            | {i for i, _ in self.facts}
        )
        used |= {i for places, _, _, _ in self.joins for i in places}
        used |= {i for phone in self.phones for i in (phone.number, phone.type, phone.dnc) if i is not None}
        return [name for i, name in enumerate(self.header) if i not in used]

    def gather(self, cells: list[str]) -> dict[str, str]:
        """The row's text by field, empty cells left out. `apn_unit` says that the unit is part of the parcel key."""
        raw = dict(self.constants)
        for i, names in self.splits:
            for name, piece in zip(names, _pieces(cells[i], len(names)), strict=False):
                if piece:
                    raw[name] = piece
        for i, name in reversed(self.columns):  # of several columns for one field the first that is filled
            if (cell := cells[i]) and not cell.isspace():
                raw[name] = cell
        for i, name, values in self.lookups:
            if value := values.get(cells[i].strip().casefold()):
                raw[name] = value
        for places, name, join, unless in self.joins:
            parts = [cells[i].strip() for i in places]
            if all(parts):
                padded = (part.zfill(width) for part, width in zip(parts, join.widths or [0] * len(parts), strict=True))
                raw[name] = join.between.join(padded)
                if join.unit and not (unless and unless[1].search(cells[unless[0]])):
                    raw["apn_unit"] = join.between
        return raw


def plan(header: list[str], map_name: str = "auto", subject: Subject = "property") -> Plan:
    """The map of that name laid over the header. `map_name` is auto, a named map, or the path of a YAML file.

    Raises BadFile where the file lacks what a record must have, InvalidInput where there is no such map.
    """
    vocabulary = VOCABULARIES[subject]
    if map_name == "auto":
        maps = (named for named in named_maps().values() if named.subject == subject)
        chosen = next((named for named in maps if recognises(named, header)), None)
        if chosen is None and subject == "property" and lists_permits(header):
            raise BadFile(
                f"The file is a list of permits, by its columns: {_listed(header)}. Read it with "
                "`penstock permits import FILE`; if it lists places all the same, give a map with --map FILE.yaml."
            )
        made = _by_map(chosen, header) if chosen else _by_words(header, vocabulary)
    else:
        made = _by_map(_named(map_name, subject), header)
    _contact_columns(made)
    _require(made, vocabulary)
    return made


@lru_cache(maxsize=1)
def named_maps() -> Mapping[str, MapFile]:
    """The maps that come with Penstock, by name, the more particular ones first."""
    folder = resources.files(__package__) / "maps"
    found = [_parse(file.read_text("utf-8"), file.name) for file in folder.iterdir() if file.name.endswith(".yaml")]
    found.sort(key=lambda one: -max((len(headers) for headers in one.recognise), default=0))
    return {one.name: one for one in found}


def plain(header: str) -> str:
    """A header without case, blanks and punctuation: "Est. Value" -> estvalue."""
    return re.sub(r"[\W_]", "", header.casefold())


def recognises(one: MapFile, header: Iterable[str]) -> bool:
    """Whether the header looks like the files the map is for."""
    have = {plain(name) for name in header}
    return any(have.issuperset(plain(name) for name in wanted) for wanted in one.recognise)


def lists_permits(header: Iterable[str]) -> bool:
    """Whether each row is a permit, and not a place of which the list also tells when it had its last one."""
    about = [plain(name) for name in header if "permit" in plain(name)]
    return len(about) > 1 and any(_PERMIT_ID.search(word) for word in about)


def _named(map_name: str, subject: Subject) -> MapFile:
    path = Path(map_name)
    found = named_maps().get(map_name)
    if found is None and path.suffix in {".yaml", ".yml"}:
        try:
            found = _parse(path.read_text("utf-8"), map_name)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"The map {map_name!r} cannot be read: {error}.") from error
    there = ", ".join(name for name, one in named_maps().items() if one.subject == subject)
    if found is None:
        raise InvalidInput(
            f"There is no map named {map_name!r}. There are: auto, {there}; or the path of a .yaml file."
        )
    if found.subject != subject:
        raise InvalidInput(
            f"The map {map_name!r} is for a {found.subject}, the playbook for a {subject}. Use: {there}."
        )
    return found


def _parse(text: str, where: str) -> MapFile:
    try:
        made = MapFile.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise InvalidInput(f"The map {where!r} is not YAML: {error}") from error
    except (ValidationError, TypeError) as error:
        raise InvalidInput(f"The map {where!r} is not as docs/reference/maps.md says: {error}") from error
    known = VOCABULARIES[made.subject].known
    named = {*made.constants, *made.columns.values(), *made.joins, *made.lookups}
    named |= {name for names in made.splits.values() for name in names}
    if wrong := sorted(named - known):
        raise InvalidInput(
            f"The map {where!r} names fields that do not exist: {', '.join(wrong)}. "
            f"There are: {', '.join(sorted(known))}."
        )
    return made


def _by_map(one: MapFile, header: list[str]) -> Plan:
    at = {plain(name): i for i, name in enumerate(header)}

    def place(name: str) -> int | None:
        return at.get(plain(name))

    made = Plan(one.name, one.source, header, one.subject, one.last_name_first, dict(one.constants))
    made.scales = dict(one.scales)
    made.facts = [(i, name) for column, name in one.facts.items() if (i := place(column)) is not None]
    made.columns = [(i, name) for column, name in one.columns.items() if (i := place(column)) is not None]
    made.splits = [(i, names) for column, names in one.splits.items() if (i := place(column)) is not None]
    made.lookups = [
        (i, name, {code.casefold(): word for code, word in look.values.items()})
        for name, look in one.lookups.items()
        if (i := place(look.column)) is not None
    ]
    for name, join in one.joins.items():
        places = [i for column in join.columns if (i := place(column)) is not None]
        if len(places) == len(join.columns):
            test = join.unit_unless
            where = None if test is None else place(test.column)
            made.joins.append(
                (places, name, join, None if test is None or where is None else (where, re.compile(test.matches, re.I)))
            )
    if one.columns and not (made.columns or made.splits or made.joins):
        raise BadFile(f"The file has none of the columns that the map {one.name!r} names. It has: {_listed(header)}.")
    return made


def _by_words(header: list[str], vocabulary: Vocabulary) -> Plan:
    made = Plan("auto", None, header, vocabulary.subject)
    words = [plain(name) for name in header]
    for name, meaning in vocabulary.words().items():
        for word in map(plain, meaning):
            if word in words:
                made.columns.append((words.index(word), name))
    if not made.fields() & {"city", "postal_code", "city_state", "full_address"}:
        made.columns = [(i, "full_address" if name == "address_line1" else name) for i, name in made.columns]
    if not made.fields() & {"mailing_city", "mailing_postal_code", "mailing_city_state", "mailing_full_address"}:
        made.columns = [(i, "mailing_full_address" if name == "mailing_line1" else name) for i, name in made.columns]
    return made


def _contact_columns(made: Plan) -> None:
    """Phones and emails are told by their header in every file: their number and spelling vary by export."""
    taken = {i for i, _ in made.columns}
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for i, name in enumerate(made.header):
        word = plain(name)
        if i in taken:
            continue
        if found := _CONTACT.match(word):
            about = {"type": "type", "linetype": "type", "dnc": "dnc", "donotcall": "dnc"}.get(
                found["about"] or "", "number"
            )
            groups.setdefault((found["kind"].removesuffix("number"), found["n"]), {}).setdefault(about, i)
        elif _EMAIL.match(word):
            made.emails.append(i)
    for (kind, _), places in groups.items():
        if "number" in places:
            made.phones.append(PhoneColumn(places["number"], places.get("type"), places.get("dnc"), _KIND_OF.get(kind)))


def _require(made: Plan, vocabulary: Vocabulary) -> None:
    have, words = made.fields(), vocabulary.words()
    if vocabulary.subject == "company":
        if not have & {"company_name", "any_name"}:
            raise _lacks(made.header, "the name of a company", words["company_name"][:6])
        return
    street = "address_line1" in have
    placed = "postal_code" in have or "city_state" in have or {"city", "state"} <= have
    if "full_address" in have or (street and placed) or {"apn", "state", "county"} <= have:
        return
    missing = "a ZIP code, or a city and a state" if street else "a street address"
    wanted = (
        words["address_line1"][:6]
        if not street
        else [*words["postal_code"][:3], *words["city"][:3], *words["state"][:3]]
    )
    raise _lacks(made.header, f"{missing} (or else a parcel number with state and county)", wanted)


def _lacks(header: list[str], missing: str, words: list[str]) -> BadFile:
    return BadFile(
        f"Row 1 (the header) lacks {missing}. It has: {_listed(header)}. "
        f"Name a column for it, for example {', '.join(words)}; or give a map of your own with --map FILE.yaml."
    )


def _pieces(cell: str, count: int) -> list[str]:
    """The cell divided at its commas into at most `count` pieces; surplus commas stay in the first piece."""
    pieces = [piece.strip() for piece in cell.split(",")]
    surplus = len(pieces) - count
    return pieces if surplus <= 0 else [", ".join(pieces[: surplus + 1]), *pieces[surplus + 1 :]]


def _listed(header: list[str]) -> str:
    shown = ", ".join(name[:40] for name in header[:40])
    return shown if len(header) <= 40 else f"{shown} and {len(header) - 40} more"


def describe(one: Plan) -> dict[str, Any]:
    """The plan for people: which column became what, and which were not used."""
    columns = {one.header[i]: name for i, name in one.columns}
    columns |= {one.header[i]: " + ".join(names) for i, names in one.splits}
    columns |= {one.header[i]: name for i, name, _ in one.lookups}
    columns |= {one.header[i]: name for places, name, _, _ in one.joins for i in places}
    columns |= {one.header[i]: f"fact {name}" for i, name in one.facts}
    columns |= {one.header[phone.number]: "phone" for phone in one.phones} | {
        one.header[i]: "email" for i in one.emails
    }
    return {"map": one.name, "columns": columns, "constants": one.constants, "unused": one.unused()}
