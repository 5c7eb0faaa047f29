"""Uploads over HTTP: signed in, merged by the pump, asked for, downloaded; replays, forgeries and crashes."""

import base64
import csv
import gzip
import hashlib
import hmac
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from ground import START
from penstock.api import accounts
from penstock.api.accounts import MadeKey
from penstock.api.app import create_app
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import rows
from penstock.intake import service, tasks
from penstock.intake.signing import sign_v2

CSV = b"address,zip,owner\n1 A St,33602,Ada Sample\n2 A St,33602,Bo Sample\nnowhere,33602,=Cy Sample\n"


@pytest.fixture
async def client(ctx: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(ctx), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as found:
        yield found


async def make_key(ctx: Context, *, allow_v1: bool = False, scopes: tuple[str, ...] = ("uploads:write",)) -> MadeKey:
    async with ctx.db.tenant(1) as db:
        return await accounts.add_key(ctx, db, 1, name="k", scopes=scopes, allow_v1=allow_v1, actor="test")


@pytest.fixture
async def key(ctx: Context) -> MadeKey:
    return await make_key(ctx)


def v2(key: MadeKey, body: bytes) -> dict[str, str]:
    stamp = clock.now().isoformat()
    signature = sign_v2(key.signing_secret, stamp, body)
    return {"X-Key-Id": key.prefix, "X-Signature": signature, "X-Signature-Timestamp": stamp}


async def post(client: httpx.AsyncClient, headers: dict[str, str], body: bytes = CSV, **params: str) -> httpx.Response:
    sent = {"Content-Type": "text/csv", **headers}
    return await client.post("/v1/uploads", content=body, headers=sent, params=params)


async def ask(ctx: Context, sql: str) -> list[dict[str, Any]]:
    async with ctx.db.tenant(1) as db:
        return [dict(found) for found in await rows(db, text(sql))]


def bearer(key: MadeKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.key}"}


async def test_a_signed_file_is_accepted_merged_and_reported(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    answer = await post(client, v2(key, CSV), name="tampa.csv")
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    waiting = (await client.get(where, headers=bearer(key))).json()
    assert (waiting["state"], waiting["rows"], waiting["name"]) == ("received", None, "tampa.csv")
    assert await tasks.pump(ctx, 1) == 1
    done = (await client.get(where, headers=bearer(key))).json()
    assert done["state"] == "done"
    assert done["rows"] == {"read": 3, "inserted": 2, "updated": 0, "duplicate_in_file": 0, "rejected": 1}
    assert await ask(ctx, "select 1 from app.upload_chunks") == []
    assert await tasks.pump(ctx, 1) == 0


async def test_refused_rows_are_downloaded_with_their_reasons_and_it_is_noted(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    where = (await post(client, v2(key, CSV))).headers["location"]
    await tasks.pump(ctx, 1)
    answer = await client.get(f"{where}/rejected.csv", headers=bearer(key))
    assert answer.headers["content-type"].startswith("text/csv")
    (line,) = csv.DictReader(io.StringIO(answer.text))
    assert (line["row"], line["field"]) == ("4", "address_line1")
    assert line["raw"] == "nowhere,33602,=Cy Sample"
    (noted,) = await ask(ctx, "select actor, action from app.audit_logs where object_type = 'upload'")
    assert noted == {"actor": f"key:{key.prefix}", "action": "accessed"}


async def test_what_a_row_was_taken_without_is_downloaded(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    body = b"address,zip,lat,lng\n1 A St,33602,27.95,-82.46\n2 A St,33602,-82.46,27.95\n"
    where = (await post(client, v2(key, body), body)).headers["location"]
    await tasks.pump(ctx, 1)
    (line,) = csv.DictReader(io.StringIO((await client.get(f"{where}/notes.csv", headers=bearer(key))).text))
    assert line["row"] == "3"
    assert line["note"].startswith("lat stands where lng belongs")


async def test_a_cell_that_a_spreadsheet_would_run_is_defused(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    body = b"zip,address\n33602,1 A St\n=1+1,\n"
    where = (await post(client, v2(key, body), body)).headers["location"]
    await tasks.pump(ctx, 1)
    text_ = (await client.get(f"{where}/rejected.csv", headers=bearer(key))).text
    assert '"\'=1+1,"' in text_


async def test_uploads_are_listed_newest_first_page_by_page(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    for n in range(3):
        with clock.held_at(START + timedelta(minutes=n)):
            body = CSV + b"%d B St,33602,\n" % n
            await post(client, v2(key, body), body, name=f"{n}.csv")
    first = (await client.get("/v1/uploads", params={"limit": 2}, headers=bearer(key))).json()
    assert [one["name"] for one in first] == ["2.csv", "1.csv"]
    rest = await client.get("/v1/uploads", params={"before": first[-1]["id"]}, headers=bearer(key))
    assert [one["name"] for one in rest.json()] == ["0.csv"]


async def test_standard_webhooks_and_gzip_are_accepted(ctx: Context, client: httpx.AsyncClient, key: MadeKey) -> None:
    signed = Webhook(key.signing_secret).sign("msg_1", START, CSV.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(START.timestamp())), "webhook-signature": signed}
    assert (await post(client, {"X-Key-Id": key.prefix, **headers})).status_code == 202
    packed = gzip.compress(b"address,zip\n3 A St,33602\n")
    assert (await post(client, v2(key, packed), packed)).status_code == 202
    assert await tasks.pump(ctx, 1) == 2
    assert (await ask(ctx, "select count(*) as n from app.leads"))[0]["n"] == 3


async def test_the_printed_client_works_for_keys_that_allow_it_and_for_no_other(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    old = await make_key(ctx, allow_v1=True)

    def printed(made: MadeKey) -> dict[str, str]:
        digest = hmac.new(made.signing_secret.encode(), CSV, hashlib.sha256).hexdigest()
        return {"X-Signature": f"sha256={digest}", "X-Content-SHA256": hashlib.sha256(CSV).hexdigest()}

    assert (await post(client, printed(key), key=key.prefix)).status_code == 401
    assert (await post(client, printed(old), key=old.prefix)).status_code == 202


async def test_a_captured_request_cannot_be_sent_again_with_a_new_timestamp(
    client: httpx.AsyncClient, key: MadeKey
) -> None:
    captured = v2(key, CSV)
    with clock.held_at(START + timedelta(hours=1)):
        assert (await post(client, captured)).status_code == 401
        fresh = {**captured, "X-Signature-Timestamp": clock.now().isoformat()}
        assert (await post(client, fresh)).status_code == 401


@pytest.mark.parametrize(
    ("change", "body", "reason"),
    [
        ({"X-Signature": "sha256=" + "0" * 64}, CSV, "does not match"),
        ({}, CSV + b"9 A St,33602,Mal\n", "does not match"),
        ({"X-Signature": ""}, CSV, "not signed"),
        ({"X-Signature-Timestamp": ""}, CSV, "Timestamp is missing"),
    ],
)
async def test_a_forged_upload_is_refused_noted_and_leaves_nothing(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey, change: dict[str, str], body: bytes, reason: str
) -> None:
    answer = await post(client, {**v2(key, CSV), **change}, body)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert reason in answer.json()["detail"]
    assert await ask(ctx, "select 1 from app.uploads union all select 1 from app.upload_chunks") == []
    (noted,) = await ask(ctx, "select route, ok, reason from app.signature_checks")
    assert (noted["route"], noted["ok"]) == ("/v1/uploads", False)
    assert reason in noted["reason"]


async def test_keys_unknown_revoked_or_without_the_scope_are_refused(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    reader = await make_key(ctx, scopes=("leads:read",))
    assert (await post(client, v2(reader, CSV))).status_code == 403
    assert (await post(client, {**v2(key, CSV), "X-Key-Id": "00000000"})).status_code == 401
    async with ctx.db.tenant(1) as db:
        await accounts.revoke_key(db, 1, key.id, actor="test")
    assert (await post(client, v2(key, CSV))).status_code == 401


async def test_what_makes_no_sense_is_refused_before_it_is_kept(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    for params in ({"playbook": "solar"}, {"map": "/etc/passwd.yaml"}):
        assert (await post(client, v2(key, CSV), **params)).status_code == 422
    assert (await post(client, v2(key, b""), b"")).status_code == 422
    assert await ask(ctx, "select 1 from app.uploads") == []


async def test_a_file_above_the_limit_is_cut_off(ctx: Context, key: MadeKey) -> None:
    api = ctx.settings.api.model_copy(update={"max_upload_bytes": 50})
    small = Context(ctx.settings.model_copy(update={"api": api}), ctx.db, ctx.sealer, ctx.http, ctx.playbooks)
    transport = httpx.ASGITransport(app=create_app(small), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        answer = await post(client, v2(key, CSV))
    assert (answer.status_code, "too large" in answer.text) == (422, True)
    assert await ask(ctx, "select 1 from app.uploads") == []


async def test_the_same_file_again_waits_for_the_first_and_is_refused_once_it_is_done(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    first = await post(client, v2(key, CSV))
    again = await post(client, v2(key, CSV))
    assert (again.status_code, again.headers["location"]) == (202, first.headers["location"])
    await tasks.pump(ctx, 1)
    late = await post(client, v2(key, CSV))
    assert (late.status_code, late.headers["location"]) == (409, first.headers["location"])
    assert late.json()["upload_id"] == first.json()["id"]
    assert (await ask(ctx, "select count(*) as n from app.uploads"))[0]["n"] == 1
    (noted,) = await ask(ctx, "select action, details from app.audit_logs where object_type = 'upload'")
    assert noted == {"action": "refused", "details": {"reason": "duplicate"}}


async def test_a_bad_file_fails_with_its_reason_and_a_mended_one_is_taken(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey
) -> None:
    bad = b"owner,value\nAda,1\n"
    where = (await post(client, v2(key, bad), bad)).headers["location"]
    assert await tasks.pump(ctx, 1) == 1
    failed = (await client.get(where, headers=bearer(key))).json()
    assert failed["state"] == "failed"
    assert "lacks a street address" in failed["error"]
    assert (await post(client, v2(key, bad), bad)).status_code == 202  # a failed upload does not bar the way
    assert (await post(client, v2(key, CSV))).status_code == 202


async def test_an_upload_that_breaks_the_merge_waits_in_the_dlq_and_holds_nobody(
    ctx: Context, client: httpx.AsyncClient, key: MadeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = (await post(client, v2(key, CSV))).json()["id"]
    with clock.held_at(START + timedelta(seconds=1)):
        other = b"address,zip\n8 A St,33602\n"
        await post(client, v2(key, other), other)
    whole = service._merge

    async def breaks(db: Any, sealer: Any, org_id: int, upload_id: Any, *rest: Any) -> Any:
        if str(upload_id) == poisoned:
            raise RuntimeError("a bug")
        return await whole(db, sealer, org_id, upload_id, *rest)

    monkeypatch.setattr(service, "_merge", breaks)
    assert await tasks.pump(ctx, 1) == 1
    (waiting,) = await ask(ctx, "select stage, item, error from app.dlq")
    assert waiting == {"stage": "intake", "item": poisoned, "error": "RuntimeError"}
    monkeypatch.setattr(service, "_merge", whole)
    assert await tasks.pump(ctx, 1) == 0  # not before its time
    with clock.held_at(START + timedelta(hours=1)):
        assert await tasks.pump(ctx, 1) == 1
    assert await ask(ctx, "select 1 from app.dlq") == []


async def test_what_another_worker_holds_is_left_to_it(ctx: Context, client: httpx.AsyncClient, key: MadeKey) -> None:
    upload = (await post(client, v2(key, CSV))).json()["id"]
    async with ctx.db.tenant(1) as db:
        await rows(db, text("select 1 from app.uploads where id = cast(:id as uuid) for update"), id=upload)
        assert await tasks.pump(ctx, 1) == 0
    assert await tasks.pump(ctx, 1) == 1


async def test_bodies_that_broke_off_are_forgotten_after_a_day(ctx: Context) -> None:
    await ask(
        ctx,
        "insert into app.uploads (org_id, name, source, playbook, content_sha256, actor, state) "
        "values (1, 'x', '', 'equity', '', 'key:x', 'receiving') returning id",
    )
    await tasks.pump(ctx, 1)
    assert len(await ask(ctx, "select 1 from app.uploads")) == 1
    with clock.held_at(START + timedelta(days=1, minutes=1)):
        await tasks.pump(ctx, 1)
    assert await ask(ctx, "select 1 from app.uploads") == []


async def test_pieces_are_sealed_while_they_wait(ctx: Context, client: httpx.AsyncClient, key: MadeKey) -> None:
    body = b"address,zip,owner\n" + b"".join(b"%d A St,33602,Ada Sample\n" % n for n in range(60_000))
    await post(client, v2(key, body), body)
    pieces = await ask(ctx, "select part, bytes_sealed from app.upload_chunks order by part")
    assert [piece["part"] for piece in pieces] == [0, 1]
    assert all(b"Sample" not in bytes(piece["bytes_sealed"]) for piece in pieces)
    opened = b"".join(ctx.sealer.open_bytes(1, bytes(piece["bytes_sealed"])) for piece in pieces)
    assert opened == body


def test_the_signing_secret_is_what_standard_webhooks_expects(key: MadeKey) -> None:
    assert len(base64.b64decode(key.signing_secret.removeprefix("whsec_"))) == 32
