"""Words the town is made of: names of people, streets and mail domains."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST: Final = _words(
    "James Mary Robert Patricia John Linda Michael Barbara William Susan David Carol Richard Nancy Joseph Karen "
    "Thomas Sharon Charles Donna Ronald Sandra Gary Diane Kenneth Janet Larry Kathleen Dennis Judith Jerry Joyce "
    "Frank Gloria Raymond Marilyn Walter Beverly Harold Rose Douglas Theresa Henry Shirley Carl Martha Arthur "
    "Catherine Roger Gail Albert Ruth Willie Evelyn Lawrence Rita Luis Carmen Jose Maria Antonio Elena Wei Ling "
    "Minh Thuy Raj Priya Dmitri Olga Samuel Hannah Isaac Miriam Curtis Yvonne Leroy Ernestine Stanley Helen Vincent "
    "Angela Eugene Phyllis"
)
LAST: Final = _words(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson "
    "Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis "
    "Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera "
    "Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart "
    "Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim "
    "Cox Ward Richardson Watson Brooks Chavez Wood Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders "
    "Patel Myers Long Ross Foster O'Brien McCarthy Kowalski Novak Petrov Okafor Haddad Feldman Rossi Schneider "
    "Vandyke"
)
MAIL_WORDS: Final = _words(
    "amber anchor aspen autumn badger banjo basil beacon birch bishop bluebird bobcat breeze brook butter cabin "
    "cactus camper canoe captain cardinal carpenter cedar cello chess clover cobalt coffee copper coral cotton "
    "cricket dahlia dandy denim diner dolphin dove eagle ember falcon fern fiddle finch fisher fox garden ginger "
    "goose grandpa grammy harbor hazel heron hickory holly honey indigo iris ivory jasper jazz juniper kayak kettle "
    "lake lark laurel lemon lilac linen lucky magnolia mango maple marble marsh meadow melody mint misty mocha "
    "moose nana nutmeg oak olive orchid otter paddle papa pebble pepper pine plum pony poppy prairie quilt rabbit "
    "raven reader river robin rocket rosie ruby rustic sage sailor sandy scout shadow skipper sparrow spruce stitch "
    "stormy sunny tango teacher tiger timber topaz trout tulip velvet violet walnut wander willow winter woodsy "
    "wren zephyr"
)
# Every mailbox of the town ends in .example (RFC 2606), so that no mail can leave for a real place.
MAIL_DOMAINS: Final = (
    "lakemail.example",
    "postbox.example",
    "homewire.example",
    "sunmail.example",
    "oldriver.example",
    "valleynet.example",
    "mail.cablecoast.example",
    "fastletter.example",
)
CATCH_ALL_DOMAINS: Final = ("familyname.example", "smallshop.example", "parishmail.example")
STAFF_DOMAINS: Final = ("brokers.example", "staff.example")  # the product's own people: accepted, never graded
CARRIERS: Final = {
    "Mobile": ("Example Wireless", "Coastal Mobile", "Prairie Cellular"),
    "Land Line": ("Example Bell", "Tri-County Telephone"),
    "Voip": ("Example Voice Networks", "Cloudline"),
}
STREETS: Final = _words(
    "Oak Maple Cedar Pine Elm Washington Lake Hill Walnut Spring North Ridge Church Willow Mill Sunset Railroad "
    "Jackson Cherry West Highland Forest Jefferson River Meadow Broad Chestnut Franklin Park Adams Dogwood Heron "
    "Magnolia Lincoln Center Prospect Valley Poplar Sycamore Orchard Madison Locust Birch Hickory Laurel Pleasant "
    "Monroe Grove Cypress Holly Spruce Juniper Fairview Bayview Hawthorne Ashford Kingsley Wexford Harbor Palmetto "
    "Egret"
)
SUFFIXES: Final = ("St", "Ave", "Dr", "Rd", "Ln", "Ct", "Blvd", "Pl", "Way", "Ter", "Cir")
