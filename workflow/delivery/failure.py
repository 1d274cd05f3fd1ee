"""Why a message could not be handed over. It never leaves this layer: it becomes the row's `last_error`."""

from __future__ import annotations

LONGEST = 300


class Failure(Exception):
    """A receiver did not take a message. `unreachable` says that it will hardly take the next one either."""

    def __init__(self, reason: str, *, unreachable: bool = False) -> None:
        self.unreachable = unreachable
        super().__init__(one_line(reason))

    @classmethod
    def of(cls, error: object) -> Failure:
        """Return the failure to reach a server at all."""
        if isinstance(error, TimeoutError):
            return cls("no answer in time", unreachable=True)
        return cls(str(error) or type(error).__name__, unreachable=True)


def one_line(text: str) -> str:
    """Return a text as one short line without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))[:LONGEST]
