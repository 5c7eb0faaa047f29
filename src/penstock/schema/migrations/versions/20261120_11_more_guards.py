"""More of what the database itself refuses or mends."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_11"
down_revision = "20261120_10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
