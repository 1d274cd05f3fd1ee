"""How tickets were sorted: what was proposed, by which rule, and what a person changed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table; tickets opened before have no proposal."""
    op.create_table(
        "ticketflow_proposals",
        sa.Column("ticket_id", ID, sa.ForeignKey("ticketflow_tickets.id"), primary_key=True, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("proposed", "sources", "voices", "faults", "corrected")
        ),
    )
