"""Delivering: what the relay needs to know of the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.definition.desk import DeskSpec
from workflow.delivery import notice
from workflow.delivery.hours import QuietHours
from workflow.delivery.notice import Notice
from workflow.delivery.relay import DeliveryReport, deliver
from workflow.delivery.routes import HostAction, Routes, takes
from workflow.delivery.settings import Delivery
from workflow.delivery.way import Office
from workflow.desk.book import Book
from workflow.desk.transactions import Own, Transactions
from workflow.errors import UsageError
from workflow.store import outbox, tickets
from workflow.store.definitions import demand_resumed
from workflow.store.outbox import OutboxRow

BookOf = Callable[[Connection], Book]


def run(
    transactions: Transactions,
    book_of: BookOf,
    clock: Clock,
    settings: Delivery,
    actions: Mapping[str, HostAction | None],
    *,
    limit: int | None,
    seconds: float,
    stop: Callable[[], bool],
) -> DeliveryReport:
    """Send what is due, each message in transactions of its own."""
    if not isinstance(transactions, Own):
        raise UsageError(
            "messages leave when they are committed, not inside a host's transaction",
            "call deliver on the desk itself, after the commit",
        )
    if limit is not None and limit < 0:
        raise UsageError("a delivery cannot take fewer than no messages", "give a limit of 0 or more", field="limit")

    def notice_of(connection: Connection, row: OutboxRow) -> Notice:
        return _notice(connection, book_of(connection), row, settings.lang)

    def ready(connection: Connection) -> DeskSpec:
        demand_resumed(connection)
        return book_of(connection).desk

    desk = transactions.read(ready)
    routes, hours = Routes(settings, desk, _made(actions)), QuietHours(desk)
    office = Office(transactions.store, clock, routes, desk, notice_of, hours, settings.lang)
    return deliver(office, limit=limit, seconds=seconds, stop=stop)


def next_due(
    connection: Connection, book_of: BookOf, settings: Delivery, actions: Mapping[str, HostAction | None]
) -> datetime | None:
    """Return when the next message is due that can leave from this process."""
    return outbox.next_try(connection, takes(settings, book_of(connection).desk, _made(actions)))


def _made(actions: Mapping[str, HostAction | None]) -> dict[str, HostAction]:
    return {name: action for name, action in dict(actions).items() if action}


def retry(connection: Connection, book: Book, clock: Clock, ids: Sequence[int] | None, actor: str) -> int:
    """Make messages due now, for somebody who may."""
    people.demand(book.desk, people.actor_of(book.desk, actor), "retry")
    return outbox.retry(connection, ids, clock.now())


def _notice(connection: Connection, book: Book, row: OutboxRow, lang: str) -> Notice:
    ticket = tickets.get(connection, row.ticket_id, book.shapes)
    if row.to == "customer":
        said = tickets.private_of(connection, row.ticket_id, row.seq).get("reason")
        subject, text = notice.words_to_customer(
            book.desk, row.data, kind=row.kind, ticket=ticket.id, reason=said, lang=lang
        )
        return Notice(row.key, row.to, row.kind, row.reason, row.created_at, ticket, row.data, subject, text)
    subject, text = notice.words(
        book.desk, book.definition(ticket.type, ticket.version), ticket, kind=row.kind, reason=row.reason,
        at=row.created_at, lang=lang,
    )  # fmt: skip
    return Notice(row.key, row.to, row.kind, row.reason, row.created_at, ticket, row.data, subject, text)
