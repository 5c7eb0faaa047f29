"""An upload from bytes to leads: read, staged and merged in one transaction, so that a crash leaves
nothing half-written.

Read = inserted + updated + duplicate in file + rejected, exactly; the database refuses an upload that does not add up.
"""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import identity, journey
from penstock.core import clock
from penstock.core.context import Context
from penstock.core.db import copy_in, execute, one, scalar
from penstock.core.errors import Conflict, InvalidInput
from penstock.core.sealing import Sealer
from penstock.core.sqlfile import load
from penstock.intake.company_staging import company_values
from penstock.intake.reader import Rejection
from penstock.intake.reading import Reading, read
from penstock.intake.records import Record
from penstock.intake.vocabulary import Subject
from penstock.playbook import Playbook

SQL: Final = load(__package__)
# Where the value of each column of the staging table stands among a row's values.
_AS_STAGED: Final = itemgetter(
    *({"apn_raw": "apn", "numbered": "address_numbered"}.get(name, name) for name in identity.STAGED)
)
REPORT_EVERY: Final = 1000  # rows between two calls of `progress`
TRIES: Final = 3  # another writer took a key between our look and our insert, or a deadlock: look again
SPOOL: Final = 64 * 1024 * 1024  # bytes of an unseekable stream kept in memory

Progress = Callable[[int, str], None]
"""Called as work goes on with (rows read so far, phase)."""


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of an upload. The four outcomes add up to `rows_read`; warnings are counted by "field: reason".

    `made`: of companies, how many of them and of their people are new, and how many slots were filled; of properties,
    how many leads are new, where the playbook makes them at once. `columns_unused`: of which the map makes nothing.
    """

    upload_id: UUID
    state: str
    map_name: str
    rows_read: int
    inserted: int
    updated: int
    duplicate_in_file: int
    rejected: int
    warnings: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    made: dict[str, int] = field(default_factory=dict)
    columns_unused: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values, under the names that reports and the command line use."""
        rows = {"read": self.rows_read, "inserted": self.inserted, "updated": self.updated}
        rows |= {"duplicate_in_file": self.duplicate_in_file, "rejected": self.rejected}
        return {
            "upload_id": str(self.upload_id),
            "state": self.state,
            "map": self.map_name,
            "rows": rows,
            "warnings": self.warnings,
            "columns_unused": self.columns_unused,
            "seconds": round(self.seconds, 3),
            **({"made": self.made} if self.made else {}),
        }


async def import_file(
    ctx: Context,
    org_id: int,
    *,
    path: Path | None = None,
    stream: BinaryIO | None = None,
    name: str | None = None,
    playbook: str,
    map_name: str = "auto",
    source: str | None = None,
    progress: Progress | None = None,
    actor: str = "cli",
) -> UploadReport:
    """Import a file, or a binary stream, for a playbook: its leads, or the companies and people they come from.
    The same file may be imported again: it updates.

    `source` defaults to the map's, else to "file". An upload of the same content that a dying process left unfinished
    is taken up again. Raises InvalidInput (BadFile where the file is at fault); then nothing is written but the upload
    with its error.
    """
    _subject(ctx, playbook)
    if (path is None) == (stream is None):
        raise ValueError("give either path or stream")
    with _opened(path, stream) as file:
        sha256, size = _digest(file)
        label = name or (path.name if path else "stream")
        async with ctx.db.tenant(org_id) as db:
            facts = {"sha256": sha256, "playbook": playbook, "source": source or ""}
            upload_id = await scalar(db, SQL["unfinished"], **facts)
            if upload_id is None:
                more = {"name": label, "map_name": map_name, "bytes": size, "actor": actor}
                upload_id = await scalar(db, SQL["start"], org_id=org_id, **facts, **more)
        return await merge_upload(ctx, org_id, upload_id, file, progress=progress)


async def merge_upload(
    ctx: Context, org_id: int, upload_id: UUID, file: BinaryIO, *, progress: Progress | None = None
) -> UploadReport:
    """Read and merge a known upload from its bytes (seekable).

    Raises as `import_file` does, and Conflict where another process is at work on it.
    """
    for attempt in range(1, TRIES + 1):
        file.seek(0)
        try:
            async with ctx.db.tenant(org_id) as db:
                return await _merge(ctx, db, org_id, upload_id, file, progress or (lambda rows, phase: None))
        except InvalidInput as error:
            await fail(ctx, org_id, upload_id, str(error))
            raise
        except (asyncio.CancelledError, KeyboardInterrupt):
            await asyncio.shield(fail(ctx, org_id, upload_id, "stopped by hand; nothing of it was kept"))
            raise
        except (IntegrityError, OperationalError):
            if attempt == TRIES:
                raise
    raise AssertionError("the loop returns or raises")


async def fail(ctx: Context, org_id: int, upload_id: UUID, error: str) -> None:
    """Note that the upload as a whole was refused, and drop its bytes."""
    async with ctx.db.tenant(org_id) as db:
        await execute(db, SQL["fail"], upload_id=upload_id, error=error[:2000])
        await execute(db, SQL["drop_chunks"], upload_id=upload_id)


async def _merge(
    ctx: Context, db: AsyncConnection, org_id: int, upload_id: UUID, file: BinaryIO, progress: Progress
) -> UploadReport:
    upload = await one(db, SQL["claim"], upload_id=upload_id)
    if upload is None:
        raise Conflict(
            "another process is at work on this upload, or it has ended",
            fix="import the file again when that is done: nothing is doubled; GET /v1/uploads shows its state",
        )
    reading = read(file, upload["map_name"], clock.now().date(), _subject(ctx, upload["playbook"]))
    source = upload["source"] or reading.plan.source or "file"
    return await take_rows(ctx, db, org_id, upload, reading, source, progress=progress)


async def take_rows(
    ctx: Context,
    db: AsyncConnection,
    org_id: int,
    upload: RowMapping,
    reading: Reading,
    source: str,
    *,
    located_by: str = "source",
    progress: Progress = lambda rows, phase: None,
) -> UploadReport:
    """Merge the rows of a claimed upload and end it, all in the caller's transaction."""
    started, started_at, upload_id = clock.stopwatch(), clock.now(), upload["id"]
    makes_leads = ctx.playbooks[upload["playbook"]].territory is None
    refused: list[Rejection] = []
    records = _records(reading, refused, progress)
    work = _Work(db, org_id, ctx.sealer, upload, source, lambda at: progress(reading.rows, at))
    merged: identity.Merged | identity.MergedCompanies
    if reading.plan.subject == "company":
        merged, made = await _merge_companies(work, records)
    else:
        merged, made = await _merge_properties(work, records, makes_leads, located_by)
    if twice := made.pop("said_for_two_slots", 0):
        reading.warnings["slot", "a person named for two slots of a company holds one"] += twice
    await _write_refused(db, ctx.sealer, org_id, upload_id, refused)
    report = UploadReport(
        upload_id,
        "done",
        reading.plan.name,
        reading.rows,
        merged.inserted,
        merged.updated,
        merged.duplicate_in_file,
        reading.rejected,
        {f"{name}: {reason}": count for (name, reason), count in sorted(reading.warnings.items())},
        clock.stopwatch() - started,
        made,
        reading.plan.unused(),
    )
    await _finish(db, report, source, started_at, makes_leads)
    if not makes_leads:
        event = journey.Event("places_received", None, "intake", report.as_json()["rows"], upload_id=upload_id)
        await journey.announce(db, org_id, [event])
    progress(reading.rows, "done")
    return report


class _Work(NamedTuple):
    """What a merge works on, and with."""

    db: AsyncConnection
    org_id: int
    sealer: Sealer
    upload: RowMapping
    source: str
    progress: Callable[[str], None]


async def _merge_properties(
    work: _Work, records: Iterator[Record], makes_leads: bool, located_by: str
) -> tuple[identity.Merged, dict[str, int]]:
    db, org_id, sealer, upload, source, progress = work
    await identity.open_staging(db)
    await copy_in(db, "incoming", identity.STAGED, (_property_values(row, sealer, org_id) for row in records))
    merged = await identity.merge_staged(
        db, org_id, upload_id=upload["id"], source=source, playbook=upload["playbook"], actor=upload["actor"],
        makes_leads=makes_leads, located_by=located_by, progress=progress,
    )  # fmt: skip
    return merged, {"leads": merged.leads} if makes_leads else {}


async def _merge_companies(work: _Work, records: Iterator[Record]) -> tuple[identity.MergedCompanies, dict[str, int]]:
    db, org_id, sealer, upload, source, progress = work
    await identity.open_companies(db)
    staged = (company_values(row, sealer, org_id) for row in records)
    await copy_in(db, "companies_in", identity.STAGED_COMPANY, staged)
    progress("companies")
    merged = await identity.merge_companies(
        db, org_id, upload_id=upload["id"], source=source, playbook=upload["playbook"]
    )
    made = {"companies": merged.companies, "people": merged.people, "slots_filled": merged.slots_filled}
    return merged, made | {"said_for_two_slots": merged.said_for_two}


def choose_playbook(playbooks: Mapping[str, Playbook], named: str | None, subject: Subject = "property") -> str:
    """The named playbook, else the only one, else the only one about that subject, else the only one of these whose
    rows become leads at once. Raises InvalidInput.
    """
    about = [name for name, one in playbooks.items() if one.subject == subject]
    at_once = [name for name in about if playbooks[name].territory is None]
    only = next((names[0] for names in (list(playbooks), about, at_once) if len(names) == 1), None)
    if (chosen := named or only) in playbooks:
        return str(chosen)
    trouble = f"there is no playbook {named!r}" if named else "there are several playbooks"
    raise InvalidInput(trouble, fix=f"name one of: {', '.join(playbooks)}")


def company_playbook(playbooks: Mapping[str, Playbook], named: str | None) -> str:
    """As `choose_playbook`, and it is about companies."""
    chosen = choose_playbook(playbooks, named, "company")
    if playbooks[chosen].subject != "company":
        raise InvalidInput(f"the playbook {chosen!r} is not about companies", fix="send a file to /v1/uploads instead")
    return chosen


def _subject(ctx: Context, playbook: str) -> Subject:
    return ctx.playbooks[choose_playbook(ctx.playbooks, playbook)].subject


def _records(reading: Reading, refused: list[Rejection], progress: Progress) -> Iterator[Record]:
    """The accepted rows; the others go to `refused`."""
    for row in reading:
        if reading.rows % REPORT_EVERY == 0:
            progress(reading.rows, "reading")
        if isinstance(row, Rejection):
            refused.append(row)
        else:
            yield row


def _property_values(row: Record, sealer: Sealer, org_id: int) -> tuple[Any, ...]:
    """The record as the staging table wants it."""
    values = row.values
    values["row_number"], values["points"] = row.row_number, _points(values, sealer, org_id)
    staged: tuple[Any, ...] = _AS_STAGED(values)
    return staged


def _points(values: dict[str, Any], sealer: Sealer, org_id: int) -> str | None:
    """The row's phones and emails, sealed, as [kind, value, line type, on a do-not-call list]."""
    if not values["phones"] and not values["emails"]:
        return None
    points: list[tuple[str, str, str | None, bool]] = [
        ("phone", sealer.seal(org_id, number), kind, dnc) for number, kind, dnc in values["phones"]
    ]
    points += [("email", sealer.seal(org_id, email), None, False) for email in values["emails"]]
    return json.dumps(points)


async def _write_refused(
    db: AsyncConnection, sealer: Sealer, org_id: int, upload_id: UUID, refused: list[Rejection]
) -> None:
    if not refused:
        return
    await execute(db, SQL["open_refused"])
    lines = ((r.row_number, r.field, r.reason, r.fix, sealer.seal(org_id, r.raw)) for r in refused)
    await copy_in(db, "refused", ["row_number", "field", "reason", "fix", "raw_sealed"], lines)
    await execute(db, SQL["write_refused"], org_id=org_id, upload_id=upload_id)


async def _finish(
    db: AsyncConnection, report: UploadReport, source: str, started_at: datetime, makes_leads: bool
) -> None:
    await execute(
        db,
        SQL["finish"],
        upload_id=report.upload_id,
        rows_read=report.rows_read,
        inserted=report.inserted,
        updated=report.updated,
        duplicate_in_file=report.duplicate_in_file,
        rejected=report.rejected,
        map_name=report.map_name,
        source=source,
        makes_leads=makes_leads,
        started_at=started_at,
        finished_at=clock.now(),
        warnings=json.dumps(report.warnings),
        columns_unused=report.columns_unused,
    )
    await execute(db, SQL["drop_chunks"], upload_id=report.upload_id)


def _opened(path: Path | None, stream: BinaryIO | None) -> BinaryIO:
    """A seekable binary file; closing it closes what we opened."""
    if path is not None:
        return path.open("rb")
    assert stream is not None
    spool = tempfile.SpooledTemporaryFile(SPOOL)  # noqa: SIM115 closed by the caller's with
    while part := stream.read(1 << 20):
        spool.write(part)
    spool.seek(0)
    return spool  # type: ignore[return-value]  # a BinaryIO in all but name


def _digest(file: BinaryIO) -> tuple[str, int]:
    sha256, size = hashlib.sha256(), 0
    while part := file.read(1 << 20):
        sha256.update(part)
        size += len(part)
    file.seek(0)
    return sha256.hexdigest(), size
