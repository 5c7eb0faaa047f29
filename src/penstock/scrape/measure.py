"""How good the reading is: what was found against what is true."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of right, wrong and missed findings, and the shares made of them (1.0 where there was nothing)."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """The share of what was found that is true."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of what is true that was found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    def __str__(self) -> str:
        return f"precision {self.precision:.3f}, recall {self.recall:.3f} ({self.right + self.missed} true)"


def score(found: Iterable[Hashable], true: Iterable[Hashable]) -> Score:
    """The score of one page or of all: both sides as anything that compares, such as (company, role, name_key)."""
    got, want = set(found), set(true)
    return Score(len(got & want), len(got - want), len(want - got))
