"""Explaining a ticket: all that its rows, its history and its rules say of why it is where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from workflow.core import explain as core
from workflow.core import people
from workflow.core.events import Link
from workflow.core.explain import ClockStory, Duty, Wake
from workflow.core.model import HistoryEntry, Message, Option, Ticket
from workflow.desk import unit
from workflow.desk.book import Book
from workflow.store import agenda, outbox, tickets
from workflow.store.agenda import IncidentRow
from workflow.store.outbox import OutboxRow
from workflow.store.rosters import roster_of

MOVES = 5
UNSENT = (*outbox.PENDING, "failed")
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a ticket is and how it came there, what comes next and why then, who is told, what can be done.

    All of it is as of `as_of`, with what is due already fired, though nothing is written: `unwritten` are the history
    entries, and `unwritten_messages` the messages, that the next run or event writes for that. The ticket has been in
    its state for `stayed`, `counted` of it open on `calendar`. `moves` are its last ones, `repairs` all those made by
    hand, the oldest first. `owner` is who answers for it: its assignee, else the lead on duty; by `given` the assignee
    has it. `queue` is the team at work in its state, where it is with another that serves that team. `messages` are
    those that wait, are held or were given up.
    """

    as_of: datetime
    ticket: Ticket
    unwritten: tuple[HistoryEntry, ...]
    unwritten_messages: tuple[Message, ...]
    calendar: str
    stayed: timedelta
    counted: timedelta
    moves: tuple[HistoryEntry, ...]
    repairs: tuple[HistoryEntry, ...]
    owner: str | None
    lead: str | None
    given: HistoryEntry | None
    queue: str | None
    timers: tuple[Wake, ...]
    clocks: tuple[ClockStory, ...]
    duties: tuple[Duty, ...]
    options: tuple[Option, ...]
    messages: tuple[OutboxRow, ...]
    incidents: tuple[IncidentRow, ...]
    links: tuple[Link, ...]


def explain(connection: Connection, book: Book, ticket_id: int, actor: str, now: datetime) -> Explanation:
    """Explain a ticket as it stands once its due timers have fired; write nothing."""
    options = unit.what_next(connection, book, ticket_id, actor, now)
    at, outcome = unit.as_found(connection, book, ticket_id, now)
    ticket, timers = outcome.ticket, outcome.timers
    history = (*tickets.history_of(connection, ticket_id), *outcome.entries)
    rules = book.rules(ticket.type, ticket.version, ticket.desk_revision)
    calendar = core.place_calendar(rules.compiled.definition, ticket.state)
    lead, state = people.lead_of(rules, ticket, at), rules.compiled.definition.states[ticket.state]
    over = ticket.stage == "archive"
    unsent = outbox.rows(connection, limit=_MOST, ticket_id=ticket_id)
    return Explanation(
        as_of=at,
        ticket=ticket,
        unwritten=outcome.entries,
        unwritten_messages=outcome.messages,
        calendar=calendar,
        stayed=at - ticket.entered_at,
        counted=rules.calendar(calendar).elapsed(ticket.entered_at, at),
        moves=tuple(entry for entry in history if entry.dest)[-MOVES:],
        repairs=tuple(entry for entry in history if entry.kind == "repaired"),
        owner=None if over else ticket.assignee or lead,
        lead=None if over else lead,
        given=next((entry for entry in reversed(history) if "assignee" in entry.data), None)
        if ticket.assignee
        else None,
        queue=None if over or ticket.team == state.team else state.team,
        timers=core.wakes(rules, ticket, timers, history, book.rules, roster_of(connection)),
        clocks=core.clock_stories(rules, ticket, history, book.rules, at),
        duties=() if over else core.duties(rules, ticket, timers, at),
        options=options,
        messages=tuple(row for row in unsent if row.state in UNSENT),
        incidents=tuple(agenda.incident_rows(connection, open_only=True, limit=_MOST, after=None, ticket_id=ticket_id)),
        links=tickets.links_of(connection, ticket_id),
    )
