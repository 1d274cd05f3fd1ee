"""Why a message could not be handed over. It never leaves this layer: it becomes the row's `last_error`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = 300
JOINER = "\u200d"


class Failure(Exception):
    """A receiver did not take a message; its own `code`, as `HTTP 404`, comes first in what is written down.

    `permanent` says that this very message will never be taken: it is not tried again; with `nobody`, nor will any
    other to the same. `unreachable` says that the next one by the same way will hardly be taken either: the server is
    away, or refuses whoever has this key or address, which somebody may mend. `retry_after` is how long the receiver
    wants to be left alone.
    """

    def __init__(
        self, reason: str = "", *, code: str | None = None, permanent: bool = False, unreachable: bool = False,
        nobody: bool = False, retry_after: timedelta | None = None,
    ) -> None:  # fmt: skip
        self.code, self.permanent, self.unreachable, self.retry_after = code, permanent, unreachable, retry_after
        self.nobody = nobody
        super().__init__(one_line(": ".join(part for part in (code, reason) if part)))

    @classmethod
    def of(cls, error: object) -> Failure:
        """Return the failure to reach a server at all."""
        if isinstance(error, TimeoutError):
            return cls("no answer in time", unreachable=True)
        return cls(str(error) or type(error).__name__, unreachable=True)

    @classmethod
    def http(cls, status: int, retry_after: str | None, now: datetime) -> Failure:
        """Return the failure that an HTTP status means, with what its Retry-After says.

        What is wrong with the message itself is permanent. An address or a key that is wrong, a redirect, a limit and
        a server in trouble are not: the same message is taken once that is over.
        """
        return cls(
            code=f"HTTP {status}",
            permanent=status in PERMANENT,
            unreachable=status not in PERMANENT | THIS_ONE,
            retry_after=waiting_time(retry_after, now),
        )


PERMANENT = frozenset({400, 406, 411, 413, 414, 415, 422, 431})
THIS_ONE = frozenset({408, 409, 423, 425})


def waiting_time(said: str | None, now: datetime) -> timedelta | None:
    """Return how long a Retry-After asks to wait: seconds or an HTTP date, None for anything else.

    >>> waiting_time("Mon, 02 Mar 2026 12:00:30 GMT", datetime(2026, 3, 2, 12, tzinfo=UTC))
    datetime.timedelta(seconds=30)
    """
    said = (said or "").strip()
    try:
        if said.isascii() and said.isdigit():
            return timedelta(seconds=int(said))
        until = parsedate_to_datetime(said)
        return max((until if until.tzinfo else until.replace(tzinfo=UTC)) - now, timedelta())
    except (ValueError, OverflowError):
        return None


def one_line(text: str) -> str:
    """Return a text as one short line without control characters."""
    return printable(" ".join(text.split()))[:LONGEST]


def printable(text: str) -> str:
    """Return a text without control characters and marks of direction; what joins the parts of an emoji stays."""
    return "".join(letter if letter.isprintable() or letter == JOINER else " " for letter in text)
