"""Which attempts of people were refused."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Add the table; what was refused before is not known."""
    op.create_table(
        "ticketflow_refusals",
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("minute", INSTANT, nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(60), nullable=False),
        sa.Column("os_user", sa.String(120), nullable=False),
        sa.Column("verb", sa.String(60), nullable=False),
        sa.Column("trigger", sa.String(60), nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.UniqueConstraint("minute", "actor", "os_user", "verb", "trigger", "ticket_id", "rule"),
    )
