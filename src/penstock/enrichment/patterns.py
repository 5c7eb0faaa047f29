"""How companies make email addresses out of names: pure, over first name, last name and domain."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The likeliest first. {first} and {last} are whole names, {f} and {l} their first letters.
PATTERNS = (
    *("{first}.{last}", "{f}{last}", "{first}", "{first}{l}", "{first}_{last}", "{last}"),
    *("{first}{last}", "{f}.{last}", "{first}.{l}", "{last}{f}", "{last}.{first}", "{first}-{last}", "{f}_{last}"),
)
LONGEST_LOCAL = 64  # RFC 5321
# Letters that Unicode does not take apart into a plain one and a mark.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n"}
)
_BEFORE = frozenset({*("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "rev", "fr", "hon", "sir", "dame"), "capt"})
_AFTER = frozenset(
    {
        *("jr", "sr", "ii", "iii", "iv", "md", "do", "phd", "esq", "cpa", "mba", "jd", "cfa", "dds", "dmd", "rn"),
        *("pe", "phr", "sphr", "shrm", "cebs", "llm", "edd", "cfp", "clu"),
    }
)
_PARTICLES = frozenset(
    {
        *("de", "del", "della", "di", "da", "das", "dos", "du", "la", "le", "van", "von", "der", "den", "ten", "ter"),
        *("st", "saint", "san", "santa", "bin", "al", "el"),
    }
)
_ASIDE = re.compile(r"\([^)]*\)|\"[^\"]*\"|“[^”]*”")  # (Bob), "Bob"


@dataclass(frozen=True, slots=True)
class Name:
    """A name as addresses write it: lower-case letters a to z. `lasts`: spellings of the family name, likeliest first.

    `initial` is that of the very first given name: J. Robert Smith is robert, with initial j.
    """

    first: str
    initial: str
    lasts: tuple[str, ...]


def name_of(first_name: str | None, last_name: str | None, full_name: str | None) -> Name | None:
    """The name to make addresses of; None where nothing of it can stand in one.

    First and last name where both are known, else the full name taken apart: titles, suffixes, middle names dropped.
    """
    if (first_name or "").strip() and (last_name or "").strip():
        given, family = _words(first_name or ""), _words(last_name or "")
    else:
        words = _words(full_name or f"{first_name or ''} {last_name or ''}")
        start = _family_starts(words)
        given, family = words[:start], words[start:]
    firsts = ["".join(parts) for parts in given]
    spellings = _spellings(family)
    if not firsts and not spellings:
        return None
    first = next((word for word in firsts if len(word) > 1), firsts[0] if firsts else "")
    return Name(first, first_letter(firsts), spellings)


def _family_starts(words: Sequence[Sequence[str]]) -> int:
    """Where the family name begins: its last word, with the particles before it (St. John, van der Berg)."""
    start = max(len(words) - 1, 1)
    while start > 1 and words[start - 1][0] in _PARTICLES:
        start -= 1
    return start


def first_letter(words: Sequence[str]) -> str:
    """The first letter of the first word, or nothing."""
    return words[0][:1] if words else ""


def _words(text: str) -> list[list[str]]:
    """The words of a name, each as the parts between its hyphens, without titles and degrees."""
    plain = _fold(_ASIDE.sub(" ", text.partition(",")[0]))
    words = [[part for part in re.split(r"[-‐-―]", word) if part] for word in plain.split()]
    words = [parts for parts in words if parts]
    while len(words) > 1 and words[0][0] in _BEFORE:
        words = words[1:]
    while len(words) > 1 and words[-1][0] in _AFTER:
        words = words[:-1]
    return words


def _fold(text: str) -> str:
    """Lower case without accents; apostrophes and points vanish, anything else but a hyphen parts words."""
    lower = text.lower().translate(_LETTERS)
    bare = "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
    return re.sub(r"[^a-z‐-―-]+", " ", re.sub(r"['’ʼ`´.]", "", bare))


def _spellings(family: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """van der Berg: vanderberg, berg. Smith-Jones: smith-jones, smithjones, jones, smith."""
    parts = [part for word in family for part in word]
    if not parts:
        return ()
    hyphened = ["-".join(family[0])] if len(family) == 1 and len(parts) > 1 else []
    ends = [parts[-1], parts[0]] if hyphened else [parts[-1]]
    return tuple(dict.fromkeys([*hyphened, "".join(parts), *ends]))


def candidates(name: Name, domain: str, *, known: Sequence[str] = (), limit: int) -> list[str]:
    """Addresses that the person may have at `domain`, the likeliest first, at most `limit`; `known` patterns first."""
    locals_ = (
        local
        for pattern in dict.fromkeys([*known, *PATTERNS])
        for last in (name.lasts or ("",))[:2]
        if (local := render(pattern, name, last))
    )
    rest = (local for pattern in PATTERNS[:2] for last in name.lasts[2:] if (local := render(pattern, name, last)))
    found = dict.fromkeys([*locals_, *rest])
    return [f"{local}@{domain}" for local in found][:limit]


def render(pattern: str, name: Name, last: str) -> str | None:
    """The local part, or None where the name lacks something the pattern wants."""
    given = {"first": name.first, "f": name.initial, "last": last, "l": last[:1]}
    if any(not value and f"{{{field}}}" in pattern for field, value in given.items()):
        return None
    local = pattern.format(**given)
    return local if len(local) <= LONGEST_LOCAL else None


def learn(examples: Iterable[tuple[Name, str]]) -> list[str]:
    """The patterns that explain the addresses of known people (name and local part), the most frequent first."""
    votes: Counter[str] = Counter()
    for name, local in examples:
        fits = [pattern for pattern in PATTERNS for last in name.lasts if render(pattern, name, last) == local.lower()]
        votes.update(dict.fromkeys(fits, 1))
    return sorted(votes, key=lambda pattern: (-votes[pattern], PATTERNS.index(pattern)))
