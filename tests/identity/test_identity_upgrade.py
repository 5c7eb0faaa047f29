"""Companies and contractors that were there before a rule of names changed are found by it after the upgrade."""

from __future__ import annotations

import uuid
from typing import Any

import alembic.command
import psycopg
import pytest

from ground import admin, database_named
from penstock.identity import plain_name
from penstock.schema import migrate

BEFORE = "20261120_10"
FIRMS = (  # as their key was made then
    ("Acme Roofing Limited Liability Company", "acme roofing limited liability"),
    ("Bolt Roofing LLC", "bolt roofing"),
    ("Bolt Roofing, Limited Liability Company", "bolt roofing limited liability"),
    ("Crane Limited Partnership", "crane limited partnership"),
    ("Dinse, A Professional Corporation", "dinse a professional"),
    ("Eel Professional Association", "eel professional association"),
    ("Fox Limited Liability Limited Partnership", "fox limited liability limited partnership"),
    ("Gnu Professional Limited Liability Company", "gnu professional limited liability"),
    ("Hall Professional Co", "hall professional"),
    ("Ibis, S.A. de C.V.", "ibis sa de cv"),
    ("Jay (Private) Limited", "jay private"),
    ("Kite Sp. zoo", "kite sp zoo"),
    ("Lark Public Company", "lark public"),
    ("Tata Public Limited Company", "tata public"),
)
ANEW = {
    "Acme Limited Liability Company",
    "Sp Sp. z o.o.",
    "Ha Sp. zoo",
    "Jay (Private) Limited",
    "Cemex, S.A. de C.V.",
    "Dinse, a Professional Corp.",
    "काम",
}
AS_THEY_WERE = {"Acme LLC", "Limited Editions Inc", "Professional Movers", "Zoo Supplies", "Café Müller"}


def test_keys_made_before_are_made_anew(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"t_upgrade_{uuid.uuid4().hex[:10]}"
    url = database_named(server_url, name)
    newest = alembic.command.upgrade

    def only_so_far(config: Any, _to: str) -> None:
        newest(config, BEFORE)

    admin(server_url, f"create database {name}")
    try:
        with monkeypatch.context() as past:
            past.setattr(alembic.command, "upgrade", only_so_far)
            past.setattr(migrate, "face_files", list)
            migrate.upgrade(url)
        with psycopg.connect(url, autocommit=True) as sql, sql.cursor() as cursor:
            cursor.execute(
                "insert into app.orgs (slug, name, legal_name, postal_address, support_email, support_phone,"
                " from_domain) values ('a', 'A', 'A LLC', '1 Main St', 'a@a.example', '+18135550100', 'a.example')"
            )
            companies = "insert into app.companies (org_id, name, keys_at) values (1, %s, '2026-01-01')"
            cursor.executemany(companies, [(one,) for one in sorted(ANEW | AS_THEY_WERE)])
            firms = "insert into app.contractors (org_id, name, name_key) values (1, %s, %s)"
            cursor.executemany(firms, FIRMS)
        migrate.upgrade(url)
        with psycopg.connect(url, autocommit=True) as sql:
            waiting = {row[0] for row in sql.execute("select name from app.companies where keys_at is null")}
            keys = {str(row[0]): row[1] for row in sql.execute("select name, name_key from app.contractors")}
        assert waiting == ANEW
        second = FIRMS[2][0]  # another has the key it would have now
        assert keys == {firm: plain_name(firm) if firm != second else key for firm, key in FIRMS}
    finally:
        admin(server_url, f"drop database if exists {name} with (force)")
