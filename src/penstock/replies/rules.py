"""The words that decide at once: the reply table of the compliance sheet (13.4) as ordered rules. Recall first.

A rule answers what the *law* side of a reply is; what the person wants otherwise is the classifier's business. The
rules stand in
`rules.yaml` and run on folded text: NFKC, lower case, straight apostrophes, one space between words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml


class Verdict(StrEnum):
    """What a reply means for contact."""

    OPT_OUT = "opt_out"  # suppress at once
    REVIEW = "review"  # marketing stops now, a person decides within one business day
    HELP = "help"  # answer with who we are; a person reads it
    RESUBSCRIBE = "resubscribe"  # START: never a consent by email
    NONE = "none"  # no effect on contact


@dataclass(frozen=True)
class Ruling:
    """One rule's answer. `suppressions` are reason codes of the gate; `scope` is "all" or the one channel the person
    named."""

    verdict: Verdict
    rule: str
    suppressions: tuple[str, ...] = ()
    scope: str = "all"
    ends_sequence: bool = False
    cancels_appointment: bool = False


PER_SE = frozenset(
    (
        "stop",
        "stopall",
        "unsubscribe",
        "unsub",
        "quit",
        "end",
        "cancel",
        "revoke",
        "optout",
        "opt-out",
        "remove",
        "alto",
        "parar",
        "cancelar",
        "baja",
    )
)
"""Words that alone are a revocation (TCPA-06, SMS-01)."""

_POLITE = (
    r"(?:please|pls|plz|now|thanks|thank you|thx|ok|okay|hi|hello|just|por favor|it|this|already|immediately|all"
    r"|everything|i said)"
)


def load_rules(path: Path) -> list[tuple[re.Pattern[str], Ruling]]:
    """The rules of a file like `rules.yaml`, in its order."""
    data = yaml.safe_load(path.read_text("utf-8"))
    loaded = []
    for entry in data["rules"]:
        patterns = "|".join(f"(?:{pattern})" for pattern in entry["patterns"]).replace("{contact}", data["contact"])
        ruling = Ruling(
            Verdict(entry["verdict"]),
            entry["name"],
            tuple(entry.get("suppress", ())),
            entry.get("scope", "all"),
            ends_sequence=entry.get("ends_sequence", False),
            cancels_appointment=entry.get("cancels_appointment", False),
        )
        loaded.append((re.compile(patterns), ruling))
    return loaded


_RULES = load_rules(Path(__file__).with_name("rules.yaml"))
_ALONE = Ruling(Verdict.OPT_OUT, "stop word", ("SUPP_OPT_OUT",))
_MENTIONED = Ruling(Verdict.REVIEW, "contains a stop word", ("SUPP_PENDING_REVIEW",))
_GESTURE = Ruling(Verdict.OPT_OUT, "stop sign", ("SUPP_OPT_OUT",))
_GESTURES = frozenset("👎🛑⛔🚫✋")
_STOP_MENTION = re.compile(r"\b(?:stop(?:ped|s)?|quit|unsubscribe|cancel|revoke|alto|baja)\b|^(?:end|remove)\b")


def judge(text: str, *, subject: str = "") -> Ruling | None:
    """The ruling that newly written text calls for, or None when no rule speaks.

    `subject` counts only when it is a stop word alone (people answer an empty mail with the subject "unsubscribe").
    """
    folded = fold(text)
    if (
        _is_stop(folded)
        or (not folded and _is_stop(fold(subject)))
        or _words(fold(subject)) in ("unsubscribe", "remove", "stop")
    ):
        return _ALONE
    if _is_gesture(text):
        return _GESTURE
    for pattern, ruling in _RULES:
        if pattern.search(folded):
            return ruling
    return _MENTIONED if _STOP_MENTION.search(folded) else None


def fold(text: str) -> str:
    """Text as the rules read it: compatibility forms joined, lower case, plain apostrophes, single spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'").replace("´", "'")
    return " ".join(plain.split())


def _words(folded: str) -> str:
    return " ".join(re.sub(r"[^\w\s-]", " ", folded).split())


def _is_stop(folded: str) -> bool:
    words = _words(folded)
    if re.fullmatch(r"(?:\w )+\w", words):  # "S T O P"
        words = words.replace(" ", "")
    bare = re.sub(rf"\b{_POLITE}\b", " ", words)
    bare = " ".join(bare.split())
    return bool(bare) and (
        bare in PER_SE or bare == "opt out" or (bool(set(bare.split())) and set(bare.split()) <= PER_SE)
    )


def _is_gesture(text: str) -> bool:
    signs = [char for char in text if not char.isspace() and unicodedata.category(char) not in ("Mn", "Sk", "Cf")]
    return bool(signs) and set(signs) <= _GESTURES
