"""Single values about companies cleaned, as in `normalise`: text in, a typed value or None out, or ValueError."""

import calendar
import re
from decimal import Decimal
from typing import Final

from penstock.intake import normalise, owners
from penstock.intake.addresses import presentable

_MONTHS: Final = tuple(name.casefold() for name in calendar.month_name)
_MONTH_WORD = re.compile(r"^([a-z]{3,9})\.?(?: \d{1,2},?)?(?: \d{4})?$")
_AMOUNT = re.compile(r"^\(?-?\$?\s*([\d,]+(?:\.\d+)?|\.\d+)\s*(thousand|million|billion|bn|mm|mn|k|m|b)?\.?\)?$", re.I)
_UNITS: Final = {"k": 10**3, "t": 10**3, "m": 10**6, "b": 10**9}
_RANGE = re.compile(r"^([\d,]+)\s*(?:-|–|to)\s*[\d,]+$")
_CARE_OF = re.compile(r"^(?:%|c/o\b|attn:?|co\s)\s*", re.I)
_OFFICES: Final = frozenset(
    """president vice treasurer cfo ceo coo chro vp secretary controller comptroller executive exec director dir chief
    financial operating officer chair chairman chairperson chairwoman trustee commander pastor rev superintendent
    administrator manager mgr principal owner founder attorney at law cpa accountant bookkeeper hr human resources of
    finance and board tres treas pres sec adjutant quartermaster""".split()  # noqa: SIM905
)


_NOBODY: Final = frozenset({"na", "none", "unknown", "tbd", "tba", "vacant", "open", "interim"})
_BETWEEN = re.compile(r"\s*[/;]\s*|\s+(?:&|\+|and)\s+", re.I)
_AFTER_NAMES: Final = frozenset(
    """JR SR II III IV ESQ MD PHD DDS DO RN CPA CFA CFP MBA MPH JD LLM EDD DVM PMP SHRM-CP SHRM-SCP PHR
    SPHR CEBS RPA CLU CHFC FSA ASA FACHE DNP PSYD PHARMD LCSW""".split()  # noqa: SIM905
)
_BEFORE_LAST: Final = frozenset(
    "DE DI DEL DELA DELLA LA LE LOS LAS VAN VON DER DEN TER ST SAN SANTA EL DOS DA DU".split()  # noqa: SIM905
)


def month(value: str) -> int | None:
    """A month, 1 to 12: "6", "June", "2027-06-01", "6/1/2027". Raises ValueError on anything else."""
    word = " ".join(value.split()).strip(".").casefold()
    if word in normalise.NOTHING or word in {"0", "none", "unknown"}:
        return None
    if word.isascii() and word.removesuffix(".0").isdigit() and len(word) <= 4:
        number = int(word.removesuffix(".0"))
        if 1 <= number <= 12:
            return number
        raise ValueError("is not a month (1 to 12)")
    if found := _MONTH_WORD.match(word):
        number = next((n for n, name in enumerate(_MONTHS) if name.startswith(found[1])), 0)
        if number:
            return number
    for pattern in (r"^\d{4}[-/](\d{1,2})[-/]\d{1,2}(?:[t ].*)?$", r"^(\d{1,2})[-/]\d{1,2}(?:[-/]\d{2,4})?$"):
        if (found := re.match(pattern, word)) and 1 <= int(found[1]) <= 12:
            return int(found[1])
    raise ValueError("is not a month (1 to 12)")


def notice_days(value: str) -> int | None:
    """Days before the renewal, 0 to 3660."""
    return normalise.whole(3660)(value)


def head_count(value: str) -> int | None:
    """Employees: "1,200"; of a range ("51-200", "10,001+") the lower end. 0 means not stated."""
    value = value.strip().removesuffix("+").replace("employees", "").strip()
    if found := _RANGE.match(value):
        value = found[1]
    return normalise.whole(10_000_000)(value) or None


def dollars(value: str) -> Decimal | None:
    """US dollars a year: "$1,200,000", "18.3 MM", "1.2B", "950K". 0 means not stated."""
    text = " ".join(value.split())
    if text.casefold() in normalise.NOTHING or text.strip("$-") == "":
        return None
    found = _AMOUNT.match(text)
    if not found:
        raise ValueError("is not an amount of money")
    amount = Decimal(found[1].replace(",", "")) * _UNITS.get((found[2] or "")[:1].lower(), 1)
    if amount > 10**13:
        raise ValueError("is more than ten trillion dollars")
    if text.startswith(("(", "-", "$-")):
        return None  # a negative revenue is an accounting entry
    return amount or None


def company_name(value: str) -> str | None:
    """A company's name as people write it; one in capitals only in title case. At most 200 characters."""
    found = normalise.text(value.lstrip("'"))
    if found is None or found.casefold() in {"na", "none", "unknown", "tbd"}:
        return None
    if len(found) > 200:
        raise ValueError("is longer than 200 characters")
    if not any(c.isalnum() for c in found):
        raise ValueError("is not a name")
    return presentable(found) if " " in found else found


def person_name(value: str) -> str | None:
    """A person's name, "Lee, Ann" turned round; "Vacant", "N/A" and the like are none. ValueError: it is no name."""
    found = normalise.text(value)
    if found is None or found.casefold().strip(".") in _NOBODY:
        return None
    if found.lstrip("'\" ")[:1] in {"=", "+", "@"}:
        raise ValueError("is a formula, not the name of a person")
    found = _turned(found) or found
    if len(found) > 200 or not any(c.isalpha() for c in found) or "@" in found or "://" in found:
        raise ValueError("is not the name of a person")
    return presentable(found)


def first_of_two(value: str) -> str | None:
    """The first of several people that a cell names: "Ann Lee & Bob Ray" -> "Ann Lee". None where it names one.

    What stands beside a name may be an office, a firm or nobody; then the cell is left as it is.
    """
    found = normalise.text(value)
    if found is None or not _BETWEEN.search(found):
        return None
    parts = [part for one in _BETWEEN.split(found) if (part := one.strip(" ,"))]
    if len(parts) < 2 or any(_is_office(part) or owners.is_company(part) for part in parts):
        return None
    first, joined = parts[0], not re.search("[/;]", found)
    if not _turned(first) and " " in (before := first.partition(",")[0]):
        first = before  # Ann Lee, Bob Ray and Amy Poe; Ann Lee, CPA & Bob Ray
    if joined and " " not in first and first.isalpha() and len(parts[1].split()) == 2 and "," not in parts[1]:
        return f"{first} {parts[1].split()[-1]}"  # Ann & Bob Ray
    whole = [len(part.split()) > 1 for part in parts]
    return first if all(whole) or (joined and _turned(first)) else None


def _is_office(words: str) -> bool:
    return all(word.strip(".,-").casefold() in {*_OFFICES, *_NOBODY, ""} for word in words.split())


def _turned(name: str) -> str | None:
    """ "Lee, Ann" as one says it; None where what follows the comma is a degree or an office, or it is said so."""
    last, comma, given = (part.strip() for part in name.partition(","))
    words, lead = given.split(), last.split()
    while len(lead) > 1 and lead[-1].strip(".").upper() in _AFTER_NAMES:
        words.append(lead.pop())
    if not comma or not lead or owners.is_company(name, one_line=False) or not 1 <= len(given.split()) <= 3:
        return None
    if not all(word.upper() in _BEFORE_LAST for word in lead[:-1]):
        return None
    if not all(re.fullmatch(r"[^\W\d_][\w.'’-]*", word) for word in given.split()) or _is_office(given):
        return None
    if any(word.replace(".", "").upper() in _AFTER_NAMES for word in given.split()):
        return None
    return " ".join((*given.split(), *lead, *words[len(given.split()) :]))


def title(value: str) -> str | None:
    """A job title, at most 200 characters."""
    return normalise.name_of_record(value)


def in_care_of(value: str) -> tuple[str, str | None] | None:
    """Who gets an organisation's mail, with the office if one is named: "% JAN BURTCH CFO" -> ("Jan Burtch", "CFO").

    None where it is a firm, a department or not plainly one person.
    """
    line = _CARE_OF.sub("", " ".join(value.split()))
    words = line.split()
    cut = len(words)
    while cut and words[cut - 1].casefold().strip(".,") in _OFFICES:
        cut -= 1
    begin = 0
    while begin < cut and words[begin].casefold().strip(".,") in _OFFICES:
        begin += 1
    name, office = words[begin:cut], [*words[:begin], *words[cut:]]
    full = " ".join(name).strip(",- ")
    if not re.fullmatch(r"[A-Za-z.,'’ -]+", full) or owners.is_company(full) or " - " in full or name[:1] == ["THE"]:
        return None
    long = [word for word in name if len(word.strip(".,")) > 1]
    if len(name) < 2 or len(name) > 5 or not 1 <= len(long) - 1 <= 2:
        return None
    return presentable(full), presentable_title(" ".join(office)) or None


def presentable_title(value: str) -> str:
    """An office in title case, its short forms in capitals: "VICE PRESIDENT" -> "Vice President", "CFO" -> "CFO"."""
    return " ".join(
        word.upper()
        if len(word) <= 3 and word.isupper() and word.lower() not in {"of", "and", "at"}
        else word.capitalize()
        for word in value.split()
    )
