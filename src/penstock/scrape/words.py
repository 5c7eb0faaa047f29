"""Is this the name of a person, is that a job title? Decided by shape and small word lists: pure and quick."""

import re
import unicodedata
from functools import lru_cache
from importlib import resources

import yaml

LONGEST_NAME = 60
LONGEST_TITLE = 110

_LISTS: dict[str, str] = yaml.safe_load((resources.files(__package__) / "words.yaml").read_text("utf-8"))
PREFIXES, GENERATIONS, LETTERS, PARTICLES, NO_NAME, OPENERS, ROLES = (
    frozenset(_LISTS[name].split())
    for name in ("prefixes", "generations", "letters", "particles", "no_name", "openers", "roles")
)
SUFFIXES = GENERATIONS | LETTERS
ROLE_PHRASES = re.compile(
    r"\b(?:human resources|people (?:&|and) culture|people operations|people ops|talent (?:acquisition|management)|"
    r"vice[- ]president|co-(?:founder|owner|ceo)|general manager|ceo|cfo|h\.?r\.?|"
    r"c\.e\.o\.?|c\.f\.o\.?|finance|managing)\b",
    re.IGNORECASE,
)
_NICKNAME = re.compile(r"(?<=\S)\s+[\"“‘(][^\"”’)]{1,20}[\"”’)](?=\s+\S)")
_SPACE = re.compile(r"\s+")
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’.\-‐‑][^\W\d_]*)*\.?")
_WORD = re.compile(r"[^\W\d_]+")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|will|who|joined|joins|said|says|we|you|they|he|she|his|her|can|"
    r"appoints?|appointed|names|named|promotes|promoted|hires|hired|welcomes|departs|leaves|leave|steps|resigns|retires|"
    r"succeeds|replaces)\b"
)


def clean(text: str) -> str:
    """One line, no control characters, no spaces at the ends."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return _SPACE.sub(" ", kept).strip()


@lru_cache(maxsize=20_000)
def as_name(text: str) -> str | None:
    """The name of a person in its plain form, without titles before or letters behind; None where it is no name."""
    text = _NICKNAME.sub("", clean(text)).strip(" ,;:|•·–—-")
    if not 3 <= len(text) <= LONGEST_NAME:
        return None
    head, *tail = [part.strip() for part in text.split(",")]
    if any(_bare(part) not in SUFFIXES for word in tail for part in word.split()):
        return None
    words = head.split()
    while words and _bare(words[0]) in PREFIXES:
        words.pop(0)
    while len(words) > 2 and _bare(words[-1]) in LETTERS:
        words.pop()
    if not 2 <= len(words) <= 6 or not all(_NAME_WORD.fullmatch(word) for word in words):
        return None
    if any(word.endswith(("'s", "’s")) for word in words):
        return None
    if any(_bare(word) in NO_NAME or _bare(word) in ROLES for word in words):
        return None
    if not all(word[0].isupper() or word.lower() in PARTICLES or not _cased(word) for word in words):
        return None
    if _bare(words[0]) in OPENERS or not _is_first(words[0]) or not _is_last(words):
        return None
    if all(word.isupper() for word in words):
        words = words if len("".join(words)) <= 4 else [_capital(word) for word in words]
    return " ".join(words)


def _bare(word: str) -> str:
    return word.strip(".,()").replace(".", "").lower()


def _cased(word: str) -> bool:
    return word.lower() != word.upper()


def _is_first(word: str) -> bool:
    return not _cased(word) or word[0].isupper()


def _is_last(words: list[str]) -> bool:
    """Somewhere behind the first word stands one of two letters or more that is no initial."""
    return any(len(_bare(word)) >= 2 and (word[0].isupper() or not _cased(word)) for word in words[1:])


def _capital(word: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), word)


@lru_cache(maxsize=20_000)
def as_title(text: str) -> str | None:
    """A job title as it stands; None where the text is none: too long, a sentence, or without a word for a role."""
    text = clean(text).strip(" ,;:|•·–—-")
    if not 2 <= len(text) <= LONGEST_TITLE or text[-1] in "?!":
        return None
    words = [word.lower() for word in _WORD.findall(text)]
    if not 1 <= len(words) <= 14 or _VERB.search(text.lower()):
        return None
    if "@" in text or "http" in text.lower():
        return None
    if not ROLES.intersection(words) and not ROLE_PHRASES.search(text):
        return None
    return text


def name_key(name: str) -> str:
    """What makes two spellings one name: no accents, case, dots, initials between, or letters behind."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("ø", "o").replace("ł", "l").replace("ß", "ss"))
    words = ["".join(c for c in word if c.isalnum()) for word in re.split(r"[\s\-‐‑]+", plain)]
    words = [word for word in words if word and word not in SUFFIXES and word not in PREFIXES]
    return " ".join(word for n, word in enumerate(words) if len(word) > 1 or n == 0)
