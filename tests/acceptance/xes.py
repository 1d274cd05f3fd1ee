"""Read an event log in XES: case by case, in bounded memory, and of XML only what such a log needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn
from xml.parsers import expat  # what could make it dangerous, a document type, is refused

from workflow.desk.source import Source
from workflow.errors import UsageError

DEEPEST, MOST = 20, 10_000  # elements in one another, and values of a case
_VALUES = frozenset({"string", "date", "int", "float", "boolean", "id"})
Values = dict[str, str]


def read_log(path: Path | str, *, stdin: BinaryIO | None = None) -> Iterator[tuple[Values, list[Values]]]:
    """Yield the values of each case with those of its events; the file may be gzipped, "-" is standard input.

    Raise UsageError, with the place where it stands, for what is no such log.
    """
    source = Source(path, stdin=stdin)
    log = _Log(source.name)
    try:
        for line in source:
            log.take(line.encode(source.encoding, "surrogateescape"))
            source.begin()
            yield from log.done
            log.done.clear()
        log.take(b"", last=True)
        yield from log.done
    finally:
        source.close()


class _Log:
    def __init__(self, name: str) -> None:
        self.done: list[tuple[Values, list[Values]]] = []
        self._name, self._path, self._size = name, list[str](), 0
        self._case: tuple[Values, list[Values]] = ({}, [])
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = lambda *_: self._refuse("a log has no document type")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end

    def take(self, data: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            self._refuse(expat.ErrorString(error.code) or "it is no XML", error.lineno, error.offset)
        except (ValueError, LookupError) as error:  # an encoding that nobody knows
            self._refuse(str(error))

    def _begin(self, name: str, given: Values) -> None:
        name = name.rpartition(" ")[2]
        self._path.append(name)
        if len(self._path) == 1 and name != "log":
            self._refuse(f"it begins with {name[:40]}, not with log")
        if len(self._path) > DEEPEST:
            self._refuse(f"elements are nested more than {DEEPEST} deep")
        match self._path[1:]:
            case ["trace"]:
                self._case, self._size = ({}, []), 0
            case ["trace", "event"]:
                self._case[1].append({})
                self._count()
            case ["trace", "event", kind] if kind in _VALUES:
                self._put(self._case[1][-1], given)
            case ["trace", kind] if kind in _VALUES:
                self._put(self._case[0], given)

    def _end(self, _name: str) -> None:
        if self._path[1:] == ["trace"]:
            self.done.append(self._case)
        self._path.pop()

    def _put(self, values: Values, given: Values) -> None:
        if "key" not in given:
            self._refuse("a value has no key")
        values[given["key"]] = given.get("value", "")
        self._count()

    def _count(self) -> None:
        self._size += 1
        if self._size > MOST:
            self._refuse(f"a case has more than {MOST} values")

    def _refuse(self, reason: str, line: int | None = None, column: int | None = None) -> NoReturn:
        raise UsageError(
            "{file}:{line}:{column}: {reason}", "give an event log in XES", file=self._name, reason=reason,
            line=line or self._parser.CurrentLineNumber,
            column=(self._parser.CurrentColumnNumber if column is None else column) + 1,
        ) from None  # fmt: skip
