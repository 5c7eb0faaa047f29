"""The intake pump: merges uploads that arrived over HTTP, oldest first."""

import tempfile
from typing import BinaryIO, Final, cast
from uuid import UUID

import structlog

from penstock.core import dlq
from penstock.core.context import Context
from penstock.core.db import execute, one, scalar
from penstock.core.errors import Conflict, InvalidInput
from penstock.core.sqlfile import load
from penstock.intake.service import SPOOL, merge_upload

SQL: Final = load(__package__)
log = structlog.get_logger(__name__)


async def pump(ctx: Context, org_id: int) -> int:
    """Merge uploads until none is due; gives how many ended, well or refused.

    A worker that dies in the middle leaves its upload due.
    """
    ended, held = 0, list[str]()
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["forget_broken_off"])
    while True:
        async with ctx.db.tenant(org_id) as db:
            upload_id: UUID | None = await scalar(db, SQL["due"], held=held)
        if upload_id is None:
            return ended
        held.append(str(upload_id))
        ended += await _merge(ctx, org_id, upload_id)


async def _merge(ctx: Context, org_id: int, upload_id: UUID) -> bool:
    try:
        with tempfile.SpooledTemporaryFile(SPOOL) as file:
            await _fetch(ctx, org_id, upload_id, cast(BinaryIO, file))
            await merge_upload(ctx, org_id, upload_id, cast(BinaryIO, file))
    except Conflict:
        return False  # another worker has it
    except InvalidInput as error:
        log.info("upload refused", upload_id=str(upload_id), reason=type(error).__name__)
    except Exception as error:  # whatever it is, it must not hold the uploads behind it
        log.exception("upload failed", upload_id=str(upload_id))
        async with ctx.db.tenant(org_id) as db:
            await dlq.put(db, org_id, stage="intake", item=str(upload_id), payload={}, error=type(error).__name__)
        return False
    async with ctx.db.tenant(org_id) as db:
        await dlq.clear(db, org_id, stage="intake", items=[str(upload_id)])
    return True


async def _fetch(ctx: Context, org_id: int, upload_id: UUID, file: BinaryIO) -> None:
    """Write the upload's pieces, opened, into the file; one short transaction each."""
    part = 0
    while True:
        async with ctx.db.tenant(org_id) as db:
            piece = await one(db, SQL["chunk"], upload_id=upload_id, part=part)
        if piece is None:
            return
        file.write(ctx.sealer.open_bytes(org_id, bytes(piece["bytes_sealed"])))
        part += 1
