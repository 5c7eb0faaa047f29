"""Companies, their slots, pages and signals; campaigns made by hand; hand-offs, tasks, raw loads."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_04"
down_revision = "20261120_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
