"""Tickets keep the folded text that searches look through."""

import json

import sqlalchemy as sa
from alembic import op

from workflow.core.text import searchable

revision = "0002"
down_revision = "0001"

_TEXTS = sa.text(
    "SELECT t.id, t.fields, t.tags, t.external_id, c.fields AS customer FROM ticketflow_tickets t "
    "LEFT JOIN ticketflow_customers c ON c.id = t.customer_id"
)
_FILL = sa.text("UPDATE ticketflow_tickets SET search = :search WHERE id = :id")


def upgrade() -> None:
    """Add the column and fill it for the tickets there are."""
    op.add_column("ticketflow_tickets", sa.Column("search", sa.Text(), server_default="", nullable=False))
    connection = op.get_bind()
    for row in connection.execute(_TEXTS).all():
        customer = json.loads(row.customer) if row.customer else {}
        values = (*json.loads(row.fields).values(), *customer.values(), *json.loads(row.tags), row.external_id or "")
        text = "\n".join(value for value in values if isinstance(value, str))
        connection.execute(_FILL, {"search": searchable(text), "id": row.id})
