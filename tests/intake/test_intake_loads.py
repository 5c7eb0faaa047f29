"""Records over HTTP: taken once, promoted through the merge of files, refused with reason and fix, mended."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from ground import MASTER_KEY, ORG
from penstock import assembly, identity, onboarding
from penstock.api import accounts
from penstock.api.accounts import MadeKey
from penstock.api.app import create_app
from penstock.cli import app
from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, rows, scalar
from penstock.core.errors import InvalidInput
from penstock.core.settings import load_settings
from penstock.intake import company_load, load_endpoints, loads, promotion
from penstock.intake.promotion import execute_pipeline, pump

ACME = {"company_name": "Acme LLC", "ein": "12-3456789", "website_url": "https://acme.example", "renewal_month": 6}
JANE = {"full_name": "Jane Doe", "title": "Chief Executive Officer", "email": "jane@acme.example"}


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    async with ctx.db.tenant(1) as db:
        key: MadeKey = await accounts.add_key(
            ctx, db, 1, name="k", scopes=("uploads:write",), allow_v1=False, actor="test"
        )
    transport = httpx.ASGITransport(app=create_app(ctx), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test", headers=headers) as found:
        yield found


async def ask(ctx: Context, sql: str, **params: Any) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(found) for found in await rows(db, text(sql), **params)]


async def test_one_record_becomes_a_company_with_its_people_in_their_slots(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/insert", json=ACME | {"people": [JANE], "colour": "blue"})
    assert answer.status_code == 202, answer.text
    (told,) = answer.json()["records"]
    assert (told["result"], told["status"], told["ignored"]) == ("received", "waiting", ["colour"])
    (kept,) = await ask(ctx, "select payload, payload_hash from app.raw_loads")
    assert kept["payload"].startswith("s1.")
    assert "acme" not in json.dumps(kept)
    assert await pump(ctx, 1) == 1
    assert await pump(ctx, 1) == 0
    shown = (await client.get(f"/insert/{told['id']}")).json()
    assert (shown["status"], shown["outcome"], shown["payload"]["ein"]) == ("promoted", "inserted", "12-3456789")
    (slot,) = await ask(
        ctx, "select company_id, contact_id, full_name, email from company.vw_company_slots where role_code = 'CEO'"
    )
    assert (slot["company_id"], slot["contact_id"], slot["full_name"]) == (
        shown["company_id"],
        shown["contact_id"],
        "Jane Doe",
    )
    assert ctx.sealer.open(1, slot["email"]) == "jane@acme.example"
    assert await ask(ctx, "select action from app.audit_logs where object_type = 'raw_load'") == [
        {"action": "accessed"}
    ]


async def test_many_records_are_told_of_one_by_one_and_promoted_now(ctx: Context, client: httpx.AsyncClient) -> None:
    sent = [
        ACME,
        {**ACME, "employees": 50},
        {"company_name": "Beta", "renewal_month": 13},
        {"company_name": "Gamma", "ein": "1-2"},
        {"city": "Tampa"},
        {"company_name": "Delta", "full_name": "Al Poe", "role": "COO"},
        {"company_name": "Eps", "website_url": "http://127.0.0.1/"},
        {"company_name": "Zeta", "people": [JANE, {"title": "CFO"}]},
        {"company_name": "Eta", "people": [JANE, {**JANE, "title": "CFO"}]},
    ]
    answer = await client.post("/insert", json={"records": sent})
    ids = [one["id"] for one in answer.json()["records"]]
    rehearsed = (await client.post("/pipeline/execute", json={"all": True, "dry_run": True})).json()
    assert (len(rehearsed["inserted"]), len(rehearsed["rejected"])) == (1, 7)
    assert {row["status"] for row in await ask(ctx, "select status from app.raw_loads")} == {"waiting"}
    assert await ask(ctx, "select 1 from app.companies") == []
    done = (await client.post("/pipeline/execute", json={"load_ids": ids})).json()
    assert {name: done[name] for name in ("inserted", "updated", "duplicate", "failed")} == {"inserted": [ids[0]], "updated": [], "duplicate": [ids[1]], "failed": []}  # fmt: skip # noqa: E501
    assert [(one["id"], one["field"], one["reason"]) for one in done["rejected"]] == [
        (ids[2], "renewal_month", "'13' is not a month (1 to 12)"),
        (ids[3], "ein", "'1-2' has 2 digits, an EIN has nine (12-3456789)"),
        (ids[4], "company_name", "there is no company name"),
        (ids[5], "role", "'COO' is no slot of a company (CEO, CFO, HR)"),
        (ids[6], "website", "'http://127.0.0.1/' is an address in numbers, not a public name"),
        (ids[7], "people[1].full_name", "has no name"),
        (ids[8], "people", "names one person for two slots, CEO and CFO"),
    ]
    assert all(one["fix"] for one in done["rejected"])
    refused = (await client.get("/insert", params={"status": "rejected"})).json()
    assert [one["id"] for one in refused] == ids[2:]


async def test_a_refused_record_is_mended_and_promoted_again(ctx: Context, client: httpx.AsyncClient) -> None:
    told = (await client.post("/insert", json={**ACME, "renewal_month": 13, "key": "crm-1"})).json()["records"][0]
    assert await pump(ctx, 1) == 1
    mended = await client.patch(f"/insert/{told['id']}", json={"renewal_month": 7, "website_url": None})
    assert (mended.json()["status"], mended.json()["reason"], mended.json()["key"]) == ("waiting", None, "crm-1")
    assert (await client.post("/pipeline/execute", json={"all": True})).json()["inserted"] == [told["id"]]
    assert await ask(ctx, "select renewal_month, domain from app.companies") == [{"renewal_month": 7, "domain": None}]
    again = await client.patch(f"/insert/{told['id']}", json={"city": "Tampa"})
    assert again.status_code == 409
    assert (await client.patch("/insert/99", json={})).status_code == 404
    other = (await client.post("/insert", json={"city": "Tampa"})).json()["records"][0]["id"]
    assert (await client.delete(f"/insert/{other}")).status_code == 204
    assert await pump(ctx, 1) == 0
    assert (await client.get(f"/insert/{other}")).json()["status"] == "dropped"


async def test_a_key_is_taken_once(ctx: Context, client: httpx.AsyncClient) -> None:
    first = (await client.post("/insert", json={**ACME, "key": "crm-1"})).json()["records"][0]
    await pump(ctx, 1)
    again = await client.post("/insert", json={**ACME, "key": "crm-1"})
    assert again.json()["records"][0] == {**first, "result": "known", "status": "promoted"}
    other = await client.post("/insert", json={**ACME, "key": "crm-1", "city": "Tampa"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    bulk = [
        {**ACME, "key": "crm-1", "city": "Ocala"},
        {"company_name": "Beta", "key": "crm-2"},
        {"company_name": "Beta", "key": "crm-2"},
        {"company_name": "B", "key": "crm-2"},
    ]
    partly = (await client.post("/insert", json={"records": bulk})).json()
    assert [one["result"] for one in partly["records"]] == ["conflict", "received", "known", "conflict"]
    assert (partly["received"], partly["known"], partly["conflicts"]) == (1, 1, 2)
    assert partly["records"][1]["id"] == partly["records"][2]["id"]
    elsewhere = (await client.post("/insert", json={"records": [bulk[0]], "source": "other crm"})).json()
    assert elsewhere["received"] == 1  # keys are a source's own
    assert await ask(ctx, "select count(*) as n from app.raw_loads") == [{"n": 3}]


async def test_a_request_with_an_idempotency_key_is_taken_once(ctx: Context, client: httpx.AsyncClient) -> None:
    body = {"records": [ACME, {"company_name": "Beta"}]}
    headers = {"Idempotency-Key": "batch-7"}
    first = (await client.post("/insert", json=body, headers=headers)).json()
    again = (await client.post("/insert", json=body, headers=headers)).json()
    assert [one["id"] for one in again["records"]] == [one["id"] for one in first["records"]]
    assert (again["received"], again["known"]) == (0, 2)
    for other in ({"records": [ACME]}, {"records": [ACME, {"company_name": "Gamma"}]}):
        assert (await client.post("/insert", json=other, headers=headers)).status_code == 409
    assert await ask(ctx, "select count(*) as n from app.raw_loads") == [{"n": 2}]


SENSELESS: list[tuple[str, Any]] = [
    ("/insert", {"records": []}),
    ("/insert", {"records": [{"company_name": "A"}] * (loads.MAX_RECORDS + 1)}),
    ("/insert", {"company_name": {"a": 1}}),
    ("/insert", {"records": {"company_name": "A"}}),
    ("/insert", {"records": [ACME], "colour": "blue"}),
    ("/insert", {"records": [ACME], "playbook": "equity"}),
    ("/insert", [ACME]),
    ("/pipeline/execute", {}),
    ("/pipeline/execute", {"all": True, "load_ids": [1]}),
    ("/pipeline/execute", {"all": True, "dryrun": True}),
]


async def test_what_makes_no_sense_is_refused_as_a_whole(ctx: Context, client: httpx.AsyncClient) -> None:
    for path, body in SENSELESS:
        answer = await client.post(path, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert await ask(ctx, "select 1 from app.raw_loads") == []


UNSTORABLE: list[tuple[str, str]] = [
    ('{"company_name": "Nul\\u0000 Inc"}', "company_name"),
    ('{"company_name": "Sur\\ud800 Inc"}', "company_name"),
    ('{"company_name": "A", "people": [{"full_name": "B\\u0000"}]}', "people[0].full_name"),
    ('{"company_name": "A", "x\\u0000": 1}', "x\ufffd"),
    ('{"records": [{"company_name": "A"}], "source": "s\\ud800"}', "source"),
    ('{"company_name": "A", "key": "k\\u0000"}', "key"),
]


async def test_a_character_that_cannot_be_stored_is_refused_with_its_record_and_field(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    json_text = {"content-type": "application/json"}
    for body, named in UNSTORABLE:
        answer = await client.post("/insert", content=body, headers=json_text)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
        assert named in answer.json()["detail"]
        (error,) = answer.json()["errors"]
        assert error["field"].removeprefix("body.") == named
    assert await ask(ctx, "select 1 from app.raw_loads") == []
    told = (await client.post("/insert", json={"company_name": "A"})).json()["records"][0]
    mended = await client.patch(f"/insert/{told['id']}", content='{"city": "T\\ud800"}', headers=json_text)
    assert (mended.status_code, mended.json()["errors"][0]["field"]) == (422, "city")


async def test_a_record_that_holds_such_a_character_already_is_rejected_and_can_be_mended(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    async with ctx.db.tenant(1) as db:
        insert = text("insert into intake.raw_loads (payload) values (:a), (:b), (:c)")
        deep = '{"company_name": "A", "x": ' + "[" * 20_000 + "]" * 20_000 + "}"
        sur = '{"company_name": "Sur\\ud800 Inc"}'
        await execute(db, insert, a='{"company_name": "A", "people": [{"full_name": "N\\u0000"}]}', b=sur, c=deep)
    assert await pump(ctx, 1) == 3
    nul, half, deeper = await ask(ctx, "select id, status, field, reason, fix from app.raw_loads order by id")
    assert (nul["status"], nul["field"], half["status"], half["field"], deeper["status"]) == (
        *("rejected", "people[0].full_name"),
        *("rejected", "company_name"),
        "rejected",
    )
    assert nul["fix"] and "cannot be stored" in nul["reason"]
    async with ctx.db.tenant(1) as db:
        assert await dlq.listing(db) == []
    shown = await client.get(f"/insert/{half['id']}")
    assert (shown.status_code, shown.json()["payload"]) == (200, {"company_name": "Sur? Inc"})
    assert (await client.patch(f"/insert/{half['id']}", json={"company_name": "Sur Inc"})).status_code == 200
    assert await pump(ctx, 1) == 1


async def test_ids_are_bounded_and_unknown_ones_are_named(client: httpx.AsyncClient) -> None:
    huge = 10**23
    assert (await client.post("/pipeline/execute", json={"load_ids": [huge]})).status_code == 422
    for method in ("GET", "DELETE"):
        assert (await client.request(method, f"/insert/{huge}")).status_code == 422
    assert (await client.get("/insert", params={"after": huge})).status_code == 422
    told = (await client.post("/insert", json=ACME)).json()["records"][0]
    done = (await client.post("/pipeline/execute", json={"load_ids": [told["id"], 99999, 99999]})).json()
    assert (done["inserted"], done["unknown"]) == ([told["id"]], [99999])


async def test_a_body_nested_too_deeply_or_too_large_is_the_senders_mistake(client: httpx.AsyncClient) -> None:
    for depth in (100_000, 800, 400):
        body = '{"company_name": "A", "x": ' + "[" * depth + "]" * depth + "}"
        deep = await client.post("/insert", content=body, headers={"content-type": "application/json"})
        if depth == 100_000:
            assert (deep.status_code, deep.json()["code"]) == (422, "invalid_input"), deep.text
        assert deep.status_code in {202, 422}
    large = await client.post("/insert", content=b"x" * 16_000_001)
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert "16 MB" in large.json()["detail"]
    assert large.json()["fix"]


async def test_what_is_dropped_leaves_the_dead_letters(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        told = await loads.receive(db, ctx.sealer, 1, [ACME], source="api", playbook=None, actor="t")
        load_id = told[0].id or 0
        await dlq.put(db, 1, stage="intake.promotion", item=str(load_id), payload={}, error="boom")
        with pytest.raises(InvalidInput, match="say why"):
            await loads.drop(db, 1, load_id, actor="t", reason=" ")
        await loads.drop(db, 1, load_id, actor="t", reason="sent twice")
        assert await dlq.listing(db) == []


def test_the_fields_that_a_refusal_names_are_those_of_the_reference() -> None:
    described = {*load_endpoints.RecordIn.model_fields, *load_endpoints.PersonIn.model_fields} - {"key"}
    assert set(company_load.FIELDS) == described
    assert company_load.unknown_fields(dict.fromkeys(company_load.FIELDS, "x")) == ()
    assert company_load.unknown_fields({"colour": "blue", "size": None}) == ("colour",)


async def test_nobody_without_the_scope_may_insert(ctx: Context, client: httpx.AsyncClient) -> None:
    async with ctx.db.tenant(1) as db:
        reader = await accounts.add_key(ctx, db, 1, name="r", scopes=("leads:read",), allow_v1=False, actor="test")
    for path in ("/insert", "/pipeline/execute"):
        assert (
            await client.post(path, json=ACME, headers={"Authorization": f"Bearer {reader.key}"})
        ).status_code == 403
        assert (await client.post(path, json=ACME, headers={"Authorization": "Bearer no"})).status_code == 401


async def test_the_largest_request_is_taken(client: httpx.AsyncClient) -> None:
    records = [{"company_name": f"Mill {n}", "people": [JANE], "industry": "x" * 150} for n in range(loads.MAX_RECORDS)]
    answer = await client.post("/insert", json={"records": records})
    assert answer.json()["received"] == loads.MAX_RECORDS


async def test_a_record_written_by_hand_through_the_face_is_promoted_and_sealed(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        insert = text("insert into intake.raw_loads (payload) values (:one), ('nonsense')")
        await execute(db, insert, one='{"company_name": "By Hand", "state": "Texas"}')
    assert await pump(ctx, 1) == 2
    good, bad = await ask(ctx, "select status, reason, payload from app.raw_loads order by id")
    assert (good["status"], bad["status"], bad["reason"]) == (
        "promoted",
        "rejected",
        "the content is not a JSON object",
    )
    assert good["payload"].startswith("s1.")
    assert bad["payload"].startswith("s1.")
    assert await ask(ctx, "select name_key from app.companies") == [{"name_key": "by hand|TX"}]


async def test_files_and_records_meet_in_one_company(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        for source, name in (("crm", "Acme Inc"), ("erp", "The Acme")):
            await loads.receive(
                db, ctx.sealer, 1, [{**ACME, "company_name": name}], source=source, playbook=None, actor="t"
            )
    done = await execute_pipeline(ctx, 1, None)
    assert (len(done.inserted), len(done.updated)) == (1, 1)
    assert await ask(ctx, "select count(*) as n from app.companies") == [{"n": 1}]


async def test_one_record_that_breaks_the_merge_holds_no_other(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ctx.db.tenant(1) as db:
        sent = [{"company_name": f"Mill {n}"} for n in range(5)]
        told = await loads.receive(db, ctx.sealer, 1, sent, source="api", playbook=None, actor="t")
    bad = told[3].id
    real = promotion.company_values

    def breaks(row: Any, *more: Any) -> Any:
        if row.values["name"] == "Mill 3":
            raise RuntimeError("boom")
        return real(row, *more)

    monkeypatch.setattr(promotion, "company_values", breaks)
    assert await pump(ctx, 1) == 5
    monkeypatch.undo()
    states = {row["id"]: row["status"] for row in await ask(ctx, "select id, status from app.raw_loads")}
    assert [load_id for load_id, status in states.items() if status != "promoted"] == [bad]
    async with ctx.db.tenant(1) as db:
        (entry,) = await dlq.listing(db, stage="intake.promotion")
        assert entry["item"] == str(bad)
        await dlq.retry(db, None)
    assert await pump(ctx, 1) == 1
    async with ctx.db.tenant(1) as db:
        assert await dlq.listing(db) == []
        assert await scalar(db, text("select count(*) from app.companies")) == 5


async def test_two_pumps_at_once_promote_each_record_once(ctx: Context) -> None:
    async with ctx.db.tenant(1) as db:
        sent = [{"company_name": f"Mill {n}", "state": "TX"} for n in range(40)]
        await loads.receive(db, ctx.sealer, 1, sent, source="api", playbook=None, actor="t")
    counts = await asyncio.gather(pump(ctx, 1), pump(ctx, 1))
    assert sum(counts) == 40
    assert await ask(ctx, "select status, outcome, count(*) as n from app.raw_loads group by 1, 2") == [
        {"status": "promoted", "outcome": "inserted", "n": 40}
    ]


async def test_the_routes_are_described_with_examples(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    assert {"/insert", "/insert/{load_id}", "/pipeline/execute"} <= described["paths"].keys()
    assert schemas["RecordIn"]["example"]["company_name"]
    assert schemas["RecordsIn"]["properties"]["records"]["maxItems"] == loads.MAX_RECORDS
    made = identity.company_keys(
        schemas["RecordIn"]["example"]["company_name"], ein=schemas["RecordIn"]["example"]["ein"]
    )
    assert made.ein


def test_the_command_line_lists_shows_mends_and_promotes(
    database: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATABASE_URL": database,
        "PENSTOCK_MASTER_KEY": MASTER_KEY,
        "PENSTOCK_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)

    async def prepare() -> None:
        async with assembly.context(load_settings(), database) as ctx:
            await onboarding.ensure_org(ctx, 1, ORG)
            async with ctx.db.tenant(1) as db:
                sent: list[loads.Record] = [{"company_name": "Acme", "renewal_month": 13}, {"city": "Tampa"}]
                await loads.receive(db, ctx.sealer, 1, sent, source="api", playbook=None, actor="t")

    asyncio.run(prepare())

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["intake", *words])
        assert result.exit_code == code, result.output
        return result.stdout

    refused = json.loads(run("promote", "--json", code=3))["rejected"]
    first, second = (one["id"] for one in refused)
    assert "renewal_month" in run("list", "--status", "rejected")
    assert json.loads(run("show", str(first), "--json"))["payload"] == {"company_name": "Acme", "renewal_month": 13}
    wrong = CliRunner().invoke(app, ["intake", "mend", str(first), "city=T\x00"])
    assert (wrong.exit_code, "cannot be stored" in " ".join(wrong.stderr.split())) == (2, True), wrong.output
    run("mend", str(first), "renewal_month=6")
    run("drop", str(second), "--reason", "no name")
    assert json.loads(run("promote", "--json"))["inserted"] == [first]
    assert "promoted already" in run("promote", str(first), str(second))
    assert {row["status"] for row in json.loads(run("list", "--json"))} == {"promoted", "dropped"}
    assert "there is no raw load 99" in CliRunner().invoke(app, ["intake", "show", "99"]).stderr
    for words, told in {
        ("list", "--status", "nonsense"): "waiting, promoted, rejected, dropped",
        ("mend", str(first), "colour=blue"): "renewal_month",
        ("promote", "99999"): "there is no raw load 99999",
        ("promote", str(10**23)): "there is no raw load",
        ("drop", str(second), "--reason", ""): "say why",
    }.items():
        result = CliRunner().invoke(app, ["intake", *words])
        assert (result.exit_code, told in " ".join(result.stderr.split())) == (2, True), result.output
