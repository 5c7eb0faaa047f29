"""A permit as the staging table wants it: the kind of work told, people's numbers masked, personal data sealed."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.core.sealing import Sealer
from penstock.identity import plain_name
from penstock.intake import Rejection
from penstock.permits.classify import Classifier, standard
from penstock.permits.records import Permit, Read
from penstock.permits.sources import storable

STAGED: Final = (
    *("row_number", "source_id", "permit_number", "work", "is_final", "type_raw", "work_raw", "description", "status"),
    *("applied_on", "issued_on", "completed_on", "latest", "value_cents", "address_line1", "city", "state"),
    *("postal_code", "county", "apn", "lat", "lng", "subdivision", "contractor_name", "contractor_key"),
    *("contractor_phone_sealed", "owner_name_sealed", "source_url", "raw_sealed", "content_hash"),
)
LONGEST_NAME: Final = 200
VOID: Final = "void"  # the work of a permit that came to nothing

_FINAL = re.compile(
    r"\b(?:final(?:ed|led|ized)?|completed?|closed|signed[ -]?off|cert(?:ificate)? of occupancy)\b", re.I
)
_VOID = re.compile(r"\b(?:cancell?ed|withdrawn|void(?:ed)?|denied|revoked|rejected|refused|disapproved)\b", re.I)
_FOUR_DIGITS = re.compile(r"\d{4}")
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)|[2-9]\d\d)[ .-]?[2-9]\d\d[ .-]?\d{4}(?![\w-])"
    r"|(?<=\d\d\d\) )[2-9]\d\d[ .-]?\d{4}(?!\w)"
)
_LOCAL_PHONE = re.compile(r"\b(call|phone|ph|cell|tel|contact|poc)(\W{1,3})[2-9]\d\d[ .-]\d{4}\b", re.I)
# What stands in the place of a firm where the owner does the work, or nobody is named.
_NO_FIRM = re.compile(
    r"^(?:self$|self (?:contractor|build)|owner\b|home ?owner|property owner|none$|unknown|not (?:yet )?\w+$|tbd$"
    r"|to be determined|na$|n a$)"
)


@dataclass
class Tally:
    """What a file or a run came to so far. Read = new + changed + unchanged + repeated + refused."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    refused: int = 0
    works: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)


class Staging:
    """Turns what was read into staged rows, one source at a time, and keeps what was refused."""

    def __init__(self, sealer: Sealer, org_id: int, classify: Classifier | None = None) -> None:
        self._sealer, self._org_id = sealer, org_id
        self._classify = classify or standard()
        self._key = sealer.secret("permits/content")
        self.tally = Tally()
        self.refused: list[tuple[Any, ...]] = []

    def rows(self, reads: Iterable[Read]) -> Iterator[tuple[Any, ...]]:
        """The rows that hold a permit, as STAGED names them; the others go to `refused`."""
        for one in reads:
            self.tally.read += 1
            if one.permit is None:
                self.tally.refused += 1
                self.refused.append(self._refused(one.number, one.flaws))
            else:
                self.tally.warnings.update(_said(flaw) for flaw in one.flaws)
                yield self._row(one.number, one.permit)

    def _refused(self, number: int, flaws: tuple[Rejection, ...]) -> tuple[Any, ...]:
        """One line for all that was wrong with a row."""
        raw = self._sealer.seal(self._org_id, storable(flaws[0].raw))
        if len(flaws) == 1:
            return number, flaws[0].field, flaws[0].reason, flaws[0].fix, raw
        named = ", ".join(dict.fromkeys(flaw.field or "row" for flaw in flaws))
        reasons = "; ".join(dict.fromkeys(f"{flaw.field} {flaw.reason}" for flaw in flaws))
        return number, named, reasons, "; ".join(dict.fromkeys(flaw.fix for flaw in flaws)), raw

    def _row(self, number: int, permit: Permit) -> tuple[Any, ...]:
        work = self._work(permit)
        self.tally.works[work] += 1
        raw = json.dumps(permit.raw, sort_keys=True, default=str)  # all ASCII: what a portal sends need not be text
        contractor = masked(permit.contractor_name)
        key = contractor_key(contractor)
        days = [day for day in (permit.applied_on, permit.issued_on, permit.completed_on) if day is not None]
        told = (
            permit.source_id, permit.permit_number, work, is_final(permit), permit.type_raw, permit.work_raw,
            masked(permit.description), permit.status, permit.applied_on, permit.issued_on, permit.completed_on,
            max(days), None if permit.valuation is None else permit.valuation * 100, permit.address1,
            _clipped(permit.city), permit.state, permit.zip, permit.county,
            re.sub("[^A-Z0-9]", "", (permit.parcel or "").upper()) or None, permit.lat, permit.lon,
            _clipped(permit.subdivision), contractor, key, permit.contractor_phone, permit.owner_name, permit.url,
        )  # fmt: skip
        return (
            number, *told[:-3], self._sealed(permit.contractor_phone), self._sealed(permit.owner_name), permit.url,
            self._sealed(raw), self._hash(told, raw),
        )  # fmt: skip

    def _work(self, permit: Permit) -> str:
        if permit.status and _VOID.search(permit.status):
            return VOID
        verdict = self._classify(
            type_raw=permit.type_raw,
            work_raw=permit.work_raw,
            description=permit.description,
            valuation=permit.valuation,
        )
        return verdict.kind

    def _sealed(self, text: str | None) -> str | None:
        return self._sealer.seal(self._org_id, text) if text else None

    def _hash(self, told: tuple[Any, ...], raw: str) -> str:
        """Of all that is stored, under a key: of a bare hash the numbers of people could be guessed."""
        text = json.dumps([told, raw], default=str)
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=24).hexdigest()


def is_final(permit: Permit) -> bool:
    """Whether the source shows the work as done: a day of completion, or a status that says so."""
    return permit.completed_on is not None or bool(permit.status and _FINAL.search(permit.status))


def masked(text: str | None) -> str | None:
    """The text with phone numbers and email addresses of people taken out."""
    if text is None or ("@" not in text and not _FOUR_DIGITS.search(text)):
        return text
    return _LOCAL_PHONE.sub(r"\1\2[phone]", _PHONE.sub("[phone]", _EMAIL.sub("[email]", text)))


def contractor_key(name: str | None) -> str | None:
    """What makes two spellings of a firm one; None where no firm is named."""
    key = plain_name(name[:LONGEST_NAME]) if name else ""
    return None if not key or _NO_FIRM.match(key) else key


def _clipped(text: str | None) -> str | None:
    return text[:LONGEST_NAME] if text else None


def _said(flaw: Rejection) -> str:
    """The flaw without the value, so that the same flaw of a thousand rows is one line."""
    return f"{flaw.field}: {re.sub(r'^[(].*?[)] ', '', flaw.reason)}"
