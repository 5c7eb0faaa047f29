"""The reference cannot drift from the code."""

import re
from datetime import date
from io import BytesIO
from pathlib import Path

from penstock.intake.mapping import MapFile, named_maps
from penstock.intake.reading import read
from penstock.intake.records import Record
from penstock.intake.vocabulary import VOCABULARIES

DOCS = Path(__file__).parents[2] / "docs"


def named(page: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", (DOCS / page).read_text("utf-8")))


def test_every_map_field_input_and_key_is_in_the_reference() -> None:
    keys = set(MapFile.model_fields)
    assert {*named_maps(), *VOCABULARIES["property"].known, *VOCABULARIES["company"].known, *keys} <= named(
        "reference/maps.md"
    )


def test_the_headers_that_a_map_is_recognised_by_are_in_the_reference() -> None:
    headers = {header for one in named_maps().values() for headers in one.recognise for header in headers}
    assert headers <= named("reference/maps.md")


def test_the_example_map_of_the_how_to_works(tmp_path: Path) -> None:
    page = (DOCS / "how-to/import-a-file.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    path = tmp_path / "my-county.yaml"
    path.write_text(example, "utf-8")
    row = b'Site,Owner,Assessed,Map,Lot\n"12 ELM ST, NASHVILLE",SAMPLE ADA,"$1,000",7,12\n'
    (record,) = read(BytesIO(row), str(path), date(2026, 11, 30))
    assert isinstance(record, Record)
    assert (record.values["apn"], record.values["owner_first_name"]) == ("007-0012", "Ada")
