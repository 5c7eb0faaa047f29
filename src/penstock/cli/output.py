"""How every command speaks: answers on stdout (text or JSON), talk and progress on stderr, and four exit codes."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TextIO
from uuid import UUID

import httpx
import psycopg
import typer
from rich.console import Console
from rich.markup import escape as rich_escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from penstock.core.errors import InvalidInput, NotFound, PenstockError

P = ParamSpec("P")

WIDE = 200  # columns where no terminal folds the lines: a file or a pipe has no edge


def _console(stream: TextIO, **how: Any) -> Console:
    beyond = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(width=WIDE if beyond else None, **how)


answers = _console(sys.stdout)
talk = _console(sys.stderr, stderr=True)


class Code(IntEnum):
    """What a script can rely on: at 2 the command is wrong, at 1 it is right but the world does not let it happen."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    ATTENTION = 3


def code_of(error: PenstockError) -> Code:
    """2 for what was typed wrong or names what is not there; 1 for all else: a clash, no right, no key, a vendor."""
    return Code.BAD_INPUT if isinstance(error, InvalidInput | NotFound) else Code.FAILED


Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON on stdout.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON to FILE; - is stdout.")
]


def command(work: Callable[P, Awaitable[None] | None]) -> Callable[P, None]:
    """A command out of a plain or async function: errors of ours become one line and an exit code, not a trace."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            result = work(*args, **kwargs)
            if result is not None:
                asyncio.run(_awaited(result))
        except PenstockError as error:
            raise fail(str(error), code_of(error)) from error
        except (DBAPIError, psycopg.Error, httpx.HTTPError, OSError, ValueError) as error:
            raise fail(_outside(error), Code.FAILED) from error
        except (KeyboardInterrupt, asyncio.CancelledError) as stop:
            raise fail("stopped", Code.FAILED) from stop

    return run


def _outside(error: Exception) -> str:
    """What the world around us refused (database, network, files), in its first line."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(said).strip().splitlines() or [type(said).__name__])[0]


async def _awaited(result: Awaitable[None]) -> None:
    await result


def fail(message: str, code: Code) -> typer.Exit:
    """Say what went wrong on stderr; raise the returned exit."""
    talk.print(f"[bold red]error[/] {escape(message)}", soft_wrap=True)
    return typer.Exit(int(code))


def escape(text: str) -> str:
    """Text that Rich prints as it is, brackets included."""
    return rich_escape(text)


def as_json(value: Any) -> str:
    """`value` as indented JSON; dataclasses, dates, decimals, ids and enums in their plain form."""
    return json.dumps(value, indent=2, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, UUID | Path):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def writable(to: Path | None) -> None:
    """Raises InvalidInput if a report could not be written there: said before the work, not after it."""
    if to is not None and str(to) != "-" and not (to.parent.is_dir() and not to.is_dir()):
        raise InvalidInput(f"cannot write {to}", fix="give --json a file in a folder that exists, or - for stdout")


def write_json(value: Any, to: Path | None) -> None:
    """Write `value` to a file, or to stdout for `-`; nothing when `to` is None."""
    if to is None:
        return
    if str(to) == "-":
        sys.stdout.write(as_json(value) + "\n")
    else:
        to.write_text(as_json(value) + "\n", encoding="utf-8")


def print_json(value: Any) -> None:
    """Write `value` to stdout as JSON, unwrapped and uncoloured."""
    sys.stdout.write(as_json(value) + "\n")


def table(title: str, columns: Sequence[str], lines: Sequence[Sequence[Any]], *, right: Sequence[str] = ()) -> Table:
    """A plain table; the columns named in `right` are numbers."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for line in lines:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in line))
    return made


def money(cents: Decimal | int | float) -> str:
    """Cents as dollars: 1234 gives $12.34."""
    return f"${Decimal(cents) / 100:,.2f}"


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on stderr (nothing when stderr is not a terminal). Yields `update(done, phase)`."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=talk,
        transient=True,
        disable=not talk.is_terminal,
    )
    with bar:
        task = bar.add_task(label, total=total)

        def update(done: int, phase: str = "") -> None:
            bar.update(task, completed=done, description=f"{label}: {phase}" if phase else label)

        yield update
