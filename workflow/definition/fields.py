"""What a field may hold, checked while the definition is read: its limits, its choices, its default."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from workflow.definition.expressions import compile_pattern
from workflow.definition.model import FieldSpec
from workflow.definition.sheet import Sheet
from workflow.definition.tree import Path

_COUNTED = ("text", "list")
_LIMITS = {
    "text": "a number of characters", "list": "a number of entries", "int": "a whole number", "decimal": "a number",
    "date": "a date like 2026-03-02", "datetime": "a time like 2026-03-02T09:30",
}  # fmt: skip
_REASONS = {
    "text": "it is not a text", "choice": "it is not a text", "bool": "it is neither true nor false",
    "int": "it is not a whole number of 64 bits", "decimal": "it is not a number",
    "date": "it is not a date like '2026-03-02'", "datetime": "it is not a time like '2026-03-02T09:30'",
    "list": "it is not a list of texts",
}  # fmt: skip


def check_fields(fields: Mapping[str, FieldSpec], path: Path, sheet: Sheet, reserved: Collection[str]) -> None:
    """Report what is wrong with the declarations of fields at a path."""
    for name, spec in fields.items():
        at = (*path, name)
        if name in reserved:
            sheet.report(at, "reserved-name", name, key=True)
        if spec.type == "choice" and not spec.choices:
            sheet.report(at, "choices-missing", name, key=True)
        elif spec.choices and spec.type not in ("choice", "list"):
            sheet.report((*at, "choices"), "choices-unused", name, key=True, kind=spec.type)
        sound = _check_limits(spec, at, sheet) and _check_pattern(spec, at, sheet)
        if sound and spec.default is not None and (reason := misfit(spec, spec.default)):
            sheet.report((*at, "default"), "bad-default", str(spec.default), reason=reason)


def misfit(spec: FieldSpec, value: object) -> str | None:
    """Return why a value from a definition does not fit a field, or None where it does.

    >>> misfit(FieldSpec(type="int", max=5), 7)
    'it is above 5'
    """
    try:
        meant = _read(spec.type, value)
    except (ValueError, InvalidOperation):
        return _REASONS[spec.type]
    odd = [item for item in (meant if spec.type == "list" else [meant]) if item not in spec.choices]
    if spec.choices and odd:
        return f"{odd[0]} is not one of its choices"
    if spec.pattern is not None and not compile_pattern(spec.pattern, whole=True)(str(value)):
        return "it does not match the pattern"
    size: Any = len(meant) if spec.type in _COUNTED else meant
    if spec.min is not None and size < _limit(spec.type, spec.min):
        return f"it is below {spec.min}"
    if spec.max is not None and size > _limit(spec.type, spec.max):
        return f"it is above {spec.max}"
    return None


def _check_limits(spec: FieldSpec, path: Path, sheet: Sheet) -> bool:
    limits: dict[str, Any] = {}
    for name, limit in (("min", spec.min), ("max", spec.max)):
        if limit is not None:
            try:
                limits[name] = _limit(spec.type, limit)
            except (ValueError, InvalidOperation, KeyError):
                wanted = _LIMITS.get(spec.type, "no limit here")
                sheet.report((*path, name), "bad-limit", str(limit), kind=spec.type, wanted=wanted)
                return False
    if len(limits) == 2 and limits["min"] > limits["max"]:
        sheet.report((*path, "min"), "min-over-max", str(spec.min), most=spec.max)
        return False
    return True


def _check_pattern(spec: FieldSpec, path: Path, sheet: Sheet) -> bool:
    if spec.pattern is None:
        return True
    if spec.type != "text":
        sheet.report((*path, "pattern"), "pattern-unused", spec.pattern, key=True, kind=spec.type)
        return False
    try:
        compile_pattern(spec.pattern, whole=True)
    except ValueError as error:
        sheet.report((*path, "pattern"), "bad-pattern", spec.pattern, reason=str(error))
        return False
    return True


def _limit(kind: str, limit: object) -> Any:
    if kind not in _LIMITS:
        raise KeyError(kind)
    return _read("int" if kind in _COUNTED else kind, limit)


def _read(kind: str, value: object) -> Any:
    """Return what a value of a definition means for a type of field; raise ValueError where it means nothing."""
    match kind, value:
        case ("bool", bool()) | ("text" | "choice", str()):
            return value
        case "int", int() if not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        case "decimal", int() | float() | str() if not isinstance(value, bool) and Decimal(str(value)).is_finite():
            return Decimal(str(value))
        case "date", str():
            return date.fromisoformat(value)
        case "datetime", str():
            instant = datetime.fromisoformat(value)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        case "list", list() if all(isinstance(item, str) for item in value):
            return value
    raise ValueError(value)
