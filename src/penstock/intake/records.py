"""Rows become records: cells brought to fields by a plan, cleaned, checked; or a rejection that says what to do.

A value that makes no sense is dropped and counted as a warning where the row can do without it, and costs the row
where nothing else says which place it is.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from penstock.intake import addresses, coordinates, normalise, owners
from penstock.intake.mapping import Plan
from penstock.intake.normalise import Memo
from penstock.intake.reader import Rejection, Row, row_text
from penstock.intake.vocabulary import FIELDS

EMPTY: Final[dict[str, Any]] = {
    **dict.fromkeys(FIELDS),
    "address_numbered": False,
    "phones": (),
    "emails": (),
    "note": None,
}
ACRE_SQFT: Final = 43_560
# What tells which place a row is about: trouble in these is named first when the row has to be rejected.
PLACE_FIELDS: Final = ("address_line1", "full_address", "state", "postal_code", "city", "apn")


class Record(NamedTuple):
    """One clean row: `values` has every name of `mapping.FIELDS`, `phones` as (E.164, type, on do-not-call), `emails`,
    `address_numbered`: without a house number an address does not tell one place from another; and `note`: what of the
    row was refused although the row stands.
    """

    row_number: int
    values: dict[str, Any]


class RowCleaner:
    """Turns a row into a Record or a Rejection, counting warnings as (field, reason)."""

    def __init__(self, plan: Plan, today: date, warnings: Counter[tuple[str, str]]) -> None:
        self._plan = plan
        self._warnings = warnings
        self._simple = {name: Memo(clean) for name, clean in _simple(today).items()}
        self._zip = Memo(normalise.zip_code)
        self._state = Memo(normalise.state)
        self._mailing_state = Memo(normalise.mailing_state)
        self._rooms = Memo(normalise.rooms)
        self._acres = Memo(normalise.acres)
        self._phone = Memo(normalise.phone)
        self._phone_type = Memo(normalise.phone_type)
        self._email = Memo(normalise.email)
        self._yes_no = Memo(normalise.yes_no)
        self._street = Memo(addresses.street)
        self._city = Memo(addresses.city)
        self._city_line = Memo(addresses.city_line)
        self._unit = Memo(addresses.unit)

    def __call__(self, row: Row) -> Record | Rejection:
        raw = self._plan.gather(row.cells)
        out = EMPTY.copy()
        trouble: dict[str, str] = {}
        self._site(raw, out, trouble)
        for name, value in raw.items():
            memo = self._simple.get(name)
            if memo is not None:
                out[name], reason = memo[value]
                if reason is not None:
                    trouble[name] = reason
        if (joint := raw.get("apn_unit")) and out["apn"] and out["address_line2"]:
            out["apn"] += joint + out["address_line2"]
        if problem := self._place_problem(out, raw, trouble):
            return Rejection(row.number, *problem, row_text(row.cells))
        self._coordinates(raw, out, trouble)
        self._facts(raw, out, trouble)
        self._mailing(raw, out, trouble)
        self._owner(raw, out)
        if self._plan.phones or self._plan.emails:
            self._contacts(row.cells, out, trouble)
        for problem_field, reason in trouble.items():
            self._warnings[problem_field, reason] += 1
        return Record(row.number, out)

    def _try(self, name: str, memo: Memo, value: str | None, trouble: dict[str, str]) -> Any:
        if not value:
            return None
        answer, reason = memo[value]
        if reason is not None:
            trouble[name] = reason
        return answer

    def _site(self, raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        line = raw.get("address_line1")
        if full := raw.get("full_address"):
            line, *rest = full.split(",", 1)
            end = self._city_line[_last_pieces(rest[0])][0] if rest else addresses.CityLine(None, None, None)
            line = ", ".join([line, *_middle_pieces(rest[0])]) if rest else line
            self._city_parts(end, raw, "")
        elif joined := raw.get("city_state"):
            self._city_parts(self._city_line[joined][0], raw, "")
        street = self._street[line][0] if line else addresses.Street(None, None, False)
        out["address_line1"] = street.line
        out["address_line2"] = (self._unit[raw["address_line2"]][0] if "address_line2" in raw else None) or street.unit
        out["address_numbered"] = street.numbered
        if line and not street.numbered:
            trouble["address_line1"] = "has no house number"
        out["city"] = self._city[raw["city"]][0] if "city" in raw else None
        out["state"] = self._try("state", self._state, raw.get("state"), trouble)
        code = self._try("postal_code", self._zip, raw.get("postal_code"), trouble)
        if code:
            out["postal_code"], out["zip4"] = code
            if (not out["state"] or not out["city"]) and (place := normalise.place_of(code[0])):
                out["state"] = out["state"] or place.state
                out["city"] = out["city"] or place.city
        if (four := raw.get("zip4", "").strip()) and four.isascii() and four.isdigit():
            out["zip4"] = four.zfill(4)[:4]

    def _city_parts(self, end: addresses.CityLine, raw: dict[str, str], prefix: str) -> None:
        parts = {"city": end.city, "state": end.state, "postal_code": end.zip_code}
        for name, value in parts.items():
            if value:
                raw.setdefault(prefix + name, value)

    def _place_problem(
        self, out: dict[str, Any], raw: dict[str, str], trouble: dict[str, str]
    ) -> tuple[str, str, str] | None:
        """(field, reason, fix) if the row does not say which place it is about."""
        by_parcel = out["apn"] and out["state"] and out["county"]
        located = out["postal_code"] or (out["city"] and out["state"])
        if by_parcel or (out["address_line1"] and "address_line1" not in trouble and located):
            return None
        for name in PLACE_FIELDS:
            if name in trouble:
                shown = " ".join(str(raw.get(name, "")).split())[:60]
                return name, f"{shown!r} {trouble[name]}", "correct the value"
        if not raw and not out["address_line1"]:
            return "address_line1", "the row is empty", "remove the row"
        if not out["address_line1"]:
            return (
                "address_line1",
                "there is no street address",
                "fill in the address, or the parcel number with state and county",
            )
        return "postal_code", "there is neither a ZIP code nor a city with its state", "fill in the ZIP code"

    def _coordinates(self, raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        """Where the place is, if that can be right; else the row says so in its note."""
        if "lat" not in raw and "lng" not in raw:
            return
        out["lat"], out["lng"], refusal = coordinates.read(raw.get("lat", ""), raw.get("lng", ""), out["state"])
        if refusal is not None:
            trouble[refusal.field] = refusal.reason
            out["note"] = str(refusal)

    def _facts(self, raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        if "last_sale_price" in raw and not out["last_sale_price"]:
            out["last_sale_date"] = None  # a transfer without a price is no sale
        if half := self._try("half_bathrooms", self._rooms, raw.get("half_bathrooms"), trouble):
            out["bathrooms"] = (out["bathrooms"] or Decimal(0)) + half / 2
        if not out["lot_sqft"] and (acres := self._try("lot_acres", self._acres, raw.get("lot_acres"), trouble)):
            out["lot_sqft"] = round(acres * ACRE_SQFT) or None

    def _mailing(self, raw: dict[str, str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        line = raw.get("mailing_line1")
        if full := raw.get("mailing_full_address"):
            line, *rest = full.split(",", 1)
            end = self._city_line[_last_pieces(rest[0])][0] if rest else addresses.CityLine(None, None, None)
            line = ", ".join([line, *_middle_pieces(rest[0])]) if rest else line
            self._city_parts(end, raw, "mailing_")
        elif joined := raw.get("mailing_city_state"):
            self._city_parts(self._city_line[joined][0], raw, "mailing_")
        if line:
            street = self._street[line][0]
            out["mailing_line1"] = street.line
            out["mailing_line2"] = (
                self._unit[raw["mailing_line2"]][0] if "mailing_line2" in raw else None
            ) or street.unit
        out["mailing_city"] = self._city[raw["mailing_city"]][0] if "mailing_city" in raw else None
        out["mailing_state"] = self._try("mailing_state", self._mailing_state, raw.get("mailing_state"), trouble)
        if code := self._try("mailing_postal_code", self._zip, raw.get("mailing_postal_code"), trouble):
            out["mailing_postal_code"] = code[0]
        if out["owner_occupied"] is None and out["mailing_line1"] and out["address_line1"]:
            out["owner_occupied"] = _same_place(out)

    def _owner(self, raw: dict[str, str], out: dict[str, Any]) -> None:
        if one_line := raw.get("owner_name"):
            owner = owners.parse(one_line, raw.get("owner_name_2", ""), last_first=self._plan.last_name_first)
        else:
            first, last = raw.get("owner_first_name", ""), raw.get("owner_last_name", "")
            owner = owners.from_fields(first, last, raw.get("owner_company", ""))
        out["owner_first_name"], out["owner_last_name"] = owner.first_name, owner.last_name
        out["owner_full_name"], out["owner_company"] = owner.full_name, owner.company

    def _contacts(self, cells: list[str], out: dict[str, Any], trouble: dict[str, str]) -> None:
        phones: dict[str, tuple[str, str | None, bool]] = {}
        for column in self._plan.phones:
            number = self._try("phone", self._phone, cells[column.number], trouble)
            if number:
                kind = self._phone_type[cells[column.type]][0] if column.type is not None else None
                marked = column.dnc is not None and self._try("phone_dnc", self._yes_no, cells[column.dnc], trouble)
                before = phones.get(number)
                dnc = bool(marked) or (before is not None and before[2])  # one mark is enough
                phones[number] = (number, kind or column.default_type or (before and before[1]) or None, dnc)
        out["phones"] = tuple(phones.values())
        emails = (self._try("email", self._email, cells[i], trouble) for i in self._plan.emails)
        out["emails"] = tuple(dict.fromkeys(email for email in emails if email))


def _simple(today: date) -> dict[str, Callable[[str], Any]]:
    """Fields that are cleaned by themselves, one value in, one out."""
    return {
        "vendor_record_id": normalise.name_of_record,
        "vendor_list_id": normalise.name_of_record,
        "mak": normalise.mak,
        "apn": normalise.parcel,
        "county": normalise.county,
        "land_use": normalise.text,
        "year_built": normalise.year(today),
        "bedrooms": normalise.whole(999),
        "bathrooms": normalise.rooms,
        "building_sqft": normalise.area,
        "lot_sqft": normalise.area,
        "property_value": normalise.worth,
        "estimated_equity": normalise.money,
        "mortgage_balance": normalise.money,
        "last_sale_date": normalise.day(today),
        "last_sale_price": normalise.worth,
        "age": normalise.age,
        "owner_occupied": normalise.yes_no,
        "subdivision": normalise.subdivision,
        "roof_material": normalise.text,
        "roof_sqft": normalise.roof,
        "has_mortgage": normalise.any_there,
        "has_liens": normalise.any_there,
        "recent_refinance": normalise.yes_no,
        "recent_heloc": normalise.yes_no,
        "do_not_mail": normalise.yes_no,
        "litigator": normalise.yes_no,
        "deceased_owner": normalise.yes_no,
    }


def _same_place(out: dict[str, Any]) -> bool | None:
    """Whether site and mailing address are one: line and unit alike, and ZIP or city alike where both are known."""
    if out["mailing_line1"].casefold() != out["address_line1"].casefold():
        return False
    if (out["mailing_line2"] or "") != (out["address_line2"] or ""):
        return False
    if out["postal_code"] and out["mailing_postal_code"]:
        return bool(out["postal_code"] == out["mailing_postal_code"])
    if out["city"] and out["mailing_city"]:
        return bool(out["city"].casefold() == out["mailing_city"].casefold())
    return None


def _last_pieces(rest: str) -> str:
    """The part of a one-line address that names city, state and ZIP: its last piece, or two where that has no city."""
    pieces = [piece.strip() for piece in rest.split(",")]
    last = addresses.city_line(pieces[-1])
    return ", ".join(pieces[-2:]) if last.city is None and len(pieces) > 1 else pieces[-1]


def _middle_pieces(rest: str) -> list[str]:
    pieces = [piece.strip() for piece in rest.split(",")]
    used = _last_pieces(rest).count(",") + 1
    return [piece for piece in pieces[:-used] if piece]
