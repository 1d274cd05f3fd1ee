"""What the people of a desk say to customers, as its author writes it: situations, texts by language, phrases.

`guidance/situations.yaml` says when which guidance is due; each other file of that folder says it in one language and
bears that language's name. None of it changes what a ticket does: it may be edited while tickets are open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from workflow.definition.desk import DeskSpec
from workflow.definition.expressions import variables_of
from workflow.definition.model import Conditions, FieldSpec
from workflow.definition.resolve import within
from workflow.definition.words import (
    PLACE_PATTERN,
    Label,
    Name,
    Names,
    Part,
    Places,
    ShortForm,
    one_or_many,
)

SITUATIONS_FILE = "situations.yaml"
LONGEST_TEXT = 2_000
# what guidance knows of a ticket besides what every condition does; the rest only texts can show
KNOWN: Mapping[str, str] = {"waited": "int", "promised": "bool", "promised_at": "timestamp", "due_at": "timestamp"}

Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Phrases = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...],
    BeforeValidator(one_or_many),
    ShortForm(item=True),
]
FieldNames = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=PLACE_PATTERN, max_length=121)], ...],
    BeforeValidator(one_or_many),
    ShortForm(item=True),
]


class Situation(Part):
    """When a text is due: in these places of these types, as long as the conditions hold.

    Of the situations of one `group` only the first that holds is said.
    """

    types: Names = ()
    at: Places = ()
    conditions: Conditions = ()
    unless: Conditions = ()
    group: Name | None = None


class FormSpec(Part):
    """From which fields the strategy record is filled in: of each list, the first field that is.

    `answers` are what the customer said to what we did: each stands with the step that recorded it.
    """

    contact: FieldNames = ()
    order: FieldNames = ()
    words: FieldNames = ()
    demand: FieldNames = ()
    result: FieldNames = ()
    feedback: FieldNames = ()
    answers: FieldNames = ()


class SituationsSpec(Part):
    """The file that says when what is said.

    A mark is on where a tag of that name is on the ticket or its customer, or a field of that name is true. `contacts`
    are the triggers by which the customer has heard from us; what stands in the fields `told` is read out to them.
    """

    marks: Names = ()
    contacts: Names = ()
    told: Names = ()
    form: FormSpec = Field(default_factory=FormSpec)
    situations: dict[Name, Situation] = Field(default_factory=dict)


class Saying(Part):
    """One text: what to `say` to the customer, and what else to `do`."""

    label: Annotated[str, StringConstraints(max_length=60)] = ""
    say: Text = ""
    do: Text = ""


class Phrase(Part):
    """Words that no customer should read or hear, with what to say `instead`, and why.

    `words` count wherever they stand, `bare` ones where they are all that is said. A match inside one of `except_for`
    is none; with `fine_with_time`, nor is any in a text that names a time. `only` limits it to tickets with a mark.
    """

    words: Phrases = ()
    bare: Phrases = ()
    except_for: Phrases = ()
    fine_with_time: bool = False
    only: Name | None = None
    instead: Text
    why: Text
    rule: Literal["refuse", "warn"] = "refuse"


class LanguageSpec(Part):
    """One language: its texts by situation, its phrases, and the patterns by which it names a time."""

    label: Label = Field(default_factory=dict)
    times: Phrases = ()
    texts: dict[Name, Saying] = Field(default_factory=dict)
    phrases: dict[Name, Phrase] = Field(default_factory=dict)


class Guidance(Part):
    """All of the folder `guidance`."""

    situations: SituationsSpec = Field(default_factory=SituationsSpec)
    languages: dict[str, LanguageSpec] = Field(default_factory=dict)


def is_about(situation: Situation, kind: str, state: str) -> bool:
    """Say whether a situation is about a state of a type: without places, about every state but the archive."""
    if situation.types and kind not in situation.types:
        return False
    return any(within(state, place) for place in situation.at) if situation.at else state.partition(".")[0] != "archive"


def readable(spec: SituationsSpec, fields: Mapping[str, FieldSpec], desk: DeskSpec) -> dict[str, str]:
    """Return what conditions and texts may read where these fields are declared, with the CEL type of each."""
    return {**variables_of(fields, desk.customer.fields), **KNOWN, **dict.fromkeys(spec.marks, "bool")}
