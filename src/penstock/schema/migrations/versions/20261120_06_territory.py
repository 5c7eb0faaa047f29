"""Permits, what they say about the roofs next door, area scans, reports, follow-up, subscriptions and usage."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_06"
down_revision = "20261120_05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
