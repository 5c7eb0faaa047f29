"""Drawing one company out of its number. Every draw is keyed by the company, so it comes out the same at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from penstock.town import names, places
from penstock.town.business import odds, words
from penstock.town.business.company import (
    BEGINNING,
    OFFICES,
    ROLE_BOXES,
    Company,
    DomainState,
    Office,
    Term,
    local_part,
)
from penstock.town.dice import Dice
from penstock.town.people import Mailbox, MailboxState, Person, Phone
from penstock.town.places import ZipCode

YEARS: Final = range(2025, 2031)  # in which officers change
SETTLED: Final = timedelta(days=90)  # nobody leaves sooner
STATES: Final[dict[str, MailboxState]] = {"live": "live", "dead": "dead", "late": "late", "full": "full"}
DOMAIN_STATES: Final[dict[str, DomainState]] = {
    "mx": "mx", "no_mx": "no_mx", "null_mx": "null_mx", "nxdomain": "nxdomain", "servfail": "servfail",
}  # fmt: skip


def shared_office(dice: Dice, number: int) -> Office | None:
    """The office that one person holds in both companies of a pair (2k and 2k+1), if they share one."""
    pair = number // 2
    return dice.pick(OFFICES, "shared office", pair) if dice.chance(odds.SHARED_OFFICER, "shares", pair) else None


class CompanyBuilder:
    """Draws one company; `partner` is the even neighbour of an odd company that shares an officer with it."""

    def __init__(self, dice: Dice, number: int, stem: str, ein: str, partner: Company | None) -> None:
        self._dice = dice
        self._number = number
        self._stem = stem
        self._ein = ein
        self._partner = partner
        self._shared = shared_office(dice, number)
        self._locals: set[str] = set(ROLE_BOXES)
        self._pattern = dice.weighted(odds.PATTERNS, "pattern", stem, otherwise="first.last")
        self._catch_all = dice.chance(odds.CATCH_ALL, "catch-all", stem)
        self._home = self._place()

    def company(self) -> Company:
        """The company with all its officers, past and to come."""
        dice, stem = self._dice, self._stem
        short, name = self._names()
        months = {str(month): share for month, share in odds.RENEWAL_MONTHS.items()}
        house = dice.between(1, 9899, "house", stem)
        street = f"{house} {dice.pick(names.STREETS, 'street', stem)} {dice.pick(names.SUFFIXES, 'suffix', stem)}"
        return Company(
            number=self._number,
            stem=stem,
            name=name,
            short=short,
            ein=self._ein,
            street=street,
            unit=f"Suite {dice.between(1, 40, 'suite', stem) * 10}" if dice.chance(0.3, "has suite", stem) else "",
            zip_code=self._home,
            phone=self._number_of("main line"),
            employees=int(20 * 125 ** dice.roll("employees", stem)),
            renewal_month=int(dice.weighted(months, "renewal", stem, otherwise="1")),
            founded=dice.between(1948, 2018, "founded", stem),
            pattern=self._pattern,
            catch_all=self._catch_all,
            greylists=dice.chance(odds.GREYLISTS, "greylists", stem),
            refuses_probes=dice.chance(odds.REFUSES_PROBES, "refuses probes", stem),
            domain_state=DOMAIN_STATES[dice.weighted(odds.DOMAIN_STATE, "domain", stem, otherwise="mx")],
            terms=tuple(term for office in OFFICES for term in self._terms(office)),
        )

    def _place(self) -> ZipCode:
        """A real ZIP code in one of the states."""
        state = self._dice.weighted(words.STATES, "state", self._stem, otherwise="PA")
        found = places.zip_code(self._dice.pick(places.standard_codes(state), "zip", self._stem))
        assert found is not None
        return found

    def _names(self) -> tuple[str, str]:
        """What people call it, and the name on paper."""
        dice, stem = self._dice, self._stem
        first, second = (part.capitalize() for part in stem.rstrip("0123456789").split("-"))
        trade = dice.pick(words.TRADES, "trade", stem)
        form = dice.pick(words.FORMS, "form", stem)
        style = dice.weighted({"the": 0.08, "and": 0.10, "dba": 0.05}, "style", stem)
        if style == "the":
            return f"The {first} {second} Company", f"The {first} {second} Company{form.replace(' Co.', '')}"
        if style == "and":
            return f"{first} & {second} {trade}", f"{first} & {second} {trade}{form}"
        if style == "dba":
            return f"{first} {second} {trade}", f"{first}{second} Holdings LLC dba {first} {second} {trade}"
        return f"{first} {second} {trade}", f"{first} {second} {trade}{form}"

    # --- officers -----------------------------------------------------------------------------------------------------
    def _terms(self, office: Office) -> list[Term]:
        """Everybody who holds this office, in order of time."""
        if self._shared == office:
            return [self._shared_term(office)]
        dice, stem = self._dice, self._stem
        turn, since = 0, BEGINNING
        terms: list[Term] = []
        if dice.chance(odds.VACANT[office], "vacant", stem, office):
            since = datetime(2025, 1, 1, 15, tzinfo=UTC) + timedelta(days=dice.between(0, 900, "filled", stem, office))
        for leaves in self._departures(office):
            if leaves < since + SETTLED:
                continue
            terms.append(self._term(office, turn, since, leaves))
            turn += 1
            at_once = dice.chance(odds.REPLACED_AT_ONCE, "at once", stem, office, turn)
            gap = 0 if at_once else dice.between(*odds.VACANT_DAYS, "vacant for", stem, office, turn)
            since = leaves + timedelta(days=gap)
        return [*terms, self._term(office, turn, since, None)]

    def _departures(self, office: Office) -> list[datetime]:
        """Instants, in working hours, at which the holder would leave if there is one who has settled."""
        found: list[datetime] = []
        for year in YEARS:
            key = (self._stem, office, year)
            if self._dice.chance(odds.LEAVES_A_YEAR, "leaves", *key):
                day = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=self._dice.between(0, 364, "day", *key))
                day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
                found.append(day + timedelta(minutes=15 * self._dice.between(56, 84, "hour", *key)))
        return sorted(found)

    def _shared_term(self, office: Office) -> Term:
        """The officer of both companies, who stays for good; the even company has the mailbox."""
        if self._partner is None:
            return self._term(office, 0, BEGINNING, None)
        theirs = self._partner.holder(office, BEGINNING)
        assert theirs is not None
        return theirs

    def _term(self, office: Office, turn: int, since: datetime, until: datetime | None) -> Term:
        dice, key = self._dice, (self._stem, office, turn)
        stays = timedelta(days=dice.between(*odds.MAILBOX_STAYS_DAYS, "mailbox stays", *key))
        leaves_profile = timedelta(hours=dice.between(*odds.PROFILE_LAG_HOURS, "profile left", *key))
        came, joins_profile = timedelta(), timedelta()
        if since > BEGINNING:
            came = self._site_lag(office, turn)
            joins_profile = timedelta(hours=dice.between(*odds.PROFILE_LAG_HOURS, "profile joined", *key))
        return Term(
            office=office,
            person=self._officer(office, turn),
            title=dice.pick(words.TITLES[office], "title", *key),
            since=since,
            until=until,
            site_since=since + came,
            site_until=until + self._site_lag(office, turn + 1) if until else None,
            profile_since=since + joins_profile,
            profile_until=until + leaves_profile if until else None,
            mailbox_ends=until + stays if until else None,
        )

    def _site_lag(self, office: Office, turn: int) -> timedelta:
        """How long the website takes to show the change that ends with this turn: one edit for both names."""
        key = (self._stem, office, turn)
        shares = {name: share for name, (share, _, _) in odds.SITE_LAG.items()}
        _, least, most = odds.SITE_LAG[self._dice.weighted(shares, "site lag", *key, otherwise="late")]
        return timedelta(hours=self._dice.between(least, most, "site hours", *key))

    def _officer(self, office: Office, turn: int) -> Person:
        dice, who = self._dice, f"{self._stem}#{office}{turn}"
        pattern = self._pattern
        if dice.chance(odds.ODD_ADDRESS, "odd address", who):
            pattern = dice.pick([name for name in odds.PATTERNS if name != pattern], "other pattern", who)
        first, last, local = self._free_name(who, pattern)
        state = STATES[dice.weighted(odds.MAILBOX_STATE, "mailbox", who, otherwise="live")]
        carrier = dice.pick(names.CARRIERS["Mobile"], "carrier", who)
        return Person(
            id=who,
            role="officer",
            first=first,
            last=last,
            age=dice.between(31, 68, "age", who),
            deceased=False,
            mailboxes=(Mailbox(f"{local}@{self._stem}.example", state, self._catch_all),),
            phones=(Phone(self._number_of(who), "Mobile", carrier, alive=True, dnc=False, tcpa=False, listed=False),),
            home=self._stem,
            zone=self._home.zone,
        )

    def _free_name(self, who: str, pattern: str) -> tuple[str, str, str]:
        """First name, last name and mailbox; another name where a colleague has that mailbox already."""
        dice = self._dice
        for attempt in range(1000):
            rare_first = dice.chance(0.04, "rare first", who, attempt)
            rare_last = dice.chance(0.05, "rare last", who, attempt)
            first = dice.pick(words.ACCENTED_FIRST if rare_first else names.FIRST, "first", who, attempt)
            last = dice.pick(words.ODD_LAST if rare_last else names.LAST, "last", who, attempt)
            local = local_part(pattern, first, last)
            if local not in self._locals:
                self._locals.add(local)
                return first, last, local
        raise AssertionError("1000 names without a free mailbox")

    def _number_of(self, who: str) -> str:
        """A valid ten digit number of the company's area; never one of the 555 numbers kept for fiction."""
        dice, key = self._dice, (self._stem, who)
        area = dice.pick(places.usable_area_codes(self._home.area_codes), "area", *key)
        for attempt in range(1000):
            number = f"{area}{dice.between(2, 9, 'x', *key, attempt)}{dice.digits(6, 'n', *key, attempt)}"
            if number[3:6] != "555" and places.is_number(number):
                return number
        raise AssertionError("1000 draws without a valid number")
