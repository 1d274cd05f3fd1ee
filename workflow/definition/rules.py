"""The shape of rules.yaml: what a contact is, by its channel, its words and what is known of it. Pure values.

`core.classify` asks the rules; `rulecheck` says what is wrong with them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, StringConstraints

from workflow.definition.words import Label, Name, Names, Part, Priority, ShortForm, Tags, one_or_many

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(one_or_many), ShortForm(item=True)]


class Words(Part):
    """Words looked for in a contact's text: at least one of `any`, every one of `all`, and none of `none`.

    One of `start` stands in the first line, the subject if there is one.
    """

    start: Texts = ()
    any: Texts = ()
    all: Texts = ()
    none: Texts = ()


class When(Part):
    """What must be true of a contact for a rule to speak: everything that is said here."""

    channels: Names = ()
    words: Annotated[
        Words,
        BeforeValidator(lambda value: {"any": value} if isinstance(value, str | list | tuple) else value),
        ShortForm({"type": "string"}, {"type": "array", "items": {"type": "string"}}),
    ] = Words.model_construct()
    patterns: Texts = ()
    conditions: Texts = ()


class Rule(Part):
    """What a contact is taken for `when` something is true of it."""

    label: Label = {}
    when: When
    type: Name | None = None
    category: Text | None = None
    priority: Priority | None = None
    tags: Tags = ()
    team: Name | None = None
    risk: Literal["escalation"] | None = None

    @property
    def says(self) -> dict[str, Any]:
        """What the rule proposes, by attribute; what it says nothing of is left out."""
        return {name: value for name in PROPOSED if (value := getattr(self, name))}


PROPOSED = ("type", "category", "priority", "tags", "team", "risk")


class Answers(Part):
    """What becomes of the answer that a host's machine gives at once: the trigger to fire, and the field it fills."""

    trigger: Name
    field: Name


class RulesSpec(Part):
    """How contacts are sorted. With `match: first` the first rule that holds decides, with `all` every one speaks.

    `default` is the type of what no rule gives a type.
    """

    match: Literal["first", "all"]
    default: Name
    answers: Answers | None = None
    rules: dict[Name, Rule] = {}
