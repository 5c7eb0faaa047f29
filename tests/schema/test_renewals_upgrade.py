"""An address that was replaced before replacements were noted is not used after the upgrade either, and an answer that
was logged before answers were heard is no news."""

from __future__ import annotations

import uuid
from typing import Any

import alembic.command
import psycopg
import pytest

from ground import admin, database_named
from penstock.schema import migrate

BEFORE = "20261120_09"
PEOPLE = """
insert into app.orgs (slug, name, legal_name, postal_address, support_email, support_phone, from_domain)
values ('a', 'A', 'A LLC', '1 Main St', 'a@a.example', '+18135550100', 'a.example');
insert into app.companies (org_id, name) values (1, 'Heron Inc');
insert into app.contacts (org_id, full_name, company_id)
values (1, 'Olga', 1), (1, 'Two Addresses', 1), (1, 'House', null);
insert into app.leads (org_id, playbook, company_id, contact_id)
select 1, case when company_id is null then 'equity' else 'renewals' end, company_id, id from app.contacts;
insert into app.contact_points (org_id, contact_id, kind, value, source, is_primary, added_at) values
  (1, 1, 'email', 's1.new', 'manual', true, '2026-02-01'), (1, 1, 'email', 's1.old', 'file', false, '2026-01-01'),
  (1, 2, 'email', 's1.first', 'file', true, '2026-01-01'), (1, 2, 'email', 's1.more', 'manual', false, '2026-02-01'),
  (1, 3, 'email', 's1.hand', 'manual', true, '2026-02-01'), (1, 3, 'email', 's1.home', 'melissa', false, '2026-01-01');
insert into app.message_log (org_id, contact_id, direction, channel, state, intent)
values (1, 1, 'inbound', 'email', 'received', null), (1, 1, 'inbound', 'email', 'received', 'positive'),
  (1, 1, 'outbound', 'phone', 'sent', null);
"""


def test_what_was_there_before_the_upgrade_is_marked(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
            assert migrate.upgrade(url).after == BEFORE
        with psycopg.connect(url, autocommit=True) as sql:
            sql.execute(PEOPLE)
        assert migrate.upgrade(url).after == migrate.head()
        with psycopg.connect(url, autocommit=True) as sql:
            found = sql.execute("select value from app.contact_points where is_invalid and replaced_at is not null")
            assert found.fetchall() == [("s1.old",)]
            old = sql.execute("select intent, direction from app.message_log where opt_out_only")
            assert old.fetchall() == [(None, "inbound")]
            sql.execute(
                "insert into app.message_log (org_id, contact_id, direction, channel, state)"
                " values (1, 1, 'inbound', 'email', 'received')"
            )
            assert sql.execute("select count(*) from app.message_log where opt_out_only").fetchone() == (1,)
    finally:
        admin(server_url, f"drop database if exists {name} with (force)")
