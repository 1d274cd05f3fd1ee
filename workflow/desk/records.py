"""Split a file of contacts into records, one at a time: CSV, TSV or JSON Lines, however badly it is made.

Two kinds of trouble are kept apart. What makes the whole file useless is raised when it is opened. What spoils one
record, and damage met half-way, is a `Record` with its `error` set, so that what could be read is not lost.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Any, TypeVar

from workflow.core.model import NOTHING
from workflow.desk.rejects import UNREADABLE, is_rejects, unguarded
from workflow.desk.source import RECORD_LIMIT, Damaged, Source, TooLong
from workflow.errors import UsageError

T = TypeVar("T")
FORMATS = ("csv", "tsv", "jsonl")
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_AHEAD = 100
_MOST = 10_000  # values of a record, so that a small file cannot fill the memory
_LONGEST_PREFIX = 200  # of a nested name, for the same reason
_KEPT = 32_000  # of the text of an unreadable record: about what a cell of a spreadsheet holds


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line where it begins and its cells by column, or the error that keeps it from being read.

    Of a record that cannot be split into cells, `cells` holds the text, under the name UNREADABLE.
    """

    line: int
    cells: Mapping[str, Any] = NOTHING
    error: UsageError | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds. Of JSON Lines, `columns` are those of its first records; `records` are read as asked for."""

    format: str
    columns: tuple[str, ...]
    records: Iterator[Record]


def read_table(source: Source, format: str | None = None) -> Table:
    """Return the table in `source`; without a format, told by the name's ending, else by the first line.

    Rows without any content are passed over. Raise UsageError if there is no header or no such format.
    """
    first = source.first.decode(source.encoding, "surrogateescape").lstrip()
    ending = PurePath(source.name.lower().removesuffix(".gz")).suffix
    format = format or _ENDINGS.get(ending) or ("jsonl" if first.startswith(("{", "[")) else "csv")
    if format == "jsonl":
        if first.startswith("["):
            raise UsageError("{file} is a JSON array", "write one object a line, as `jq -c .[]` does", file=source.name)
        return _read_objects(source)
    if format not in FORMATS:
        raise UsageError(
            "there is no format {format}", "the formats are {formats}", format=format, formats=", ".join(FORMATS)
        )
    bare = re.sub(r'"[^"]*"?', "", first)
    return _read_rows(source, "\t" if format == "tsv" else max(",;\t", key=bare.count))


def _read_rows(source: Source, delimiter: str) -> Table:
    rows = _each(source, csv.reader(source, delimiter=delimiter, strict=True), delimiter)
    header = next(rows, None)
    if not header:
        raise UsageError("{file} is empty", "give a file whose first line names the columns", file=source.name)
    if isinstance(header, UsageError):
        raise UsageError(
            "the header of {file} cannot be read: {reason}", header.remedy, file=source.name, reason=header.message
        )
    if any("\udc80" <= sign <= "\udcff" for name in header for sign in name):
        raise UsageError(
            "{file} is not {encoding}",
            "save it as UTF-8, or say what it is with --encoding, for example gb18030",
            file=source.name,
            encoding=source.encoding,
        )
    if len(header) > _MOST:
        raise UsageError("{file} has more than {limit} columns", "leave some out", file=source.name, limit=_MOST)
    columns = tuple(name.strip() for name in (map(unguarded, header) if is_rejects(header) else header))
    return Table("tsv" if delimiter == "\t" else "csv", columns, _row_records(source, columns, rows))


def _row_records(source: Source, columns: Sequence[str], rows: Iterator[list[str] | UsageError]) -> Iterator[Record]:
    keys, mended = _distinct(columns), is_rejects(columns)
    for row in rows:
        if isinstance(row, UsageError):
            yield _unreadable(source, row)
        elif not any(map(str.strip, row)):
            continue
        elif len(row) != len(keys):
            yield _unreadable(
                source,
                UsageError(
                    "the row has {cells} cells, the header {columns}",
                    "quote a cell that holds the delimiter",
                    cells=len(row),
                    columns=len(keys),
                ),
            )
        else:
            yield Record(source.line, dict(zip(keys, map(unguarded, row) if mended else row, strict=True)))


def _distinct(columns: Sequence[str]) -> list[str]:
    """Name the nameless and tell namesakes apart, so that no cell is lost."""
    keys: dict[str, None] = {}
    for position, name in enumerate(columns, 1):
        key = name
        while not key or key in keys or (key != name and key in columns):
            key = f"{key} ({position})".lstrip()
        keys[key] = None
    return list(keys)


def _read_objects(source: Source) -> Table:
    records = _object_records(source)
    ahead: list[Record] = []
    while len(ahead) < _AHEAD and source.taken < RECORD_LIMIT and (record := next(records, None)):
        ahead.append(record)
    columns = dict.fromkeys(column for record in ahead if not record.error for column in record.cells)
    return Table("jsonl", tuple(columns), chain(ahead, records))


def _object_records(source: Source) -> Iterator[Record]:
    for text in _each(source, source):
        if isinstance(text, UsageError):
            yield _unreadable(source, text)
        elif text := text.strip():
            try:
                yield Record(source.line, _cells(text))
            except UsageError as error:
                yield _unreadable(source, error)


def _each(source: Source, reader: Iterator[T], delimiter: str = "") -> Iterator[T | UsageError]:
    """Take from `reader`, which draws its lines from `source`, what it makes of each record, or why it cannot."""
    try:
        while True:
            source.begin()
            try:
                found: T | UsageError = next(reader)
            except StopIteration:
                return
            except (csv.Error, TooLong) as error:
                found = _misread(error, whole=source.give_up(delimiter))
            yield found
    except Damaged as damage:
        yield damage


def _misread(error: csv.Error | TooLong, *, whole: bool) -> UsageError:
    if not whole:
        return UsageError(
            "a quote is opened in this record and never closed: nothing after it was read",
            "close it; write a quote that is part of the text twice",
        )
    if isinstance(error, TooLong):
        return error
    if "field limit" in str(error):
        return UsageError("a cell is longer than {limit} characters", "shorten it", limit=csv.field_size_limit())
    if "new-line" in str(error):
        return UsageError("a line ends in a carriage return alone", "end lines as Windows or Unix do")
    return UsageError(
        "the row is not valid: {reason}", "write a quote that is part of the text twice", reason=str(error)
    )


def _unreadable(source: Source, error: UsageError) -> Record:
    return Record(source.line, {UNREADABLE: source.text[:_KEPT]}, error)


def _cells(text: str) -> dict[str, Any]:
    if text.count(",") > _MOST:
        raise UsageError("the record has more than {limit} values", "leave out what is not needed", limit=_MOST)
    try:
        found = _JSON.decode(text)
        if isinstance(found, dict):
            return _unique(_flat(found))
    except json.JSONDecodeError as error:
        raise UsageError(
            "the record is not valid JSON: {reason} (column {column})",
            "write one object a line",
            reason=error.msg,
            column=error.colno,
        ) from error
    except RecursionError:
        raise _too_deep() from None
    raise UsageError("the record is not a JSON object", "write one object a line")


def _too_deep() -> UsageError:
    return UsageError("the record is nested too deeply", "write its values side by side")


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    if len(prefix) > _LONGEST_PREFIX:
        raise _too_deep()
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UsageError("{key} stands twice in the record", "leave one of them", key=key)
        found[key] = value
    return found


def _no_number(word: str) -> None:
    raise UsageError("{word} is not a number", "leave the value out, or write null", word=word)


_JSON = json.JSONDecoder(  # a number keeps the digits it was written with
    object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=_no_number
)
