"""The tables, all named `ticketflow_*`, so that they can live beside a host's own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from workflow.store.moments import Instant

PREFIX = "ticketflow_"
WHERE = "where"  # which rows a partial index has; as a keyword of a dialect it would import that dialect
metadata = MetaData()
Id = BigInteger().with_variant(Integer(), "sqlite")


@event.listens_for(metadata, "before_create")
def _make_partial(_target: MetaData, connection: Connection, **_: Any) -> None:
    for table in metadata.tables.values():
        for index in table.indexes:
            if WHERE in index.info:
                index.dialect_options[connection.dialect.name]["where"] = text(index.info[WHERE])


def _table(name: str, *columns: Any) -> Table:
    return Table(PREFIX + name, metadata, *columns)


def _id() -> Column[int]:
    return Column("id", Id, Identity(), primary_key=True)


def _ticket(*, primary_key: bool = False) -> Column[int]:
    return Column("ticket_id", Id, ForeignKey(f"{PREFIX}tickets.id"), primary_key=primary_key, nullable=False)


definitions = _table(
    "definitions",
    Column("type", String(60), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content_hash", String(64), nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("in_force", Boolean, nullable=False),
)

desk_revisions = _table(
    "desk_revisions",
    _id(),
    Column("content_hash", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
)

settings = _table("settings", Column("name", String(60), primary_key=True), Column("value", Text, nullable=False))

customers = _table(
    "customers",
    _id(),
    Column("fields", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("search", Text, nullable=False, server_default=""),
)

customer_keys = _table(
    "customer_keys",
    Column("key", Text, primary_key=True),
    Column("customer_id", Id, ForeignKey(f"{PREFIX}customers.id"), nullable=False, index=True),
)

tickets = _table(
    "tickets",
    _id(),
    Column("type", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(121), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("entry", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("entered_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("priority", String(10), nullable=False),
    Column("channel", String(60)),
    Column("team", String(60)),
    Column("assignee", String(60)),
    Column("customer_id", Id, ForeignKey(f"{PREFIX}customers.id")),
    Column("external_id", Text),
    Column("tags", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("acted", Text, nullable=False),
    Column("walks", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("last_fired", String(60)),
    Column("last_fired_due", Instant),
    Column("next_timer_at", Instant),
    Column("next_due_at", Instant),
    Column("missed_at", Instant),
    Column("ladder", Text),
    Column("ladders", Integer, nullable=False, server_default="0"),
    Column("promise", Text),
    Column("promises", Integer, nullable=False, server_default="0"),
    Column("identity", Text),
    Column("ticket_version", Integer, nullable=False),
    Column("desk_revision", Id, ForeignKey(f"{PREFIX}desk_revisions.id"), nullable=False),
    Column("head", String(64), nullable=False),
    Column("search", Text, nullable=False, server_default=""),
    Column("counted", Integer, nullable=False, server_default="0"),  # up to which entry it stands in the figures
    Index(f"ix_{PREFIX}tickets_next_timer_at", "next_timer_at", "id"),
    Index(f"ix_{PREFIX}tickets_external_id", "external_id", unique=True),
    Index(f"ix_{PREFIX}tickets_customer_id", "customer_id"),
    Index(f"ix_{PREFIX}tickets_pinned", "type", "version"),
    Index(
        f"ix_{PREFIX}tickets_updated_at",
        "updated_at",
        info={WHERE: "stage <> 'archive'"},
    ),
    Index(f"ix_{PREFIX}tickets_uncounted", "id", info={WHERE: "counted < seq"}),
    Index(
        f"ix_{PREFIX}tickets_load",
        "assignee",
        "type",
        "team",
        "channel",
        "opened_at",
        info={WHERE: "stage <> 'archive'"},
    ),
)

history = _table(
    "history",
    _ticket(primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("actor", String(60), nullable=False),
    Column("state", String(121), nullable=False),
    Column("entry", Integer, nullable=False),
    Column("type", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("trigger", String(60)),
    Column("source", String(121)),
    Column("dest", String(121)),
    Column("timer", Text),
    Column("data", Text, nullable=False),
    Column("private", Text),
    Column("digests", Text),
    Column("desk_revision", Id, nullable=False),
    Column("hash", String(64), nullable=False),
    Index(
        f"ux_{PREFIX}history_timer",
        "ticket_id",
        "timer",
        unique=True,
        info={WHERE: "timer IS NOT NULL AND kind <> 'incident'"},
    ),
)

timers = _table(
    "timers",
    _ticket(primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("cycle", Integer, primary_key=True, autoincrement=False),
    Column("occurrence", Integer, primary_key=True, autoincrement=False),
    Column("due_at", Instant, nullable=False),
    Column("position", Integer, nullable=False),
)

slas = _table(
    "slas",
    _ticket(primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("cycle", Integer, primary_key=True, autoincrement=False),
    Column("status", String(20), nullable=False),
    Column("goal", BigInteger, nullable=False),  # microseconds, as are elapsed, extension and asked
    Column("started_at", Instant, nullable=False),
    Column("elapsed", BigInteger, nullable=False),
    Column("since", Instant),
    Column("due_at", Instant),
    Column("ended_at", Instant),
    Column("breached", Boolean, nullable=False),
    Column("at_risk", Boolean, nullable=False),
    Column("excused", Boolean, nullable=False),
    Column("extension", BigInteger, nullable=False),
    Column("asked", BigInteger),
    Column("fired", Text, nullable=False),
    Column("spent", Text, nullable=False),
)

escalations = _table(
    "escalations",
    _id(),
    _ticket(),
    Column("ladder", Integer, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("addressee", String(80)),
    Column("raised_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String(60)),
    Column("ended_at", Instant),
    UniqueConstraint("ticket_id", "ladder", "rung", "occurrence"),
    Index(f"ix_{PREFIX}escalations_open", "ended_at", "acknowledged_at"),
)

incidents = _table(
    "incidents",
    _id(),
    _ticket(),
    Column("timer", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("position", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index(f"ix_{PREFIX}incidents_ticket", "ticket_id"),
    Index(f"ix_{PREFIX}incidents_closed_at", "closed_at"),
)

outbox = _table(
    "outbox",
    _id(),
    _ticket(),
    Column("seq", Integer, nullable=False),
    Column("addressee", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause_entry", Integer, nullable=False),
    Column("stands", String(160)),
    Column("data", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Instant),
    Column("sent_at", Instant),
    Column("last_error", Text),
    Index(f"ix_{PREFIX}outbox_waiting", "state", "next_try_at"),
    UniqueConstraint("ticket_id", "seq"),
)

links = _table(
    "links",
    _ticket(primary_key=True),
    Column("other_id", Id, ForeignKey(f"{PREFIX}tickets.id"), primary_key=True),
    Column("kind", String(60), primary_key=True),
    Column("created_at", Instant, nullable=False),
)

proposals = _table(
    "proposals",
    _ticket(primary_key=True),
    Column("proposed", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("voices", Text, nullable=False),
    Column("faults", Text, nullable=False),
    Column("corrected", Text, nullable=False),
)

disclosures = _table(
    "disclosures",
    _id(),
    _ticket(),
    Column("happened_at", Instant, nullable=False),
    Column("actor", String(60), nullable=False),
    Column("how", String(60), nullable=False),
    Column("fields", Text, nullable=False),
    Column("reason", Text),
    Index(f"ix_{PREFIX}disclosures_ticket", "ticket_id", "id"),
)

refusals = _table(
    "refusals",
    _id(),
    Column("minute", Instant, nullable=False),  # what is the same within it is one row
    Column("happened_at", Instant, nullable=False),
    Column("actor", String(60), nullable=False),  # like those below empty, or 0, where there is none
    Column("os_user", String(120), nullable=False),
    Column("verb", String(60), nullable=False),
    Column("trigger", String(60), nullable=False),
    Column("ticket_id", Id, nullable=False),  # which need not exist
    Column("rule", String(60), nullable=False),
    Column("times", Integer, nullable=False),
    UniqueConstraint("minute", "actor", "os_user", "verb", "trigger", "ticket_id", "rule"),
)

figures = _table(
    "figures",
    Column("dimension", String(10), primary_key=True),
    Column("period", String(10), primary_key=True),  # 2026-03-02, 2026-03 or 2026
    Column("key", String(60), primary_key=True),
    Column("measure", String(20), primary_key=True),
    Column("counts", Text, nullable=False),  # how many there are of each value
)

idempotency = _table(
    "idempotency",
    Column("verb", String(20), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("arguments", String(100), nullable=False),
    Column("result", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

runs = _table(
    "runs",
    _id(),
    Column("as_of", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("tickets", Integer, nullable=False),
    Column("fired", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("incidents", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("raced", Integer, nullable=False, server_default="0"),
    Column("escalated", Integer, nullable=False, server_default="0"),
    Column("errors", Integer, nullable=False, server_default="0"),
    Column("oldest_lateness", Float),
    Column("lateness", Text),  # how many firings fell into each of health's classes
    Column("empty", Integer, nullable=False),
)
