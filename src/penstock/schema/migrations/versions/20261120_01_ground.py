"""Roles, claims, clock, organisations, status machines."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
