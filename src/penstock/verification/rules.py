"""What a checker's result codes mean for a contact point: pure, over the rows of app.verification_code_map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the code map. status: green, yellow, red or gray."""

    is_verified: bool
    status: str
    line_type: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What goes onto the point."""

    verified: bool
    status: str
    line_type: str | None = None


UNDECIDED = Verdict(verified=False, status="gray")
WORST_FIRST = ("red", "yellow", "gray", "green")


def judge(codes: Sequence[str], code_map: Mapping[str, Meaning]) -> Verdict:
    """The verdict over all codes of one check. The worst colour counts; a red point is never verified.

    Codes that the map does not know are informative (a breach, a cache) and change nothing; only such codes: undecided.
    """
    known = [code_map[code] for code in codes if code in code_map]
    if not known:
        return UNDECIDED
    colours = {meaning.status for meaning in known}
    status = next(colour for colour in WORST_FIRST if colour in colours)
    return Verdict(
        verified=status != "red" and any(meaning.is_verified for meaning in known),
        status=status,
        line_type=next((meaning.line_type for meaning in known if meaning.line_type), None),
    )
