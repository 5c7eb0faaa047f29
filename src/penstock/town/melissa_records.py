"""What Melissa knows of a household, and how it says so: result codes, columns, a space for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from xml.etree import ElementTree

from penstock.town import odds, places
from penstock.town.people import Household, Mailbox, Person, is_called
from penstock.town.places import Address
from penstock.town.state import TownState
from penstock.town.wire import ten_digits, text

BASE_COLUMNS: Final = (
    "AddressExtras", "AddressKey", "AddressLine1", "AddressLine2", "City", "CompanyName", "EmailAddress",
    "MelissaAddressKey", "MelissaAddressKeyBase", "NameFull", "PhoneNumber", "PostalCode", "RecordExtras", "RecordID",
    "Reserved", "Results", "State",
)  # fmt: skip
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "GrpAddressDetails": ("AddressTypeCode", "CountryCode", "CountryName"),
    "GrpParsedAddress": ("AddressHouseNumber", "AddressStreetName", "AddressSuiteNumber"),
    "GrpGeocode": ("Latitude", "Longitude"),
    "GrpCensus": ("CountyName",),
    "GrpNameDetails": ("NameFirst", "NameLast"),
    "GrpDemographicBasic": ("DateOfBirth", "LengthOfResidence", "PresenceOfSenior"),
    "GrpParsedEmail": ("MailboxName", "DomainName"),
    "GrpParsedPhone": ("PhoneAreaCode", "PhonePrefix", "PhoneSuffix"),
}
SINGLE_COLUMNS: Final = (
    "DateLastConfirmed", "EstimatedHomeValue", "MelissaIdentityKey", "MoveDate", "OwnRent", "Plus4", "Suite",
)  # fmt: skip
PHONE_KIND: Final = {"Mobile": "PS07", "Land Line": "PS08", "Voip": "PS09"}
KIND_BY_ENDING: Final = {"07": "PS07", "08": "PS08", "09": "PS09"}  # numbers nobody here owns
LAST_LINE: Final = re.compile(r"^(?P<city>.*?)[,\s]+(?P<state>[A-Za-z]{2})\b[,\s]*(?P<postal>\d{5}(-\d{4})?)?$")


def options(given: str) -> dict[str, str]:
    """ "Append:Always;AdvancedAddressCorrection:On" as a dictionary in lower case."""
    pairs = (part.partition(":") for part in given.split(";") if ":" in part)
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


class ContactDesk:
    """Answers the records of one Personator call."""

    def __init__(self, town: TownState, actions: set[str], columns: set[str], chosen: Mapping[str, str]) -> None:
        self._town = town
        self._dice = town.dice
        self._actions = actions
        self._append = chosen.get("append", "blank")
        wanted = [column for group, members in GROUPS.items() if group in columns for column in members]
        self._columns = (*BASE_COLUMNS, *wanted, *(column for column in SINGLE_COLUMNS if column in columns))

    def answer(self, record: Mapping[str, Any]) -> dict[str, str]:
        """One record of the response: every column is text, a space where there is nothing."""
        first, last = _name(record)
        place = _place(record)
        home = self._town.world.household(place, (first, last)) or self._town.world.at_mak(
            text(record.get("MelissaAddressKey"))
        )
        out = {
            "RecordID": text(record.get("RecordID")),
            "NameFull": f"{first} {last}".strip(),
            "EmailAddress": text(record.get("EmailAddress")),
            "PhoneNumber": ten_digits(text(record.get("PhoneNumber"))) or text(record.get("PhoneNumber")),
            "CompanyName": text(record.get("CompanyName")),
            "AddressLine1": text(record.get("AddressLine1")),
            "AddressLine2": text(record.get("AddressLine2")),
            "City": text(record.get("City")),
            "State": text(record.get("State")),
            "PostalCode": text(record.get("PostalCode")),
        }
        codes: list[str] = []
        if text(record.get("Country")).upper() not in ("", "US", "USA", "UNITED STATES", "CA", "CANADA"):
            codes.append("AS09")
        elif out["AddressLine1"] or home:
            codes += self._address(place, home, out)
            if home and "AS01" in codes:
                codes += self._people(home, first, last, out)
        codes += self._points(home, out)
        if out["NameFull"]:
            codes.append("NS01")
        out["Results"] = ",".join(sorted(dict.fromkeys(codes)))
        return {column: out.get(column, "") or " " for column in self._columns}

    def _address(self, place: Address, home: Household | None, out: dict[str, str]) -> list[str]:
        if home is None:
            return ["AE11" if not place.house_number else "AE01"]
        if place.house_number == "999":
            return ["AE10"]
        if "tower" in place.street and not place.unit:
            return ["AS02", "AE09"]
        if not self._dice.chance(odds.MELISSA_ADDRESS, "melissa", "address", home.address.key):
            return ["AE02"]
        place, code = home.address, home.zip_code
        suite = f"Unit {place.unit.upper()}" if place.unit else ""
        out |= {
            "AddressLine1": f"{places.pretty(place.street)} {suite}".strip(),
            "AddressLine2": "",
            "City": code.city.title(),
            "State": code.state,
            "PostalCode": f"{code.code}-{home.plus4}",
            "AddressKey": f"{code.code}{home.plus4}{place.house_number[-2:].zfill(2)}",
            "MelissaAddressKey": home.mak,
            "MelissaAddressKeyBase": home.base_mak,
            "AddressTypeCode": "H" if place.unit else "S",
            "CountryCode": "US",
            "CountryName": "United States of America",
            "AddressHouseNumber": place.house_number,
            "AddressStreetName": places.pretty(place.street.removeprefix(place.house_number).strip()),
            "AddressSuiteNumber": place.unit.upper(),
            "Suite": suite,
            "Plus4": home.plus4,
            "CountyName": code.county,
            "Latitude": f"{code.lat:.6f}",
            "Longitude": f"{code.lng:.6f}",
            "EstimatedHomeValue": str(home.value),
        }
        return ["AS01", "GS05"]

    def _people(self, home: Household, first: str, last: str, out: dict[str, str]) -> list[str]:
        """Who lives there as far as Melissa knows; fills and verifies name, email and phone."""
        key = home.address.key
        named = next((person for person in home.everybody() if is_called(person, first, last)), None)
        codes: list[str] = []
        if last.casefold() == "mover" and "move" in self._actions:
            return self._moved_away(home, out)
        if first and "verify" in self._actions:
            codes.append(self._verdict(home, named, last))
        subject = named or home.owner
        mixed_up = self._dice.weighted(odds.MELISSA_WRONG, "melissa", "wrong", key)
        source = home.by_role(mixed_up) or subject
        if "append" in self._actions:
            codes += self._append_points(key, source, out)
            if not first:
                out["NameFull"] = source.name
                codes.append("DA10")
        own_rent = (
            ("Definite Owner", "Inferred Owner") if home.owner_occupied else ("Inferred Renter", "Definite Renter")
        )
        birth = self._town.clock.now() - timedelta(days=365.25 * subject.age + 100)
        out |= {
            "OwnRent": self._dice.pick(own_rent, "melissa", "own", key),
            "MelissaIdentityKey": self._dice.digits(8, "mik", subject.id),
            "DateLastConfirmed": (self._town.clock.now() - timedelta(days=20)).strftime("%Y%m"),
            "NameFirst": out["NameFull"].partition(" ")[0],
            "NameLast": out["NameFull"].partition(" ")[2],
            "DateOfBirth": birth.strftime("%Y%m"),
            "LengthOfResidence": f"{self._dice.between(1, 30, 'residence', key)} years",
            "PresenceOfSenior": "Yes" if subject.age >= 65 else "No",
        }
        return codes

    def _verdict(self, home: Household, named: Person | None, last: str) -> str:
        """The VR or VS code for the name at the address."""
        key = home.address.key
        if named is None:
            same_last = any(places.squeeze(person.last) == places.squeeze(last) for person in home.residents)
            return "VS12" if same_last else "VS00"
        if named.role == "previous" and self._dice.chance(odds.MELISSA_SEES_MOVE, "melissa", "move", key):
            return "VS01"
        return "VR01" if self._dice.chance(odds.MELISSA_OWNER, "melissa", "owner", key) else "VS02"

    def _append_points(self, key: str, source: Person, out: dict[str, str]) -> list[str]:
        codes = []
        if self._may_append(out["EmailAddress"]) and self._dice.chance(odds.MELISSA_EMAIL, "melissa", "email", key):
            out["EmailAddress"] = self._dice.pick(source.mailboxes, "melissa", "mailbox", key).email
            codes.append("DA40")
        listed = [phone for phone in source.phones if phone.listed]
        if (
            listed
            and self._may_append(out["PhoneNumber"])
            and self._dice.chance(odds.MELISSA_PHONE, "melissa", "phone", key)
        ):
            out["PhoneNumber"] = self._dice.pick(listed, "melissa", "number", key).number
            codes.append("DA30")
        return codes

    def _may_append(self, given: str) -> bool:
        if self._append == "checkerror":
            return not given or not _looks_good(given)
        return self._append == "always" or not given

    def _moved_away(self, home: Household, out: dict[str, str]) -> list[str]:
        """The habit of the sandbox: everybody called Mover has a newer address in the same city."""
        street = f"{self._dice.between(10, 899, 'new house', home.address.key)} Newhome Ave"
        out |= {"AddressLine1": street, "MoveDate": (self._town.clock.now() - timedelta(days=120)).strftime("%Y%m")}
        return ["AS12"]

    def _points(self, home: Household | None, out: dict[str, str]) -> list[str]:
        """Syntax codes of the email and phone that are in the answer, and whether they go with name and address."""
        codes: list[str] = []
        world = self._town.world
        if email := out["EmailAddress"]:
            codes.append(_email_syntax(email))
            owner = world.person_at(email)
            if owner and home and owner.home == home.address.key and "verify" in self._actions:
                codes += ["VR05", "VR03"] if out["NameFull"].casefold() == owner.name.casefold() else ["VR05"]
            out["MailboxName"], _, out["DomainName"] = email.partition("@")
        if number := out["PhoneNumber"]:
            codes += self._phone_codes(number)
            caller = world.person_of(number)
            if caller and home and caller.home == home.address.key and "verify" in self._actions:
                codes += ["VR04", "VR02"] if out["NameFull"].casefold() == caller.name.casefold() else ["VR04"]
            out["PhoneAreaCode"], out["PhonePrefix"], out["PhoneSuffix"] = number[:3], number[3:6], number[6:]
        return codes

    def _phone_codes(self, number: str) -> list[str]:
        if not ten_digits(number):
            return ["PE03"]
        if not places.is_number(number):
            return ["PE01"]
        phone = self._town.phone(number)
        kind = PHONE_KIND[phone.kind] if phone else KIND_BY_ENDING.get(number[-2:], "PS08")
        return ["PS01", kind, "PS10"]


def email_answer(town: TownState, record: Mapping[str, Any]) -> dict[str, str]:
    """One Global Email record: ES01 is a mailbox that exists as far as this vendor can tell."""
    email = text(record.get("Email")).casefold()
    mailbox = town.mailbox(email)
    code = _email_code(town, email, mailbox)
    confidence = {"ES01": 95, "ES03": 50, "ES07": 55, "ES05": 10, "EE01": 0, "EE02": 0, "EE04": 0}[code]
    name, _, domain = email.partition("@")
    return {
        "RecordID": text(record.get("RecordID")),
        "DeliverabilityConfidenceScore": str(confidence),
        "Results": code,
        "EmailAddress": email,
        "MailboxName": name,
        "DomainName": domain.rpartition(".")[0],
        "DomainAuthenticationStatus": "Yes" if code not in ("EE01", "EE02") else "Unknown",
        "TopLevelDomain": domain.rpartition(".")[2],
        "TopLevelDomainName": "",
        "DateChecked": f"{town.clock.now():%-m/%-d/%Y %-I:%M:%S %p}",
        "EmailAgeEstimated": "",
        "DomainAgeEstimated": "",
        "DomainAvailability": "",
        "MXServer": f"mx.{domain}" if code not in ("EE01", "EE02") else "",
        "DomainTypeIndicator": "",
        "BreachCount": "",
    }


def _email_code(town: TownState, email: str, mailbox: Mailbox | None) -> str:
    syntax = _email_syntax(email)
    if syntax != "ES01":
        return syntax
    domain = email.rpartition("@")[2]
    if not town.has_mail(domain):
        return "EE02"
    if town.accepts_all(domain):
        return "ES07"
    table = odds.EMAIL_CHECK[mailbox.state if mailbox else "dead"]
    return town.dice.weighted(table, "melissa", "global email", email, otherwise="ES03")


def _email_syntax(email: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", email):
        return "EE01"
    return "ES05" if email.casefold().endswith("@disposable.test") else "ES01"


def _looks_good(given: str) -> bool:
    return _email_syntax(given) == "ES01" if "@" in given else bool(ten_digits(given))


def as_xml(answer: Mapping[str, Any]) -> bytes:
    """The same answer as an XML document, one element for each name."""
    root = ElementTree.Element("Response")
    for name, value in answer.items():
        child = ElementTree.SubElement(root, name)
        if isinstance(value, str):
            child.text = value
            continue
        for record in value:
            row = ElementTree.SubElement(child, "ResponseRecord")
            for column, cell in record.items():
                ElementTree.SubElement(row, column).text = cell
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _name(record: Mapping[str, Any]) -> tuple[str, str]:
    first, last = text(record.get("FirstName")), text(record.get("LastName"))
    if not first and not last:
        first, _, last = text(record.get("FullName")).partition(" ")
    return first, last.strip()


def _place(record: Mapping[str, Any]) -> Address:
    city, state, postal = (text(record.get(part)) for part in ("City", "State", "PostalCode"))
    if not (city or postal) and (found := LAST_LINE.match(text(record.get("LastLine")))):
        city, state, postal = found["city"], found["state"], found["postal"] or ""
    return places.address(text(record.get("AddressLine1")), text(record.get("AddressLine2")), city, state, postal)
