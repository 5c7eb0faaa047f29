"""Owner names as county rolls print them: a person with first and last name, or a company, trust or estate."""

import re
from typing import Final, NamedTuple

from penstock.intake.addresses import presentable
from penstock.intake.normalise import NOTHING


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A legal form decides by itself. A trade word decides only in a name given on one line: there are people called Church.
_LEGAL_FORM = re.compile(
    r"\b(?:L\.? ?L\.? ?C|L\.? ?L\.? ?L?\.? ?P|INC|INCORPORATED|CORP|CORPORATION|LTD|LIMITED|L\.? ?P|P\.? ?C|P\.? ?A"
    r"|PLLC|N\.? ?A|COMPANY|CO|TRUST|TRUSTEES?|TRS?|TTEES?|ESTATE|EST|HEIRS|ASSOCIATION|ASSN|ASSOC|PARTNERSHIP|PTNRS?"
    r"|FOUNDATION|LLLP)\b\.?(?=\s|,|$)",
    re.I,
)
_TRADES: Final = _set_of("""
    BANK PROPERTIES PROPERTY PROP HOLDING HOLDINGS REALTY INVESTMENT INVESTMENTS INVESTOR INVESTORS ENTERPRISE
    ENTERPRISES DEVELOPMENT DEVELOPMENTS DEVELOPER DEVELOPERS ACQUISITION ACQUISITIONS GROUP FUND AUTHORITY AUTH
    COMMONWEALTH CHURCH BAPTIST METHODIST LUTHERAN CATHOLIC MINISTRIES SCHOOL SCHOOLS UNIVERSITY COLLEGE HOMES
    HOUSING CONSTRUCTION BUILDER BUILDERS CONTRACTOR CONTRACTORS MANAGEMENT MGMT VENTURES CAPITAL MORTGAGE
    LENDING LOAN FINANCIAL SERVICING SERVICES SOLUTIONS SYSTEMS RENTAL RENTALS LEASING HOA CONDOMINIUM
    CONDOMINIUMS CONDO CONDOS APARTMENTS ASSOCIATES PARTNERS DEPT DEPARTMENT BOARD COMMISSION DISTRICT
    INTERNATIONAL LIVING REVOCABLE IRREVOCABLE SOCIETY CLUB CENTER HOSPITAL INDUSTRIES FEDERAL NATIONAL AMERICAN
    RESTAURANT SALON STORE STORES SHOP MARKET FOOD FOODS AUTO MOTORS CONSULTING CONSULTANTS DESIGN DESIGNS
    TRUCKING LOGISTICS
""")
_TRADE_PHRASE = re.compile(
    r"\b(?:REAL ESTATE|CITY OF|COUNTY OF|STATE OF|TOWN OF|UNITED STATES|U S A|TEMPLE OF)\b", re.I
)
_WORDS = re.compile(r"\w+")
# Some word of these is in every name that has a legal form, or a phrase: most names of people need no search.
_IN_PHRASES: Final = frozenset({"OF", "ESTATE", "STATES", "U"})
_IN_LEGAL_FORMS: Final = _set_of("""
    L LL LLL LLC LLP LLLP LP INC INCORPORATED CORP CORPORATION LTD LIMITED P PC PA PLLC N NA COMPANY CO TRUST TRUSTEE
    TRUSTEES TR TRS TTEE TTEES ESTATE EST HEIRS ASSOCIATION ASSN ASSOC PARTNERSHIP PTNR PTNRS FOUNDATION
""")
_DIGIT = re.compile(r"\d")
_NOISE = re.compile(
    r"^MR\.? ?(?:&|AND) ?MRS\.? |\(.*?\)|\b(?:H/W|W/H|H&W|ET ?AL|ET ?UX|ET ?VIR|JT ?TEN|J/T|JTRS|T/C"
    r"|TEN ?COM|TEN ?ENT|JTWROS|LIFE ESTATE|L/E|C/O)\b\.?",
    re.I,
)
_TITLES: Final = frozenset({"MR", "MRS", "MS", "MISS", "DR", "REV", "HON", "SIR", "PROF"})
_SUFFIX: Final = {
    "JR": "Jr",
    "SR": "Sr",
    "II": "II",
    "III": "III",
    "IV": "IV",
    "ESQ": "Esq",
    "MD": "MD",
    "PHD": "PhD",
    "DDS": "DDS",
}
_PARTICLES: Final = frozenset(
    {
        "DE",
        "DI",
        "DEL",
        "DELA",
        "DELLA",
        "LA",
        "LE",
        "LOS",
        "LAS",
        "VAN",
        "VON",
        "DER",
        "DEN",
        "TER",
        "MC",
        "MAC",
        "ST",
        "SAN",
    }
    | {"SANTA", "O", "EL", "BEN", "DOS", "DA", "DU", "DES", "BIN", "ABU"}
)
_JOINT = re.compile(r"\s*(?:&|\+|;|/|\bAND\b)\s*", re.I)


class Owner(NamedTuple):
    """One owner: either first and last name with the full name as one writes it, or a company."""

    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    company: str | None = None


NOBODY: Final = Owner()


def is_company(name: str, *, one_line: bool = True) -> bool:
    """Whether the name is that of an organisation, trust or estate. Two-field names need a legal form to be one."""
    words = frozenset(_WORDS.findall(name.upper()))
    if not words.isdisjoint(_IN_LEGAL_FORMS) and _LEGAL_FORM.search(name):
        return True
    if not one_line:
        return False
    if not words.isdisjoint(_TRADES) or _DIGIT.search(name):
        return True
    return not words.isdisjoint(_IN_PHRASES) and _TRADE_PHRASE.search(name) is not None


def parse(name: str, second: str = "", *, last_first: bool = False) -> Owner:
    """The (first) owner in a one-line name, with the roll's second name line if it has one.

    "LAST, FIRST M & SPOUSE" is read by its comma; without one `last_first` tells the roll's habit ("WAGNER FRANZ").
    """
    name, second = " ".join(name.split()).strip(",; "), " ".join(second.split())
    if name.casefold() in NOTHING:
        return NOBODY
    if is_company(name) or (second and is_company(second) and _runs_on(name, second)):
        whole = f"{name} {second}" if second and _runs_on(name, second) else name
        return Owner(company=presentable(whole.removesuffix(" THE") if whole.endswith(" THE") else whole))
    person = _JOINT.split(_NOISE.sub(" ", name).strip(" &,"))[0]
    return _person(person, last_first)


def from_fields(first: str, last: str, company: str = "") -> Owner:
    """The owner from columns of their own; a company often sits in one name column with the other one empty."""
    first, last, company = (" ".join(v.split()).strip(",; ") for v in (first, last, company))
    first, last, company = ("" if v.casefold() in NOTHING else v for v in (first, last, company))
    if company:
        return Owner(company=presentable(company), **_named(first, last))
    if first and last:
        both = f"{first} {last}"
        return Owner(company=presentable(both)) if is_company(both, one_line=False) else Owner(**_named(first, last))
    only = first or last
    if not only:
        return NOBODY
    return Owner(company=presentable(only)) if is_company(only) else Owner(**_named(first, last))


def _named(first: str, last: str) -> dict[str, str | None]:
    first, last = presentable(first), presentable(last)
    return {"first_name": first or None, "last_name": last or None, "full_name": f"{first} {last}".strip() or None}


def _runs_on(name: str, second: str) -> bool:
    """Whether the second line goes on with the first ("REDEVELOPMENT AUTHORITY" / "OF PHILADELPHIA")."""
    return second.upper().startswith(("OF ", "FOR ", "AND ", "& ", "TRUST", "LLC", "INC")) or name.upper().endswith(
        (" OF", " AND", " &")
    )


def _person(name: str, last_first: bool) -> Owner:
    before, comma, after = name.partition(",")
    words, suffix = _without_suffix(after.replace(",", " ").split())
    if comma and words:  # LAST, FIRST M
        lead, own = _without_suffix(before.split())
        return _owner(words, " ".join(lead), suffix or own)
    words, own = _without_suffix(before.split())
    suffix = suffix or own
    if len(words) < 2:
        return _owner([], " ".join(words), suffix)
    if last_first:
        cut = 1
        while cut < len(words) - 1 and words[cut - 1].upper() in _PARTICLES:
            cut += 1
        return _owner(words[cut:], " ".join(words[:cut]), suffix)
    cut = len(words) - 1
    while cut > 1 and words[cut - 1].upper() in _PARTICLES:
        cut -= 1
    return _owner(words[:cut], " ".join(words[cut:]), suffix)


def _without_suffix(words: list[str]) -> tuple[list[str], str]:
    suffix = ""
    kept = [word for word in words if word.strip(".").upper() not in _TITLES]
    while len(kept) > 1 and (found := _SUFFIX.get(kept[-1].replace(".", "").upper())):
        suffix = found
        kept.pop()
    if len(kept) == 1 and (found := _SUFFIX.get(kept[0].replace(".", "").upper())):
        return [], found
    return kept, suffix


def _owner(given: list[str], last: str, suffix: str) -> Owner:
    names = [presentable(word.strip(".,")) for word in given if word.strip(".,")]
    last = presentable(last.strip(".,"))
    if not names and not last:
        return NOBODY
    full = " ".join([*names, last, suffix]).split()
    return Owner(names[0] if names else None, last or None, " ".join(full))
