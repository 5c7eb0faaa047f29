"""The people of the town: a stable household for every address, and who owns which mailbox and number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from penstock.town import names, odds, places
from penstock.town.dice import Dice
from penstock.town.places import Address

Role = Literal["owner", "spouse", "renter", "previous", "stranger", "officer"]
MailboxState = Literal["live", "dead", "late", "full"]
RIGHT_PARTY: Final = ("owner", "spouse")
COMPANY: Final = re.compile(r"\b(llc|inc|trust|corp|ltd|lp|estate|company|co|bank|association|church)\b", re.I)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mail address. `late` accepts mail and bounces it afterwards; `catch_all` domains accept every name."""

    email: str
    state: MailboxState
    catch_all: bool


@dataclass(frozen=True, slots=True)
class Phone:
    """A ten digit US number. `listed` numbers can be known to vendors; the others only to their owner."""

    number: str
    kind: Literal["Mobile", "Land Line", "Voip"]
    carrier: str
    alive: bool
    dnc: bool
    tcpa: bool
    listed: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be reached. `role` is towards the household's property, not towards a lead."""

    id: str
    role: Role
    first: str
    last: str
    age: int
    deceased: bool
    mailboxes: tuple[Mailbox, ...]
    phones: tuple[Phone, ...]
    home: str  # key of the household's address
    zone: str  # IANA name; everybody of a household lives in the zone of its ZIP code

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def is_right_party(self) -> bool:
        """Owns the property that a lead at this household is about."""
        return self.role in RIGHT_PARTY

    def own_number(self) -> Phone:
        """The live number the person would write into a form; mobiles first."""
        return next(phone for phone in self.phones if phone.alive)


@dataclass(frozen=True, slots=True)
class Household:
    """An address with its people: `residents` (owners first), and `outsiders` whom vendors mix up with them."""

    address: Address
    mak: str
    base_mak: str  # of the building, empty unless the address has a unit
    zip_code: places.ZipCode
    plus4: str
    apn: str
    residents: tuple[Person, ...]
    outsiders: tuple[Person, ...]
    moved: bool
    owner_occupied: bool
    value: int
    equity: int
    year_built: int

    @property
    def owner(self) -> Person:
        """Who owns the place today."""
        return self.residents[0]

    @property
    def owner_of_record(self) -> Person:
        """Whose name the county has: the owner, or the previous one when the sale is not recorded yet."""
        return self.outsiders[0] if self.moved else self.residents[0]

    def by_role(self, role: str) -> Person | None:
        """The person with that role, if the household has one."""
        return next((person for person in self.everybody() if person.role == role), None)

    def everybody(self) -> Iterator[Person]:
        """Residents, then outsiders."""
        yield from self.residents
        yield from self.outsiders


class World:
    """Makes households on demand and remembers those that somebody has asked about.

    Mailboxes and numbers are known once their household is: so a town that has to know its people after a restart keeps
    a file (`memory`) of the addresses asked for, one JSON array a line.
    """

    def __init__(self, dice: Dice, memory: Path | None = None) -> None:
        self._dice = dice
        self._memory: Path | None = None
        self.households: dict[str, Household] = {}
        self.people: dict[str, Person] = {}
        self._mailboxes: dict[str, str] = {}  # email -> person id
        self._numbers: dict[str, str] = {}  # ten digits -> person id
        self._given: dict[str, tuple[str, str]] = {}
        if memory is not None and memory.exists():
            for line in memory.read_text("utf-8").splitlines():
                *place, first, last = json.loads(line)
                self.household(Address(*place), (first, last))
        self._memory = memory

    def household(self, place: Address, owner: tuple[str, str] = ("", "")) -> Household | None:
        """The household at a delivery point, or None where there cannot be a house. `owner`: first and last name.

        A name that a caller gives becomes the name of the owner of record: the town has no list of its own. If callers
        give several, the first in the alphabet wins, so that the order of the calls does not matter.
        """
        found = self.households.get(place.key) or self._settle(place)
        given = tuple(" ".join(part.split()).title() for part in owner)
        if found is None or not all(given) or COMPANY.search(" ".join(given)):
            return found
        name = min((given[0], given[1]), self._given.get(place.key, (given[0], given[1])))
        if name != self._given.get(place.key):
            self._given[place.key] = name
            found = self._remember(rename(found, *name))
        return found

    def person_at(self, mailbox: str) -> Person | None:
        """Who reads the mail of this address, dead mailboxes included."""
        found = self._mailboxes.get(mailbox.casefold())
        return self.people[found] if found else None

    def person_of(self, number: str) -> Person | None:
        """Who owns this ten digit number, dead numbers included."""
        found = self._numbers.get(number)
        return self.people[found] if found else None

    def mailbox(self, email: str) -> Mailbox | None:
        """The mailbox of this address, if the town has it."""
        person = self.person_at(email)
        return next((box for box in person.mailboxes if box.email == email.casefold()), None) if person else None

    def phone(self, number: str) -> Phone | None:
        """The phone behind this ten digit number, if the town has it."""
        person = self.person_of(number)
        return next((phone for phone in person.phones if phone.number == number), None) if person else None

    def at_mak(self, mak: str) -> Household | None:
        """The household with this MAK, if anybody has asked about its address before."""
        return next((found for found in self.households.values() if mak and found.mak == mak), None)

    def home_of(self, person: Person) -> Household:
        """The household the person belongs to."""
        return self.households[person.home]

    def _settle(self, place: Address) -> Household | None:
        built = Builder(self._dice, place, taken=self._is_taken).household()
        return self._remember(built) if built else None

    def _is_taken(self, point: str) -> bool:
        return point in self._numbers or point in self._mailboxes

    def _remember(self, household: Household) -> Household:
        if self._memory is not None:
            line = json.dumps([*astuple(household.address), *self._given.get(household.address.key, ("", ""))])
            with self._memory.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        self.households[household.address.key] = household
        for person in household.everybody():
            self.people[person.id] = person
            self._mailboxes |= {mailbox.email: person.id for mailbox in person.mailboxes}
            self._numbers |= {phone.number: person.id for phone in person.phones}
        return household


def is_called(person: Person, first: str, last: str) -> bool:
    """True if that is the person's name, whatever the case and the punctuation."""
    return (places.squeeze(first), places.squeeze(last)) == (places.squeeze(person.first), places.squeeze(person.last))


def rename(household: Household, first: str, last: str) -> Household:
    """The same household, its owner of record called so; a spouse of the owner takes the last name too."""
    if household.moved:
        previous, *others = household.outsiders
        return replace(household, outsiders=(replace(previous, first=first, last=last), *others))
    residents = tuple(
        replace(person, first=first, last=last)
        if person.role == "owner"
        else replace(person, last=last)
        if person.role == "spouse"
        else person
        for person in household.residents
    )
    return replace(household, residents=residents)


class Builder:
    """Draws one household. Every draw is keyed by the address, so it comes out the same whenever it is made.

    Only where somebody else has drawn the same number or mailbox before (about once in a thousand households of one
    city), the later one draws again: `taken` says so.
    """

    def __init__(self, dice: Dice, place: Address, *, taken: Callable[[str], bool]) -> None:
        self._dice = dice
        self._place = place
        self._taken = taken
        self._drawn: set[str] = set()

    def household(self) -> Household | None:
        """The household, or None if no ZIP code fits the address or it has no house number."""
        dice, place = self._dice, self._place
        key = place.key
        home = places.home_code(place, dice.number("zip", key))
        if home is None or not place.house_number:
            return None
        occupied = dice.chance(odds.OWNER_OCCUPIED, "occupied", key)
        last = dice.pick(names.LAST, "last", key)
        residents = [self._person("owner", last, home)]
        if dice.chance(odds.SPOUSE, "spouse", key):
            residents.append(self._person("spouse", last, home))
        if not occupied:
            residents.append(self._person("renter", dice.pick(names.LAST, "renter", key), home))
        value = round(120_000 + 780_000 * dice.roll("value", key) ** 2, -3)
        return Household(
            address=place,
            mak="9" + dice.digits(9, "mak", key),
            base_mak="9" + dice.digits(9, "mak", place.building) if place.unit else "",
            zip_code=home,
            plus4=dice.digits(4, "plus4", key),
            apn=f"{dice.digits(2, 'a', key)}-{dice.digits(4, 'p', key)}-{dice.digits(4, 'n', key)}",
            residents=tuple(residents),
            outsiders=(
                self._person("previous", dice.pick(names.LAST, "previous", key), home),
                self._person("stranger", dice.pick(names.LAST, "stranger", key), home),
            ),
            moved=dice.chance(odds.OWNER_MOVED, "moved", key),
            owner_occupied=occupied,
            value=int(value),
            equity=int(round(value * (0.15 + 0.85 * dice.roll("equity", key)), -3)),
            year_built=dice.between(1925, 2016, "built", key),
        )

    def _person(self, role: Role, last: str, home: places.ZipCode) -> Person:
        who = f"{self._place.key}#{role}"
        dice = self._dice
        band = dice.weighted(odds.AGES, "band", who, otherwise="65-71")
        youngest, oldest = (int(edge) for edge in band.split("-"))
        return Person(
            id=who,
            role=role,
            first=dice.pick(names.FIRST, "first", who),
            last=last,
            age=dice.between(youngest, oldest, "age", who),
            deceased=role != "renter" and dice.chance(odds.DECEASED, "deceased", who),
            mailboxes=tuple(self._mailboxes(who)),
            phones=tuple(self._phones(who, places.usable_area_codes(home.area_codes))),
            home=self._place.key,
            zone=home.zone,
        )

    def _mailboxes(self, who: str) -> Iterator[Mailbox]:
        dice = self._dice
        for nth in range(1 + dice.chance(odds.SECOND_MAILBOX, "second", who)):
            catch_all = dice.chance(odds.CATCH_ALL_DOMAIN, "catch-all", who, nth)
            state = dice.weighted(odds.MAILBOX_STATE, "mailbox", who, nth, otherwise="live")
            yield Mailbox(self._email(who, nth, catch_all), _state(state), catch_all)

    def _email(self, who: str, nth: int, catch_all: bool) -> str:
        """An address that says nothing of its owner's name."""
        dice = self._dice
        domain = dice.pick(names.CATCH_ALL_DOMAINS if catch_all else names.MAIL_DOMAINS, "domain", who, nth)
        words = ".".join(dice.pick(names.MAIL_WORDS, "word", part, who, nth) for part in range(2))
        return self._first_free(lambda attempt: f"{words}{dice.digits(4, 'local', who, nth, attempt)}@{domain}")

    def _phones(self, who: str, area_codes: tuple[str, ...]) -> Iterator[Phone]:
        dice = self._dice
        dnc = dice.chance(odds.ON_DNC, "dnc", who)
        tcpa = dice.chance(odds.TCPA_LITIGATOR, "tcpa", who)
        anybody_answers = False
        for kind in ("Mobile", "Land Line", "Voip"):
            if dice.chance(odds.PHONE_OWNED[kind], "owns", who, kind):
                alive = dice.chance(odds.PHONE_ALIVE[kind], "alive", who, kind)
                anybody_answers |= alive
                carrier = dice.pick(names.CARRIERS[kind], "carrier", who, kind)
                number = self._number(who, kind, area_codes)
                yield Phone(number, kind, carrier, alive, dnc, tcpa, listed=True)
        if not anybody_answers:  # everybody has some number, if only their friends know it
            carrier = dice.pick(names.CARRIERS["Mobile"], "carrier", who, "private")
            number = self._number(who, "private", area_codes)
            yield Phone(number, "Mobile", carrier, alive=True, dnc=dnc, tcpa=tcpa, listed=False)

    def _number(self, who: str, kind: str, area_codes: tuple[str, ...]) -> str:
        """A valid ten digit number of one of the area codes; never one of the 555 numbers kept for fiction."""
        dice = self._dice
        area = dice.pick(area_codes, "area", who, kind)

        def draw(attempt: int) -> str:
            number = f"{area}{dice.between(2, 9, 'x', who, kind, attempt)}{dice.digits(6, 'n', who, kind, attempt)}"
            return number if number[3:6] != "555" and places.is_number(number) else ""

        return self._first_free(draw)

    def _first_free(self, draw: Callable[[int], str]) -> str:
        """The first draw that is something and that nobody has yet."""
        for attempt in range(1000):
            found = draw(attempt)
            if found and found not in self._drawn and not self._taken(found):
                self._drawn.add(found)
                return found
        raise AssertionError("1000 draws without a free one")


def _state(name: str) -> MailboxState:
    states: Mapping[str, MailboxState] = {"live": "live", "dead": "dead", "late": "late", "full": "full"}
    return states[name]
