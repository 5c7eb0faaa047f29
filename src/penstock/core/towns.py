"""Names of towns."""

from typing import Final

_SAME: Final = (("ST", "SAINT"), ("FT", "FORT"), ("MT", "MOUNT"))  # two spellings of one first word


def spellings(city: str) -> list[str]:
    """How files may write a city, in capitals: St. Petersburg, St Petersburg, Saint Petersburg."""
    plain = " ".join(city.upper().replace(".", "").split())
    first, _, rest = plain.partition(" ")
    found = {city.upper(), plain}
    for pair in _SAME:
        if first in pair and rest:
            found |= {f"{other} {rest}" for other in pair} | {f"{pair[0]}. {rest}"}
    return sorted(found)
