"""A sale goes from stage to stage as sales go, and a refusal names what may follow."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_08"
down_revision = "20261120_07"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
