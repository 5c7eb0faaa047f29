"""What four more checkers of mailboxes mean by their words."""

from penstock.schema.migrate import run_sql_beside

revision = "20261120_05"
down_revision = "20261120_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
