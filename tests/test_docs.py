"""What the documents say is tried: shell and SQL blocks run in order in a scratch clone, examples parse.

A comment directly above a block says how it is used: `<!-- file: NAME -->` (written to NAME), `<!-- beside: … -->`
(runs while the next blocks do), `<!-- not run: why -->`. The shell blocks of the reference are examples of syntax.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import text

from factories import make_contactable
from ground import BROKER, BROKER_ID, MASTER_KEY, ORG, START, admin, clone_database, database_named, onboard
from penstock import assembly, onboarding
from penstock.core import clock, embedded
from penstock.core.db import scalar
from penstock.core.settings import Settings
from penstock.outreach.feeder import feed
from penstock.outreach.tasks import pump
from penstock.town.server import Town, start_town

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?:<!-- (?P<note>.*?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SERVED = ("import-a-file.md", "import-companies.md")  # pages that speak to a Penstock which is running already
LIVED_IN = ("explain-a-contact.md", "handle-failures.md")  # pages about what happened before
NOT_RUN = [
    ("README.md", "installs the virtual environment; the second command is what runs this"),
    ("docs/how-to/run-it-for-real.md", "needs a database server of your own"),
    ("docs/how-to/run-it-for-real.md", "needs the client programs of your server's version"),
    ("docs/how-to/run-it-for-real.md", "needs the client programs of your server's version"),
    ("docs/how-to/use-the-components.md", "needs Node.js; tests/components does the same"),
    (
        "docs/how-to/write-a-playbook.md",
        "tests/journeys/test_own_playbook.py runs this journey with the files of this page",
    ),
    ("docs/tutorial/first-run.md", "installs the virtual environment, then runs for minutes"),
]
LIST = (
    "Street Address,City,State,ZIP,Owner First Name,Owner Last Name\n"
    "412 Palm Ave,Tampa,FL,33602,Ada,Sample\n"
    ",Tampa,FL,33602,Eve,Foster\n"
)
ROLL = (
    "parcel_number,location,mailing_city_state,market_value,owner_1,zip_code\n"
    "881000100,1234 MARKET ST,PHILADELPHIA PA,412000,SAMPLE ADA,19107\n"
)
COUNTY = 'Site,Owner,Assessed,Map,Lot\n"12 ELM ST, NASHVILLE",SAMPLE ADA,"$1,000",7,12\n'
GAIL = "prairie.butter4140@mail.cablecoast.example"  # lives in the town with seed 7
GAILS_HOME = {"address": "6580 Hickory Cir", "city": "Fall Branch", "state": "TN", "postal_code": "37656"}
GIVEN = {  # the reader's own files
    "FILE.csv": LIST.encode(),
    "list.csv": LIST.encode(),
    "roll.csv.gz": gzip.compress(ROLL.encode()),
    "county.csv": COUNTY.encode(),
}


@dataclass(frozen=True)
class Block:
    """A fenced block; `note` is the comment directly above it."""

    page: Path
    line: int
    language: str
    text: str
    note: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def noted(self, kind: str) -> str | None:
        """What the note says after `kind: `, or None for a note of another kind."""
        return self.note.removeprefix(f"{kind}: ") if self.note.startswith(f"{kind}: ") else None

    @property
    def is_run(self) -> bool:
        return self.noted("not run") is None and self.noted("file") is None


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    content = page.read_text("utf-8")
    return [
        Block(page, content.count("\n", 0, m.start()) + 1, m["language"], m["text"], m["note"] or "")
        for m in FENCE.finditer(content)
    ]


def of_language(*languages: str) -> list[Block]:
    return [block for page in DOCUMENTS for block in blocks(page) if block.language in languages]


def is_walked(page: Path) -> bool:
    """A page whose shell blocks are run, and its SQL with them."""
    wanted = page.name == "README.md" or page.parent.name in ("tutorial", "how-to")
    return page != ROOT / "docs/README.md" and wanted and any(b.language == "sh" for b in blocks(page))


WALKED = [page for page in DOCUMENTS if is_walked(page)]


@dataclass
class Reader:
    """Somebody who follows a page in a clone of their own: variables, files and services stay from block to block."""

    folder: Path
    env: dict[str, str]
    besides: list[tuple[Block, subprocess.Popen[str]]] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        if name := block.noted("file"):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        elif block.is_run and block.noted("beside"):
            self.start(block)
        elif block.is_run and block.language == "sh":
            self.run(block)
        elif block.is_run and block.language == "sql":
            run_sql(self.env["DATABASE_URL"], block)

    def run(self, block: Block) -> None:
        script = f"set -ea\n[ ! -f .state ] || . ./.state\n{block.text}\nexport -p > .state\n"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = f"{block.where}\n{block.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == 0, said
        assert "Traceback" not in done.stderr, said

    def start(self, block: Block) -> None:
        """Start what runs beside the page; the addresses that it prints become TOWN and BASE."""
        script = f"[ ! -f .state ] || . ./.state\nexec {block.text}"
        with (self.folder / "beside.err").open("w") as errors:
            process = subprocess.Popen(
                ["sh", "-c", script], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.besides.append((block, process))
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.match(r"(town|API) +(http://[\d.]+:\d+)", line):
                name = {"town": "TOWN", "API": "BASE"}[found[1]]
                self.env[name] = found[2]
                if (self.folder / ".state").exists():
                    with (self.folder / ".state").open("a") as state:
                        state.write(f"export {name}='{found[2]}'\n")
            if line.startswith("worker"):
                return
        raise AssertionError(f"{block.where} did not start: {(self.folder / 'beside.err').read_text()[-3000:]}")

    def stop(self) -> None:
        """Ctrl-C; everything that ran beside must end well."""
        for block, process in self.besides:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 0, block.where
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def clone(env: dict[str, str]) -> Iterator[Reader]:
    """A copy of the sources, so that a page may change them, with the virtual environment on the path."""
    with tempfile.TemporaryDirectory(prefix="penstock-docs-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded server runs as another user when we are root
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "pyproject.toml", folder)
        virtual = Path(os.environ.get("VIRTUAL_ENV", ROOT / ".venv"))
        (folder / ".venv").symlink_to(virtual)
        for given, content in GIVEN.items():
            (folder / given).write_bytes(content)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_") and k != "DATABASE_URL"}
        reader = Reader(
            folder,
            kept
            | {
                "PATH": f"{virtual / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(folder / "src"),
                "PENSTOCK_HOME": str(folder / "home"),
                "PENSTOCK_API__PORT": "0",
                "COLUMNS": "200",
            }
            | env,
        )
        try:
            yield reader
        finally:
            for _, process in reader.besides:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def run_sql(url: str, block: Block) -> None:
    """Run a block as a person with a prompt would; a list that the text says must be empty must be."""
    before = block.page.read_text("utf-8").splitlines()[: block.line - 1]
    paragraph = next((line for line in reversed(before) if line), "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set search_path = api, app, public")  # a cloned database does not inherit it
        try:
            cursor = connection.execute(block.text.encode())
        except psycopg.Error as error:
            raise AssertionError(f"{block.where}\n{block.text}\n{error}") from error
        if "must give nothing" in paragraph:
            assert cursor.fetchall() == [], block.where


@pytest.fixture(scope="module")
def lived_in(server_url: str, template_database: str, vendors: dict[str, str]) -> Iterator[str]:
    """The name of a database in which things have happened: leads came in, letters left through the gate."""
    name = f"t_docs_{uuid.uuid4().hex[:12]}"
    clone_database(server_url, template_database, name)
    with pytest.MonkeyPatch.context() as patched, clock.held_at(START):
        for variable, value in vendors.items():
            patched.setenv(variable, value)
        town = vendors["PENSTOCK_VENDORS__MELISSA__BASE_URL"].removesuffix("/melissa")
        where = {name.replace("postal_code", "zip"): value for name, value in GAILS_HOME.items()}
        assert GAIL in httpx.get(f"{town}/town/people", params=where).raise_for_status().text  # now the town knows her
        asyncio.run(_live(database_named(server_url, name)))
    yield name
    admin(server_url, f"drop database {name} with (force)")


async def _live(url: str) -> None:
    async with assembly.context(Settings(environment="demo"), url) as ctx:
        await onboarding.ensure_org(ctx, 1, ORG)
        await onboarding.add_broker(ctx, 1, BROKER, broker_id=BROKER_ID)
        lead = await make_contactable(ctx, first_name="Gail", last_name="Wright", email=GAIL, **GAILS_HOME)
        await feed(ctx, 1, START)
        await pump(ctx, 1)
        async with ctx.db.tenant(1) as db:
            sent = await scalar(
                db, text("select count(*) from app.message_log where state = 'sent' and lead_id = :id"), id=lead
            )
    assert sent == 1


@pytest.fixture
def lived_in_copy(server_url: str, lived_in: str) -> Iterator[str]:
    """Connection string of a copy of it, with two items in its DLQ."""
    name = f"t_docs_{uuid.uuid4().hex[:12]}"
    clone_database(server_url, lived_in, name)
    url = database_named(server_url, name)
    with psycopg.connect(url) as connection:
        for entry in (1, 2):
            connection.execute(
                "insert into app.dlq (id, stage, item, error) values (%s, 'outreach', %s, 'no route') "
                "on conflict do nothing",
                [entry, f"item {entry}"],
            )
    yield url
    admin(server_url, f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def vendors() -> Iterator[dict[str, str]]:
    """Settings that put a town in the place of the vendors whose keys a page names."""
    with start_town(seed=7, pace=60) as town:
        yield in_place_of_vendors(town)


def in_place_of_vendors(town: Town) -> dict[str, str]:
    those = ("melissa", "batchdata", "vapi", "calcom", "stripe", "socrata")
    names = {name: f"PENSTOCK_VENDORS__{name.upper()}" for name in those}
    return {
        **{f"{prefix}__BASE_URL": f"{town.http_url}/{name}" for name, prefix in names.items()},
        **{f"{prefix}__KEY": "town-key-0001" for prefix in names.values()},
        "PENSTOCK_VENDORS__MELISSA__EMAIL_BASE_URL": f"{town.http_url}/melissa",
        "PENSTOCK_VENDORS__STRIPE__WEBHOOK_SECRET": "whsec_of_the_reader",
        "PENSTOCK_MAIL__SMTP_HOST": town.smtp_host,
        "PENSTOCK_MAIL__SMTP_PORT": str(town.smtp_port),
        "PENSTOCK_MAIL__SMTP_TLS": "none",
        "PENSTOCK_MASTER_KEY": MASTER_KEY,
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", WALKED, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, request: pytest.FixtureRequest) -> None:
    with ExitStack() as stack:
        reader = stack.enter_context(clone(surroundings(page, request)))
        if "DATABASE_URL" not in reader.env:  # started once, not by each command
            stack.enter_context(embedded.embedded_server(reader.folder / "home"))
        if page.name in SERVED:
            reader.start(Block(page, 0, "sh", "penstock up", "beside: it runs"))
        for block in blocks(page):
            reader.follow(block)
        reader.stop()
        if page.stem == "run-a-renewals-campaign":
            assert what_a_booking_led_to(reader.env["DATABASE_URL"]) == ["billed", "handed over", "told"]


def what_a_booking_led_to(url: str) -> list[str]:
    """What became of the only appointment, each with the broker whose it is."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "select 'billed' from app.billing_events join app.appointments a using (broker_id)"
            " union all select 'handed over' from app.handoffs join app.appointments a using (broker_id)"
            " union all select 'told' from app.notifications where kind = 'appointment_booked' and channel = 'mail'"
            " order by 1"
        )
        return [row[0] for row in found]


def surroundings(page: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """What the reader of a page has: tutorial and README start from nothing, how-tos have a database."""
    if page.parent.name != "how-to":
        return {}
    if page.name in LIVED_IN:
        return {"DATABASE_URL": request.getfixturevalue("lived_in_copy"), "PENSTOCK_MASTER_KEY": MASTER_KEY}
    found = {"DATABASE_URL": request.getfixturevalue("database")}
    if page.stem == "run-a-renewals-campaign":  # it speaks of account coordinators, who are there before
        asyncio.run(onboard(request.getfixturevalue("settings"), found["DATABASE_URL"]))
        found["PENSTOCK_MASTER_KEY"] = MASTER_KEY
    if any(block.language == "ini" for block in blocks(page)):
        found |= request.getfixturevalue("vendors")
    return found


@pytest.mark.slow
def test_every_sql_block_of_the_other_pages_runs(lived_in_copy: str) -> None:
    found = [block for block in of_language("sql") if block.page not in WALKED and block.is_run]
    assert found
    for block in found:
        run_sql(lived_in_copy, block)


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    found = [
        (str(block.page.relative_to(ROOT)), why)
        for block in of_language("sh", "sql")
        if (why := block.noted("not run"))
    ]
    assert found == NOT_RUN


def test_every_note_is_understood() -> None:
    strange = [
        block.where
        for page in DOCUMENTS
        for block in blocks(page)
        if block.note and not any(block.noted(kind) for kind in ("file", "beside", "not run"))
    ]
    assert strange == []


def test_every_file_that_a_page_shows_is_used_by_it() -> None:
    unused = []
    for page in WALKED:
        shown = blocks(page)
        commands = " ".join(block.text for block in shown if block.language == "sh")
        for name in filter(None, (block.noted("file") for block in shown)):
            if name not in commands and not name.startswith("src/"):  # sources are used by every command
                unused.append(f"{page.name}: {name}")
    assert unused == []
