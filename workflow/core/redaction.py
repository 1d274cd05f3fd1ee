"""Personal data taken out of a ticket for good: its fields, and every text in which they are repeated."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from workflow.core import people
from workflow.core.events import Redact
from workflow.core.guard import Rules
from workflow.core.model import Actor, Decision, HistoryEntry, Ticket
from workflow.core.moves import noted, record
from workflow.errors import BadValue

REDACTED = "[redacted]"
_BETWEEN = r"[\s\-]*"
_NUMBER = re.compile(r"\+?[0-9][0-9\s-]{5,}[0-9X]")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")  # what the desk wrote: no number is looked for in it
_FIELD = re.compile(r"(?:fields|lost)\.(.+)")
_ABROAD = re.compile(r"\+?86(?=1\d{10}$)")
_LONG = 500  # letters: only a copy of so long a text is sought
_SHORT = 4  # letters: a name as short as this is sought as a word of its own


class Blot:
    """Takes data out of texts, however they are written there: full or half width, in capitals, a number with gaps."""

    def __init__(self, data: Iterable[str]) -> None:
        texts = [form for text in data for form in (text.strip(), unicodedata.normalize("NFKC", text).strip())]
        found = {text for text in texts if len(text) > 1}
        self._pattern = re.compile(
            "|".join(map(_sought, sorted(found, key=len, reverse=True))) or "(?!)", re.IGNORECASE
        )

    def text(self, text: str) -> str:
        """Return a text without the data; one that has none of them is returned as it is."""
        return self._pattern.sub(REDACTED, text)

    def stands_in(self, value: Any) -> bool:
        """Say whether a value, or one inside it, has some of the data."""
        return bool(self.value(value) != value)

    def value(self, value: Any) -> Any:
        """Return a value of JSON with the data taken out of all texts in it; a number that is one of them is None."""
        match value:
            case str():
                return value if _INSTANT.match(value) else self.text(value)
            case dict():
                return {self.text(name): self.value(each) for name, each in value.items()}
            case list() | tuple():
                return type(value)(map(self.value, value))
            case int() | float() if not isinstance(value, bool) and self._pattern.fullmatch(str(value)):
                return None
        return value

    def fields(self, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Return fields without those of these names, and without the data in the others."""
        gone = set(names)
        found = {name: self.value(value) for name, value in values.items() if name not in gone}
        return {name: value for name, value in found.items() if value is not None}


def redacted(rules: Rules, ticket: Ticket, event: Redact, actor: Actor, now: datetime) -> Decision:
    """Return a ticket without some fields, and without what they held in the others; a required text says so."""
    people.demand(rules.desk, actor, "redact", ticket.id)
    if not event.reason.strip():
        raise BadValue("the reason is missing", "say why", field="reason")
    specs = rules.compiled.definition.fields
    fields = event.blot.fields(ticket.fields, event.fields)
    fields |= {
        name: REDACTED if spec.type == "text" else (REDACTED,)
        for name, spec in specs.items()
        if name in event.fields and name in ticket.fields and spec.required and spec.type in ("text", "list")
    }
    named = {"redacted": event.fields, "of_customer": event.customer, "entries": event.entries}
    data = {key: list(names) for key, names in named.items() if names}
    private = {**event.texts, **noted(event.blot.text(event.reason), "reason")}
    ticket, entry = record(ticket, "redacted", actor, now, {"fields": fields}, data=data, private=private)
    return Decision(ticket, (entry,))


def texts_left(rules: Rules, history: Iterable[HistoryEntry], event: Redact) -> dict[str, str]:
    """Return what stays of a history's texts that have the data in them, by `seq.name`; of personal fields nothing."""
    specs, found = rules.compiled.definition.fields, dict[str, str]()
    for entry in history:
        for name, value in entry.private.items():
            field = of[1] if (of := _FIELD.search(name)) else None
            gone = field in event.fields or (field is None and entry.seq in event.entries)
            if gone or not isinstance(value, str) or not event.blot.stands_in(value):
                continue
            if field is None or (field in specs and not specs[field].pii):
                found[name if name[0].isdigit() else f"{entry.seq}.{name}"] = event.blot.text(value)
    return found


def _sought(datum: str) -> str:
    """Return the pattern that finds a datum. A number is found inside longer ones too, a short word only by itself."""
    if _NUMBER.fullmatch(datum.upper()):
        return _BETWEEN.join(map(_letter, _ABROAD.sub("", re.sub(r"[\s-]", "", datum)).lstrip("+")))
    if len(datum) > _LONG:
        return re.escape(datum)
    pattern = "".join(map(_letter, datum))
    if len(datum) >= _SHORT or not datum.isascii():
        return pattern
    return f"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])"


def _letter(letter: str) -> str:
    wide = chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else ""
    return r"\s+" if letter.isspace() else f"[{re.escape(letter)}{wide}]" if wide else re.escape(letter)
