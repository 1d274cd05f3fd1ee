"""What is asked for again and again, remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")
MOST = 4096


class Remembered(dict[K, V]):
    """A function's values by its argument: the last few thousand, all forgotten at once when they are too many.

    A key that is known costs a twentieth of an instant's text.
    """

    def __init__(self, make: Callable[[K], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> V:
        value = self._make(key)
        if len(self) >= MOST:
            self.clear()
        self[key] = value
        return value


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


ISO: Remembered[datetime, str] = Remembered(_iso)  # an instant as the hash chain has it
