"""The shape of `delivery` in desk.yaml: how often a message is tried, when many become one, when people are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from workflow.definition.duration import Duration
from workflow.definition.words import DurationText, Name, Part, Priority, ShortForm, one_or_many

Pass = Priority | Literal["escalations", "last_rung"]


class Retry(Part):
    """How often a message is tried before it is given up: after `first`, then twice that and so on, up to `longest`."""

    tries: Annotated[int, Field(ge=1, le=1_000_000)] = 36
    first: DurationText = Duration("10s", timedelta(seconds=10))
    longest: DurationText = Duration("1h", timedelta(hours=1))


class Hours(Part):
    """When people are told: while a calendar is open, and what `passes` at any hour.

    That are tickets of a priority, `escalations`, or only the `last_rung` of the ladder.
    """

    calendar: Name
    passes: Annotated[tuple[Pass, ...], BeforeValidator(one_or_many), ShortForm(item=True)] = ()


Open = Annotated[
    Hours | None,
    BeforeValidator(lambda value: {"calendar": value} if isinstance(value, str) else value),
    ShortForm({"type": "string"}),
]


class QuietHours(Part):
    """Outside which hours nobody is told: members who are not on their shift, and the customer."""

    members: Open = None
    customer: Open = None


class Telling(Part):
    """How messages leave, by whichever way.

    More than `digest_above` that are due at once for the same member or team leave as one.
    """

    retry: Retry = Retry.model_construct()
    digest_above: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    hours: QuietHours = QuietHours.model_construct()
