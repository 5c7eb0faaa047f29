"""The house rules, asked of the sources themselves."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import journey, sweep
from penstock.core import errors
from penstock.core.settings import Settings
from penstock.sweep import resolve

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "penstock"
REAL_TIME = {"core/workers.sql", "cli/queries.sql"}  # is a process alive; is the server's clock right
STAGES = sorted({stage.name.split(".")[0] for stage in journey.STAGES})
PLAYBOOKS = sorted(p.name for p in (SOURCES / "playbooks").iterdir() if (p / "__init__.py").exists())


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            for name in node.names:
                yield f"{node.module}.{name.name}"
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield name.name


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_never_reaches_into_another(stage: str) -> None:
    """What a stage needs of another it takes from the other's `__init__`, never from a file inside."""
    inside = {
        (str(file.relative_to(SOURCES)), name)
        for file in python_files(SOURCES / stage)
        for name in imports(file)
        for other in STAGES
        if other != stage
        and re.match(rf"penstock\.{other}\.\w+", name)
        and (SOURCES / Path(*name.split(".")[1:])).with_suffix(".py").exists()
    }
    assert inside == set()


def test_the_engine_names_no_playbook() -> None:
    """Vendors (providers, town) have fields of the same names: those are their words, not ours."""
    engine = [
        f
        for f in SOURCES.rglob("*")
        if f.suffix in {".py", ".sql"}
        and not {"playbooks", "faces", "town", "providers"} & set(f.parts)
        and f.name not in {"demo.py"}
    ]
    named = [
        (str(f.relative_to(SOURCES)), p)
        for f in engine
        for p in (*PLAYBOOKS, "roofing", "renewals")
        if re.search(rf"\b{p}\b[^_]", without_comments(f)) and f'"{p}"' in f.read_text("utf-8")
    ]
    assert named == []


def without_comments(file: Path) -> str:
    return re.sub(r"#.*|--.*", "", file.read_text("utf-8"))


def test_time_comes_from_the_clock() -> None:
    loose = []
    for file in python_files(SOURCES):
        if "town" in file.parts or file.name == "clock.py":
            continue
        text = without_comments(file)
        if re.search(r"datetime\.(now|utcnow|today)\(|date\.today\(|\btime\.(time|monotonic)\(", text):
            loose.append(str(file.relative_to(SOURCES)))
    assert loose == []


def test_time_in_sql_comes_from_the_clock() -> None:
    loose = []
    for file in sorted(SOURCES.rglob("*.sql")):
        text = re.sub(r"--[^\n]*|'[^']*'", "", file.read_text("utf-8"))
        text = (
            re.sub(r"create function app\.now\(\).*?\$\$;", "", text, flags=re.DOTALL)
            if file.name.endswith("_ground.sql")
            else text
        )
        if file.relative_to(SOURCES).as_posix() not in REAL_TIME and re.search(
            r"(?<![.\w])(now\(\)|current_timestamp|clock_timestamp\(\)|current_date|localtimestamp)(?<!app\.now\(\))",
            re.sub(r"app\.now\(\)", "", text),
        ):
            loose.append(str(file.relative_to(SOURCES)))
    assert loose == []


def test_every_stage_has_its_folder_and_every_event_wakes_known_stages() -> None:
    for stage in journey.STAGES:
        assert (ROOT / stage.folder / "__init__.py").exists(), stage.name
        assert (SOURCES / stage.name.split(".")[0] / "__init__.py").read_text("utf-8").startswith('"""'), (
            f"{stage.name} says what it is"
        )
    for event, woken in journey.NEXT.items():
        for name in woken:
            assert journey.BY_NAME[name].pump, f"{event} wakes {name}, which has no pump"


def test_everything_that_is_named_can_be_called() -> None:
    for name in [s.pump for s in journey.STAGES if s.pump] + [s.run for s in journey.TIMETABLE] + list(sweep.CHORES):
        assert callable(resolve(name)), name


def test_every_event_that_the_code_writes_is_known() -> None:
    written = set()
    for file in python_files(SOURCES):
        written |= set(re.findall(r'journey\.Event\(\s*"(\w+)"', file.read_text("utf-8")))
    assert written <= set(journey.EVENTS)


def test_nothing_names_a_package_registry() -> None:
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.split()
    host = re.compile("|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + "js", "deb" + r"ian\.org")))
    assert [f for f in tracked if (ROOT / f).is_file() and host.search((ROOT / f).read_text("utf-8", "replace"))] == []


def setting_names(model: type, prefix: str = "PENSTOCK_") -> Iterator[str]:
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        kind = field.annotation
        if isinstance(kind, type) and hasattr(kind, "model_fields"):
            yield from setting_names(kind, f"{prefix}{name.upper()}__")
        elif name == "database_url":
            yield "DATABASE_URL"
        else:
            yield f"{prefix}{name.upper()}"


def test_every_setting_is_explained() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    assert [name for name in setting_names(Settings) if name not in example] == []


def test_every_event_stands_in_the_reference() -> None:
    reference = (ROOT / "docs/reference/events.md").read_text("utf-8")
    assert [event for event in journey.EVENTS if f"`{event}`" not in reference] == []


def test_every_sqlstate_of_ours_stands_in_the_reference() -> None:
    reference = (ROOT / "docs/reference/errors.md").read_text("utf-8")
    raised = set()
    for file in SOURCES.rglob("*.sql"):
        raised |= set(re.findall(r"errcode = '(PS\w+)'", file.read_text("utf-8")))
    assert raised <= set(errors.BY_SQLSTATE)
    assert [state for state in sorted(raised) if state not in reference] == []


def test_links_in_the_documents_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
