"""SLA clocks by cycle, ladders with their lines, promises, and what a message stands on."""

import json

import sqlalchemy as sa
from alembic import op

from workflow.core.text import search_text

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")

_MISSED = """
UPDATE ticketflow_tickets SET missed_at = next_due_at WHERE next_due_at IS NOT NULL AND stage <> 'archive'
AND NOT EXISTS (
    SELECT 1 FROM ticketflow_timers t WHERE t.ticket_id = ticketflow_tickets.id AND t.due_at = next_due_at
)
"""


_CUSTOMERS = sa.text("SELECT id, fields FROM ticketflow_customers")
_SEARCH = sa.text("UPDATE ticketflow_customers SET search = :search WHERE id = :id")


def upgrade() -> None:
    """Add the columns, and make the two tables anew that nothing had written to."""
    for column in (
        sa.Column("missed_at", INSTANT),
        sa.Column("ladder", sa.Text()),
        sa.Column("ladders", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("promise", sa.Text()),
        sa.Column("promises", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("ticketflow_tickets", column)
    op.execute(_MISSED)
    op.add_column("ticketflow_customers", sa.Column("search", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    for row in connection.execute(_CUSTOMERS).all():
        connection.execute(_SEARCH, {"id": row.id, "search": search_text(json.loads(row.fields).values())})
    op.add_column("ticketflow_outbox", sa.Column("stands", sa.String(160)))
    op.add_column("ticketflow_runs", sa.Column("errors", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ticketflow_runs", sa.Column("lateness", sa.Text()))
    still_open = sa.text("stage <> 'archive'")
    op.create_index(
        "ix_ticketflow_tickets_updated_at", "ticketflow_tickets", ["updated_at"], sqlite_where=still_open,
        postgresql_where=still_open,
    )  # fmt: skip
    op.create_index("ix_ticketflow_incidents_closed_at", "ticketflow_incidents", ["closed_at"])
    op.drop_table("ticketflow_slas")
    op.create_table(
        "ticketflow_slas",
        _ticket(primary_key=True),
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("cycle", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("goal", sa.BigInteger(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("elapsed", sa.BigInteger(), nullable=False),
        sa.Column("since", INSTANT),
        sa.Column("due_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.Column("at_risk", sa.Boolean(), nullable=False),
        sa.Column("excused", sa.Boolean(), nullable=False),
        sa.Column("extension", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.BigInteger()),
        sa.Column("fired", sa.Text(), nullable=False),
        sa.Column("spent", sa.Text(), nullable=False),
    )
    op.drop_table("ticketflow_escalations")
    op.create_table(
        "ticketflow_escalations",
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        _ticket(),
        sa.Column("ladder", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("addressee", sa.String(80)),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("acknowledged_by", sa.String(60)),
        sa.Column("ended_at", INSTANT),
        sa.UniqueConstraint("ticket_id", "ladder", "rung", "occurrence"),
    )
    op.create_index("ix_ticketflow_escalations_open", "ticketflow_escalations", ["ended_at", "acknowledged_at"])


def _ticket(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("ticket_id", ID, sa.ForeignKey("ticketflow_tickets.id"), primary_key=primary_key, nullable=False)
