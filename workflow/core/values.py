"""What a field may hold: from what a person typed to a value, to JSON and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from workflow.core.model import Value
from workflow.core.remembered import Remembered
from workflow.core.times import parse_time
from workflow.definition.model import FieldSpec
from workflow.errors import BadValue, NotFound, UsageError

LONGEST_TEXT = 100_000  # characters: of a field, a note, a reason
LONGEST_WORD = 60  # of a name, a tag, a channel
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "是"}), frozenset({"false", "no", "n", "0", "否"})
_BIG = 2**63


def coerce(name: str, spec: FieldSpec, raw: object, zone: ZoneInfo) -> Value | None:
    """Return the value that `raw` means for a field, or None for an empty one.

    `raw` is a value of the field's Python type or what a person typed for it; a date-time without an offset is in
    `zone`. Raise BadValue, naming the field, for anything else.
    """
    texts = [text for text in (raw if isinstance(raw, list | tuple) else (raw,)) if isinstance(text, str)]
    storable(",".join(texts), name, empty=True)
    if raw is None or raw in ((), []) or (isinstance(raw, str) and not raw.strip()):
        return None
    try:
        value = _READ[spec.type](raw, zone)
    except (ValueError, InvalidOperation, OverflowError, UsageError):
        raise BadValue(
            "field {field} takes {wanted}, not {given!r}",
            "{hint}",
            field=name,
            wanted=spec.type,
            given="…" if spec.pii else _short(raw),
            hint=_HINTS[spec.type],
        ) from None
    _within(name, spec, value, zone)
    return value


def coerce_all(specs: Mapping[str, FieldSpec], raw: Mapping[str, object], zone: ZoneInfo) -> dict[str, Value | None]:
    """Coerce several fields; raise NotFound for a name that is not declared."""
    for name in raw:
        if name not in specs:
            raise NotFound(
                "there is no field {field}", "the fields are: {known}", field=name, known=", ".join(specs) or "-"
            )
    return {name: coerce(name, specs[name], value, zone) for name, value in raw.items()}


def storable(text: str, field: str, *, longest: int = LONGEST_TEXT, empty: bool = False) -> str:
    """Return a text that every database keeps; raise BadValue, naming the field, for any other."""
    if not isinstance(text, str):
        raise BadValue("the {field} is no text", "give a text", field=field)
    if len(text) > longest:
        raise BadValue(
            "the {field} has {given} characters, and up to {longest} are kept", "shorten it", field=field,
            given=len(text), longest=longest,
        )  # fmt: skip
    if not keeps(text):
        raise BadValue("the {field} holds a NUL or half a character", "take it out", field=field)
    if not empty and not text.strip():
        raise BadValue("the {field} must not be empty", "leave it out, or give one", field=field)
    return text


def keeps(text: str) -> bool:
    """Say whether every database keeps this text: without NUL, and without half a character."""
    return not _UNKEPT.search(text)


def encode(value: Value) -> Any:
    """Return the JSON form of a value."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def decode(kind: str, stored: Any) -> Value:
    """Return the value whose JSON form is `stored`."""
    if kind == "decimal":
        return Decimal(stored)
    if kind == "date":
        return date.fromisoformat(stored)
    if kind == "datetime":
        return datetime.fromisoformat(stored)
    value: Value = tuple(stored) if kind == "list" else stored
    return value


def encoded(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the JSON form of several fields."""
    return {name: encode(value) for name, value in values.items()}


def decoded(specs: Mapping[str, FieldSpec], stored: Mapping[str, Any]) -> dict[str, Value]:
    """Return the fields whose JSON form is `stored`; one that is no longer declared so is read as it stands."""
    return {name: _read_back(specs[name].type if name in specs else "text", value) for name, value in stored.items()}


def _read_back(kind: str, stored: Any) -> Value:
    try:
        return decode(kind, stored)
    except (ValueError, TypeError, InvalidOperation):
        return decode("list" if isinstance(stored, list) else "text", stored)


def _text(raw: object, _zone: ZoneInfo) -> str:
    if not isinstance(raw, str):
        raise ValueError
    return raw


def _bool(raw: object, _zone: ZoneInfo) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _int(raw: object, _zone: ZoneInfo) -> int:
    if isinstance(raw, bool | float) or not isinstance(raw, int | str):
        raise ValueError
    if isinstance(raw, str) and (len(raw) > 20 or "_" in raw):
        raise ValueError
    value = int(raw)
    if not -_BIG <= value < _BIG:
        raise ValueError
    return value


def _decimal(raw: object, _zone: ZoneInfo) -> Decimal:
    if isinstance(raw, bool) or (isinstance(raw, str) and (len(raw) > 40 or "_" in raw)):
        raise ValueError
    value = Decimal(str(raw).strip())
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise ValueError
    return value


def _date(raw: object, zone: ZoneInfo) -> date:
    if isinstance(raw, datetime):
        return raw.astimezone(zone).date() if raw.tzinfo else raw.date()
    return raw if isinstance(raw, date) else parse_time(str(raw), zone).astimezone(zone).date()


def _datetime(raw: object, zone: ZoneInfo) -> datetime:
    if not isinstance(raw, datetime):
        return parse_time(str(raw), zone)
    return (raw if raw.tzinfo else raw.replace(tzinfo=zone)).astimezone(UTC)


def _list(raw: object, zone: ZoneInfo) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, list | tuple):
        raise ValueError
    return tuple(_text(item.strip() if isinstance(item, str) else item, zone) for item in items)


_READ: dict[str, Callable[[object, ZoneInfo], Value]] = {
    "text": _text, "choice": _text, "bool": _bool, "int": _int, "decimal": _decimal,
    "date": _date, "datetime": _datetime, "list": _list,
}  # fmt: skip
_HINTS = {
    "text": "write a text",
    "choice": "write one of the declared choices",
    "bool": "write true or false",
    "int": "write a whole number, like 3",
    "decimal": "write a number, like 12.50",
    "date": "write a date, like 2026-03-02",
    "datetime": "write a time, like 2026-03-02T09:30 or 2026-03-02T09:30+08:00",
    "list": "write words with commas between them",
}


def _within(name: str, spec: FieldSpec, value: Value, zone: ZoneInfo) -> None:
    if spec.choices:
        for item in value if isinstance(value, tuple) else (value,):
            if item not in spec.choices:
                raise BadValue(
                    "field {field} has no choice {given!r}",
                    "the choices are: {known}",
                    field=name,
                    given="…" if spec.pii else _short(item),
                    known=", ".join(spec.choices),
                )
    if spec.pattern is not None and not _fits(spec.pattern, str(value)):
        raise BadValue(
            "field {field} does not fit its pattern", "write it as {pattern}", field=name, pattern=spec.pattern
        )
    if spec.min is spec.max is None:
        return
    size: Any = len(value) if isinstance(value, str | tuple) else value
    least, most = (_bound(spec, bound, zone) for bound in (spec.min, spec.max))
    if (least is not None and size < least) or (most is not None and size > most):
        raise BadValue(
            "field {field} must lie between {least} and {most}",
            "give a value inside these bounds",
            field=name,
            least="-" if spec.min is None else spec.min,
            most="-" if spec.max is None else spec.max,
        )


def _fits(pattern: str, text: str) -> bool:
    return _FITTING[pattern, text] if len(text) <= LONGEST_WORD else _matches((pattern, text))


def _matches(asked: tuple[str, str]) -> bool:
    from workflow.definition.expressions import compile_pattern  # which takes a moment to load, and few fields need

    pattern, text = asked
    return compile_pattern(pattern, whole=True)(text)


# A contact's facts are read three times on their way in, and the engine builds a pattern anew for each text.
_FITTING: Remembered[tuple[str, str], bool] = Remembered(_matches)


def _bound(spec: FieldSpec, bound: object, zone: ZoneInfo) -> Any:
    """Return a bound in what the field is measured by: its length for text and lists, else its own type."""
    if bound is None:
        return None
    return _READ["int" if spec.type in ("text", "choice", "list") else spec.type](bound, zone)


def _short(raw: object) -> str:
    text = str(raw)
    return text if len(text) <= 60 else text[:57] + "..."
