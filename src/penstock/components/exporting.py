"""The package as files: the template beside this module, `schema.ts` from the catalogue, and a version made of both."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.components.catalogue import read_faces
from penstock.components.typescript import INTERFACES, schema_ts
from penstock.core.errors import Conflict, InvalidInput
from penstock.schema import migrate

NAME = "@penstock/components"
SHAPE = 1  # first number of the version: raised by hand when a component's properties change so that users must act
MADE = {"node_modules", "dist"}  # what npm and the build put into the folder
LISTING = ".penstock-export.json"  # what the export wrote, so that it never deletes what it did not write


@dataclass(frozen=True)
class Export:
    """What was written. `moved` is where a folder that was not ours was put (with `force`)."""

    package: str
    version: str
    schema: str
    fingerprint: str
    files: int
    out: Path
    moved: Path | None = None


async def export(db: AsyncConnection, out: Path, *, force: bool = False) -> Export:
    """Write the package into `out`, all of it or nothing. An earlier export there is replaced.

    Raises Conflict where `out` holds anything else, unless `force`: then that is moved aside, never deleted.
    """
    _place(out, force=force)  # said before the work, and checked again where the folder is put in its place
    faces = await read_faces(db, list(INTERFACES))
    return write(package_files(schema_ts(faces), migrations()), out, force=force)


def migrations() -> list[str]:
    """All revisions of the schema, oldest first."""
    return sorted(file.stem for file in (migrate.HERE / "migrations" / "versions").glob("[0-9]*.py"))


def package_files(schema: str, revisions: list[str]) -> dict[str, bytes]:
    """Every file of the package by its path. The version is `1.<migrations>.<fingerprint as a number>`."""
    content = dict(sorted({**dict(_template()), "src/schema.ts": schema.encode()}.items()))
    fingerprint = _fingerprint(content)
    stamp = {"version": f"{SHAPE}.{len(revisions)}.{int(fingerprint[:8], 16)}"}
    about = stamp | {"penstock": {"schema": revisions[-1], "fingerprint": fingerprint}}
    lock = json.loads(content["package-lock.json"])
    lock["packages"][""] |= stamp
    content["package.json"] = _json(json.loads(content["package.json"]) | about)
    content["package-lock.json"] = _json(lock | stamp)
    content[LISTING] = _json({path: hashlib.sha256(data).hexdigest() for path, data in content.items()})
    return content


def _template(folder: Traversable | None = None, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in (folder or resources(__package__) / "package").iterdir():
        if entry.is_dir():
            if entry.name not in MADE:
                yield from _template(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _fingerprint(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, data in content.items():
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def write(content: Mapping[str, bytes], out: Path, *, force: bool) -> Export:
    """Put the files where `out` is: beside it first, then in its place by a rename."""
    target = _place(out, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for path, data in content.items():
            file = staged / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        staged.chmod(0o755)
        moved = _swap(staged, target, force=force)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    about = json.loads(content["package.json"])
    return Export(
        about["name"],
        about["version"],
        about["penstock"]["schema"],
        about["penstock"]["fingerprint"],
        len(content),
        target,
        moved,
    )


def _swap(staged: Path, target: Path, *, force: bool) -> Path | None:
    """Rename `staged` to `target`. Gives where a foreign folder went, or None."""
    _place(target, force=force)
    if not target.exists() or not any(target.iterdir()):
        staged.rename(target)
        return None
    ours = _is_ours(target)
    aside = _free_name(target)
    target.rename(aside)
    try:
        staged.rename(target)
    except OSError:
        aside.rename(target)
        raise
    if ours:
        shutil.rmtree(aside)
    return None if ours else aside


def _place(out: Path, *, force: bool) -> Path:
    """`out` in full. Raises where the package must not be: over a file, under our feet, over what is not ours."""
    target = out.resolve()
    if out.is_symlink() or (target.exists() and not target.is_dir()):
        raise InvalidInput(f"{out} is not a folder", fix="give --out a folder of its own")
    if target.exists() and any(target.iterdir()):
        if Path.cwd().is_relative_to(target):
            raise InvalidInput(f"{target} is where you stand", fix="give --out a folder of its own")
        if not (force or _is_ours(target)):
            raise Conflict(
                f"{target} holds files that no export wrote", fix="name another folder, or move them aside with --force"
            )
    return target


def _is_ours(folder: Path) -> bool:
    """True for an earlier export that nobody changed; what npm and the build added does not count."""
    try:
        listed = json.loads((folder / LISTING).read_bytes())
    except (OSError, ValueError):
        return False
    listed[LISTING] = hashlib.sha256((folder / LISTING).read_bytes()).hexdigest()
    return all(listed.get(path) == hashlib.sha256(file.read_bytes()).hexdigest() for path, file in _present(folder))


def _present(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in MADE]
        for name in names:
            file = Path(place, name)
            yield file.relative_to(folder).as_posix(), file


def _free_name(target: Path) -> Path:
    """A path beside `target` that nobody uses: `DIR.old`, `DIR.old2`…"""
    number = 1
    while (aside := target.with_name(f"{target.name}.old{number if number > 1 else ''}")).exists():
        number += 1
    return aside
