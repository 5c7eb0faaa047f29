"""The package as its user has it: packed, installed, type-checked, built, and looked at in a browser."""

from __future__ import annotations

import functools
import hashlib
import html
import http.server
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.components import export
from penstock.components.exporting import MADE
from penstock.core.db import Database

CACHE = Path.home() / ".cache" / "penstock-tests"
CONSUMER = Path(__file__).parent / "consumer"
TEMPLATE = Path(__file__).parents[2] / "src" / "penstock" / "components" / "package"
OLDEST_NODE = (20, 19)  # what Vite 8 needs
UNREACHABLE = re.compile(r"ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|ENETUNREACH")
BROWSER_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--window-size=1180,2400",
)  # fmt: skip

pytestmark = pytest.mark.slow


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"LOUD SKIP: {name} is not installed; the components were exported, but not built or looked at")
    return found


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def node_modules(template: Path) -> Path:
    """What `npm ci` installs for the template's lock, kept from run to run."""
    npm, node = tool("npm"), tool("node")
    version = tuple(int(part) for part in run(node, "--version", cwd=template).strip("v\n").split(".")[:2])
    if version < OLDEST_NODE:
        pytest.skip(f"LOUD SKIP: Node.js {version} is older than {OLDEST_NODE}; the components were not built")
    lock = (template / "package-lock.json").read_bytes()
    kept = CACHE / hashlib.sha256(lock).hexdigest()[:16] / "node_modules"
    if not kept.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=CACHE))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(template / name, fresh)
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=fresh, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(fresh)
            if UNREACHABLE.search(done.stderr):
                pytest.skip("LOUD SKIP: the package registry cannot be reached; the components were not built")
            pytest.fail(f"npm ci: {done.stderr[-3000:]}")
        fresh.rename(kept.parent)
    return kept


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def looked_at(page: Path, profile: Path) -> dict[str, Any]:
    """The report that the page writes into itself, read out of the browser's DOM."""
    with served(page) as url:
        command = [tool("chromium"), *BROWSER_FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=5000"]
        dom = run(*command, "--dump-dom", f"{url}/index.html", cwd=page)
    found = re.search(r'<script id="report"[^>]*>(.*?)</script>', dom, re.DOTALL)
    assert found, dom[-3000:]
    report: dict[str, Any] = json.loads(html.unescape(found[1]))
    return report


@pytest.fixture
async def application(database: str, tmp_path: Path) -> Path:
    """Somebody's application with the packed package in its `node_modules` and the stories' page beside it."""
    installed = node_modules(TEMPLATE)
    engine = Database(database)
    async with engine.owner() as db:
        done = await export(db, tmp_path / "package")
    await engine.close()
    (done.out / "node_modules").symlink_to(installed)
    run(tool("npm"), "pack", "--silent", cwd=done.out)  # checks the types and builds first
    home = tmp_path / "application"
    shutil.copytree(CONSUMER, home)
    shutil.copytree(done.out, home / "package", ignore=shutil.ignore_patterns(*MADE, "*.tgz"))
    (home / "node_modules").mkdir()
    for entry in installed.iterdir():
        (home / "node_modules" / entry.name).symlink_to(entry)
    [packed] = done.out.glob("*.tgz")
    assert packed.name == f"penstock-components-{done.version}.tgz"
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path / "packed", filter="data")
    (home / "node_modules" / "@penstock").mkdir()
    (tmp_path / "packed" / "package").rename(home / "node_modules" / "@penstock" / "components")
    return home


async def test_the_package_builds_and_an_application_shows_it(application: Path, tmp_path: Path) -> None:
    packed = application / "node_modules" / "@penstock" / "components"
    assert not MADE & {file.name for file in (packed / "src").iterdir()}
    run(os.fspath(application / "node_modules/.bin/tsc"), "-p", ".", cwd=application)
    run(os.fspath(application / "node_modules/.bin/vite"), "build", cwd=application)
    report = looked_at(application / "dist", tmp_path / "profile")
    assert "Brightwater Millworks, Inc." in report["packed"] and "63 days to renewal" in report["packed"]
    stories = report["stories"]
    every_status_is_told_without_colour(stories)
    a_company_has_three_slots(stories)
    a_renewal_counts_down(stories, report["countdowns"])
    sealed_and_foreign_values_stay_out(stories)
    for scheme, texts in report["contrast"].items():
        faint = [text for text in texts if text["ratio"] < 4.5]
        assert len(texts) > 100 and faint == [], scheme


def every_status_is_told_without_colour(stories: dict[str, Any]) -> None:
    marks = [stories[f"VerificationMark/{name}"]["marks"][0] for name in ("Green", "Yellow", "Red", "Gray")]
    assert [(mark["status"], mark["text"]) for mark in marks] == [
        ("green", "Verified"), ("yellow", "Risky"), ("red", "Invalid"), ("gray", "Not verified"),
    ]  # fmt: skip
    assert len({mark["shape"] for mark in marks}) == 4 and len({mark["colour"] for mark in marks}) == 4
    assert stories["VerificationMark/NoRecord"]["marks"][0]["status"] == "gray"
    assert all(mark["text"] and mark["shape"] for story in stories.values() for mark in story["marks"])


def a_company_has_three_slots(stories: dict[str, Any]) -> None:
    companies = {name: story for name, story in stories.items() if name.startswith("CompanyCard/")}
    assert len(companies) == 4
    for story in companies.values():
        assert [slot["role"] for slot in story["slots"]] == ["CEO", "CFO", "HR"]
    held = companies["CompanyCard/WindowOpen"]
    assert [mark["status"] for mark in held["marks"]] == ["yellow", "green", "red"]
    assert "Executive movement" in held["text"]
    vacant = companies["CompanyCard/VacantSlots"]["slots"]
    assert [slot["vacant"] for slot in vacant] == ["false", "true", "true"] and "Vacant" in vacant[1]["text"]


def a_renewal_counts_down(stories: dict[str, Any], countdowns: list[dict[str, Any]]) -> None:
    said = {
        name.removeprefix("RenewalBadge/"): (story["badges"], " ".join(story["text"].split()))
        for name, story in stories.items()
        if name.startswith("RenewalBadge/")
    }
    assert said == {
        "Ahead": (["ahead"], "Ahead Opens in 40 days 160 days to renewal Feb 1, 2027"),
        "OpensTomorrow": (["ahead"], "Opens tomorrow Opens in 1 day 121 days to renewal Feb 1, 2027"),
        "Open": (["open"], "Open Window open 63 days to renewal Feb 1, 2027"),
        "LastDay": (["open"], "Last day Window open 1 day to renewal Feb 1, 2027"),
        "RenewsToday": (["today"], "Renews today Renews today Feb 1, 2027"),
        "Past": (["past"], "Past Renewed 10 days ago Feb 1, 2027"),
        "NoRenewalMonth": (["unknown"], "No renewal month No renewal month"),
    }
    assert [(c["state"], c["daysToWindow"], c["daysToRenewal"]) for c in countdowns] == [
        ("ahead", 1, 121), ("open", 0, 120), ("open", -119, 1), ("today", -120, 0), ("past", -121, -1),
    ]  # fmt: skip
    assert [round(c["elapsed"], 3) for c in countdowns] == [0, 0, 0.992, 1, 1]


def sealed_and_foreign_values_stay_out(stories: dict[str, Any]) -> None:
    assert "On file, sealed" in stories["ContactCard/Sealed"]["text"]
    assert "mailto:ruben@brightwater-millworks.example" in stories["ContactCard/Opened"]["links"]
    assert all("example-sealed-value" not in story["text"] for story in stories.values())
    links = [link for story in stories.values() for link in story["links"]]
    assert links and all(re.match(r"https://[\w-]+\.example/|mailto:|tel:", link) for link in links)
    assert stories["ContactCard/LittleKnown"]["links"] == []  # its profile is javascript:alert(1)
