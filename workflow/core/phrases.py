"""What a customer should not be told, found in a text before it reaches them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from workflow.core.events import Advance, Event, MakePromise, SetFields
from workflow.core.model import Remark, Ticket
from workflow.errors import BadValue

if TYPE_CHECKING:
    from workflow.definition.speech import Guidance


def remarks(guidance: Guidance, texts: Mapping[str, str], marks: Collection[str] = ()) -> tuple[Remark, ...]:
    """Return what is to be remarked of some texts, by their fields, on a ticket with these marks."""
    from workflow.definition.phrases import matches

    return tuple(
        Remark(name, found, phrase.instead, phrase.why, phrase.rule == "refuse", lang, field)
        for field, text in texts.items()
        for lang, language in guidance.languages.items()
        for name, phrase, found in matches(language.phrases, text, language.times)
        if phrase.only is None or phrase.only in marks
    )


def refusal(found: Iterable[Remark], ticket: int | None) -> BadValue | None:
    """Return why a text may not leave, or None."""
    worst = next((remark for remark in found if remark.refused), None)
    if worst is None:
        return None
    return BadValue(
        "no customer is told “{found}” (phrase {phrase}, in {field}): {why}",
        "say instead: {instead}",
        ticket=ticket,
        field=worst.field,
        found=worst.found,
        phrase=worst.phrase,
        why=worst.why,
        instead=worst.instead,
    )


def texts_of(event: Event) -> dict[str, str]:
    """Return the texts in an event that a customer may be told, by field: the reason of a promise, and every field."""
    if isinstance(event, MakePromise):
        return {"reason": event.reason} if event.until and event.reason else {}
    return texts_among(event.fields) if isinstance(event, Advance | SetFields) else {}


def texts_among(fields: Mapping[str, object]) -> dict[str, str]:
    """Return those of some fields that hold text."""
    return {name: text for name, text in fields.items() if isinstance(text, str) and text.strip()}


def told(guidance: Guidance, texts: Mapping[str, str]) -> dict[str, str]:
    """Return those of the texts that a customer is told."""
    return {name: text for name, text in texts.items() if name in (*guidance.situations.told, "reason")}


def marks_of(guidance: Guidance, ticket: Ticket) -> frozenset[str]:
    """Return the marks that are on: by a tag of the ticket or its customer, or by a field that is true."""
    tags = {*ticket.tags, *(ticket.customer.tags if ticket.customer else ())}
    return frozenset(mark for mark in guidance.situations.marks if mark in tags or ticket.fields.get(mark) is True)
