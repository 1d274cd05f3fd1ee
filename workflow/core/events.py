"""What may happen to a ticket: each event that somebody can ask for, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from workflow.core.model import NOTHING, Value

if TYPE_CHECKING:
    from workflow.core.redaction import Blot


@dataclass(frozen=True, slots=True)
class Advance:
    """A person fires a trigger, perhaps filling fields on the way."""

    trigger: str
    fields: Mapping[str, Value] = NOTHING
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Assign:
    """A person gives the ticket to a team or a member (None: to nobody)."""

    to: str | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A person hands the ticket over: to a team or a member, or to an expert, whose `skill` the ticket is tagged with.

    The customer has been told first, which `announced` says.
    """

    to: str | None
    reason: str
    announced: bool
    skill: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A person takes the ticket.

    One that is `untouched`, its team having given it to somebody who has done nothing with it since, is anybody's of
    that team.
    """

    untouched: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A person writes something down."""

    text: str


@dataclass(frozen=True, slots=True)
class SetFields:
    """A person fills, changes or (with None) empties fields, or sets the priority."""

    fields: Mapping[str, Value | None] = NOTHING
    priority: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A person tags or untags."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A person links the ticket to another."""

    other: int
    kind: str = "related"


@dataclass(frozen=True, slots=True)
class Escalate:
    """A person calls the team lead."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A person takes an escalation on."""

    note: str | None = None


@dataclass(frozen=True, slots=True)
class MakePromise:
    """A person tells the customer until when; `until` None says that the promise was kept."""

    until: datetime | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Extend:
    """A person asks for more time on an SLA clock 延期."""

    sla: str
    by: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Approve:
    """A lead grants, or refuses, the extension that was asked for."""

    sla: str
    granted: bool = True
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Excuse:
    """A lead excuses a miss: it stays in the record."""

    sla: str
    reason: str
    cycle: int | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """An administrator puts the ticket into a state that no transition leads to."""

    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verify:
    """A person compares what a caller says of some facts with the customer's record. No repr or record shows it."""

    facts: Mapping[str, str] = field(repr=False)
    party: str = "holder"


@dataclass(frozen=True, slots=True)
class Redact:
    """Personal data is removed: these fields, the customer's, the texts of history entries.

    `blot` knows what to seek in other texts; `texts` are what stays of those of the history, as `seq.name`.
    """

    blot: Blot = field(repr=False)
    reason: str
    texts: Mapping[str, str] = NOTHING
    fields: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()


Event: TypeAlias = (
    Advance | Assign | Transfer | Claim | Note | SetFields | Tag | Link | Escalate | Acknowledge | MakePromise | Extend
    | Approve | Excuse | Repair | Verify | Redact
)  # fmt: skip
