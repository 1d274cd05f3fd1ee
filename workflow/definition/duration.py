"""Durations as an author writes them: `90s 10m 2h 1h30m 3d 2wd` and ISO 8601 `PT1H30M`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from workflow.definition.problems import Wrong

_PLAIN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_WORKING_DAYS = re.compile(r"(\d{1,4})wd", re.ASCII)
LONGEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, or a number of working days; `text` is how the author wrote it.

    >>> parse_duration("1h30m").length
    datetime.timedelta(seconds=5400)
    >>> parse_duration("2wd").working_days
    2
    """

    text: str
    length: timedelta = timedelta()
    working_days: int = 0

    @property
    def in_days(self) -> bool:
        """Whether it is written with days of 24 hours, which a calendar that closes does not have."""
        return not self.working_days and "D" in self.text.upper()

    def __str__(self) -> str:
        return self.text


def parse_duration(text: object) -> Duration:
    """Read a duration; raise ValueError with the reason for anything else.

    Months and years do not exist, nor do zero, negative and fractional durations.
    """
    if isinstance(text, Duration):
        return text
    found = isinstance(text, str) and (_PLAIN.fullmatch(text) or _ISO.fullmatch(text) or _WORKING_DAYS.fullmatch(text))
    if not found or not any(found.groups()):
        raise Wrong("bad-duration", text=str(text))
    if any(len(part or "") > 6 for part in found.groups()):
        raise Wrong("long-duration", text=str(text))
    numbers = [int(part or 0) for part in found.groups()]
    if not any(numbers):
        raise Wrong("zero-duration", text=str(text))
    if found.re is _WORKING_DAYS:
        return Duration(found[0], working_days=numbers[0])
    length = timedelta(**dict(zip(("days", "hours", "minutes", "seconds"), numbers, strict=True)))
    if length > LONGEST:
        raise Wrong("long-duration", text=found[0])
    return Duration(found[0], length)
