"""What the compiler found out about a condition, read from its serialized form (protobuf `cel.expr.CheckedExpr`)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

DOUBLE, PRIMITIVE = 4, 3
_ANY_TYPE = b"type.googleapis.com/cel.expr.CheckedExpr"
_REFERENCES, _TYPES, _EXPR, _SOURCE = 2, 3, 4, 5
_KINDS = {3: "const", 4: "ident", 5: "select", 6: "call", 7: "list", 8: "struct", 9: "comprehension"}
_CHILDREN = {"select": (1,), "call": (1, 3), "list": (1,), "struct": (), "comprehension": (2, 4, 5, 6, 7)}
_NAMES = {"ident": 1, "select": 2, "call": 2}


class Part(NamedTuple):
    """One node of a condition's syntax tree; `raw` is its own serialized form."""

    id: int
    kind: str
    name: str
    value: Any
    children: tuple[Part, ...]
    raw: bytes

    def walk(self) -> Iterator[Part]:
        """Yield this node and all below it, outer ones first."""
        yield self
        for child in self.children:
            yield from child.walk()


class Checked:
    """A compiled condition: its tree, with the place and the type of every node."""

    def __init__(self, serialized: bytes) -> None:
        self._fields = list(_read(_one(serialized, 2, b"")))
        self.root = _part(next(value for number, value in self._fields if number == _EXPR))

    @cached_property
    def references(self) -> frozenset[str]:
        """Every name that the condition refers to."""
        return frozenset(
            name.decode()
            for number, entry in self._fields
            if number == _REFERENCES and (name := _one(_one(entry, 2, b""), 1, b""))
        )

    @cached_property
    def _offsets(self) -> Mapping[int, int]:
        source = next(value for number, value in self._fields if number == _SOURCE)
        return {_one(entry, 1, 0): _one(entry, 2, 0) for number, entry in _read(source) if number == 4}

    @cached_property
    def _primitives(self) -> Mapping[int, int]:
        types = (entry for number, entry in self._fields if number == _TYPES)
        return {_one(entry, 1, 0): _one(_one(entry, 2, b""), PRIMITIVE, 0) for entry in types}

    def offset(self, part: Part) -> int:
        """Return where in the source, counted from 0 in characters, the node's operator or first word stands."""
        return self._offsets.get(part.id, 0)

    def is_double(self, part: Part) -> bool:
        """Say whether the node's value is a decimal."""
        return self._primitives.get(part.id) == DOUBLE

    def alone(self, part: Part) -> bytes:
        """Return one node serialized as if it were the whole condition."""
        whole = b"".join(
            _field(number, part.raw if number == _EXPR else value)
            for number, value in self._fields
            if isinstance(value, bytes)
        )
        return _field(1, _ANY_TYPE) + _field(2, whole)


def _part(raw: bytes) -> Part:
    number, body, id = 3, b"", 0
    for key, value in _read(raw):
        if key == 2:
            id = value
        else:
            number, body = key, value
    kind = _KINDS[number]
    fields = list(_read(body))
    name = next((value.decode() for key, value in fields if key == _NAMES.get(kind)), "")
    if kind == "struct":
        entries = [list(_read(entry)) for key, entry in fields if key == 2]
        below = [value for entry in entries for key, value in entry if key in (3, 4)]
    else:
        below = [value for wanted in _CHILDREN.get(kind, ()) for key, value in fields if key == wanted]
    value = _constant(*fields[0]) if kind == "const" and fields else None
    return Part(id, kind, name, value, tuple(map(_part, below)), raw)


def _constant(key: int, value: Any) -> Any:
    match key:
        case 2:
            return bool(value)
        case 3:
            return value - (1 << 64) if value >> 63 else value
        case 5:
            return struct.unpack("<d", value)[0]
        case 6:
            return value.decode()
    return value


def _read(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
                continue
            case 1:
                length = 8
            case 2:
                length, at = _varint(data, at)
            case other:
                raise ValueError(f"wire type {other} does not occur in a checked expression")
        yield key >> 3, data[at : at + length]
        at += length


def _one(data: bytes, number: int, missing: Any) -> Any:
    return next((value for key, value in _read(data) if key == number), missing)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, data: bytes) -> bytes:
    length, prefix = len(data), bytearray([number << 3 | 2])
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + data
