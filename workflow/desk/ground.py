"""What every verb of a desk stands on: its transactions, its clock, and the rules as they were last read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core.guard import HostCondition
from workflow.core.model import NOTHING
from workflow.delivery.routes import HostAction
from workflow.delivery.settings import Delivery
from workflow.desk import book as rulebook
from workflow.desk.book import Book
from workflow.desk.machines import HostClassifier
from workflow.desk.transactions import Transactions

T = TypeVar("T")


class Ground:
    """What the verbs share. `books` holds the rules last read: desks made by `within` share it with theirs.

    `folder` has the files of the definitions.
    """

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        folder: Path,
        conditions: Mapping[str, HostCondition],
        actions: dict[str, HostAction | None],
        books: list[Book],
        delivery: Delivery | None = None,
        classifiers: Mapping[str, HostClassifier] = NOTHING,
    ) -> None:
        self._transactions, self.clock, self.folder = transactions, clock, folder
        self._conditions, self._actions, self._books = conditions, actions, books
        self.delivery = delivery or Delivery()
        self._classifiers = classifiers

    def _book(self, connection: Connection) -> Book:
        known = self._books[0] if self._books else None
        if known is None or known.generation != rulebook.generation(connection):
            known = Book.read(connection, self._conditions)
            self._books[:] = [known]
        return known

    def _read(self, work: Callable[[Connection, Book], T]) -> T:
        return self._transactions.read(lambda connection: work(connection, self._book(connection)))
