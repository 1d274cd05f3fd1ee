"""The verbs about words: what to say on a ticket, what not to, and the record of what was said and done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from workflow.core import people, phrases
from workflow.core.model import Remark
from workflow.desk import unit
from workflow.desk.book import Book
from workflow.desk.privacy import disclose
from workflow.desk.refusing import Refusing
from workflow.errors import NotFound
from workflow.store import tickets

if TYPE_CHECKING:
    from workflow.core.form import StrategyRecord
    from workflow.core.speech import Speech
    from workflow.definition.speech import Guidance

T = TypeVar("T")


class SpeechVerbs(Refusing):
    """What people of a desk say to customers."""

    def what_to_say(
        self, ticket_id: int, *, actor: str, lang: str = "en", reveal: bool = False, reason: str | None = None
    ) -> Speech:
        """Return what to say on a ticket now, with its data filled in; raise NotFound.

        That is as of now, with the timers that are due already fired, but without writing anything. A text that `lang`
        lacks is taken from another language. Personal data is masked; with `reveal` it is not, if a role of the actor
        may see it, else Forbidden is raised; that is recorded with its `reason`.
        """
        from workflow.core.speech import what_to_say

        def work(connection: Connection, book: Book) -> Speech:
            who = people.actor_of(book.desk, actor)
            at, found = unit.as_found(connection, book, ticket_id, self.clock.now())
            ticket = found.ticket
            if reveal:
                (ticket,) = disclose(connection, book, [ticket], actor, "say", reason, at)
            return what_to_say(
                _demanded(book.guidance), book.rules(ticket.type, ticket.version), ticket,
                (*tickets.history_of(connection, ticket_id), *found.entries), actor=who, at=at, lang=lang,
                reveal=reveal,
            )  # fmt: skip

        return self._told(work, reveal=reveal, actor=actor, ticket_id=ticket_id)

    def check_phrases(self, text: str, *, ticket_id: int | None = None) -> tuple[Remark, ...]:
        """Return which phrases of the desk a text for a customer holds, and what to say instead.

        What is only forbidden on tickets with a mark, such as one at risk, is found where the ticket has it. Raise
        NotFound.
        """

        def work(connection: Connection, book: Book) -> tuple[Remark, ...]:
            guidance = _demanded(book.guidance)
            ticket = tickets.get(connection, ticket_id, book.shapes) if ticket_id is not None else None
            return phrases.remarks(guidance, {"text": text}, phrases.marks_of(guidance, ticket) if ticket else ())

        return self._read(work)

    def form(
        self, ticket_id: int, *, actor: str, lang: str = "en", reveal: bool = False, reason: str | None = None
    ) -> StrategyRecord:
        """Return the strategy record 策略记录表 of a ticket as of now; raise NotFound, or Forbidden for `reveal`.

        Personal data is masked; with `reveal` it is not, which is recorded with its `reason`.
        """
        from workflow.core.form import strategy_record
        from workflow.definition.speech import Guidance

        def work(connection: Connection, book: Book) -> StrategyRecord:
            people.actor_of(book.desk, actor)
            at, found = unit.as_found(connection, book, ticket_id, self.clock.now())
            ticket = found.ticket
            if reveal:
                (ticket,) = disclose(connection, book, [ticket], actor, "form", reason, at)
            return strategy_record(
                book.guidance or Guidance(), book.rules(ticket.type, ticket.version), ticket,
                (*tickets.history_of(connection, ticket_id), *found.entries), lang=lang, reveal=reveal,
            )  # fmt: skip

        return self._told(work, reveal=reveal, actor=actor, ticket_id=ticket_id)

    def _told(self, work: Callable[[Connection, Book], T], *, reveal: bool, actor: str, ticket_id: int) -> T:
        """Read; what reveals personal data is also written down."""
        if not reveal:
            return self._read(work)
        with self._judged("reveal", actor, ticket_id):
            return self._transactions.unit(lambda connection: work(connection, self._book(connection)))


def _demanded(guidance: Guidance | None) -> Guidance:
    if guidance is None:
        raise NotFound(
            "this desk has no guidance", "write guidance/situations.yaml and a language, then run `ticketflow apply`"
        )
    return guidance
