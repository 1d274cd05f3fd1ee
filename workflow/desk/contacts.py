"""Read contacts from a file for `ticketflow intake`: what each record means for a ticket."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO

from workflow.core.model import NOTHING
from workflow.core.times import parse_time
from workflow.desk.records import Record, read_table
from workflow.desk.rejects import write_rejects
from workflow.desk.source import Source
from workflow.errors import BadValue, TicketflowError, UsageError

__all__ = ["Contact", "Reader", "parse_mapping", "parse_time", "read_contacts", "write_rejects"]

OWN_TARGETS = ("external_id", "opened_at", "type", "channel", "priority", "tags")
MID_FLOW = ("state", "entered_at")  # read only where they are asked for: many files have such a column
VALUE_LIMIT = 131_072
_OWN_LIMIT = 500  # an index of PostgreSQL takes 2,704 bytes
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_BETWEEN = re.compile("[,，;；、]")
_TARGET = re.compile(r"(customer\.)?[a-z][a-z0-9_]*")
_CUSTOMER = "customer."


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact as it stands in a file, or the `error` that keeps it from being read.

    Values are text without the space around it; what is empty is left out. One with `state` or `entered_at` comes in
    mid-flow. `raw` is the record with its own columns.
    """

    line: int
    fields: Mapping[str, str] = NOTHING
    customer: Mapping[str, str] = NOTHING
    ticket_type: str | None = None
    external_id: str | None = None
    channel: str | None = None
    priority: str | None = None
    opened_at: datetime | None = None
    tags: tuple[str, ...] = ()
    state: str | None = None
    entered_at: datetime | None = None
    error: TicketflowError | None = None
    raw: Mapping[str, Any] = field(default=NOTHING, repr=False, compare=False)


def parse_mapping(text: str) -> dict[str, str]:
    """Return which column fills which target, from `external_id=message_id,customer.name=user`.

    A target is a field of the ticket, `customer.x`, or one of OWN_TARGETS. An item whose column holds a comma stands
    in double quotes, as in CSV. Raise UsageError for anything else, or for a target named twice.

    >>> parse_mapping("external_id=id, customer.name=user")
    {'external_id': 'id', 'customer.name': 'user'}
    """
    mapping: dict[str, str] = {}
    try:
        items = next(csv.reader([text], skipinitialspace=True, strict=True), None) or [text]
    except csv.Error:
        items = [text]
    for item in items:
        target, _, column = map(str.strip, item.partition("="))
        if not column or not _TARGET.fullmatch(target):
            raise UsageError(
                "{item} does not map a column", "write target=column,…, for example customer.name=user", item=repr(item)
            )
        if target in mapping:
            raise UsageError("{target} is mapped twice", "leave one of them", target=target)
        mapping[target] = column
    return mapping


def read_contacts(
    path: Path | str,
    *,
    zone: tzinfo,
    mapping: Mapping[str, str] | None = None,
    known: Collection[str] | None = None,
    mid_flow: Mapping[str, str] = NOTHING,
    format: str | None = None,
    encoding: str = "utf-8",
    stdin: BinaryIO | None = None,
) -> Reader:
    """Open a file of contacts ("-": standard input) and return the reader that yields them one by one.

    `mapping` says which column fills which target; without one, columns named like a target are taken. `known` are
    the fields and `customer.x` that the desk declares: others are refused in a mapping and passed over without one.
    `mid_flow` says which column fills `state` and which `entered_at`, for contacts that come in mid-flow.
    A mapped column must stand in the header or, in JSON Lines, in one of the first 100 records.
    Times without an offset are local to `zone`. Raise UsageError if the file, the mapping or `encoding` is of no use.
    """
    source = Source(path, encoding=encoding, stdin=stdin)
    return Reader(source, zone=zone, mapping=mapping, known=known, mid_flow=mid_flow, format=format)


class Reader(Iterator[Contact]):
    """The contacts of a file, in its order; a context manager. It closes itself at the end of the file.

    A record that cannot be read comes as a Contact with its `error`; damage met half-way is the last of them.
    `mapping` is what is read, `columns` what the file has (of JSON Lines: its first records), `unused` what of it is
    not read; `position` of `size` bytes were taken (`size` is None for a pipe).
    """

    def __init__(
        self,
        source: Source,
        *,
        zone: tzinfo,
        mapping: Mapping[str, str] | None = None,
        known: Collection[str] | None = None,
        mid_flow: Mapping[str, str] = NOTHING,
        format: str | None = None,
    ) -> None:
        self._source, self._zone = source, zone
        targets = None if known is None else {*OWN_TARGETS, *known}
        try:
            table = read_table(source, format)
            self.format, self.columns, self._records = table.format, table.columns, table.records
            self.mapping = dict(mapping or self._by_name(targets))
            self._check(self.mapping, targets)
            self._check(mid_flow, MID_FLOW)
            self.mapping |= mid_flow
        except UsageError:
            source.close()
            raise
        self.unused = tuple(column for column in self.columns if column not in self.mapping.values())

    @property
    def size(self) -> int | None:
        """The length of the file in bytes; None for a pipe."""
        return self._source.size

    @property
    def position(self) -> int:
        """How many of its bytes were taken."""
        return self._source.position

    def __next__(self) -> Contact:
        record = next(self._records)
        if record.error is None:
            try:
                return self._contact(record)
            except UsageError as error:
                record = replace(record, error=error)
        return Contact(record.line, error=record.error, raw=record.cells)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, unless it is standard input; no more contacts come."""
        self._source.close()

    def _by_name(self, targets: Collection[str] | None) -> dict[str, str]:
        named = {column.removeprefix("fields."): column for column in self.columns}
        mapping = {
            target: column
            for target, column in named.items()
            if _TARGET.fullmatch(target) and target not in MID_FLOW and (targets is None or target in targets)
        }
        if self.columns and not mapping:
            raise UsageError(
                "no column of {file} bears the name of a field",
                "say with --map which column fills which; the columns are: {columns}",
                file=self._source.name,
                columns=_few(self.columns),
            )
        return mapping

    def _check(self, mapping: Mapping[str, str], targets: Collection[str] | None) -> None:
        """Refuse, before anything is read, a mapping to or from something that is not there."""
        for target, column in mapping.items():
            if targets is not None and target not in targets:
                raise _unknown("there is no field {name} to map {column} to", target, targets, column=column)
            if self.columns and column not in self.columns:
                raise _unknown("there is no column {name} in {file}", column, self.columns, file=self._source.name)
            if self.columns.count(column) > 1:
                raise UsageError(
                    "{file} has several columns {column}", "rename them", column=column, file=self._source.name
                )

    def _contact(self, record: Record) -> Contact:
        values = {target: _text(target, record.cells.get(column)) for target, column in self.mapping.items()}
        if values.get("external_id") == "":
            raise BadValue(
                "{field} is empty", "give one: without it a second run would open another ticket", field="external_id"
            )
        values = {target: text for target, text in values.items() if text}
        if not values:
            raise BadValue("none of the columns that are read holds anything", "fill one of them")
        tags = values.pop("tags", "")
        opened_at, entered_at = (self._time(name, values.pop(name, None)) for name in ("opened_at", "entered_at"))
        customer = [target for target in values if target.startswith(_CUSTOMER)]
        return Contact(
            record.line,
            customer={target.removeprefix(_CUSTOMER): values.pop(target) for target in customer},
            ticket_type=values.pop("type", None),
            external_id=values.pop("external_id", None),
            channel=values.pop("channel", None),
            priority=values.pop("priority", None),
            opened_at=opened_at,
            state=values.pop("state", None),
            entered_at=entered_at,
            tags=tuple(dict.fromkeys(tag.strip() for tag in _BETWEEN.split(tags) if tag.strip())) if tags else (),
            fields=values,
            raw=record.cells,
        )

    def _time(self, name: str, written: str | None) -> datetime | None:
        return parse_time(written, self._zone, field=name) if written else None


def _text(target: str, cell: object) -> str:
    """Return what a cell says, without the space around it; a list of words as the words with commas between."""
    if not isinstance(cell, str):
        cell = _plain(target, cell)
    text, limit = cell.strip(), _OWN_LIMIT if target in (*OWN_TARGETS, *MID_FLOW) else VALUE_LIMIT
    if len(text) > limit:
        raise BadValue("{field} is longer than {limit} characters", "shorten it", field=target, limit=limit)
    if not text.isprintable() and _NO_TEXT.search(text):
        raise BadValue(
            "{field} holds bytes that are no text",
            "mend the row; if the whole file is in another encoding, say it with --encoding, for example gb18030",
            field=target,
        )
    return text


def _plain(target: str, cell: object) -> str:
    if cell is None or isinstance(cell, bool):
        return "" if cell is None else str(cell).lower()
    if isinstance(cell, list) and all(isinstance(word, str) and "," not in word for word in cell):
        return ",".join(cell)
    raise BadValue("{field} holds neither text nor a list of words", "write plain text", field=target)


def _unknown(template: str, name: str, known: Collection[str], **values: Any) -> UsageError:
    near = get_close_matches(name, known, n=1) or [one for one in known if one.lower() == name.lower()]
    remedy = "did you mean {near}? There are: {known}" if near else "there are: {known}"
    return UsageError(template, remedy, name=name, near=near[0] if near else "", known=_few(sorted(known)), **values)


def _few(names: Collection[str]) -> str:
    return ", ".join([*names][:20]) + (", …" if len(names) > 20 else "")
