"""Read a time as people write it: in contact files, `--at` and `--as-of` alike."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from workflow.errors import UsageError

_CHINESE = str.maketrans({"年": "-", "月": "-", "日": " ", "时": ":", "点": ":", "秒": ""})
_FORMS = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"
    r"(?:(?:T|\s+)(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?:[:分](?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,9}))?)?分?"
    r"\s*(?P<offset>Z|UTC|(?P<sign>[+-])(?P<hours>\d{2})(?::?(?P<minutes>[0-5]\d))?)?)?",
    re.ASCII | re.IGNORECASE,
)
_WRITE_IT = (
    "write it on the 24-hour clock, year first: 2019-04-25 09:32, 2019/4/25 9:32:09, 2019-04-25T09:32:09+08:00, "
    "2019年4月25日 9:32, or the date alone"
)


def parse_time(text: str, zone: tzinfo, *, field: str | None = None) -> datetime:
    """Return the instant in UTC that a person wrote down.

    The year comes first; month, day and hour may lack their leading zero; a date alone is its midnight. Without an
    offset (`Z`, `+08:00`) the time is local to `zone`. Full-width digits and signs count as plain ones. A local time
    that a clock change skips is read with the offset before the change (02:30 in the gap is an hour after 01:30); one
    that happens twice is the first of the two. Raise UsageError, naming `field`, for everything else: am and pm are not
    guessed.

    >>> from zoneinfo import ZoneInfo
    >>> parse_time("2019/4/25 9:32:09", ZoneInfo("Asia/Shanghai")).isoformat()
    '2019-04-25T01:32:09+00:00'
    """
    found = _FORMS.fullmatch(unicodedata.normalize("NFKC", text).translate(_CHINESE).strip())
    if found is None:
        raise UsageError("{text} is not a time", _WRITE_IT, field=field, text=repr(text[:40]))
    part = found.groupdict(default="")
    try:
        local = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            int(part["fraction"][:6].ljust(6, "0")),
            tzinfo=_offset(part) if part["offset"] else zone,
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError("there is no such time as {text}", _WRITE_IT, field=field, text=repr(text[:40])) from error


def _offset(part: dict[str, str]) -> tzinfo:
    if not part["sign"]:
        return UTC
    ahead = timedelta(hours=int(part["hours"]), minutes=int(part["minutes"] or 0))
    return timezone(ahead if part["sign"] == "+" else -ahead)
