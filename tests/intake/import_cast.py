"""A list as PropStream sends it, taken into a real database, and what is asked of it afterwards."""

import csv
import io
from typing import Any

from sqlalchemy import text

from penstock.core.context import Context
from penstock.core.db import rows, scalar
from penstock.intake.service import UploadReport, import_file

HEADER = ["Address", "Unit #", "City", "State", "Zip", "County", "APN", "Owner 1 First Name", "Owner 1 Last Name"]
HEADER += ["Mailing Address", "Mailing City", "Mailing State", "Mailing Zip", "Est. Value", "Last Sale Recording Date"]
HEADER += [
    "Last Sale Amount",
    "Litigator",
    "Deceased Owner",
    "Do Not Mail",
    "Phone 1",
    "Phone 1 Type",
    "Phone 1 DNC",
    "Email 1",
]
TABLES = ("properties", "leads", "contacts", "contact_points", "upload_rows", "rejected_rows", "pipeline_events")


def row(number: int = 1, **values: Any) -> dict[str, Any]:
    """A PropStream row about place `number`."""
    base = {
        "Address": f"{number} Example Ave",
        "City": "Tampa",
        "State": "FL",
        "Zip": "33602",
        "County": "Hillsborough",
    }
    owner = {"APN": f"18-29-{number:04}", "Owner 1 First Name": "Ada", "Owner 1 Last Name": f"Sample{number}"}
    return {**base, **owner, "Est. Value": 400_000, **values}


def as_csv(found: list[dict[str, Any]]) -> bytes:
    """The rows as a file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER)
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue().encode()


async def take(ctx: Context, data: bytes, **options: Any) -> UploadReport:
    """Import a file into org 1 for the equity playbook."""
    return await import_file(ctx, 1, stream=io.BytesIO(data), name="list.csv", playbook="equity", **options)


async def ask(ctx: Context, sql: str, **values: Any) -> list[dict[str, Any]]:
    """Rows of org 1."""
    async with ctx.db.tenant(1) as db:
        return [dict(found) for found in await rows(db, text(sql), **values)]


async def counts(ctx: Context) -> dict[str, int]:
    """How many rows of org 1 each table that an import writes holds."""
    async with ctx.db.tenant(1) as db:
        return {table: await scalar(db, text(f"select count(*) from app.{table}")) for table in TABLES}


def outcomes(report: UploadReport) -> tuple[int, int, int, int]:
    """Rows inserted, updated, duplicate in the file, rejected."""
    return report.inserted, report.updated, report.duplicate_in_file, report.rejected
