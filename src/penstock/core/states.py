"""The two-letter codes of US states, districts and territories."""

from typing import Final

_TABLE: Final = """AL Alabama;AK Alaska;AZ Arizona;AR Arkansas;CA California;CO Colorado;CT Connecticut;DE Delaware;
DC District of Columbia;FL Florida;GA Georgia;HI Hawaii;ID Idaho;IL Illinois;IN Indiana;IA Iowa;KS Kansas;KY Kentucky;
LA Louisiana;ME Maine;MD Maryland;MA Massachusetts;MI Michigan;MN Minnesota;MS Mississippi;MO Missouri;MT Montana;
NE Nebraska;NV Nevada;NH New Hampshire;NJ New Jersey;NM New Mexico;NY New York;NC North Carolina;ND North Dakota;
OH Ohio;OK Oklahoma;OR Oregon;PA Pennsylvania;RI Rhode Island;SC South Carolina;SD South Dakota;TN Tennessee;TX Texas;
UT Utah;VT Vermont;VA Virginia;WA Washington;WV West Virginia;WI Wisconsin;WY Wyoming;PR Puerto Rico;GU Guam;
VI Virgin Islands;AS American Samoa;MP Northern Mariana Islands"""
STATES: Final = {name.casefold(): code for code, name in (line.strip().split(" ", 1) for line in _TABLE.split(";"))}
CODES: Final = frozenset(STATES.values())


def state_code(text: str) -> str | None:
    """The code of a state given as code or name: "n.y.", "New York" -> NY; None where it is no US state."""
    word = " ".join(text.replace(".", "").split())
    return code if (code := word.upper()) in CODES else STATES.get(word.casefold())
