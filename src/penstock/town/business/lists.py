"""A list of companies as somebody would sell it: true some time ago, with gaps, doubles and a few bad rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from penstock.town.business import odds
from penstock.town.business.companies import Companies
from penstock.town.business.company import OFFICES, Company
from penstock.town.dice import Dice

HEADER: Final = (
    "Company Name", "EIN", "Website", "LinkedIn", "News", "Address", "City", "State", "ZIP", "Phone", "Employees",
    "Renewal Month", "CEO", "CEO Title", "CEO Email", "CFO", "CFO Title", "CFO Email", "HR", "HR Title", "HR Email",
)  # fmt: skip
COLLECTED: Final = datetime(2025, 9, 1, 12, tzinfo=UTC)  # the oldest row; the youngest is 14 months younger
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def company_file(dice: Dice, companies: Companies, rows: int) -> str:
    """A CSV of `rows` rows and a header line. The first rows are the same however many are asked for."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(row for _, row in _rows(dice, companies, rows))
    return out.getvalue()


def listed(dice: Dice, rows: int) -> list[int]:
    """The numbers of the companies that the first `rows` rows are about, each once, in order."""
    return [position for position in range(rows) if _kind(dice, position) != "again"]


def _kind(dice: Dice, position: int) -> str:
    if position == 0:
        return ""
    return dice.weighted({"again": odds.LIST_AGAIN, "bad": odds.LIST_BAD}, "list row", position)


def _rows(dice: Dice, companies: Companies, rows: int) -> Iterator[tuple[int, list[str]]]:
    """Row n is about company n, or about an earlier one once more."""
    clean: list[int] = []
    for position in range(rows):
        kind = _kind(dice, position)
        if kind == "again" and clean:
            number = dice.pick(clean, "listed again", position)
            yield number, respelt(dice, companies.company(number), clean_row(dice, companies.company(number)))
            continue
        row = clean_row(dice, companies.company(position))
        if kind == "bad":
            row = spoilt(dice, row, position)
        else:
            clean.append(position)
        yield position, row


def clean_row(dice: Dice, company: Company) -> list[str]:
    """What the list knows of a company, as it was on the day the row was collected."""
    stem = company.stem

    def known(what: str, value: str) -> str:
        return value if dice.chance(odds.LIST_KNOWS[what], "list knows", what, stem) else ""

    collected = COLLECTED + timedelta(days=dice.between(0, 425, "collected", stem))
    home = company.zip_code
    has_address = bool(known("address", "yes"))
    address = [f"{company.street} {company.unit}".strip(), home.city.title(), home.state, home.code]
    domain, number = company.domain, company.phone
    ein = dice.pick((company.ein, f"{company.ein[:2]}-{company.ein[2:]}"), "ein style", stem)
    site = dice.pick((f"https://{domain}", f"http://www.{domain}/", f"www.{domain}", domain), "site style", stem)
    phone = dice.pick((f"({number[:3]}) {number[3:6]}-{number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}"), stem)
    month = company.renewal_month
    renewal = dice.pick((str(month), MONTHS[month - 1], MONTHS[month - 1][:3], f"{month:02d}"), "month style", stem)
    row = [
        company.name,
        known("ein", ein),
        known("website", site),
        known("linkedin", company.linkedin_url),
        known("news", company.news_url),
        *(address if has_address else ["", *address[1:3], ""]),
        known("phone", phone),
        known("employees", str(company.employees)),
        known("renewal", renewal),
    ]
    for office in OFFICES:
        term = company.holder(office, collected)
        if term is None or not dice.chance(odds.LIST_KNOWS[office], "list knows", office, stem):
            row += ["", "", ""]
            continue
        title = term.title if dice.chance(odds.LIST_KNOWS["title"], "list knows", "title", office, stem) else ""
        has_email = dice.chance(odds.LIST_KNOWS["email"], "list knows", "email", office, stem)
        row += [term.person.name, title, term.person.mailboxes[0].email if has_email else ""]
    return row


def respelt(dice: Dice, company: Company, row: list[str]) -> list[str]:
    """The same company written by somebody else: another form of the name, other gaps, never without any key."""
    row = list(row)
    name = company.name.replace(",", "").replace("&", "and").removeprefix("The ")
    row[0] = dice.pick((name.upper(), name.title(), f"{name} "), "respelt", company.stem)
    row[1] = row[1].replace("-", "") if dice.chance(0.6, "ein kept", company.stem) else ""
    row[2] = f"HTTPS://{company.domain.upper()}/" if dice.chance(0.7, "site kept", company.stem) else ""
    row[6] = company.zip_code.city.upper()
    row[7] = company.zip_code.state
    row[9] = f"+1{company.phone}"
    return row


def spoilt(dice: Dice, row: list[str], position: int) -> list[str]:
    """The row with something in it that cannot be."""
    row = list(row)
    how = dice.pick(("month", "ein", "short ein", "no name"), "spoilt company", position)
    if how == "month":
        row[11] = dice.pick(("13", "0", "Smarch"), "bad month", position)
    elif how == "ein":
        row[1] = dice.pick(("00-0000000", "EIN pending", "12-34A6789"), "bad ein", position)
    elif how == "short ein":
        row[1] = dice.digits(7, "short ein", position)
    else:
        row[0] = ""
    return row
