"""What a sender of records is told: row by row, at the same moment too, and of records that are past promotion."""

import asyncio
import dataclasses
import json
from typing import Any

import httpx
import pytest
from test_intake_loads import ACME, JANE, ask
from test_intake_loads import client as client  # the fixture

from ground import MASTER_KEY
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.core.sealing import Sealer
from penstock.intake import load_endpoints, loads, promotion
from penstock.intake.promotion import execute_pipeline, pump
from penstock.rotation import reseal

KEYED = [{"company_name": f"Mill {n}", "key": f"crm-{n}"} for n in range(60)]


async def send(client: httpx.AsyncClient, body: Any, **headers: str) -> dict[str, Any]:
    answer = await client.post("/insert", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("by", ["keys", "an Idempotency-Key"])
async def test_the_same_records_sent_at_one_moment_are_taken_once_and_known_to_the_others(
    ctx: Context, client: httpx.AsyncClient, by: str
) -> None:
    sent = KEYED if by == "keys" else [{**one, "key": None} for one in KEYED]
    headers = {} if by == "keys" else {"Idempotency-Key": "batch-9"}
    extra = [{"company_name": f"Own {n}", "key": f"own-{n}"} for n in range(8)]  # one key of each request is its own
    told = await asyncio.gather(
        *(send(client, {"records": [*(sent if n % 2 else sent[::-1]), extra[n]] if by == "keys" else sent}, **headers)
          for n in ((1, 3, 5, 7) if by != "keys" else range(8)))
    )  # fmt: skip
    assert [one["conflicts"] for one in told] == [0] * len(told)
    assert sum(one["received"] for one in told) == len(KEYED) + (8 if by == "keys" else 0)
    ids = {frozenset(row["id"] for row in one["records"][: len(KEYED)]) for one in told}
    assert len(ids) == 1
    (kept,) = await ask(ctx, "select count(*) as n from app.raw_loads")
    assert kept["n"] == sum(one["received"] for one in told)


async def test_a_request_with_some_keys_of_its_own_is_retried_under_its_idempotency_key(
    client: httpx.AsyncClient,
) -> None:
    body = {"records": [ACME, {"company_name": "Beta", "key": "b"}]}
    first, again = [await send(client, body, **{"Idempotency-Key": "batch-8"}) for _ in range(2)]
    assert (first["received"], again["known"]) == (2, 2)


BAD: list[tuple[Any, str | None, str]] = [
    ({"company_name": ["x"]}, "company_name", "is not a plain value"),
    ({"company_name": {"a": 1}}, "company_name", "is not a plain value"),
    ("Acme", None, "is not an object"),
    (None, None, "is not an object"),
    ({**ACME, "key": 7}, "key", "is not text"),
    ({**ACME, "key": "k" * 201}, "key", "has more than 200 characters"),
    ({**ACME, "key": "k\x00"}, "key", loads.UNSTORABLE),
    ({"company_name": "Nul\x00 Inc"}, "company_name", loads.UNSTORABLE),
    ({**ACME, "people": "Jane"}, "people", "is not a list"),
    ({**ACME, "people": [JANE, "Jane"]}, "people[1]", "is not an object"),
    ({**ACME, "people": [{"full_name": ["x"]}]}, "people[0].full_name", "is not a plain value"),
]


async def test_a_badly_formed_record_is_refused_alone(ctx: Context, client: httpx.AsyncClient) -> None:
    good = [{"company_name": "First"}, {"company_name": "Last"}]
    for headers in ({}, {"Idempotency-Key": "batch-1"}, {"Idempotency-Key": "batch-1"}):
        told = await send(client, {"records": [good[0], *(record for record, _, _ in BAD), good[1]]}, **headers)
        assert (told["received"] + told["known"], told["refused"], told["conflicts"]) == (2, len(BAD), 0)
        assert [one["index"] for one in told["records"]] == list(range(len(BAD) + 2))
        refused = told["records"][1:-1]
        assert [(one["field"], one["reason"]) for one in refused] == [(field, reason) for _, field, reason in BAD]
        assert {one["result"] for one in refused} == {"refused"}
        assert all(one["fix"] and one["id"] is None for one in refused)
    (kept,) = await ask(ctx, "select count(*) as n from app.raw_loads")
    assert kept["n"] == 4
    for record, _, _ in BAD:  # alone, the request is the record
        if isinstance(record, dict):
            answer = await client.post("/insert", json=record)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_the_shape_of_a_record_stays_described(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert schemas["RecordsIn"]["properties"]["records"]["items"] == {"$ref": "#/components/schemas/RecordIn"}
    assert schemas["RecordIn"]["properties"]["key"]["anyOf"][0]["maxLength"] == load_endpoints.MAX_KEY


async def test_a_mended_record_is_known_by_what_was_sent_and_by_what_it_is_now(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    sent = {**ACME, "renewal_month": 13, "key": "crm-1"}
    (first,) = (await send(client, sent))["records"]
    await pump(ctx, 1)
    assert (await client.patch(f"/insert/{first['id']}", json={"renewal_month": 7})).status_code == 200
    for body in (sent, {**sent, "renewal_month": 7}):
        (told,) = (await send(client, body))["records"]
        assert (told["result"], told["id"]) == ("known", first["id"])
    assert (await client.post("/insert", json={**sent, "renewal_month": 8})).status_code == 409


async def execute(client: httpx.AsyncClient, ids: list[int], **more: Any) -> dict[str, Any]:
    answer = await client.post("/pipeline/execute", json={"load_ids": ids, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return {name: value for name, value in found.items() if value and name != "dry_run"}


async def test_named_records_are_told_of_though_a_worker_or_an_earlier_run_dealt_with_them(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    sent = [
        ACME | {"people": [JANE]},
        {**ACME, "employees": 5},
        {"company_name": "Beta", "renewal_month": 13},
        {"x": 1},
    ]
    done, again, bad, dropped = [one["id"] for one in (await send(client, {"records": sent}))["records"]]
    await client.delete(f"/insert/{dropped}")
    await pump(ctx, 1)
    told = await execute(client, [done, again, bad, dropped, 99999])
    company, jane = (await ask(ctx, "select company_id, contact_id from app.raw_loads where id = :id", id=done))[
        0
    ].values()
    assert told["promoted"] == [
        {"id": done, "outcome": "inserted", "company_id": company, "contact_id": jane},
        {"id": again, "outcome": "duplicate", "company_id": company, "contact_id": None},
    ]
    assert [one["id"] for one in told["rejected"]] == [bad]
    assert (told["dropped"], told["unknown"]) == ([dropped], [99999])
    assert (await execute(client, [bad], dry_run=True))["rejected"][0]["field"] == "renewal_month"


async def test_records_that_a_worker_has_just_now_are_in_progress(ctx: Context, client: httpx.AsyncClient) -> None:
    ids = [one["id"] for one in (await send(client, {"records": KEYED[:3]}))["records"]]
    async with ctx.db.tenant(1) as db:
        await rows(db, loads.SQL["claim"], ids=ids[:2])
        assert await execute(client, ids) == {"inserted": ids[2:], "in_progress": ids[:2]}
    everything = await execute_pipeline(ctx, 1, None)
    assert (everything.inserted, everything.in_progress) == (ids[:2], [])


async def test_a_run_beside_workers_tells_of_every_record_once(ctx: Context, client: httpx.AsyncClient) -> None:
    ids = [one["id"] for one in (await send(client, {"records": KEYED}))["records"]]
    told, *_ = await asyncio.gather(execute(client, ids), pump(ctx, 1), pump(ctx, 1))
    found = [one["id"] if isinstance(one, dict) else one for value in told.values() for one in value]
    assert sorted(found) == ids, json.dumps(told)


async def test_what_was_sent_before_a_change_of_the_master_key_is_known_after_it(
    ctx: Context, client: httpx.AsyncClient
) -> None:
    requests: list[tuple[dict[str, Any], str | None]] = [({**ACME, "key": "crm-1"}, None), (ACME, "batch-7")]
    for record, name in requests:
        await send(client, record, **({"Idempotency-Key": name} if name else {}))
    both = dataclasses.replace(ctx, sealer=Sealer({1: bytes.fromhex(MASTER_KEY), 2: b"n" * 32}))
    said: dict[str, Any] = {"source": "api", "playbook": None, "actor": "t"}
    for again in range(2):  # before and after everything is sealed anew
        for record, name in requests:
            async with both.db.tenant(1) as db:
                (told,) = await loads.receive(db, both.sealer, 1, [record], idempotency_key=name, **said)
            assert told.result == "known", (again, record)
        await reseal(both, 1)
    async with both.db.tenant(1) as db:
        (other,) = await loads.receive(db, both.sealer, 1, [{**ACME, "key": "crm-1", "city": "Tampa"}], **said)
    assert other.result == "conflict"


async def test_a_blank_key_is_none(client: httpx.AsyncClient) -> None:
    sent = [{"company_name": f"Mill {n}", "key": key} for n, key in enumerate(["", "", "  ", None])]
    told = await send(client, {"records": sent})
    assert (told["received"], {one["key"] for one in told["records"]}) == (4, {None})


async def test_the_key_of_a_record_is_not_mended(client: httpx.AsyncClient) -> None:
    (told,) = (await send(client, {**ACME, "key": "crm-1"}))["records"]
    for change in ({"key": "crm-2"}, {"city": "Tampa", "key": None}):
        answer = await client.patch(f"/insert/{told['id']}", json=change)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "key")
    shown = (await client.get(f"/insert/{told['id']}")).json()
    assert (shown["key"], "city" in shown["payload"], "key" in shown["payload"]) == ("crm-1", False, False)


async def test_a_refused_request_names_its_fields_as_they_were_sent(client: httpx.AsyncClient) -> None:
    cases: list[tuple[Any, list[str]]] = [
        ('{"records": []}', ["body.records"]),
        ('{"records": [{}], "colour": 1}', ["body.colour"]),
        ('{"company_name": {"a": 1}}', ["body.company_name"]),
        ('{"company_name": "A", "people": [{"title": ["x"]}]}', ["body.people.0.title"]),
        ("[]", ["body"]),
        ('{"records": x}', ["body"]),
    ]
    for sent, fields in cases:
        answer = await client.post("/insert", content=sent, headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
        assert sorted({error["field"] for error in answer.json()["errors"]}) == fields
        assert not {"many", "one"} & set(answer.json()["detail"].replace(":", ".").split("."))


async def test_a_refused_mailbox_or_number_is_not_quoted(ctx: Context, client: httpx.AsyncClient) -> None:
    people = [{**JANE, "email": "notanemail"}, {**JANE, "phone": "12"}]
    for person, reason in zip(people, ["is not an email address", "is not a US phone number"], strict=True):
        (told,) = (await send(client, {**ACME, "people": [person]}))["records"]
        (refused,) = (await execute(client, [told["id"]]))["rejected"]
        assert refused["reason"] == reason


async def test_a_rehearsal_that_breaks_leaves_nothing_behind(
    ctx: Context, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (told,) = (await send(client, ACME))["records"]

    async def breaks(*_: Any) -> Any:
        raise RuntimeError("boom")

    monkeypatch.setattr(promotion, "_promote", breaks)
    assert (await execute_pipeline(ctx, 1, None, dry_run=True)).failed == [told["id"]]
    monkeypatch.undo()
    assert await ask(ctx, "select item from app.dlq") == []
    assert await pump(ctx, 1) == 1
