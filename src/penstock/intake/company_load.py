"""One record as a program sends it, cleaned as a row of a file is, but strictly: what makes no sense is refused."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

from penstock.identity import Person, Slot, person_name_key
from penstock.intake.company_records import CompanyCleaner
from penstock.intake.mapping import Plan, plan
from penstock.intake.reader import BadFile, Rejection, Row
from penstock.intake.records import Record

PEOPLE: Final = "people"
# The names that the reference uses; other words that a file's header may have are understood too.
FIELDS: Final = (
    *("company_name", "ein", "website_url", "linkedin_url", "news_url", "address_line1", "address_line2", "city"),
    *("state", "postal_code", "country", "company_phone", "employees", "revenue", "industry", "renewal_month"),
    *("renewal_notice_window_days", "full_name", "title", "role", "email", "phone", "profile_url", PEOPLE),
)
_UNUSED_COUNTER: Final[Counter[tuple[str, str]]] = Counter()  # strict cleaning warns of nothing: it refuses


def clean_load(number: int, load: Mapping[str, Any], today: date) -> Record | Rejection:
    """The record (columns as of `company_records`) with the people of its list `people`, or why it is refused."""
    flat = {name: value for name, value in load.items() if name != PEOPLE}
    made = _clean(number, flat, today)
    if isinstance(made, Rejection):
        return made
    listed = load.get(PEOPLE) or []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return _refused(number, PEOPLE, "is not a list of people", "give a list of objects with full_name and title")
    for n, person in enumerate(listed):
        if not {"full_name", "name", "first_name", "last_name"} & person.keys():
            return _refused(number, f"people[{n}].full_name", "has no name", "fill in the name of the person")
        found = _clean(number, {"company_name": made.values["name"], **person}, today)
        if isinstance(found, Rejection):
            return _refused(number, f"people[{n}].{found.field}", found.reason, found.fix)
        made.values["people"] += found.values["people"]
    return _in_two_slots(number, made.values["people"]) or made


def _in_two_slots(number: int, people: list[Person]) -> Rejection | None:
    """Why the record is refused where it puts somebody into two slots of the company."""
    holds: dict[str, Slot] = {}
    for one in people:
        if one.slot and holds.setdefault(person_name_key(one.name), one.slot) != one.slot:
            reason = f"names one person for two slots, {holds[person_name_key(one.name)]} and {one.slot}"
            return _refused(number, PEOPLE, reason, "a person holds one slot of a company: name them once")
    return None


def unknown_fields(change: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields of a change that a record of a company cannot have; what is taken out (None) may be any."""
    return ignored_fields({"company_name": "", **{name: one for name, one in change.items() if one is not None}})


def ignored_fields(load: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields that mean nothing for a company or a person there."""
    found = _plan(tuple(name for name in load if name != PEOPLE))
    return tuple(found.unused()) if isinstance(found, Plan) else tuple(name for name in load if name != PEOPLE)


def _clean(number: int, flat: Mapping[str, Any], today: date) -> Record | Rejection:
    if wrong := next((name for name, value in flat.items() if isinstance(value, (dict, list))), None):
        return _refused(number, wrong, "is a list or an object", "give one value")
    found = _plan(tuple(flat))
    if not isinstance(found, Plan):
        return _refused(number, "company_name", found, "fill in the name of the company")
    return CompanyCleaner(found, today, _UNUSED_COUNTER, strict=True)(
        Row(number, [_text(one) for one in flat.values()])
    )


@lru_cache(maxsize=256)
def _plan(names: tuple[str, ...]) -> Plan | str:
    """What the fields mean; a reason where none of them names a company."""
    try:
        return plan(list(names), "auto", "company")
    except BadFile:
        return "there is no company name"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refused(number: int, field: str | None, reason: str, fix: str) -> Rejection:
    return Rejection(number, field, reason, fix, "")
