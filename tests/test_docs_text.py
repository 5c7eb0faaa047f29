"""What the documents name is there: settings, commands, views, pages, headings; their examples of data parse."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import typer
import yaml

from penstock.cli import app
from penstock.cli.doctor import face_names
from penstock.core.settings import Settings
from test_docs import DOCUMENTS, ROOT, of_language
from test_house import setting_names


def test_examples_of_data_parse() -> None:
    for block in of_language("json", "yaml", "csv", "python"):
        try:
            if block.language == "json":
                json.loads(block.text)
            elif block.language == "yaml":
                assert yaml.safe_load(block.text)
            elif block.language == "csv":
                assert len({len(row) for row in csv.reader(io.StringIO(block.text))}) == 1
            else:
                compile(block.text, block.where, "exec")
        except (ValueError, SyntaxError, AssertionError, yaml.YAMLError) as error:
            raise AssertionError(f"{block.where}: {error}") from error


def test_settings_that_examples_set_exist() -> None:
    known = set(setting_names(Settings))
    named = {line.partition("=")[0] for block in of_language("ini") for line in block.text.splitlines() if line}
    assert named
    assert named <= known


def test_settings_that_the_text_names_exist() -> None:
    known = {*setting_names(Settings), "PENSTOCK_SETTINGS", "PENSTOCK_SHARED"}
    wrong = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in DOCUMENTS
        for name in re.findall(r"`(PENSTOCK_[A-Z_]+[A-Z])\b[^_]", page.read_text("utf-8"))
        if name not in known
    ]
    assert wrong == []


def test_commands_that_the_text_names_exist() -> None:
    tree = typer.main.get_command(app)
    wrong = []
    for page in DOCUMENTS:
        for words in re.findall(r"`penstock ((?:--demo )?[a-z][^`\n]*)`", page.read_text("utf-8")):
            node = tree
            for word in words.removeprefix("--demo ").split():
                children = getattr(node, "commands", {})
                if not children:
                    break
                if word not in children:
                    wrong.append(f"{page.relative_to(ROOT)}: penstock {words}")
                    break
                node = children[word]
    assert wrong == []


def test_the_reference_names_every_view_and_function() -> None:
    reference = (ROOT / "docs/reference/database.md").read_text("utf-8")
    missing = [name for name in face_names() if not re.search(rf"\b{name.removeprefix('api.')}\b", reference)]
    assert missing == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    pages = [page.relative_to(ROOT / "docs") for page in DOCUMENTS if page.is_relative_to(ROOT / "docs")]
    single = [page for page in pages if page != Path("README.md") and "decisions" not in page.parts]
    assert [str(page) for page in single if f"({page})" not in index] == []


def test_links_to_headings_lead_somewhere() -> None:
    broken = []
    for page in DOCUMENTS:
        for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", page.read_text("utf-8")):
            headings = re.findall(
                r"^#+ (.*)$", (page.parent / target if target else page).read_text("utf-8"), re.MULTILINE
            )
            if anchor not in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}:
                broken.append(f"{page.relative_to(ROOT)}: {target}#{anchor}")
    assert broken == []
