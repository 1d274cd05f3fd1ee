"""Definitions as a database keeps them: checked before, so that reading them back needs neither YAML nor the checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from workflow.definition.desk import DeskSpec
from workflow.definition.holidays import holiday_table, newest_edition
from workflow.definition.inheritance import resolve
from workflow.definition.model import TicketTypeSpec
from workflow.definition.resolve import TicketType
from workflow.errors import SchemaOutdated

if TYPE_CHECKING:
    from workflow.definition.speech import Guidance

UNNAMED = "2026"  # the edition of public holidays by which desks counted that were stored before editions were named


@lru_cache(maxsize=32)
def read_type(document: str) -> TicketType:
    """Return the ticket type of a stored document."""
    return resolve(TicketTypeSpec.model_validate_json(document, strict=False))


def read_desk(document: str) -> DeskSpec:
    """Return the desk of a stored document, with its editions of public holidays.

    Raise SchemaOutdated for an edition that a later release brought.
    """
    desk = _with_holidays(
        DeskSpec.model_validate_json(document, strict=False), lambda of: of if "@" in of else f"{of}@{UNNAMED}"
    )
    for edition in holiday_editions(desk):
        try:
            holiday_table(edition)
        except (KeyError, ValueError):
            raise SchemaOutdated(
                "the desk counts by the public holidays {edition}, which this release does not know",
                "use the release that applied them, or a later one",
                edition=edition,
            ) from None
    return desk


def with_editions(desk: DeskSpec) -> DeskSpec:
    """Return a desk as it is stored: its calendars name the newest edition of their public holidays."""
    return _with_holidays(desk, newest_edition)


def holiday_editions(desk: DeskSpec) -> tuple[str, ...]:
    """Return the tables of public holidays by which a desk counts."""
    named = {calendar.public_holidays.of for calendar in desk.calendars.values() if calendar.public_holidays}
    return tuple(sorted(named))


def _with_holidays(desk: DeskSpec, edition: Callable[[str], str]) -> DeskSpec:
    calendars = {
        name: calendar.model_copy(update={"public_holidays": public.model_copy(update={"of": edition(public.of)})})
        for name, calendar in desk.calendars.items()
        if (public := calendar.public_holidays)
    }
    return desk.model_copy(update={"calendars": {**desk.calendars, **calendars}}) if calendars else desk


def read_guidance(document: str) -> Guidance:
    """Return the guidance of a stored document, which was checked when it was stored."""
    from workflow.definition.speech import Guidance

    return Guidance.model_validate_json(document, strict=False)
