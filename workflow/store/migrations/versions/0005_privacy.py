"""Who was shown whose personal data, when and why; and the last identity check of a ticket."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Add the table and the column; what was shown before is not known."""
    op.create_table(
        "ticketflow_disclosures",
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("ticket_id", ID, sa.ForeignKey("ticketflow_tickets.id"), nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(60), nullable=False),
        sa.Column("how", sa.String(60), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
    )
    op.create_index("ix_ticketflow_disclosures_ticket", "ticketflow_disclosures", ["ticket_id", "id"])
    op.add_column("ticketflow_tickets", sa.Column("identity", sa.Text()))
