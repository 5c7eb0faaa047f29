"""A tenant that was in a town says so."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_07"
down_revision = "20261120_06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
