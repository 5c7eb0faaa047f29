"""What the database itself refuses or mends."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_10"
down_revision = "20261120_09"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
