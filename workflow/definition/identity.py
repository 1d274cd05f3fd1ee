"""The shape of identity checks: what a caller is compared by, and what may only be done while such a check holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from workflow.definition.words import DurationText, Name, Names, Part, ShortForm


class Fact(Part):
    """How a customer's field is compared with what a caller says: by its `last` letters and digits."""

    field: Name
    last: Annotated[int, Field(ge=1, le=40)]


class IdentitySpec(Part):
    """What a desk knows its callers by. A member who was given `attempts` wrong answers on a ticket may not go on."""

    facts: dict[Name, Fact]
    attempts: Annotated[int, Field(ge=1, le=100)] = 3


class IdentityDemand(Part):
    """That an identity check must hold: right in `at_least` of these facts, and made not longer ago than `within`.

    Without `within` it must have been made in the stay that lasts.
    """

    facts: Annotated[Names, Field(min_length=1)]
    at_least: Annotated[int, Field(ge=1, le=100)] = 1
    within: DurationText | None = None


Identity = Annotated[
    IdentityDemand | None,
    BeforeValidator(lambda value: {"facts": value} if isinstance(value, str | list | tuple) else value),
    ShortForm({"type": "string"}, {"type": "array", "items": {"type": "string"}}),
]
