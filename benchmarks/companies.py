"""Import of a list of companies: into an empty database, again unchanged, and again a year later; against plain COPY.

As for places (`importing`), the ceiling is COPY of the very rows that the first import left into the same tables of a
second database, its triggers at rest: the three slots that a company makes are copied as they ended.
"""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.figures import Figure, Sizes, Stopwatch
from benchmarks.ground import ORG_ID, Ground
from benchmarks.importing import copy_all
from penstock import intake
from penstock.core.context import Context

PLAYBOOK = "renewals"
SOURCE = "benchmark"
# In the order in which their foreign keys allow them to be filled.
TABLES = (
    *("companies", "company_seen", "contacts", "contact_points", "company_slots", "pages"),
    *("upload_rows", "pipeline_events"),
)
QUIET = ("companies", "company_slots", "contact_points")
HEADER = (
    *("Company Name", "EIN", "Website", "LinkedIn", "Address", "City", "State", "ZIP", "Phone", "Employees"),
    *("Renewal Month", "CEO", "CEO Title", "CEO Email", "CFO", "CFO Title", "CFO Email", "HR", "HR Title", "HR Email"),
)
_WORDS = (
    "Stone",
    "Harbor",
    "Cedar",
    "Summit",
    "River",
    "Prairie",
    "Anchor",
    "Bright",
    "Copper",
    "Willow",
    "Iron",
    "Lake",
)
_TRADES = ("Logistics", "Foods", "Dental", "Builders", "Design", "Insurance", "Motors", "Systems", "Clinics", "Paper")
_FORMS = ("LLC", "Inc.", "Corp", "Co.", "LP")
_FIRST = ("Ada", "Bo", "Cy", "Dora", "Eli", "Fay", "Gus", "Hana", "Ike", "June")
_LAST = ("Sample", "Miller", "Reyes", "Okafor", "Nguyen", "Novak", "Silva", "Haddad", "Berg", "Kaur", "Doyle")
_PLACES = (("Tampa", "FL", "33602"), ("Dallas", "TX", "75201"), ("Boise", "ID", "83702"), ("Akron", "OH", "44308"))


async def measure(ground: Ground, sizes: Sizes) -> list[Figure]:
    """Companies of the list per second, three ways, beside the same companies per second of COPY."""
    file, year_later = ground.folder / "companies.csv", ground.folder / "companies-year-later.csv"
    write(file, sizes.rows)
    write(year_later, sizes.rows, years=1)
    empty, unchanged, changed, copied = (Stopwatch() for _ in range(4))
    for _ in range(sizes.rounds):
        imported, copy = ground.new_database(), ground.new_database()
        async with ground.context(imported) as ctx, ground.context(copy):
            await _import(ctx, file, empty)
            _settle(ground, imported)
            copy_all(ground, imported, copy, copied, TABLES, QUIET)
            await _import(ctx, file, unchanged)
            _settle(ground, imported)
            await _import(ctx, year_later, changed)
        ground.drop(imported)
        ground.drop(copy)
    ceiling = sizes.rows / copied.median
    note = f"{sizes.rows:,} companies, median of {sizes.rounds}"
    named = {
        "import into an empty database": empty,
        "import again, nothing changed": unchanged,
        "import again, a new value in every row": changed,
    }
    return [
        Figure(name, sizes.rows / watch.median, "rows/s", "COPY of what it first left", ceiling, note)
        for name, watch in named.items()
    ]


def write(file: Path, rows: int, *, years: int = 0) -> None:
    """A list of that many companies, the same each time; `years` later each has some more people."""
    with file.open("w", newline="", encoding="utf-8") as out:
        lines = csv.writer(out)
        lines.writerow(HEADER)
        lines.writerows(_company(n, years) for n in range(rows))


def _company(n: int, years: int) -> list[object]:
    """Every company has an EIN; most a website; three of five a CEO, one of three a CFO, one of four somebody in HR."""
    name = f"{_WORDS[n % 12]} {_WORDS[n // 12 % 12]} {_TRADES[n % 10]} {n} {_FORMS[n % 5]}"
    domain = f"company-{n}.example"
    city, state, code = _PLACES[n % 4]
    row: list[object] = [name, f"{20 + n // 10_000_000:02}-{n % 10_000_000:07}"]
    row += [f"https://www.{domain}" if n % 10 else "", f"https://www.linkedin.com/company/company-{n}" if n % 3 else ""]
    row += [f"{1 + n % 9000} Main St", city, state, code, f"(813) 555-{n % 10_000:04}" if n % 2 else ""]
    row += [10 + n % 400 + 7 * years, 1 + n % 12]
    for title, each, offset in (("Owner", 5, 0), ("Chief Financial Officer", 3, 1), ("VP People", 4, 2)):
        known = n % each < (3 if each == 5 else 1)
        person = f"{_FIRST[(n + offset) % 10]} {_LAST[(n // 10 + offset) % 11]}"
        mail = f"{person.lower().replace(' ', '.')}@{domain}" if known and n % 3 == offset else ""
        row += [person if known else "", title if known else "", mail]
    return row


def _settle(ground: Ground, database: str) -> None:
    with ground.owner(database) as db:
        db.execute("vacuum (analyze) " + ", ".join(f"app.{table}" for table in TABLES))
        db.execute("checkpoint")


async def _import(ctx: Context, file: Path, watch: Stopwatch) -> None:
    with watch.lap():
        await intake.import_file(ctx, ORG_ID, path=file, playbook=PLAYBOOK, source=SOURCE)
