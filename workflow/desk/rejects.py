"""Write down the records that were not taken in, so that a spreadsheet shows them safely and they can be mended."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow.errors import TicketflowError, UsageError

if TYPE_CHECKING:
    from workflow.desk.intake import Rejected

UNREADABLE = "unreadable"  # the column of the text of a record that could not be split into cells
_FIRST = ("line", "reason")
_MOST_COLUMNS = 1_000  # or a few records with names of their own would make a file without end
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_HALVES = re.compile("[\ud800-\udfff]")
_FORMULA = re.compile(r"'*(\s*[=+\-@＝＋－＠]|\t)")


def guarded(cell: str) -> str:
    """Return `cell` with an apostrophe before what a spreadsheet would take for a formula, control characters gone.

    >>> guarded("=cmd()"), guarded("+86 138"), guarded("1-2")
    ("'=cmd()", "'+86 138", '1-2')
    """
    shown = _HALVES.sub("\ufffd", _HIDDEN.sub("", cell))
    return f"'{shown}" if _FORMULA.match(shown) else shown


def unguarded(cell: str) -> str:
    """Return `cell` without the apostrophe that `guarded` put there."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def is_rejects(header: Sequence[str]) -> bool:
    """Tell whether this is the header of a file that `write_rejects` wrote."""
    return tuple(header[:2]) == _FIRST


def write_rejects(path: Path, rows: Iterable[Rejected], *, say: Callable[[TicketflowError], str] = str) -> None:
    """Write `rows` to a CSV file: line, reason (worded by `say`), then the columns they came with.

    Mended, the file can be taken in again as it is. Of more than a thousand columns the others stand as JSON in the
    last. Raise UsageError if it cannot be written.
    """
    rows = list(rows)
    known = dict.fromkeys(column for row in rows for column in _originals(row.contact.raw))
    columns = list(known)[:_MOST_COLUMNS]
    if len(known) > len(columns):
        columns = list(dict.fromkeys([*columns, UNREADABLE]))
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:  # Excel knows UTF-8 by the mark only
            table = csv.writer(file)
            table.writerow([*_FIRST, *map(guarded, columns)])
            for row in rows:
                cells = (_plain(cell) for cell in _cells(row.contact.raw, columns))
                table.writerow([row.contact.line, *map(guarded, (say(row.reason), *cells))])
    except OSError as error:
        raise UsageError(
            "{file} cannot be written: {reason}",
            "name another with --rejects",
            file=str(path),
            reason=error.strerror or str(error),
        ) from error


def _cells(raw: Mapping[str, Any], columns: Sequence[str]) -> Iterator[object]:
    """Yield a record's cells; what no column is for stands in the one of what could not be read."""
    more = {} if len(columns) <= _MOST_COLUMNS else {name: raw[name] for name in raw.keys() - set(columns)}
    for column in columns:
        yield raw.get(column, more or None) if column == UNREADABLE else raw.get(column)


def _originals(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns a record came with; line and reason of an earlier rejects file make way for the new ones."""
    columns = tuple(raw)
    return columns[2:] if is_rejects(columns) else columns


def _plain(cell: object) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    if isinstance(cell, list) and all(isinstance(item, str) for item in cell):
        return ",".join(cell)
    return json.dumps(cell, ensure_ascii=False)
