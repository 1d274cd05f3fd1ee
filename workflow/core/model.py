"""The values the core works on: a ticket, its timers, what may happen to it, and what was decided. All frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar

from workflow.errors import TicketflowError

if TYPE_CHECKING:
    from workflow.core.events import Link
    from workflow.core.guard import Rules

T = TypeVar("T")
Value: TypeAlias = str | bool | int | Decimal | date | datetime | tuple[str, ...]


class _Nothing(dict[str, Any]):
    """The empty mapping that never changes; unlike a mapping proxy it can be a default on Python 3.11."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("nothing is put in here")

    __setitem__ = __ior__ = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return 0


NOTHING: Mapping[str, Any] = _Nothing()


@dataclass(frozen=True, slots=True)
class Customer:
    """Who the ticket is for."""

    id: int
    fields: Mapping[str, Value] = NOTHING
    tags: tuple[str, ...] = ()


class SlaClock(NamedTuple):
    """One cycle of one SLA clock: `running`, `paused`, `met`, `missed` or `cancelled`; a name without one is idle.

    `elapsed` is what had been counted at `since`, when a running clock was last banked; `due_at` is when a running
    clock uses its goal up. `fired` counts a level's firings in this cycle, `spent` its turns under the goal in force.
    `extension` is part of the goal; `asked` is one that waits for its approval.
    """

    name: str
    cycle: int
    status: str
    goal: timedelta
    started_at: datetime
    elapsed: timedelta = timedelta()
    since: datetime | None = None
    due_at: datetime | None = None
    ended_at: datetime | None = None
    breached: bool = False
    at_risk: bool = False
    excused: bool = False
    extension: timedelta = timedelta()
    asked: timedelta | None = None
    fired: Mapping[str, int] = NOTHING
    spent: Mapping[str, int] = NOTHING

    @property
    def is_open(self) -> bool:
        """Whether the cycle has not ended: it runs or is paused."""
        return self.status in ("running", "paused")


class Ladder(NamedTuple):
    """An open escalation: who was told last, and the causes for which it stands, each with what it stands on.

    `rung` counts from 1; `raised` counts every telling and hold, and numbers the timer that ends it. `causes` says of
    each what it stands on; of a timer's occurrences only the last. `told_at` is when the addressee
    was told in fact; `held_by` acknowledged it, until `held_until`.
    """

    id: int
    rung: int
    raised: int
    opened_at: datetime
    causes: Mapping[str, str] = NOTHING
    addressee: str | None = None
    told_at: datetime | None = None
    held_by: str | None = None
    held_until: datetime | None = None


class Joined(NamedTuple):
    """Why a contact was joined to an open ticket: what of the customer is the same, and the category, where known."""

    same_by: tuple[str, ...]
    category: str | None = None


class Promise(NamedTuple):
    """What the customer was told: until when something will be done. Promises of a ticket are numbered."""

    number: int
    until: datetime
    made_at: datetime
    made_by: str


class Identity(NamedTuple):
    """The last identity check of a ticket 身份核验: whether what the caller said of these facts was right, all of it.

    `by` is the member who asked, `party` the caller: the `holder`, or another `person_of_right`. It was made in the
    stay `entry`. `failed` counts the wrong answers that each member was ever given on this ticket.
    """

    facts: tuple[str, ...]
    matched: bool
    by: str
    party: str
    at: datetime
    entry: int
    failed: Mapping[str, int] = NOTHING


def last_cycle(clocks: tuple[SlaClock, ...], name: str) -> SlaClock | None:
    """Return the last cycle of an SLA clock, or None where it has never run."""
    return next((clock for clock in reversed(clocks) if clock.name == name), None)


@dataclass(frozen=True, slots=True)
class Remark:
    """A phrase that was found in a text for a customer: what to say `instead`, and `why`.

    `refused` says that the text may not leave as it is. `found` is folded: width, case and spacing are gone.
    """

    phrase: str
    found: str
    instead: str
    why: str
    refused: bool
    lang: str
    field: str = "text"


@dataclass(frozen=True)
class Ticket:
    """A ticket as it stands. Instants are aware and in UTC.

    `entry` counts the ticket's stays in states, `version` is the definition's, `ticket_version` grows with every
    change and is what `if_version` is compared with. `next_due_at` is the earliest unmet SLA, promise or timeout;
    `missed_at` is a timeout that passed in the stay that still lasts. `clocks` are every cycle of every SLA clock, by
    name and cycle; `ladder` is the open escalation of `ladders` so far, `promise` the one that stands of `promises`;
    `identity` is the last check of whom we talk to.
    `replayed` marks the result of a call that an idempotency key had already answered, `joined` the ticket that an
    opening was joined to; `remarks` are what the call told the customer and had better be said otherwise.
    """

    id: int
    type: str
    version: int
    state: str
    stage: str
    opened_at: datetime
    entered_at: datetime
    updated_at: datetime
    entry: int = 1
    priority: str = "normal"
    channel: str | None = None
    team: str | None = None
    assignee: str | None = None
    customer: Customer | None = None
    external_id: str | None = None
    tags: tuple[str, ...] = ()
    fields: Mapping[str, Value] = NOTHING
    acted: Mapping[str, tuple[str, ...]] = NOTHING
    walks: Mapping[str, int] = NOTHING
    seq: int = 0
    last_fired: str | None = None
    last_fired_due: datetime | None = None
    next_due_at: datetime | None = None
    missed_at: datetime | None = None
    clocks: tuple[SlaClock, ...] = ()
    ladder: Ladder | None = None
    ladders: int = 0
    promise: Promise | None = None
    promises: int = 0
    identity: Identity | None = None
    ticket_version: int = 0
    desk_revision: int = 0
    head: str = ""
    replayed: bool = False
    joined: Joined | None = None
    remarks: tuple[Remark, ...] = ()

    def clock(self, name: str) -> SlaClock | None:
        """Return the last cycle of an SLA clock, or None where it has never run."""
        return last_cycle(self.clocks, name)


def replace(value: T, /, **changes: Any) -> T:
    """Return a frozen value with some of its fields changed, as `dataclasses.replace` does.

    A ticket is copied several times in a unit, and is copied without its constructor: some seven times faster.
    """
    if isinstance(value, tuple):
        copied: T = value._replace(**changes)  # type: ignore[attr-defined]
        return copied
    if not isinstance(value, Ticket):
        return dataclasses.replace(value, **changes)  # type: ignore[type-var]
    fields = value.__dict__ | changes
    if len(fields) > len(value.__dict__):
        raise TypeError(f"a ticket has no {', '.join(changes.keys() - value.__dict__.keys())}")
    copy = object.__new__(type(value))
    object.__setattr__(copy, "__dict__", fields)
    return copy


class Timer(NamedTuple):
    """A stored wish to be woken. (`kind`, `name`, `cycle`, `occurrence`) is its key within the ticket."""

    kind: str
    name: str
    cycle: int
    occurrence: int
    due_at: datetime
    position: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What makes this timer one of its kind."""
        return self[:4]

    @property
    def order(self) -> tuple[datetime, int, int]:
        """Which of two due timers fires first: the least due, then declaration, then occurrence."""
        return (self.due_at, self.position, self.occurrence)


class HistoryEntry(NamedTuple):
    """One thing that happened to a ticket, as it is stored, shown and asserted.

    `data` enters the hash chain as it is; `private` (personal data and free text) enters it as salted digests only.
    """

    seq: int
    kind: str
    happened_at: datetime
    actor: str
    state: str
    entry: int
    type: str
    version: int
    trigger: str | None = None
    source: str | None = None
    dest: str | None = None
    timer: tuple[str, str, int, int] | None = None
    data: Mapping[str, Any] = NOTHING
    private: Mapping[str, Any] = NOTHING
    desk_revision: int = 0
    hash: str = ""


class Message(NamedTuple):
    """Something that must be told to somebody: an outbox row.

    `stands` says on what its cause stands (`entry:3`, `sla:reply:1`, `ladder:2`, `promise:1`): told later than that, it
    is suppressed. None is told in any case.
    """

    to: str
    kind: str
    reason: str
    seq: int
    cause_entry: int
    happened_at: datetime
    stands: str | None = None
    data: Mapping[str, Any] = NOTHING


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, with the roles that count for this unit."""

    name: str
    roles: frozenset[str] = frozenset()
    automatic: bool = False


class Effect(NamedTuple):
    """An assignment or a message that an action asked for, to be settled at the end of the unit.

    `stands` says on what it stands (see Message); `seq` is the history entry that tells of it, where there is one.
    """

    action: str
    target: Any
    cause: str
    cause_entry: int
    timed: bool = False
    stands: str | None = None
    seq: int | None = None
    data: Mapping[str, Any] = NOTHING


class Rung(NamedTuple):
    """One telling of a ladder: rung `rung`, which fell due at `due_at`, was raised at `raised_at`."""

    ladder: int
    rung: int
    occurrence: int
    addressee: str | None
    raised_at: datetime
    due_at: datetime


class LadderChange(NamedTuple):
    """What a unit did to the stored lines of a ladder: raised one, repeated the last, acknowledged or ended all."""

    what: Literal["raised", "repeated", "acknowledged", "ended"]
    ladder: int
    at: datetime
    rung: Rung | None = None
    by: str | None = None


class Decision(NamedTuple):
    """What one event or one timer does to a ticket: the core's whole answer. Nothing has been done yet.

    `rules` are those that hold from then on, where they are others.
    """

    ticket: Ticket
    entries: tuple[HistoryEntry, ...] = ()
    effects: tuple[Effect, ...] = ()
    arm: tuple[Timer, ...] = ()
    drop: tuple[Timer, ...] = ()
    links: tuple[Link, ...] = ()
    ladders: tuple[LadderChange, ...] = ()
    fired: int = 0
    skipped: int = 0
    refusal: TicketflowError | None = None
    rules: Rules | None = None


class Incident(NamedTuple):
    """A timer that could not fire, and why."""

    timer: Timer
    reason: str


class Outcome(NamedTuple):
    """What a whole unit does to a ticket: the catch-up, the event (or its refusal) and what was settled."""

    ticket: Ticket
    timers: tuple[Timer, ...]
    entries: tuple[HistoryEntry, ...] = ()
    messages: tuple[Message, ...] = ()
    links: tuple[Link, ...] = ()
    incidents: tuple[Incident, ...] = ()
    ladders: tuple[LadderChange, ...] = ()
    fired: int = 0
    skipped: int = 0
    refusal: TicketflowError | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One trigger of `what_next`: allowed, or refused with the reason."""

    trigger: str
    dest: str | None
    allowed: bool
    label: Mapping[str, str]
    requires: tuple[str, ...] = ()
    refusal: TicketflowError | None = None
