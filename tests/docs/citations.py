"""Where the definitions do what the guides ask: comments such as `# P16`, or `# P8, P16: and why it is so`.

A comment of this form marks what starts on its line, whole: an entry with all that stands under it, or an item of a
list. A row that is mentioned in any other form is no citation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = ROOT / "definitions"
COMMENT = re.compile(r"(?:^|\s)# (P\d+(?:, P\d+)*)(?=:|$)")
# Words of the language that a name is understood without.
KINDS = {"stages", "states", "transitions", "timeouts", "branches", "levels", "rungs", "rules", "situations"}

Place: TypeAlias = tuple[str | int, ...]


class Entry(NamedTuple):
    """An entry or an item of a file: where it is found in it, what it is called, and where key and value start."""

    place: Place
    name: str
    starts: tuple[tuple[int, int], ...]


class Citation(NamedTuple):
    """A row that a line cites: the file in the folder of definitions, and what the line marks."""

    row: str
    file: str
    line: int
    place: Place
    name: str

    def __str__(self) -> str:
        return f"{self.row} {self.file} {self.name}"


def citations(folder: Path = DEFINITIONS) -> list[Citation]:
    """Return every citation of a folder; raise ValueError for one that marks nothing."""
    return [
        found
        for file in sorted(folder.rglob("*.yaml"))
        for found in citations_of(file.read_text("utf-8"), file.relative_to(folder).as_posix())
    ]


def citations_of(text: str, file: str) -> Iterator[Citation]:
    """Yield the citations of a file in their order."""
    first: dict[int, Entry] = {}
    for entry in entries(text):
        first.setdefault(entry.starts[0][0], entry)
    for line, written in enumerate(text.splitlines(), 1):
        if not (found := COMMENT.search(written)):
            continue
        if line not in first:
            raise ValueError(f"{file}:{line}: nothing starts on this line that `# {found[1]}` could mark")
        for row in found[1].split(", "):
            yield Citation(row, file, line, first[line].place, first[line].name)


def entries(text: str) -> Iterator[Entry]:
    """Yield the entries and items of a file, the outer ones before those in them."""
    yield from _entries(_compose(text), (), "")


def without(text: str, places: Collection[Place]) -> str:
    """Return a file without what stands at some places; what holds nothing else goes with it."""
    root = _compose(text)
    for place in sorted(places, key=lambda place: [f"{step:6}" for step in place], reverse=True):
        _remove(root, place)
    return str(yaml.serialize(root, Dumper=yaml.CSafeDumper, allow_unicode=True, width=10_000))


def _compose(text: str) -> yaml.Node:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    assert root is not None
    return root


def _entries(node: yaml.Node, place: Place, name: str) -> Iterator[Entry]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            step = key.value
            called = name if step in KINDS else f"{name}.{step}".strip(".")
            yield Entry((*place, step), called or step, (_start(key), _start(value)))
            yield from _entries(value, (*place, step), called)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            called = f"{name}[{_first_words(item)}]"
            yield Entry((*place, number), called, (_start(item),))
            yield from _entries(item, (*place, number), called)


def _start(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _first_words(node: yaml.Node) -> str:
    """Return what tells an item from its neighbours: its text, or its first entry."""
    while isinstance(node, yaml.SequenceNode):
        node = node.value[0]
    if not isinstance(node, yaml.MappingNode):
        return str(node.value)
    key, value = node.value[0]
    return f"{key.value}: {value.value}" if isinstance(value, yaml.ScalarNode) else str(key.value)


def _remove(node: yaml.Node, place: Place) -> None:
    """Take out what stands at a place, if it has not gone with something else."""
    step, *rest = place
    steps = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else range(len(node.value))
    if step not in steps:
        return
    index = list(steps).index(step)
    below = node.value[index][1] if isinstance(node, yaml.MappingNode) else node.value[index]
    if rest:
        _remove(below, tuple(rest))
    if not rest or not below.value:
        del node.value[index]
