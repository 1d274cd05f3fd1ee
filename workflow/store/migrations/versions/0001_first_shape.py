"""The first shape of the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "ticketflow_customers",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ticketflow_definitions",
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("applied_at", INSTANT, nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("type", "version"),
    )
    op.create_index("ix_ticketflow_definitions_content_hash", "ticketflow_definitions", ["content_hash"])
    op.create_table(
        "ticketflow_desk_revisions",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("applied_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ticketflow_idempotency",
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("arguments", sa.String(length=100), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("verb", "key"),
    )
    op.create_table(
        "ticketflow_runs",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.Column("fired", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("incidents", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("oldest_lateness", sa.Float(), nullable=True),
        sa.Column("empty", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ticketflow_settings",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ticketflow_customer_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["ticketflow_customers.id"],
        ),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_ticketflow_customer_keys_customer_id", "ticketflow_customer_keys", ["customer_id"])
    op.create_table(
        "ticketflow_tickets",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=121), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("entered_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=True),
        sa.Column("team", sa.String(length=60), nullable=True),
        sa.Column("assignee", sa.String(length=60), nullable=True),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("acted", sa.Text(), nullable=False),
        sa.Column("walks", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("last_fired", sa.String(length=60), nullable=True),
        sa.Column("last_fired_due", INSTANT, nullable=True),
        sa.Column("next_timer_at", INSTANT, nullable=True),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("ticket_version", sa.Integer(), nullable=False),
        sa.Column("desk_revision", ID, nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["ticketflow_customers.id"],
        ),
        sa.ForeignKeyConstraint(
            ["desk_revision"],
            ["ticketflow_desk_revisions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ticketflow_tickets_customer_id", "ticketflow_tickets", ["customer_id"])
    op.create_index("ix_ticketflow_tickets_external_id", "ticketflow_tickets", ["external_id"], unique=True)
    op.create_index("ix_ticketflow_tickets_next_timer_at", "ticketflow_tickets", ["next_timer_at", "id"])
    op.create_index("ix_ticketflow_tickets_pinned", "ticketflow_tickets", ["type", "version"])
    op.create_table(
        "ticketflow_escalations",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("ladder", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("addressee", sa.String(length=60), nullable=True),
        sa.Column("causes", sa.Text(), nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("acknowledged_by", sa.String(length=60), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_id", "ladder", "rung", "occurrence"),
    )
    op.create_table(
        "ticketflow_history",
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=121), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=60), nullable=True),
        sa.Column("source", sa.String(length=121), nullable=True),
        sa.Column("dest", sa.String(length=121), nullable=True),
        sa.Column("timer", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("private", sa.Text(), nullable=True),
        sa.Column("digests", sa.Text(), nullable=True),
        sa.Column("desk_revision", ID, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("ticket_id", "seq"),
    )
    op.create_index(
        "ux_ticketflow_history_timer",
        "ticketflow_history",
        ["ticket_id", "timer"],
        unique=True,
        sqlite_where=sa.text("timer IS NOT NULL AND kind <> 'incident'"),
        postgresql_where=sa.text("timer IS NOT NULL AND kind <> 'incident'"),
    )
    op.create_table(
        "ticketflow_incidents",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("timer", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ticketflow_incidents_ticket", "ticketflow_incidents", ["ticket_id"])
    op.create_table(
        "ticketflow_links",
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("other_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["other_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("ticket_id", "other_id", "kind"),
    )
    op.create_table(
        "ticketflow_outbox",
        sa.Column("id", ID, sa.Identity(), nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("addressee", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cause_entry", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_id", "seq"),
    )
    op.create_index("ix_ticketflow_outbox_waiting", "ticketflow_outbox", ["state", "next_try_at"])
    op.create_table(
        "ticketflow_slas",
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("elapsed", sa.BigInteger(), nullable=False),
        sa.Column("since", INSTANT, nullable=True),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.Column("excused", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("ticket_id", "name"),
    )
    op.create_table(
        "ticketflow_timers",
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("cycle", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("occurrence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticketflow_tickets.id"],
        ),
        sa.PrimaryKeyConstraint("ticket_id", "kind", "name", "cycle", "occurrence"),
    )
