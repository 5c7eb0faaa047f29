"""Which column of a portal or a file means what: one YAML file per source, `sources/*.yaml`, or one of your own.

docs/reference/permits.md explains each key. A map only brings text to fields; `records` says what the text may be.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from penstock.core.errors import InvalidInput
from penstock.providers.permits import Dataset

# What a permit has, by the names a map may use.
FIELDS: Final = frozenset(
    {
        *("source_id", "permit_number", "type_raw", "work_raw", "description", "status", "applied_on", "issued_on"),
        *("completed_on", "valuation", "address1", "city", "state", "zip", "county", "parcel", "subdivision"),
        *("lat", "lon", "contractor_name", "contractor_phone", "owner_name", "url"),
    }
)
NEEDED: Final = ("permit_number", "address1", "state")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lookup(_Strict):
    """A column whose codes stand for words."""

    column: str
    values: dict[str, str]


class Contacts(_Strict):
    """Numbered columns of people, {n} in their names: whose kind matches `contractor` or `owner` is that one."""

    count: int = Field(ge=1, le=50)
    kind: str
    name: str
    contractor: str
    owner: str


class Socrata(_Strict):
    """The dataset on a Socrata portal. `overlap_days`: how far back each run reads again for what was entered late."""

    domain: str
    id: str
    dated: str
    key: str
    text: str | None = None
    only: str | None = None
    overlap_days: int = Field(default=7, ge=0, le=365)

    @property
    def dataset(self) -> Dataset:
        """What the portal is asked for."""
        return Dataset(self.domain, self.id, self.dated, self.key, self.text, self.only)


class SourceMap(_Strict):
    """One source, as its YAML file says it. A field is one column, or several joined with blanks."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    about: str = ""
    socrata: Socrata | None = None
    recognise: list[str] = []
    constants: dict[str, str] = {}
    fields: dict[str, str | list[str]]
    first: dict[str, list[str]] = {}
    lookups: dict[str, Lookup] = {}
    contacts: Contacts | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "SourceMap":
        named = {*self.constants, *self.fields, *self.first, *self.lookups}
        if unknown := sorted(named - FIELDS):
            raise ValueError(f"there are no fields {', '.join(unknown)}")
        if missing := [name for name in NEEDED if name not in named]:
            raise ValueError(f"it says nothing of {', '.join(missing)}")
        if not named & {"issued_on", "applied_on"}:
            raise ValueError("it says nothing of issued_on or applied_on")
        return self

    def columns(self, *names: str) -> set[str]:
        """The columns that the fields of those names are read from."""
        found: set[str] = set()
        for name in names:
            found |= set(self.first.get(name, ()))
            spec = self.fields.get(name, [])
            found |= {spec} if isinstance(spec, str) else set(spec)
            found |= {self.lookups[name].column} if name in self.lookups else set()
        return found

    def lacks(self, header: Iterable[str]) -> list[str]:
        """What no row of a file with such a header could have: fields without which there is no permit."""
        have = set(header)
        wanted = (("permit_number",), ("issued_on", "applied_on"), ("address1",), ("state",))
        told = [names for names in wanted if have & self.columns(*names) or {*names} & {*self.constants}]
        return [names[0] for names in wanted if names not in told]

    def gather(self, row: Mapping[str, object]) -> dict[str, str]:
        """The row's text by field, empty ones left out."""
        found = dict(self.constants)
        for name, spec in self.fields.items():
            columns = [spec] if isinstance(spec, str) else spec
            if text := " ".join(filter(None, (_text(row.get(column)) for column in columns))):
                found[name] = text
        for name, columns in self.first.items():
            if text := next(filter(None, (_text(row.get(column)) for column in columns)), ""):
                found[name] = text
        for name, lookup in self.lookups.items():
            if (word := lookup.values.get(_text(row.get(lookup.column)))) is not None:
                found[name] = word
        return found | (_people(self.contacts, row) if self.contacts else {})


def named_sources() -> Mapping[str, SourceMap]:
    """The sources that come with Penstock, by name."""
    return _bundled()


def source(name: str) -> SourceMap:
    """The source of that name, or of that YAML file. Raises InvalidInput where there is none."""
    if found := _bundled().get(name):
        return found
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise InvalidInput(
            f"There is no source of permits named {name!r}. There are: {', '.join(_bundled())}; "
            "or give the path of a .yaml file."
        )
    try:
        return parse(path.read_text("utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The source {name!r} cannot be read: {error}.") from error


def recognised(header: Iterable[str]) -> SourceMap | None:
    """The source whose files have such a header."""
    have = {_plain(name) for name in header}
    return next((s for s in _bundled().values() if s.recognise and have.issuperset(map(_plain, s.recognise))), None)


def parse(text: str, where: str) -> SourceMap:
    """The source that a YAML text describes. Raises InvalidInput, naming `where`, if it does not."""
    try:
        # All text: a column may be named No or On, which YAML would take for false and true.
        return SourceMap.model_validate(yaml.load(text, Loader=yaml.BaseLoader) or {})  # noqa: S506 makes no objects
    except (yaml.YAMLError, ValidationError) as error:
        raise InvalidInput(f"The source {where!r} is not as docs/reference/permits.md says: {error}") from error


@lru_cache(maxsize=1)
def _bundled() -> Mapping[str, SourceMap]:
    folder = resources.files(__package__) / "sources"
    found = [parse(file.read_text("utf-8"), file.name) for file in folder.iterdir() if file.name.endswith(".yaml")]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def _people(contacts: Contacts, row: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for n in range(1, contacts.count + 1):
        kind = _text(row.get(contacts.kind.format(n=n)))
        name = _text(row.get(contacts.name.format(n=n)))
        for field, pattern in (("contractor_name", contacts.contractor), ("owner_name", contacts.owner)):
            if name and field not in found and re.search(pattern, kind, re.I):
                found[field] = name
    return found


def storable(text: str) -> str:
    """The text without what no database keeps: NUL, and halves of characters that a portal's JSON may hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _text(value: object) -> str:
    """A cell as text without surplus blanks; nothing for null and for nested values."""
    return " ".join(storable(str(value)).split()) if isinstance(value, str | int | float) else ""


def _plain(header: str) -> str:
    return re.sub(r"[\W_]", "", header.casefold())
