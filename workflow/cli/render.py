"""Text that is safe and fits: cleaned values, tables, details, JSON. Knows nothing of tickets."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

_JOINERS = "\u200c\u200d"
_UNSAFE_IN_JSON = (
    r"[\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_NARROWEST = 4
_WIDE = (
    "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\U0001f300-\U0003fffd"
)
_CLOSING = "，。！？；：、”’）》】」』…"
_WORDS = r"\S+\s*|\s+"
_PIECES = rf"[{_WIDE}{_CLOSING}][{_CLOSING},.;:!?)]*\s*|[^\s{_WIDE}{_CLOSING}]+[{_CLOSING}]*\s*|\s+"
GAP = "  "


def clean(text: str) -> str:
    r"""Return one line of text that cannot steer a terminal: no escapes, control characters or direction marks.

    >>> clean("red\x1b[31m\u202e\nnext")
    'red[31m next'
    """
    return text if text.isprintable() else "".join(map(_safe, text))


def _safe(character: str) -> str:
    if character in _JOINERS:
        return character
    match unicodedata.category(character):
        case "Zl" | "Zp":
            return " "
        case "Cc":
            return " " if character in "\t\n\r\v\f" else ""
        case "Cf":
            return ""
        case "Cs":
            return "\ufffd"
    return character


def cells(text: str) -> int:
    """Return how many cells of a terminal the text takes: two for a wide character.

    >>> cells("ab投诉")
    6
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """Return the text, ended by an ellipsis where it takes more than `width` cells."""
    if cells(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """Return the text followed by as many spaces as it lacks to `width` cells."""
    return text + " " * (width - cells(text))


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of the text, none over `width` cells.

    It is broken at spaces and beside wide characters, but not before their punctuation; a word that is wider than a
    line is broken anywhere.

    >>> wrap("told 客户，已处理。", 10)
    ['told 客', '户，已处', '理。']
    """
    if cells(text) <= width:
        return [text]
    lines, line = [], ""
    for piece in re.findall(_WORDS if text.isascii() else _PIECES, text):  # the latter takes long to compile
        if cells(line + piece.rstrip()) > width:
            if line:
                lines.append(line.rstrip())
            *full, piece = _chop(piece, width) if cells(piece.rstrip()) > width else [piece]
            lines, line = [*lines, *full], ""
        line += piece if line or piece.strip() else ""
    return [*lines, line.rstrip()] if line.strip() else lines


def _chop(text: str, width: int) -> list[str]:
    from rich.cells import chop_cells

    return chop_cells(text, width)


def table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], width: int | None, *, fold: bool = False
) -> Iterator[str]:
    """Yield the lines of a table no wider than `width` cells; the widest columns give way first.

    What does not fit is cut, or with `fold`, in the last column, continued below. Without a width nothing is cut and
    tabs separate the columns. Cells must be clean.
    """
    if width is None:
        yield "\t".join(headers)
        yield from ("\t".join(row) for row in rows)
        return
    lines = [headers, *rows]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    room = width - len(GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    for line in lines:
        ends = wrap(line[-1], widths[-1]) if fold else line[-1:]
        for begin, end in zip_longest([line[:-1]], ends, fillvalue=[""] * (len(widths) - 1)):
            yield GAP.join(
                pad(cut(cell, size), size) for cell, size in zip([*begin, end], widths, strict=True)
            ).rstrip()


def details(pairs: Iterable[tuple[str, str]], width: int | None, indent: str = "") -> Iterator[str]:
    """Yield `label  value` lines with the values in one column, wrapped into it; tab-separated without a width."""
    pairs = list(pairs)
    if width is None:
        yield from (f"{label}\t{value}" for label, value in pairs)
        return
    column = max((cells(label) for label, _ in pairs), default=0)
    for label, value in pairs:
        first, *more = wrap(value, max(width - len(indent) - column - len(GAP), 20))
        yield f"{indent}{pad(label, column)}{GAP}{first}".rstrip()
        yield from (f"{indent}{'':{column}}{GAP}{line}" for line in more)


def length(value: timedelta) -> str:
    """Return a length of time to the second, as people write one.

    >>> length(timedelta(days=3, minutes=5)), length(timedelta(0))
    ('72h5m', '0s')
    """
    seconds = abs(int(value.total_seconds()))
    parts = zip((seconds // 3600, seconds // 60 % 60, seconds % 60), "hms", strict=True)
    written = "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
    return f"-{written}" if seconds and value < timedelta() else written


def dump(value: Any) -> str:
    r"""Return a value as one line of JSON that is safe to print: what could steer a terminal is escaped.

    >>> dump({"name": "张三\u202e"})
    '{"name": "张三\\u202e"}'
    """
    text = json.dumps(value, ensure_ascii=False, default=_json)
    return re.sub(_UNSAFE_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text)


def _json(value: object) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def in_zone(value: Any, zone: ZoneInfo) -> Any:
    """Return a value with every instant in it, at any depth, turned to the zone."""
    if isinstance(value, datetime):
        return value.astimezone(zone)
    if isinstance(value, Mapping):
        return {key: in_zone(item, zone) for key, item in value.items()}
    return [in_zone(item, zone) for item in value] if isinstance(value, list | tuple) else value
