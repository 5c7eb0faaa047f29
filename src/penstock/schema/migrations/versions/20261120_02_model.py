"""Users, places, contacts, the ledger, leads."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_02"
down_revision = "20261120_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
