"""The commands as a script meets them: answers on stdout, talk on stderr, exit codes, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from penstock.cli import app
from penstock.schema import migrate

Run = Callable[..., Any]
HEADER = "Parcel ID,Property Address,City,State,Zip,County,Owner 1 First Name,Owner 1 Last Name\n"
ROWS = [f"P-{n},{n} Palm Ave,Tampa,FL,33602,Hillsborough,Ada,Sample{n}\n" for n in range(1, 6)]


@pytest.fixture
def penstock(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on an empty installation; gives the result."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path))
    monkeypatch.setenv("PENSTOCK_SETTINGS", str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()

    def run(*arguments: str, expect: int = 0, typed: str | None = None) -> Any:
        result = runner.invoke(app, list(arguments), input=typed)
        assert result.exit_code == expect, f"{result.exit_code}: {result.output} {result.exception!r}"
        return result

    yield run


def sql(database: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def commands() -> list[list[str]]:
    """Every command, found by asking for help."""
    found: list[list[str]] = []

    def visit(path: list[str]) -> None:
        text = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*path, "--help"]).stdout
        _, has_commands, listing = text.partition("─ Commands ")
        names = re.findall(r"^│ ([a-z]\S*)", listing, re.MULTILINE) if has_commands else []
        if not names:
            found.append(path)
        for name in names:
            visit([*path, name])

    visit([])
    return found


def test_every_command_promised_is_there_and_its_help_has_an_example() -> None:
    found = commands()
    promised = (
        "up", "demo", "import", "run", "status", "explain", "dlq list", "dlq show", "dlq retry", "dlq drop",
        "db upgrade", "db reseal", "doctor", "town", "user add", "key add",
    )  # fmt: skip
    assert {" ".join(path) for path in found} >= set(promised)
    for path in found:
        text = CliRunner().invoke(app, [*path, "--help"]).stdout
        assert "Example: " in text, path
        assert "--json" in text or path == ["up"], path


def test_the_reference_names_every_command_and_option() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text("utf-8")
    for path in commands():
        assert f"## penstock {' '.join(path)}" in page
        section = page.split(f"## penstock {' '.join(path)}\n")[1].split("\n## ")[0]
        text = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*path, "--help"]).stdout
        for option in set(re.findall(r"(?<=│ )[ *]*(--[a-z0-9-]+)", text)) - {"--help"}:
            assert option.strip(" *") in section, (path, option)


def test_import_reports_as_json_on_stdout_and_a_second_time_updates(penstock: Run, tmp_path: Path) -> None:
    file = tmp_path / "county.csv"
    file.write_text(HEADER + "".join(ROWS) + "P-9,,Tampa,ZZ,33602,,,\n")
    first = json.loads(penstock("import", str(file), "--map", "auto", "--json", "-").stdout)
    assert first["rows"] == {"read": 6, "inserted": 5, "updated": 0, "duplicate_in_file": 0, "rejected": 1}
    second = json.loads(penstock("import", str(file), "--json", "-").stdout)
    assert second["rows"] == {"read": 6, "inserted": 0, "updated": 5, "duplicate_in_file": 0, "rejected": 1}
    refused = {"field": "state", "reason": "'ZZ' is not a US state", "fix": "correct the value", "rows": 1}
    assert first["rejected"] == [refused]
    assert (first["made"], second["made"]) == ({"leads": 5}, {"leads": 0})
    assert "Rejected" in penstock("import", str(file)).stdout
    status = json.loads(penstock("status", "--json").stdout)
    assert (status["stages"]["leads"], status["waiting"]["enrichment"]) == (5, 5)


def test_an_import_of_places_says_what_it_was_taken_without(penstock: Run, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("address,zip,lat,lng\n1 Alder St,78701,30.27,-97.74\n2 Alder St,78701,-97.74,30.27\n")
    shown = penstock("import", str(file), "--playbook", "roofing").stdout
    assert "Taken without" in shown
    assert "row 3" in shown


def test_columns_of_which_nothing_is_made_are_told(penstock: Run, tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("Company Name,State,Chief Exec,Benefits Broker\nAcme LLC,TX,Ada Doe,Beta\n")
    told = json.loads(penstock("import", str(file), "--playbook", "renewals", "--json", "-").stdout)
    assert told["columns_unused"] == ["Chief Exec", "Benefits Broker"]
    assert (
        "Columns not used: Chief Exec, Benefits Broker"
        in penstock("import", str(file), "--playbook", "renewals").stdout
    )


def test_a_list_of_permits_becomes_no_leads(penstock: Run, tmp_path: Path, database: str) -> None:
    file = tmp_path / "permits.csv"
    file.write_text("Permit Number,Permit Type,Address,City,State,ZIP\nB-1,Re-roof,1 Oak St,Austin,TX,78701\n")
    for playbook in ("equity", "roofing"):
        assert "penstock permits import" in penstock("import", str(file), "--playbook", playbook, expect=2).stderr
    assert sql(database, "select count(*) from app.leads") == [(0,)]
    places = "Address,City,State,Zip,Last Permit Number,Last Permit Date,Permit Count"
    file.write_text(f"{places}\n1 Oak St,Austin,TX,78701,B-1,2019-05-01,3\n")
    assert json.loads(penstock("import", str(file), "--json", "-").stdout)["made"] == {"leads": 1}
    file.write_text("Company Name,State,Permits,Permits 2024\nAcme LLC,TX,1,2\n")
    assert penstock("import", str(file), "--playbook", "renewals", "--json", "-")


def test_a_file_of_which_every_row_was_rejected_says_why(penstock: Run, tmp_path: Path) -> None:
    file = tmp_path / "county.csv"
    file.write_text(HEADER + "P-9,,Tampa,ZZ,33602,,,\nP-8,,Tampa,ZY,33602,,,\nP-7,,Tampa,ZZ,33602,,,\n")
    said = penstock("import", str(file), expect=3).stderr
    assert "'ZZ' is not a US state" in " ".join(said.split())


def test_a_bad_file_is_bad_input_and_leaves_nothing(penstock: Run, tmp_path: Path, database: str) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("")
    result = penstock("import", str(file), "--json", "-", expect=2)
    assert result.stdout == "" and "empty" in result.stderr
    penstock("import", str(tmp_path / "missing.csv"), expect=2)
    assert sql(database, "select count(*) from app.leads") == [(0,)]


def test_explain_tells_a_leads_diary_with_folders(penstock: Run, tmp_path: Path, database: str) -> None:
    file = tmp_path / "county.csv"
    file.write_text(HEADER + ROWS[0])
    penstock("import", str(file))
    [(lead_id,)] = sql(database, "select id from app.leads")
    told = penstock("explain", str(lead_id)[:8]).stdout
    assert "Palm" in told and "src/penstock/" in told
    lines = json.loads(penstock("explain", str(lead_id), "--json").stdout)["diary"]
    assert {"at", "stage", "what", "detail", "cents", "folder"} == set(lines[0])
    penstock("explain", "nobody@home.example", expect=2)


def test_the_dlq_is_listed_shown_retried_and_dropped(penstock: Run, database: str) -> None:
    assert json.loads(penstock("dlq", "list", "--json").stdout) == []
    for item in ("one", "two"):
        statement = (
            "insert into app.dlq (org_id, stage, item, error) values (1, 'outreach', %s, 'no route') returning id"
        )
        sql(database, statement, item)
    first, second = [entry["id"] for entry in json.loads(penstock("dlq", "list", "--json", expect=3).stdout)]
    assert "no route" in penstock("dlq", "show", str(first)).stdout
    penstock("dlq", "show", "999", expect=2)
    assert json.loads(penstock("dlq", "retry", str(first), "--json").stdout) == {"due_now": 1}
    penstock("dlq", "retry", expect=2)
    penstock("dlq", "retry", "999", expect=2)
    penstock("dlq", "drop", str(second), "--reason", "gone away")
    [(error, after)] = sql(database, "select error, retry_after from app.dlq where id = %s", second)
    assert error.startswith("dropped by cli: gone away") and after is None
    assert json.loads(penstock("dlq", "list", "--stage", "voice", "--json").stdout) == []


def test_users_and_keys_are_made(penstock: Run, database: str) -> None:
    add = ("user", "add", "Ada@Acme.Example", "--name", "Ada", "--role", "admin", "--password-stdin")
    penstock(*add, typed="a long pass phrase\n")
    penstock(*add, typed="a long pass phrase\n", expect=1)
    penstock("user", "add", "b@acme.example", "--name", "B", "--password-stdin", typed="short\n", expect=2)
    [(email, role, stored)] = sql(database, "select email, user_role, password_hash from app.users")
    assert (email, role) == ("ada@acme.example", "admin") and stored.startswith("$argon2id$")
    made = json.loads(penstock("key", "add", "nightly", "--scope", "uploads:write", "--json").stdout)
    assert re.fullmatch(r"pk_[0-9a-f]{8}_[0-9a-f]{64}", made["key"])
    penstock("key", "add", "bad", "--scope", "everything", expect=2)
    assert made["key"] not in str(sql(database, "select * from app.api_keys"))


def test_production_asks_for_a_tenant_and_a_key(penstock: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ENVIRONMENT", "production")
    assert "PENSTOCK_MASTER_KEY" in penstock("status", expect=1).stderr
    monkeypatch.setenv("PENSTOCK_MASTER_KEY", "ab" * 32)
    assert "penstock org add" in penstock("status", expect=1).stderr
    words = {
        "slug": "acme", "name": "Acme", "legal-name": "Acme LLC", "postal-address": "1 Main St",
        "support-email": "h@a.example", "support-phone": "+18135550199", "from-domain": "mail.a.example", "public-url": "https://a.example",
    }  # fmt: skip
    org = ["org", "add", *(part for name, value in words.items() for part in (f"--{name}", value))]
    penstock(*org)
    penstock("status")
    penstock(*org, expect=1)


def test_run_says_how_much_waits_for_a_vendor_that_is_not_connected(penstock: Run, tmp_path: Path) -> None:
    employers = tmp_path / "employers.csv"
    employers.write_text(
        "Company Name,Website,State,Renewal Month,CFO,CFO Title,CFO Email\n"
        "Stone Mill LLC,https://stone-mill.example,FL,February,Bo Reyes,CFO,bo@stone-mill.example\n"
    )
    penstock("import", str(employers), "--playbook", "renewals", "--source", "broker_list")
    penstock("run", "intake.leads")
    assert "verification: still waiting 1, for a vendor" in penstock("run", "verification").stderr


def test_a_number_of_nobody_makes_no_tenant(penstock: Run, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ORG_ID", "2")
    for _ in ("an empty database", "one with a tenant"):
        refused = penstock("key", "add", "other", "--scope", "admin", expect=1)
        assert "There is no tenant 2" in refused.stderr and "penstock org add" in refused.stderr
        assert sql(database, "select 1 from app.orgs where id = 2") == []
        monkeypatch.setenv("PENSTOCK_ORG_ID", "1")
        penstock("status")
        monkeypatch.setenv("PENSTOCK_ORG_ID", "2")


def test_run_drains_what_is_due_and_says_when_a_person_is_needed(penstock: Run, database: str) -> None:
    assert json.loads(penstock("run", "scoring", "--json").stdout) == {"done": {"scoring": 0}, "dlq": {}}
    penstock("run", "no-such-stage", expect=2)
    sql(database, "insert into app.dlq (org_id, stage, item) values (1, 'voice', 'x')")
    assert json.loads(penstock("run", "scoring", "--json", expect=3).stdout)["dlq"] == {"voice": 1}


def test_there_is_no_demo_to_look_at_before_there_was_one(
    penstock: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_HOME", str(Path("/tmp") / f"penstock-cli-{tmp_path.name}"))
    assert "penstock demo" in penstock("--demo", "status", expect=2).stderr


def test_a_fault_that_makes_no_sense_is_bad_input(penstock: Run) -> None:
    penstock("demo", "--fault", "melissa", expect=2)


def test_doctor_finds_what_was_broken_and_says_what_to_do(
    penstock: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(expect: int) -> dict[str, tuple[str, str]]:
        findings = json.loads(penstock("doctor", "--json", expect=expect).stdout)
        return {f["check"]: (f["state"], f["fix"]) for f in findings}

    assert {state for state, _ in found(0).values()} <= {"ok", "note"}
    penstock("status")  # makes the local tenant
    sql(database, "alter table app.leads no force row level security")
    sql(database, "drop view api.vw_campaign_ready_leads cascade")
    sql(database, "insert into app.dlq (org_id, stage, item) select id, 'voice', 'x' from app.orgs")
    sql(database, "insert into app.alerts (org_id, rule, value) select id, 'dlq_deep', 'x' from app.orgs")
    monkeypatch.setenv("PENSTOCK_MASTER_KEY", "changeme")
    monkeypatch.setenv("PENSTOCK_VENDORS__MELISSA__KEY", "k-1")
    monkeypatch.setenv("PENSTOCK_VENDORS__MELISSA__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PENSTOCK_VENDORS__VAPI__KEY", "k-1")
    monkeypatch.setenv("PENSTOCK_MAIL__SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("PENSTOCK_MAIL__SMTP_PORT", "9")
    broken = found(3)
    for check in ("keys", "row security", "faces", "melissa", "vapi", "mail"):
        assert broken[check][0] == "fail" and broken[check][1], check
    assert broken["trouble"][0] == "warn"
    sql(database, "update app.alembic_version set version_num = 'old'")
    assert found(3)["schema"] == ("fail", "run: penstock db upgrade")


def test_doctor_says_when_there_is_no_database(penstock: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    findings = json.loads(penstock("doctor", "--json", expect=3).stdout)
    database = next(f for f in findings if f["check"] == "database")
    assert database["state"] == "fail" and "DATABASE_URL" in database["fix"]


def test_db_upgrade_can_be_repeated(penstock: Run) -> None:
    done = json.loads(penstock("db", "upgrade", "--json").stdout)
    assert done["before"] == done["after"] == migrate.head()


def test_db_reseal_moves_everything_to_the_newest_key(
    penstock: Run, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "ab" * 32, "cd" * 32
    monkeypatch.setenv("PENSTOCK_MASTER_KEY", old)
    file = tmp_path / "county.csv"
    file.write_text(HEADER.strip() + ",Email\n" + ROWS[0].strip() + ",ada@home.example\n")
    penstock("import", str(file))
    monkeypatch.setenv("PENSTOCK_MASTER_KEY", f"2:{new},1:{old}")
    done = json.loads(penstock("db", "reseal", "--json").stdout)
    assert (done["key_version"], done["resealed"]["contact_points.value"]) == (2, 1)
    [(value,)] = sql(database, "select value from app.contact_points")
    assert value.startswith("s2.")
    monkeypatch.setenv("PENSTOCK_MASTER_KEY", f"2:{new}")
    assert "Palm" in penstock("explain", "ada@home.example").stdout
    again = json.loads(penstock("db", "reseal", "--json").stdout)
    assert sum(again["resealed"].values()) == 0
    assert "version 2" in penstock("db", "reseal").stdout
