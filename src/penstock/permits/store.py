"""Permits into the database: of a file in one transaction, of a portal page by page; what was refused beside them."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import copy_in, execute, one, scalar
from penstock.core.errors import InvalidInput
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.permits.files import PermitFile
from penstock.permits.records import Read
from penstock.permits.staging import STAGED, Staging, Tally

SQL: Final = load(__package__)
REPORT_EVERY: Final = 500  # rows between two calls of `progress`
TRIES: Final = 3  # a lock was broken, or another writer took a key between our look and our insert

Progress = Callable[[int, str], None]
"""Called as work goes on with (rows read so far, phase)."""


def silent(rows: int, phase: str) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: read = new + changed + unchanged + repeated + refused. `works`: rows by kind of work.

    `warnings`: values that were left out of a permit, counted by "field: reason".
    """

    upload_id: UUID
    source: str
    read: int
    new: int
    changed: int
    unchanged: int
    repeated: int
    refused: int
    works: dict[str, int]
    warnings: dict[str, int]
    seconds: float


async def import_file(
    ctx: Context,
    org_id: int,
    file: BinaryIO,
    *,
    name: str,
    source: str = "auto",
    actor: str = "cli",
    progress: Progress = silent,
) -> Imported:
    """Take the permits of a file (seekable): all that make sense, or nothing at all.

    `source`: a named source, the path of a YAML file that describes one, or auto. The same file may come again.
    Raises InvalidInput (BadFile where the file is at fault); then only the upload with its error is written.
    """
    sha256, size = _digest(file)
    facts = {"name": name[:200], "sha256": sha256, "bytes": size, "actor": actor}
    try:
        for attempt in range(1, TRIES + 1):
            file.seek(0)
            try:
                async with ctx.db.tenant(org_id) as db:
                    return await _import(ctx, db, org_id, file, source, facts, progress)
            except (IntegrityError, OperationalError):
                if attempt == TRIES:
                    raise
    except InvalidInput as error:
        async with ctx.db.tenant(org_id) as db:
            await execute(db, SQL["fail_upload"], org_id=org_id, source=source, error=str(error)[:2000], **facts)
        raise
    raise AssertionError("the loop returns or raises")


async def _import(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    file: BinaryIO,
    source: str,
    facts: dict[str, Any],
    progress: Progress,
) -> Imported:
    started = clock.stopwatch()
    opened = PermitFile(file, clock.now().date(), source)
    named = opened.source.name
    upload_id: UUID = await scalar(db, SQL["start_upload"], org_id=org_id, source=named, **facts)
    tally = await merge(db, org_id, ctx.sealer, named, _counted(opened, progress), upload_id)
    progress(tally.read, "done")
    return Imported(
        upload_id, named, tally.read, tally.new, tally.changed, tally.unchanged, tally.repeated, tally.refused,
        dict(tally.works.most_common()), dict(sorted(tally.warnings.items())), clock.stopwatch() - started,
    )  # fmt: skip


async def merge(
    db: AsyncConnection, org_id: int, sealer: Sealer, source: str, reads: Iterable[Read], upload_id: UUID
) -> Tally:
    """Store what was read of a source and add it to the account of the upload, in the caller's transaction.

    Readers of one source wait for each other. Raises IntegrityError where another writer took a key meanwhile.
    """
    staging, known = Staging(sealer, org_id), {"org_id": org_id, "source": source, "upload_id": upload_id}
    await _run(db, ("more_memory", "one_at_a_time", "open_staging"), known)
    staged = await copy_in(db, "permits_in", STAGED, staging.rows(reads))
    await _run(db, ("analyze_staging", "make_chosen", "analyze_chosen"), known)
    await _run(db, ("know_subdivisions", "know_contractors", "write"), known)
    counted = await one(db, SQL["counts"])
    assert counted is not None
    await execute(db, SQL["close_staging"])
    tally = staging.tally
    tally.new, tally.changed, tally.unchanged = counted["new"], counted["changed"], counted["unchanged"]
    tally.repeated = staged - counted["permits"]
    await _write_refused(db, org_id, upload_id, staging.refused)
    await _account(db, tally, upload_id)
    if tally.new or tally.changed:
        details = {"source": source, "new": tally.new, "changed": tally.changed, "refused": tally.refused}
        event = journey.Event("permits_received", None, "permits", details, upload_id=upload_id)
        await journey.announce(db, org_id, [event])
    return tally


async def _account(db: AsyncConnection, tally: Tally, upload_id: UUID) -> None:
    await execute(
        db,
        SQL["add_to_upload"],
        upload_id=upload_id,
        read=tally.read,
        new=tally.new,
        known=tally.changed + tally.unchanged,
        repeated=tally.repeated,
        refused=tally.refused,
        warnings=json.dumps(tally.warnings),
    )


async def _run(db: AsyncConnection, names: Iterable[str], known: dict[str, Any]) -> None:
    for name in names:
        statement = SQL[name]
        await execute(db, statement, **{key: known[key] for key in statement._bindparams})


async def _write_refused(db: AsyncConnection, org_id: int, upload_id: UUID, refused: Sequence[tuple[Any, ...]]) -> None:
    if refused:
        await execute(db, SQL["open_refused"])
        await copy_in(db, "refused_permits", ["row_number", "field", "reason", "fix", "raw_sealed"], refused)
        await execute(db, SQL["write_refused"], org_id=org_id, upload_id=upload_id)
        await execute(db, SQL["close_refused"])


def _counted(reads: Iterable[Read], progress: Progress) -> Iterator[Read]:
    for number, read in enumerate(reads):
        if number % REPORT_EVERY == 0:
            progress(number, "reading")
        yield read


def _digest(file: BinaryIO) -> tuple[str, int]:
    sha256, size = hashlib.sha256(), 0
    file.seek(0)
    while part := file.read(1 << 20):
        sha256.update(part)
        size += len(part)
    return sha256.hexdigest(), size
