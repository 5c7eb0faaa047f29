"""Imports beside others: at the same time, killed in the middle, in another tenant."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from import_cast import as_csv, ask, counts, outcomes, row, take
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ground import MASTER_KEY
from penstock.core.context import Context
from penstock.core.errors import Conflict
from penstock.intake import service
from penstock.intake.service import UploadReport, import_file


async def test_imports_at_the_same_time_take_nothing_twice(ctx: Context) -> None:
    files = [as_csv([row(n) for n in range(start, start + 200)]) for start in (1, 101, 151)]
    reports = await asyncio.gather(*(take(ctx, data) for data in files))
    assert sum(report.inserted for report in reports) == 350
    assert sum(report.updated for report in reports) == 250
    assert (await counts(ctx))["leads"] == 350


async def test_a_key_taken_by_another_writer_meanwhile_is_looked_at_again(ctx: Context) -> None:
    async def rival() -> None:
        await ask(
            ctx,
            "select api.upsert_lead(p_source => 'x', p_address_line1 => '1 Example Ave', p_city => 'Tampa', "
            "p_state => 'FL', p_postal_code => '33602', p_apn => '18-29-0001', p_county => 'Hillsborough')",
        )

    came = asyncio.Event()
    own = service._merge

    async def overtaken(*given: Any) -> UploadReport:
        if not came.is_set():
            came.set()
            await rival()
            raise IntegrityError("insert", {}, Exception("key taken"))
        return await own(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_merge", overtaken)
        report = await take(ctx, as_csv([row(1), row(2)]))
    assert outcomes(report) == (1, 1, 0, 0)


async def test_the_second_import_of_a_file_at_work_is_told_what_to_do_and_doing_it_doubles_nothing(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, at_work, go_on = as_csv([row(1), row(2)]), asyncio.Event(), asyncio.Event()
    own = service.take_rows

    async def slow(*given: Any, **more: Any) -> UploadReport:
        at_work.set()
        await go_on.wait()
        return await own(*given, **more)

    monkeypatch.setattr(service, "take_rows", slow)
    first = asyncio.create_task(take(ctx, data))
    await at_work.wait()
    with pytest.raises(Conflict, match="another process is at work") as refused:
        await take(ctx, data)
    assert refused.value.fix is not None and "import the file again" in refused.value.fix
    go_on.set()
    assert outcomes(await first) == (2, 0, 0, 0)
    assert outcomes(await take(ctx, data)) == (0, 2, 0, 0)
    assert (await counts(ctx))["leads"] == 2


async def test_no_row_of_another_tenant_is_touched(ctx: Context) -> None:
    async with ctx.db.owner() as db:
        await db.execute(
            text(
                "insert into app.orgs (id, slug, name, legal_name, postal_address, support_email, support_phone, "
                "from_domain) "
                "values (2, 'other', 'Other', 'Other LLC', '2 St', 'a@other.example', '+18135550111', 'other.example')"
            )
        )
    data = as_csv([row(1), row(2)])
    await take(ctx, data)
    other = await import_file(ctx, 2, stream=io.BytesIO(data), playbook="equity")
    assert other.inserted == 2
    assert (await counts(ctx))["properties"] == 2


IMPORT = """
import asyncio, os, signal, sys
from pathlib import Path
from pydantic import SecretStr
from penstock import assembly
from penstock.core.settings import Settings
from penstock.intake.service import import_file

async def main(url, path, key, phase):
    settings = Settings(environment="demo", home=Path(path).parent, master_key=SecretStr(key))
    async with assembly.context(settings, url) as ctx:
        def progress(rows, at):
            if at == phase:
                os.kill(os.getpid(), signal.SIGKILL)
        await import_file(ctx, 1, path=Path(path), playbook="equity", progress=progress)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("phase", ["reading", "properties", "people", "diary"])
async def test_a_process_killed_in_the_middle_leaves_nothing_and_the_next_takes_the_upload_up(
    ctx: Context, database: str, tmp_path: Path, phase: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(as_csv([row(n) for n in range(1, 1500)]))
    script = tmp_path / "import.py"
    script.write_text(textwrap.dedent(IMPORT), "utf-8")
    command = [sys.executable, str(script), database, str(path), MASTER_KEY, phase]
    killed = subprocess.run(command, env=os.environ, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert set((await counts(ctx)).values()) == {0}
    (begun,) = await ask(ctx, "select id, state from app.uploads")
    assert begun["state"] == "running"
    report = await import_file(ctx, 1, path=path, playbook="equity")
    assert (report.upload_id, report.inserted) == (begun["id"], 1499)
