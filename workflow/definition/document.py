"""A definition as one text, which a database keeps, and as one hash, by which its meaning is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from workflow.definition.desk import DeskSpec
from workflow.definition.duration import Duration
from workflow.definition.model import FieldSpec, TicketTypeSpec
from workflow.definition.words import Part


def document(spec: TicketTypeSpec | DeskSpec) -> str:
    """Return the JSON text under which a definition is stored; reading it back gives an equal value.

    The order of states, triggers, timeouts and branches is part of the meaning and is kept.
    """
    return json.dumps(
        spec.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, separators=(",", ":"), sort_keys=False
    )


def content_hash(spec: TicketTypeSpec | DeskSpec) -> str:
    """Return the SHA-256 of what a definition means: comments, labels and help texts are left out."""
    return hashlib.sha256(json.dumps(_meaning(spec), ensure_ascii=False).encode()).hexdigest()


def _meaning(value: Any) -> Any:
    if isinstance(value, FieldSpec) and value.choices:
        return _meaning_of_part(value) | {"choices": list(value.choices)}
    if isinstance(value, Part):
        return _meaning_of_part(value)
    if isinstance(value, Mapping):
        return {name: _meaning(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_meaning(item) for item in value]
    return str(value) if isinstance(value, Duration) else value


def _meaning_of_part(part: Part) -> dict[str, Any]:
    """Return what a part says beyond its words; what is left at its default says nothing."""
    return {
        name: _meaning(value)
        for name, field in type(part).model_fields.items()
        if name not in ("label", "help") and (value := getattr(part, name)) != field.default
    }
