"""Words that companies are made of: their names, trades, titles and places on a page."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# A domain is one word of each list; the lists share no word, and no word has a hyphen or a digit.
FIRST: Final = _words(
    "amber apex arrow ashford aurora azure beacon birch blue bluebird bold bramble brass bright bronze canyon cardinal "
    "cascade cedar central citrus clear cobalt compass copper coral crescent crimson crown crystal delta eagle eastern "
    "echo elm ember emerald evergreen falcon fern flint frontier garnet gateway golden granite green grove harvest "
    "hawk hazel heritage hickory highland horizon indigo iron ivory jade juniper keystone lakeside lantern laurel "
    "liberty lilac linden lone lunar magnolia maple marble meridian metro midland monarch northern nova oak obsidian "
    "olive onyx orchard osprey pacific palmetto paragon patriot pearl pebble pioneer pine platinum polar prairie "
    "premier prime quartz quill rapid raven redwood regal river robin rock rose royal ruby rustic saffron sage "
    "sapphire scarlet sequoia sierra silver solar southern spruce star sterling summer sunny swift sycamore tidal "
    "timber topaz tri union united upper valiant velvet venture verdant victor violet vista walnut western whistler "
    "white willow winter"
)
SECOND: Final = _words(
    "anchor arch atlas basin bay bend bluff bridge brook camp cape channel chapel cliff coast corner cove creek crest "
    "crossing dale dock dome draft edge estate falls farm field flag ford forge fork gable garden gate glen gulf haven "
    "hearth heights helm hill hollow house inlet island junction key knoll lake lamp landing lane ledge lighthouse "
    "link lodge loop manor market marsh meadow mesa mill mound mount nest oar orbit park pass path peak pier plain "
    "plaza point pond port post quarry rail ranch range reef ridge rim road root run sail shelf shore sky slope "
    "spring square stable station stone strand stream summit terrace tower track trail tree tunnel valley vale view "
    "village wall ward water wave well wharf wheel wood works yard"
)
TRADES: Final = (
    "Logistics", "Freight", "Manufacturing", "Dental Group", "Plumbing Supply", "Software", "Engineering", "Foods",
    "Packaging", "Staffing", "Veterinary Partners", "Landscaping", "Electric", "Precision Tools", "Health Services",
    "Construction", "Roofing", "Printing", "Insurance Agency", "Media", "Textiles", "Orthopedics", "Distributors",
    "Home Care", "Architects", "Data Systems", "Machine Shop", "Senior Living", "Paper", "Credit Union", "Brewing",
    "Academy", "Pharmacy", "Hospitality", "Steel", "Labs", "Consulting", "Auto Group", "Environmental", "Furniture",
)  # fmt: skip
FORMS: Final = (", Inc.", " Inc", ", LLC", " LLC", " L.L.C.", " Corp.", " Corporation", " Co.", ", Ltd.", " LP", "")
EIN_PREFIXES: Final = _words(
    "01 04 06 10 13 16 20 22 23 26 27 30 33 35 36 38 39 41 43 45 46 47 52 54 56 58 59 61 63 65 71 73 75 81 82 84 86 88"
)
STATES: Final = {
    "PA": 0.14, "OH": 0.12, "TX": 0.14, "FL": 0.12, "GA": 0.09, "NC": 0.08, "TN": 0.07, "IL": 0.08, "MI": 0.06,
    "CO": 0.05, "WA": 0.03, "CA": 0.02,
}  # fmt: skip
ACCENTED_FIRST: Final = ("José", "Renée", "Zoë", "André", "Chloé", "Anne-Marie", "Sofía", "Mary Jo")
ODD_LAST: Final = ("Núñez", "Müller", "García-López", "O'Neil", "St. John", "de la Cruz", "Smith-Jones", "Nguyễn")
TITLES: Final = {
    "CEO": (
        "Chief Executive Officer", "CEO", "President & CEO", "Owner", "Founder & CEO",
        "President and Chief Executive Officer", "Chief Executive Officer & Founder",
    ),
    "CFO": (
        "Chief Financial Officer", "CFO", "VP Finance", "Vice President of Finance", "Head of Finance",
        "Chief Financial Officer & Treasurer", "Finance Director",
    ),
    "HR": (
        "VP People", "Head of HR", "Director of Human Resources", "Chief People Officer", "HR Director",
        "Vice President of Human Resources", "Human Resources Manager", "Chief Human Resources Officer",
    ),
}  # fmt: skip
OTHER_TITLES: Final = (
    "Chief Operating Officer", "VP Sales", "Director of Operations", "Marketing Manager", "Chief Technology Officer",
    "Executive Assistant to the CEO", "General Counsel", "Customer Success Lead", "Board Member", "Office Manager",
    "Plant Manager", "Director of Purchasing", "Former CEO, now advisor", "Senior Engineer",
)  # fmt: skip
CREDENTIALS: Final = {"CEO": "MBA", "CFO": "CPA", "HR": "SHRM-SCP"}
JOBS: Final = (
    "Warehouse Associate", "Account Executive", "Staff Accountant", "Forklift Operator", "Registered Nurse",
    "Software Engineer", "Customer Service Representative", "Project Manager", "Delivery Driver", "Electrician",
    "Marketing Coordinator", "Machine Operator",
)  # fmt: skip
BENEFITS_JOBS: Final = ("Benefits Manager", "HR Benefits Specialist", "Compensation and Benefits Analyst")
TEAM_PATHS: Final = ("/team", "/about/leadership", "/our-people", "/about-us/management")
TEAM_LABELS: Final = {
    "/team": "Our Team",
    "/about/leadership": "Leadership",
    "/our-people": "Our People",
    "/about-us/management": "Management",
}
INVESTORS: Final = ("Northgate Capital", "Lakeshore Ventures", "Blue Dune Partners", "Alder Street Fund")
NOISE: Final = (
    ("{short} opens new site in {city}", "{short} has opened a second location in {city} to serve more customers."),
    ("{short} wins regional supplier award", "The award honours {short} for on-time delivery and safety."),
    ("{short} celebrates {years} years in business", "What began in a garage has become a team of {employees}."),
    ("Team of {short} volunteers at the {city} food bank", "Forty colleagues packed meals for families in {city}."),
    ("{short} adds online ordering", "Customers can now place and follow orders on our website."),
    ("{short} named among the best places to work", "The list is based on what employees say about their employer."),
    ("Five questions for our founder", "Our founder talks about early mornings, good coffee and bad forecasts."),
    ("How {short} raises the bar on safety", "No accident in 400 days: our crews share how they did it."),
)
APPOINTMENTS: Final = (
    "{short} names {name} {office}",
    "{short} appoints {name} as {office}",
    "{name} joins {short} as {office}",
    "{short} promotes {name} to {office}",
)
DEPARTURES: Final = (
    "{office} {name} to leave {short}",
    "{name} steps down as {office} of {short}",
    "{short} {office} {name} departs",
)
FUNDINGS: Final = (
    "{short} raises ${amount}M Series {series}",
    "{short} closes ${amount} million Series {series} round led by {investor}",
    "{short} secures ${amount}M in Series {series} funding",
)
OFFICES: Final = {"CEO": "chief executive officer", "CFO": "chief financial officer", "HR": "head of human resources"}
