"""Faces as TypeScript: the text of `schema.ts`. Rows are as JSON carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.components.catalogue import Column, Face

INTERFACES: Mapping[str, str] = {
    "company.company": "Company",
    "company.vw_company_slots": "CompanySlot",
    "people.contact": "Contact",
    "people.contact_verification": "ContactVerification",
    "company.vw_next_renewal": "NextRenewal",
    "bit.signal": "Signal",
}
TYPES: Mapping[str, str] = {
    "text": "string",
    "character varying": "string",
    "uuid": "string",
    "smallint": "number",
    "integer": "number",
    "bigint": "number",
    "numeric": "number",
    "double precision": "number",
    "boolean": "boolean",
    "date": "CalendarDate",
    "timestamp with time zone": "Instant",
    "jsonb": "Json",
}
HEAD = """\
// Written by `penstock components export` from the database's catalogue. Do not edit: export again.

declare const sealed: unique symbol;

/** A value that only the application can open. It can be compared with another, never read; do not show it. */
export type Sealed = string & { readonly [sealed]: true };

/** A day without a time: `2026-11-30`. */
export type CalendarDate = string;

/** A moment with its offset: `2026-11-30T17:00:00+00:00`. */
export type Instant = string;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
"""


def schema_ts(faces: Sequence[Face]) -> str:
    """The text of `schema.ts`: one list and type per enum, one interface per face."""
    enums = {column.enum[0]: column.enum[1] for face in faces for column in face.columns if column.enum}
    return "\n".join([HEAD, *(_enum(name, labels) for name, labels in sorted(enums.items())), *map(_interface, faces)])


def _enum(type_name: str, labels: Sequence[str]) -> str:
    listed = ", ".join(f'"{label}"' for label in labels)
    constant = type_name.removesuffix("_t").upper()
    plural = constant + ("ES" if constant.endswith("S") else "S")
    return (
        f"export const {plural} = [{listed}] as const;\n"
        f"export type {_enum_name(type_name)} = (typeof {plural})[number];\n"
    )


def _enum_name(type_name: str) -> str:
    return "".join(word.capitalize() for word in type_name.removesuffix("_t").split("_"))


def _interface(face: Face) -> str:
    about = f"`{face.name}`" + (f": {face.comment}" if face.comment else "")
    lines = [_doc(about), f"export interface {INTERFACES[face.name]} {{"]
    for column in face.columns:
        if column.comment:
            lines.append("  " + _doc(column.comment))
        lines.append(f"  {column.name}: {_type(column)};")
    return "\n".join([*lines, "}\n"])


def _type(column: Column) -> str:
    if column.sealed:
        base = "Sealed"
    elif column.enum:
        base = _enum_name(column.enum[0])
    else:
        base = TYPES.get(column.type, "unknown")
    return f"{base} | null" if column.nullable and base not in ("Json", "unknown") else base


def _doc(text: str) -> str:
    return f"/** {text.replace('*/', '* /')} */"
