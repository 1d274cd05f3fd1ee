"""The shape of the file of a ticket type, as its author writes it. Pure values.

A short form (`accept: classify`, a bare action word, a list of choices) is turned into its long form as it is read,
so that the rest of the program knows one shape only. `inheritance` works out what inner places override.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_serializer,
    model_validator,
)

from workflow.definition.identity import Identity
from workflow.definition.problems import Wrong
from workflow.definition.words import (
    DurationText,
    Label,
    Name,
    Names,
    Part,
    Place,
    Places,
    Priority,
    ShortForm,
    ShortName,
    Tags,
    as_tuple,
    one_or_many,
)

Stage = Literal["intake", "classify", "handle", "review", "callback", "archive"]
STAGES: tuple[Stage, ...] = get_args(Stage)
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
FieldType = Literal["text", "choice", "bool", "int", "decimal", "date", "datetime", "list"]
Verb = Literal[
    "open", "intake", "advance", "assign", "transfer", "claim", "note", "set", "tag", "link", "escalate", "acknowledge",
    "promise", "extend", "approve", "excuse", "retry", "retype", "verify", "reveal", "redact", "repair", "apply",
    "migrate",
]  # fmt: skip
VERBS: tuple[Verb, ...] = get_args(Verb)
AUTOMATIC_ACTORS = ("timer", "system", "machine")
BARE_ACTIONS = ("reassign", "escalate")


class HostCall(Part):
    """A condition or an action that the host registered in Python under this name."""

    call: Name


def _condition(value: object) -> object:
    if not isinstance(value, str | dict | HostCall) or value == "":
        raise Wrong("bad-condition", text="null" if value is None else str(value) or "''")
    return value


Condition = str | HostCall
Conditions = Annotated[
    tuple[
        Annotated[
            Annotated[str, Tag("text")] | Annotated[HostCall, Tag("host")],
            Discriminator(lambda value: "text" if isinstance(value, str) else "host"),
            BeforeValidator(_condition),
        ],
        ...,
    ],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (_condition(value),)),
    BeforeValidator(as_tuple),
    ShortForm(item=True),
]


class FieldSpec(Part):
    """A field that a ticket or a customer has."""

    type: FieldType
    label: Label = {}
    help: Label = {}
    required: bool = False
    default: Any = None
    choices: Annotated[
        dict[str, Label],
        BeforeValidator(lambda value: {choice: {} for choice in value} if isinstance(value, list) else value),
        ShortForm({"type": "array", "items": {"type": "string"}}),
    ] = {}
    min: int | float | str | None = None
    max: int | float | str | None = None
    pattern: str | None = None
    pii: bool = False

    @property
    def private(self) -> bool:
        """Whether values of this field enter the history chain as salted digests only."""
        return self.pii or self.type in ("text", "list")


class Action(Part):
    """One thing that a transition or timeout asks for besides the move. Exactly one of the keys is set."""

    assign: Name | None = None
    reassign: bool = False
    escalate: bool = False
    notify: Name | None = None
    set: dict[Name, Any] | None = None
    priority: Priority | None = None
    tag: Tags | None = None
    count: Name | None = None
    link: int | None = None
    call: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, value: Any) -> Any:
        if isinstance(value, str) and value in BARE_ACTIONS:
            return {value: True}
        if not isinstance(value, Mapping) or len(value) != 1 or any(item in (None, False) for item in value.values()):
            text = (
                ", ".join(f"{key}: {item}" for key, item in value.items()) if isinstance(value, Mapping) else str(value)
            )
            raise Wrong("bad-action", text=text, known_actions=", ".join(cls.model_fields))
        return value

    @model_serializer
    def _short(self) -> Any:
        return self.kind if self.kind in BARE_ACTIONS else {self.kind: getattr(self, self.kind)}

    @property
    def kind(self) -> str:
        """The action's word: assign, reassign, escalate, notify, set, priority, tag, count, link or call."""
        return next(iter(self.model_fields_set))

    @property
    def argument(self) -> Any:
        """What the word names or says; None for a bare word."""
        return None if self.kind in BARE_ACTIONS else getattr(self, self.kind)


Actions = Annotated[tuple[Action, ...], BeforeValidator(as_tuple)]


class Branch(Part):
    """One way a trigger may go. Without a dest the ticket stays where it is."""

    dest: Place | None = None
    conditions: Conditions = ()
    unless: Conditions = ()
    requires: Names = ()
    asks: Names = ()
    consent: Name | None = None
    self_service: Name | None = None
    identity: Identity = None
    roles: Names | None = None
    not_by: Places = ()
    back: Literal["rework", "continue"] | None = None
    actions: Actions = ()


class Transition(Part):
    """What a trigger does in a state: the first branch whose conditions hold is taken."""

    label: Label = {}
    help: Label = {}
    branches: Annotated[tuple[Branch, ...], BeforeValidator(as_tuple)] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _long_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"branches": [{"dest": value}]}
        if isinstance(value, list):
            return {"branches": value}
        if isinstance(value, Mapping):
            common = {key: item for key, item in value.items() if key not in ("label", "help", "branches")}
            branches = value.get("branches", [{}])
            if common and isinstance(branches, list | tuple):
                branches = [common | branch if isinstance(branch, dict) else branch for branch in branches]
            return {key: value[key] for key in ("label", "help") if key in value} | {"branches": branches}
        return value


Transitions = dict[Name, Transition | None]


class Late(Part):
    """How long after its due time a notice still makes sense."""

    skip_after: DurationText


class Timeout(Part):
    """What happens by itself after some time in a state."""

    after: DurationText
    calendar: Name | None = None
    dest: Place | None = None
    every: DurationText | None = None
    times: Annotated[int, Field(ge=1, le=1000)] | None = None
    conditions: Conditions = ()
    unless: Conditions = ()
    actions: Actions = ()
    back: Literal["rework", "continue"] | None = None
    late: Late | None = None
    label: Label = {}


Timeouts = dict[Name, Timeout | None]


class Room(Part):
    """What a type, a stage and a state can all say; the inner one overrides."""

    label: Label = {}
    help: Label = {}
    team: Name | None = None
    calendar: Name | None = None
    roles: Names | None = None
    transitions: Transitions = {}
    timeouts: Timeouts = {}


class StateSpec(Room):
    """One state of a stage that has several."""


class StageSpec(Room):
    """One of the six stages."""

    states: Annotated[
        dict[Name, StateSpec | None],
        BeforeValidator(lambda value: dict.fromkeys(value) if isinstance(value, list) else value),
        ShortForm({"type": "array", "items": {"type": "string"}}),
    ] = {}


class Level(Part):
    """A point on an SLA's clock, counted from its start (`80%`) or from its goal (`-1h`)."""

    at: Annotated[str, StringConstraints(max_length=19)]
    actions: Actions = ()
    repeat: bool = False


class Sla(Part):
    """A service-level stopwatch over several states."""

    goal: Annotated[
        dict[str, DurationText],
        BeforeValidator(lambda value: {"default": value} if isinstance(value, str) else value),
        ShortForm({"type": "string"}),
    ]
    calendar: Name | None = None
    start: Places
    stop: Places
    pause: Places = ()
    reset: Places = ()
    cancel: Places = ()
    stop_by: Literal["person", "anyone"] = "anyone"
    reopen: Literal["new_cycle", "continue", "ignore"] = "new_cycle"
    levels: Annotated[tuple[Level, ...], BeforeValidator(as_tuple)] = ()
    label: Label = {}


class TicketTypeSpec(Part):
    """One ticket type, as its file says it.

    A repeat contact about an open ticket `joins` it by firing this trigger; with false it opens one of its own, linked
    to the other; without it nobody looks.
    """

    ticket_type: Name
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    label: Label = {}
    help: Label = {}
    calendar: Name = "always"
    team: Name | None = None
    roles: Names | None = None
    skips: Annotated[tuple[Stage, ...], BeforeValidator(one_or_many), ShortForm(item=True)] = ()
    fields: dict[Name, FieldSpec] = {}
    category: Name | None = None
    joins: Name | Literal[False] | None = None
    on_open: Actions = ()
    transitions: Transitions = {}
    timeouts: Timeouts = {}
    stages: dict[Stage, StageSpec | None]
    sla: dict[ShortName, Sla] = {}
