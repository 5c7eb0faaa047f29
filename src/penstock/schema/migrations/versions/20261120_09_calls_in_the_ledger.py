"""A call is reserved in the ledger before it is placed."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_09"
down_revision = "20261120_08"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
