"""Consent and decisions, messages, calls, money, the diary."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_03"
down_revision = "20261120_02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
