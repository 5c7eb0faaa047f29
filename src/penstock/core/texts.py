"""Words that people type, before a database is asked to keep them."""

from __future__ import annotations

import re
from typing import Final, TypeVar

from penstock.core.errors import InvalidInput

Words = TypeVar("Words", bound=str | None)
_UNKEEPABLE: Final = re.compile("[\x00\ud800-\udfff]")


def keepable(field: str, words: Words) -> Words:
    """The words, if a database can keep them. Raises InvalidInput naming the field for NUL and halves of characters."""
    if words is not None and _UNKEEPABLE.search(words):
        raise InvalidInput(f"{field}: holds a character that is no text", fix="leave out NUL and broken characters")
    return words
