"""What only mail from people at companies says: "talk to our HR director", "she is no longer with the company". Pure.

Recall is not the aim here: what is not noticed is an ordinary reply, which a person reads anyway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.replies.rules import fold


@dataclass(frozen=True)
class Business:
    """`refers`: the writer names somebody else to talk to. `left`: the person we wrote to has left the company."""

    refers: bool = False
    left: bool = False


_COMPANY = r"(?:the |our |this )?(?:company|organi[sz]ation|firm|business|agency|practice|team|corporation|institution)"
_LEFT = re.compile(
    rf"\bno longer (?:(?:work(?:s|ing)?|employed|an? (?:employee|member|part)|part)\b"
    rf"|(?:with|at) (?:us\b|{_COMPANY}))"
    rf"|\b(?:has|have|had|'ve|'s) (?:recently |since )?(?:left|departed|retired from|moved on from) {_COMPANY}"
    rf"|\b(?:left|departed) {_COMPANY}"
    r"|\b(?:has|have|'ve|'s) (?:recently )?(?:retired|resigned)\b"
    r"|\b(?:my|his|her|their) last day (?:at|with|of|was|is)\b"
    r"|\bno longer (?:with|at) (?-i:[A-Z])",
    re.IGNORECASE,
)
_VERB = (
    r"(?:contact|talk (?:to|with)|speak (?:to|with)|reach(?: out)? to|reach|write (?:to)?|e-?mail|call|ask|try"
    r"|connect with|get in touch with|touch base with|direct (?:this|that|it|these|your \w+) to|check with"
    r"|forward(?:ed|ing)? (?:this|that|it|your \w+)(?: on)? to|(?:cc'?(?:ed|d|ing)?|copied|copying|looping in|loop in))"
)
_OFFICE = (
    r"(?:hr|h\.r\.|human resources|people|benefits?|finance|cfo|ceo|controller|comptroller|accountant|accounting"
    r"|office manager|director|head|payroll|treasurer|administrator|vp|vice president|president|owner|partner|boss"
    r"|broker|consultant|colleague|coworker|co-worker|assistant|manager|department|team)"
)
_REFERS = re.compile(
    rf"\b{_VERB} (?:our|my|the) (?:[\w&'-]+ ){{0,3}}?{_OFFICE}\b"
    rf"|\b(?:handled|managed|looked after|taken care of|overseen|decided) by (?:our|my|the|another) "
    rf"|\b(?:our|the) (?:[\w&'-]+ ){{0,3}}?{_OFFICE} (?:handles|manages|looks after|takes care of|decides|deals with"
    r"|oversees)\b"
    r"|\bis (?:the|a) (?:right|best|better|correct|proper) (?:person|contact|one)\b"
    r"|\bthe (?:right|best|better|correct|proper) (?:person|contact)\b.{0,60}\b(?:is|would be)\b",
    re.IGNORECASE,
)
_BY_NAME = re.compile(
    rf"(?i:\b{_VERB}) (?:(?i:mr|mrs|ms|dr)\.? )?(?!Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January"
    r"|February|March|April|May|June|July|August|September|October|November|December|Me\b|Us\b|You\b|I\b)"
    r"[A-Z][a-z]+(?: [A-Z][a-z'-]+| in [A-Z]| at [\w.]+@|,? our\b| \()"
)


def read(text: str, *, subject: str = "") -> Business:
    """What newly written text says of who is there and who should be talked to."""
    plain = " ".join(f"{subject}\n{text}".replace("’", "'").split())
    folded = fold(plain)
    refers = bool(_REFERS.search(folded) or _BY_NAME.search(plain))
    return Business(refers=refers, left=bool(_LEFT.search(plain)))
