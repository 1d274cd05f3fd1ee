"""Instants, as the columns of either database keep them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, TypeDecorator

from workflow.core.remembered import Remembered
from workflow.errors import TicketflowError


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, sortable ISO text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Choose the column's type."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write."""
        return to_text(value) if dialect.name == "sqlite" and value is not None else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as declared
        """Read."""
        return from_column(value)


def _text(instant: datetime | None) -> str | None:
    return (
        None if instant is None else instant.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"
    )


TEXTS: Remembered[Any, Any] = Remembered(_text)


def _instant(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise TicketflowError(
            "the database holds {value!r} where an instant with an offset belongs",
            "restore the row from a backup",
            value=str(value)[:60],
        )
    return found


_INSTANTS: Remembered[Any, datetime] = Remembered(_instant)


def to_text(instant: datetime) -> str:
    """Return the text under which SQLite keeps an instant; texts sort as the instants do."""
    text: str = TEXTS[instant]
    return text


def instant(value: Any) -> datetime:
    """Return the instant of a column that is never empty, whichever database it comes from."""
    return value.astimezone(UTC) if isinstance(value, datetime) else _INSTANTS[value]


def from_column(value: Any) -> datetime | None:
    """Return the instant of a column, or None."""
    return None if value is None else instant(value)
