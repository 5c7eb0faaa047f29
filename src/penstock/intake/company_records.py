"""Rows about companies become records: the company with its keys, and the people that the row names.

A value that makes no sense is left out and counted as a warning; only a row that does not name a company is refused.
`strict` is for rows that somebody sends one by one and can mend: there every such value refuses the row.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Final

from penstock import identity
from penstock.identity import SLOTS, Person, Slot, slot_of_title
from penstock.intake import addresses, company_values, normalise
from penstock.intake.mapping import Plan
from penstock.intake.normalise import Memo
from penstock.intake.reader import Rejection, Row, row_text
from penstock.intake.records import Record
from penstock.providers.email.mailprobe import is_role

EMPTY: Final[dict[str, Any]] = dict.fromkeys(identity.STAGED_COMPANY)
_ROLES: Final[dict[str, Slot]] = {slot.casefold(): slot for slot in SLOTS}
_FIX: Final = {
    "ein": "write it as 12-3456789, or leave it empty",
    "renewal_month": "a month is 1 to 12",
    "renewal_date": "write it as 2027-06-01",
    "role": "use CEO, CFO or HR",
    "website": "give the public address of the website, as https://www.acme.com",
    "company_name": "fill in the name of the company",
    "full_name": "name one person, as Ann Lee; others of the company go into the list people",
}


_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


class CompanyCleaner:
    """Turns a row into a Record (columns of `identity.STAGED_COMPANY`) or a Rejection, counting (field, reason).

    `people` is a list of Person; their emails and phones, and `main_phone`, are in clear.
    """

    def __init__(self, plan: Plan, today: date, warnings: Counter[tuple[str, str]], *, strict: bool = False) -> None:
        self._plan, self._warnings, self._strict = plan, warnings, strict
        self._names_company = "company_name" in plan.fields()
        self._memos = {name: Memo(clean) for name, clean in _CLEANERS.items()}
        self._street, self._unit, self._city = Memo(addresses.street), Memo(addresses.unit), Memo(addresses.city)
        self._city_line = Memo(addresses.city_line)

    def __call__(self, row: Row) -> Record | Rejection:
        cells = [_decoded(cell) if "&" in cell else cell for cell in row.cells]
        raw, trouble = self._plan.gather(cells), dict[str, str]()
        if "any_name" in raw:
            raw.setdefault("full_name" if self._names_company else "company_name", raw["any_name"])
        out = EMPTY.copy()
        out["name"] = self._value("company_name", raw, trouble)
        if out["name"] is None:
            return self._refused(row, "company_name", *self._no_name(raw, trouble))
        self._place(raw, out, trouble)
        self._facts(cells, raw, out, trouble)
        people = self._people(cells, raw, out, trouble)
        self._keys(raw, out, people, trouble)
        out["people"] = people
        if trouble and self._strict:
            name, reason = next(iter(trouble.items()))
            shown = " ".join(str(raw.get(name, "")).split())[:60]
            said = f"{shown!r} {reason}" if shown else reason  # an email or phone is not shown
            return self._refused(row, name, said, _FIX.get(name, "correct the value or leave it out"))
        for name, reason in trouble.items():
            self._warnings[name, reason] += 1
        return Record(row.number, out)

    def _value(self, name: str, raw: dict[str, str], trouble: dict[str, str], cleaner: str = "") -> Any:
        """The field cleaned; what makes no sense is None and noted."""
        if not (text := raw.get(name)):
            return None
        found, reason = self._memos[cleaner or name][text]
        if reason is not None:
            trouble[name] = reason
        return found

    def _person(self, name: str, raw: dict[str, str], trouble: dict[str, str]) -> str | None:
        """The person that a cell names; of two the first."""
        first = self._memos["first_of_two"][raw[name]][0] if name in raw else None
        if first is None:
            found: str | None = self._value(name, raw, trouble, "person")
            return found
        person, reason = self._memos["person"][first]
        two = "names two people" if self._strict else "names two people: the first was taken"
        trouble[name] = reason or two
        return person  # type: ignore[no-any-return]

    def _place(self, raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        line, rest = raw.get("address_line1"), raw.get("city_state", "")
        if full := raw.get("full_address"):
            line, _, rest = full.partition(",")
        end = self._city_line[rest][0] if rest else addresses.CityLine(None, None, None)
        street = self._street[line][0] if line else addresses.Street(None, None, False)
        out["address_line1"] = street.line
        unit = self._unit[raw["address_line2"]][0] if "address_line2" in raw else None
        out["address_line2"] = unit or street.unit
        out["city"] = (self._city[raw["city"]][0] if "city" in raw else None) or end.city
        out["country"] = self._value("country", raw, trouble)
        abroad = out["country"] not in {None, "US", "USA", "United States"}
        clean = "text" if abroad else ""
        out["state"] = self._value("state", raw, trouble, clean) or end.state
        if code := raw.get("postal_code") or end.zip_code:
            found = self._value("postal_code", {"postal_code": code}, trouble, clean)
            out["postal_code"] = found if abroad or found is None else found[0]
        if not abroad and out["postal_code"] and (there := normalise.place_of(out["postal_code"])):
            out["state"], out["city"] = out["state"] or there.state, out["city"] or there.city

    def _facts(self, cells: list[str], raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        for name in ("employees", "revenue", "industry", "renewal_notice_window_days", "main_phone"):
            out[name] = self._value(name, raw, trouble)
            if out[name] is not None and (scale := self._plan.scales.get(name)):
                out[name] *= scale
        out["renewal_month"] = self._value("renewal_month", raw, trouble) or self._value("renewal_date", raw, trouble)
        linked = raw.get("any_linkedin", "")
        if linked and "linkedin" not in raw and "/in/" not in linked:
            raw["linkedin"] = linked
        elif linked and "/in/" in linked:
            raw.setdefault("profile", linked)
        out["website_url"] = self._value("website", raw, trouble)
        out["news_url"] = self._value("news", raw, trouble)
        if (key := self._value("linkedin", raw, trouble)) is not None:
            out["linkedin_url"] = f"https://www.linkedin.com/{key}"
        facts = {name: _fact(cells[i]) for i, name in self._plan.facts}
        out["facts"] = json.dumps(kept) if (kept := {n: v for n, v in facts.items() if v is not None}) else None

    def _keys(self, raw: dict[str, str], out: dict[str, Any], people: list[Person], trouble: dict[str, str]) -> None:
        """A mailbox's domain tells the company only where nothing better does: people have mail from elsewhere too."""
        out["ein"] = self._value("ein", raw, trouble)
        weak = not (out["ein"] or out["website_url"] or out["linkedin_url"] or out["state"])
        mail = [raw.get("company_email", ""), *(one.email or "" for one in people)] if weak else []
        other = f" dba {raw['other_name']}" if raw.get("other_name") else ""
        keys = identity.company_keys(
            out["name"] + other, state=out["state"], website=out["website_url"], linkedin=out["linkedin_url"],
            emails=mail,
        )  # fmt: skip
        out["domain"], out["linkedin_key"] = keys.domain, keys.linkedin
        out["name_key"], out["other_name_key"] = (*keys.names, None, None)[:2]

    def _people(
        self, cells: list[str], raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]
    ) -> list[Person]:
        people = [one for slot in SLOTS if (one := self._holder(slot, raw, trouble))]
        people += self._contact(cells, raw, out, trouble)
        if care_of := self._value("in_care_of", raw, trouble):
            name, office = care_of
            people.append(Person(name=name, title=office, slot=slot_of_title(office)))
        return _each_address_once(people, trouble)

    def _holder(self, slot: Slot, raw: dict[str, str], trouble: dict[str, str]) -> Person | None:
        """Whom the columns of a slot name. Its title may be any: the column says what the person holds."""
        prefix = slot.lower()
        name = self._person(f"{prefix}_name", raw, trouble)
        email = self._value(f"{prefix}_email", raw, trouble, "email")
        if name is None:
            if email:
                trouble[f"{prefix}_email"] = "has no name to it"
            return None
        title = self._value(f"{prefix}_title", raw, trouble, "title")
        profile = self._value(f"{prefix}_profile", raw, trouble, "profile")
        phone = self._value(f"{prefix}_phone", raw, trouble, "phone")
        return Person(
            name=name,
            title=title,
            slot=slot,
            profile_url=profile and raw[f"{prefix}_profile"],
            phone=phone,
            **_mail(email),
        )

    def _contact(
        self, cells: list[str], raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]
    ) -> list[Person]:
        """The one person of a contact file; further emails and phones follow on lines of their own."""
        if "full_name" not in raw and (parts := [raw[n] for n in ("first_name", "last_name") if n in raw]):
            raw["full_name"] = " ".join(parts)
        name = self._person("full_name", raw, trouble)
        phones = self._phones(cells, raw, trouble)
        emails = [self._value("work_email", raw, trouble, "email")]
        emails += [self._value("email", {"email": cells[i]}, trouble) for i in self._plan.emails]
        emails = list(dict.fromkeys(filter(None, emails)))
        if name is None:
            if phones and out["main_phone"] is None:
                out["main_phone"] = phones.pop(0)[0]
            if emails:
                raw.setdefault("company_email", emails[0])
            return []
        title = self._value("title", raw, trouble)
        slot = self._role(raw, trouble) or slot_of_title(title)
        profile = self._value("profile", raw, trouble) and raw["profile"]
        people = [Person(name=name, title=title, slot=slot, profile_url=profile)]
        for n in range(max(len(emails), len(phones))):
            phone, kind = phones[n] if n < len(phones) else (None, None)
            mail = _mail(emails[n] if n < len(emails) else None)
            line = people.pop() if n == 0 else Person(name=name)
            people.append(replace(line, phone=phone, phone_type=kind, **mail))
        return people

    def _phones(self, cells: list[str], raw: dict[str, str], trouble: dict[str, str]) -> list[tuple[str, str | None]]:
        found: dict[str, str | None] = {}
        if direct := self._value("direct_phone", raw, trouble, "phone"):
            found[direct] = None
        for column in self._plan.phones:
            number = self._value("phone", {"phone": cells[column.number]}, trouble)
            kind = normalise.phone_type(cells[column.type]) if column.type is not None else None
            if number:
                found[number] = kind or column.default_type or found.get(number)
        return list(found.items())

    def _role(self, raw: dict[str, str], trouble: dict[str, str]) -> Slot | None:
        if not (given := raw.get("role", "").strip()):
            return None
        if found := _ROLES.get(given.casefold()) or slot_of_title(given):
            return found
        trouble["role"] = "is no slot of a company (CEO, CFO, HR)"
        return None

    def _no_name(self, raw: dict[str, str], trouble: dict[str, str]) -> tuple[str, str]:
        if not raw:
            return "the row is empty", "remove the row"
        if reason := trouble.get("company_name"):
            return f"{' '.join(raw['company_name'].split())[:60]!r} {reason}", "correct the value"
        return "there is no company name", _FIX["company_name"]

    def _refused(self, row: Row, name: str, reason: str, fix: str) -> Rejection:
        return Rejection(row.number, name, reason, fix, row_text(row.cells))


def _each_address_once(people: list[Person], trouble: dict[str, str]) -> list[Person]:
    """Two people of one row are not told to be one by a mailbox that the list gives to both."""
    owners: dict[str, str] = {}
    kept = []
    for one in people:
        key = identity.person_name_key(one.name)
        if one.email and not one.email_is_shared and owners.setdefault(one.email, key) != key:
            trouble["email"] = "is given to two people of the row"
            one = replace(one, email=None)
        kept.append(one)
    return kept


def _mail(email: str | None) -> dict[str, Any]:
    return {"email": email, "email_is_shared": email is not None and is_role(email)}


def _decoded(cell: str) -> str:
    """HTML entities as the characters they stand for: "D&amp;B" -> "D&B"; "?a=1&copy=2" has none."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), cell)


def _fact(cell: str) -> str | None:
    """A source's own value as it writes it; empty and zero mean not stated."""
    value = normalise.text(cell)
    return value[:200] if value is not None and value.strip("0") else None


def _country(value: str) -> str | None:
    found = normalise.text(value)
    return (
        "US"
        if found and found.casefold().replace(".", "") in {"us", "usa", "united states", "united states of america"}
        else found
    )


_CLEANERS: Final[dict[str, Callable[[str], Any]]] = {
    "company_name": company_values.company_name,
    "ein": identity.clean_ein,
    "website": identity.clean_website,
    "news": identity.clean_website,
    "linkedin": identity.linkedin_company_key,
    "profile": identity.profile_key,
    "state": normalise.state,
    "postal_code": normalise.zip_code,
    "country": _country,
    "text": normalise.name_of_record,
    "main_phone": normalise.phone,
    "phone": normalise.phone,
    "email": normalise.email,
    "employees": company_values.head_count,
    "revenue": company_values.dollars,
    "industry": normalise.name_of_record,
    "renewal_month": company_values.month,
    "renewal_date": company_values.month,
    "renewal_notice_window_days": company_values.notice_days,
    "person": company_values.person_name,
    "first_of_two": company_values.first_of_two,
    "title": company_values.title,
    "in_care_of": company_values.in_care_of,
}
