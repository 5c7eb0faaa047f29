"""Decisions of the waterfall as pure functions: whom a found contact belongs to, and what of it we take."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from penstock.providers.contacts import Found, FoundEmail, FoundPhone, OwnerCheck, Subject

GENERATION = {"jr", "sr", "ii", "iii", "iv", "v", "md", "phd", "esq"}
# First names that county rolls and vendors use for one another; each group is one name.
NICKNAMES = tuple(
    frozenset(group.split())
    for group in (
        "robert bob bobby rob robbie",
        "william bill billy will willie",
        "richard dick rick ricky rich",
        "james jim jimmy jamie",
        "john jack johnny jon jonathan",
        "michael mike mickey",
        "thomas tom tommy",
        "charles charlie chuck",
        "joseph joe joey",
        "daniel dan danny",
        "david dave davey",
        "edward ed eddie ted",
        "anthony tony",
        "kenneth ken kenny",
        "steven stephen steve",
        "donald don donnie",
        "ronald ron ronnie",
        "lawrence larry",
        "gerald jerry gerard",
        "gregory greg",
        "samuel sam",
        "benjamin ben",
        "andrew andy drew",
        "matthew matt",
        "christopher chris",
        "nicholas nick",
        "patrick pat",
        "elizabeth liz beth betty eliza betsy",
        "margaret maggie peggy meg marge",
        "katherine catherine kathryn kathy cathy kate katie",
        "patricia patty tricia trish",
        "barbara barb",
        "susan sue susie suzanne",
        "deborah debra deb debbie",
        "jennifer jen jenny",
        "dorothy dot dottie",
        "judith judy",
        "virginia ginny",
        "theresa teresa terry",
        "victoria vicky vicki",
        "rebecca becky",
        "pamela pam",
        "cynthia cindy",
        "sandra sandy",
        "jacqueline jackie",
    )
)


class Owner(StrEnum):
    """Is the person a vendor found the owner we asked for?"""

    SAME = "same"
    PERHAPS = "perhaps"  # nobody said a name, or the vendor left it open
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Taken:
    """What of a vendor's answer becomes a fact."""

    owner: Owner
    phones: tuple[FoundPhone, ...] = ()
    emails: tuple[FoundEmail, ...] = ()


def take(asked: Subject, found: Found) -> Taken:
    """The contact points that may be attached to the person we asked for.

    Vendors match addresses, and homes are sold: contacts of somebody else are worse than none. A point that the vendor
    itself says does not go with the person stays out too.
    """
    if not found.matched:
        return Taken(Owner.PERHAPS)
    owner = who(asked, found)
    if owner is Owner.OTHER:
        return Taken(owner)
    return Taken(
        owner,
        tuple(phone for phone in found.phones if phone.belongs is not False),
        tuple(email for email in found.emails if email.belongs is not False),
    )


def who(asked: Subject, found: Found) -> Owner:
    """Whether the found person is the one we asked for: the vendor's own check first, then the names."""
    if found.owner in (OwnerCheck.MOVED, OwnerCheck.HOUSEHOLD, OwnerCheck.DIFFERENT):
        return Owner.OTHER
    if not asked.last_name or not found.last_name:
        return Owner.SAME if found.owner is OwnerCheck.CONFIRMED else Owner.PERHAPS
    if not same_name(asked, found):
        return Owner.OTHER
    return Owner.PERHAPS if found.owner is OwnerCheck.UNKNOWN and not found.first_name else Owner.SAME


def same_name(asked: Subject, found: Found) -> bool:
    """True if both names can be one person's: same family name, and first names that agree, abbreviate or nickname."""
    if not set(_words(asked.last_name)) & set(_words(found.last_name)):
        return False
    ours, theirs = _first(asked.first_name), _first(found.first_name)
    if not ours or not theirs or ours == theirs:
        return True
    if 1 in (len(ours), len(theirs)):
        return ours[0] == theirs[0]
    return any(ours in group and theirs in group for group in NICKNAMES)


def _first(name: str) -> str:
    return next(iter(_words(name)), "")


def _words(name: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", name.casefold().replace("'", "")) if word not in GENERATION]


def is_litigator(found: Found, taken: Taken) -> bool:
    """True if the person, or a number of theirs, is on a litigator list."""
    return taken.owner is not Owner.OTHER and (found.litigator or any(phone.tcpa for phone in taken.phones))


def age(born: object, at: datetime) -> int | None:
    """Full years at `at` of somebody born in the month `born` (YYYYMM), None if that is no month or no possible age."""
    text = str(born or "")
    if len(text) != 6 or not text.isdecimal() or not 1 <= int(text[4:]) <= 12:
        return None
    years = at.year - int(text[:4]) - (at.month < int(text[4:]))
    return years if 0 <= years <= 120 else None
