"""Files of permits as Nashville exports them."""

import csv
import io

COLUMNS = (
    "Permit__", "Permit_Type_Description", "Permit_Subtype_Description", "Parcel", "Date_Entered", "Date_Issued",
    "Const_Cost", "Address", "City", "State", "Subdivision_Lot", "Contact", "Purpose", "Lon", "Lat", "ZIP",
)  # fmt: skip
GOOD = {
    "Permit__": "2024001", "Permit_Type_Description": "Building Residential - Roofing / Siding",
    "Parcel": "001 00 2-003.00", "Date_Issued": "2024-03-09", "Const_Cost": "9,000", "Address": "12 Elm St",
    "City": "Nashville", "State": "TN", "Subdivision_Lot": "LOT 3 OAK HILL", "Contact": "Roofs, LLC",
    "Purpose": "re-roof, call 615-555-0199", "Lat": "36.16", "Lon": "-86.78", "ZIP": "37212",
}  # fmt: skip


def sheet(*lines: dict[str, str]) -> io.BytesIO:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(lines)
    return io.BytesIO(out.getvalue().encode())


def line(**changed: str) -> dict[str, str]:
    return {**GOOD, **changed}
