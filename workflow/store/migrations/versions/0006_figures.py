"""Figures, counted from the history; what a run lost to others and escalated."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_UNCOUNTED = sa.text("counted < seq")
_OPEN = sa.text("stage <> 'archive'")


def upgrade() -> None:
    """Add the table and the columns; no ticket is counted yet."""
    op.add_column("ticketflow_tickets", sa.Column("counted", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_ticketflow_tickets_uncounted", "ticketflow_tickets", ["id"], sqlite_where=_UNCOUNTED,
        postgresql_where=_UNCOUNTED,
    )  # fmt: skip
    op.create_index(
        "ix_ticketflow_tickets_load", "ticketflow_tickets", ["assignee", "type", "team", "channel", "opened_at"],
        sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_table(
        "ticketflow_figures",
        *(
            sa.Column(name, sa.String(length), primary_key=True, nullable=False)
            for name, length in (("dimension", 10), ("period", 10), ("key", 60), ("measure", 20))
        ),
        sa.Column("counts", sa.Text(), nullable=False),
    )
    for name in ("raced", "escalated"):
        op.add_column("ticketflow_runs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
