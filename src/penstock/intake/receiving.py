"""A signed upload over HTTP: checked against its key, kept sealed in pieces while it arrives, handed to the pump whole.

The upload's row is the replay guard: the same content again finds the row, resumes what is unfinished and is refused
with the first result where it is done. Nothing that was not signed properly stays.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import Conflict, InvalidInput, NotAllowed, NotSignedIn
from penstock.core.sqlfile import load
from penstock.intake import signing

SQL: Final = load(__package__)
PIECE: Final = 1 << 20  # bytes sealed at once
SCOPE: Final = "uploads:write"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the sender wants done with the file."""

    playbook: str
    map_name: str = "auto"
    source: str = ""
    name: str = "upload.csv"


async def receive(
    ctx: Context, key_id: str | None, headers: Mapping[str, str], body: AsyncIterator[bytes], wanted: Wanted
) -> UUID:
    """Take a signed body in; gives the upload that will be merged (an unfinished one of the same content, if there is).

    Raises NotSignedIn (unknown key, wrong or old signature), NotAllowed (key without the scope), InvalidInput (empty or
    too large, unknown playbook) and Conflict (this content was imported before).
    """
    key = await _key(ctx, key_id)
    org_id: int = key["org_id"]
    if wanted.playbook not in ctx.playbooks:
        raise InvalidInput(f"there is no playbook {wanted.playbook!r}", fix=f"use one of: {', '.join(ctx.playbooks)}")
    try:
        secret = ctx.sealer.open(org_id, key["signing_secret_sealed"])
        signature = signing.claimed(headers, secret, clock.now(), allow_v1=key["allow_v1"])
    except NotSignedIn as error:
        await _note_check(ctx, org_id, ok=False, reason=error.detail)
        raise
    async with ctx.db.tenant(org_id) as db:
        facts = {"name": wanted.name, "source": wanted.source, "playbook": wanted.playbook, "map_name": wanted.map_name}
        actor = f"key:{key['prefix']}"
        upload_id: UUID = await scalar(db, SQL["receive"], org_id=org_id, actor=actor, key_id=key["id"], **facts)
    try:
        sha256, size, signed = await _keep(ctx, org_id, upload_id, body, signature)
        if not signed:
            await _note_check(ctx, org_id, ok=False, reason="the signature does not match the body")
            raise NotSignedIn("the signature does not match the body", fix="sign the exact bytes that are sent")
        await _note_check(ctx, org_id, ok=True, reason=None)
        async with ctx.db.tenant(org_id) as db:
            return await _accept(db, org_id, upload_id, sha256, size, wanted, actor)
    except BaseException:  # also where the sender hangs up in the middle: nothing of the body stays
        async with ctx.db.tenant(org_id) as db:
            await execute(db, SQL["forget"], upload_id=upload_id)
        raise


async def refused_as_duplicate(ctx: Context, org_id: int, upload_id: str, actor: str) -> None:
    """Note in the audit log that a content was sent again: the duplicate-upload alert counts these."""
    async with ctx.db.tenant(org_id) as db:
        details = json.dumps({"reason": "duplicate"})
        await execute(
            db, SQL["audit"], org_id=org_id, actor=actor, action="refused", upload_id=upload_id, details=details
        )


async def _key(ctx: Context, key_id: str | None) -> RowMapping:
    if not key_id:
        raise NotSignedIn("the upload names no key", fix="send X-Key-Id: <the prefix of your API key>")
    prefix = key_id.removeprefix("pk_").partition("_")[0]
    async with ctx.db.owner() as db:  # the key says which org it is of
        key = await one(db, SQL["key_by_prefix"], prefix=prefix)
    if key is None:
        raise NotSignedIn("there is no such key, or it was revoked")
    if not {SCOPE, "admin"} & set(key["scopes"]):
        raise NotAllowed(f"the key lacks the scope {SCOPE}", fix="make a key that has it")
    return key


async def _keep(
    ctx: Context, org_id: int, upload_id: UUID, body: AsyncIterator[bytes], signature: signing.Signature
) -> tuple[str, int, bool]:
    """Store the body in sealed pieces; gives its SHA-256, its size, and whether the signature is right."""
    running, sha256, size, part = signature.start(), hashlib.sha256(), 0, 0
    waiting = bytearray()

    async def store(piece: bytes) -> None:
        nonlocal part
        sealed = ctx.sealer.seal_bytes(org_id, piece)
        async with ctx.db.tenant(org_id) as db:
            await execute(db, SQL["put_chunk"], org_id=org_id, upload_id=upload_id, part=part, bytes_sealed=sealed)
        part += 1

    async for data in body:
        running.update(data)
        sha256.update(data)
        size += len(data)
        if size > ctx.settings.api.max_upload_bytes:
            raise InvalidInput("the file is too large", fix="send it in parts, or import it on the server")
        waiting += data
        while len(waiting) >= PIECE:
            await store(bytes(waiting[:PIECE]))
            del waiting[:PIECE]
    if waiting:
        await store(bytes(waiting))
    if not size:
        raise InvalidInput("the body is empty", fix="send the file as the raw body, not as a form")
    return sha256.hexdigest(), size, signature.matches(running)


async def _accept(
    db: AsyncConnection, org_id: int, upload_id: UUID, sha256: str, size: int, wanted: Wanted, actor: str
) -> UUID:
    """Make the verified upload due, unless the same content is there."""
    await execute(db, SQL["lock_content"], org_id=org_id, sha256=sha256)
    before = await one(db, SQL["same_content"], sha256=sha256, playbook=wanted.playbook)
    if before is not None and before["state"] == "done":
        raise Conflict("this file was imported before", upload_id=str(before["id"]), org_id=org_id, actor=actor)
    if before is not None:
        await execute(db, SQL["forget"], upload_id=upload_id)
        upload_id = before["id"]
    else:
        await execute(db, SQL["received"], upload_id=upload_id, sha256=sha256, bytes=size)
        details: dict[str, Any] = {"bytes": size, "playbook": wanted.playbook}
        event = journey.Event("upload_received", None, "intake", details, upload_id=upload_id)
        await journey.announce(db, org_id, [event])
    await journey.wake(db, org_id, {"upload_received"})
    return upload_id


async def _note_check(ctx: Context, org_id: int, *, ok: bool, reason: str | None) -> None:
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["note_check"], org_id=org_id, ok=ok, reason=reason)
