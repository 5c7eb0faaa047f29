"""Draws that depend on the seed and a key, never on the order in which they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Random-looking values out of hashes: the same seed and key always give the same value."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._key = str(seed).encode()

    def number(self, *key: object) -> int:
        """An integer in [0, 2**64)."""
        text = "\x1f".join(map(str, key)).encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(text, digest_size=8, key=self._key).digest(), "big")

    def roll(self, *key: object) -> float:
        """A float in [0, 1)."""
        return (self.number(*key) >> 11) / (1 << 53)

    def chance(self, odds: float, *key: object) -> bool:
        """True with probability `odds`."""
        return self.roll(*key) < odds

    def between(self, low: int, high: int, *key: object) -> int:
        """An integer from `low` to `high`, both included."""
        return low + self.number(*key) % (high - low + 1)

    def pick(self, options: Sequence[T], *key: object) -> T:
        """One of the options, each as likely as the others."""
        return options[self.number(*key) % len(options)]

    def weighted(self, odds: Mapping[str, float], *key: object, otherwise: str = "") -> str:
        """A name of the table with its stated probability; `otherwise` when the probabilities leave a rest."""
        roll = self.roll(*key)
        for name, share in odds.items():
            roll -= share
            if roll < 0:
                return name
        return otherwise

    def digits(self, count: int, *key: object) -> str:
        """A string of decimal digits, leading zeros included."""
        return str(self.number(*key) % 10**count).zfill(count)

    def token(self, *key: object) -> str:
        """32 lower-case hexadecimal characters, for identifiers that vendors hand out."""
        return f"{self.number('a', *key):016x}{self.number('b', *key):016x}"
