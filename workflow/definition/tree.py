"""Strict YAML 1.2: a text becomes a tree in which every key and value knows its place, or a list of problems.

Only what a definition needs is let in: mappings, lists, texts, numbers, true, false and null. `on`, `no`, `22:00` and
`010` stay texts. The events of the C parser are composed here, one by one and without recursion, so that nothing that a
file holds can crash the reader.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import yaml

from workflow.definition.problems import problem
from workflow.errors import Problem

DEEPEST = 100
MOST_NODES = 100_000
MOST_TOLD = 1_000  # problems of one kind in a file: nobody reads more
LONGEST_LINE = 10_000
CONDITION_KEYS = ("conditions", "unless")
Path = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,39})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_TAB = re.compile(r"^ *(\t)[ \t]*(?=[^ \t\r\n])", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONDITION_KEY = re.compile(r"\b(?:conditions|unless):[ ]+")
_CONDITION_TEXT = re.compile(r"([^\[{|>#\s].*?)\s*(?:,\s*[a-z_]+:\s.*|\}.*|\s#.*)?$")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"")
_LETTERS = {
    "'": re.compile(r"''|.", re.DOTALL),
    '"': re.compile(r"\\(?:x..|u.{4}|U.{8}|.)|.", re.DOTALL),
}
_LETTER = re.compile(".", re.DOTALL)
_BLANK_ESCAPES = frozenset({"\\n", "\\t", "\\ ", "\\r", "\\_", "\\\n", "\\x20", "\\u0020"})


class Node:
    """A value of the file with the place where it stands, counted from 1.

    `value` is the plain data. A scalar keeps its `text` and its `style` (`'`, `"`, `|`, `>`, or empty: plain); a
    mapping has `items`, a list `elements`. `size` and `height` count what is below, aliases expanded.
    """

    value: Any = None
    text: str | None = None
    style = ""
    items: dict[str, tuple[Node, Node]] | None = None
    elements: list[Node] | None = None
    size = 1
    height = 1

    def __init__(self, mark: yaml.Mark) -> None:
        self.line, self.column, self.start = mark.line + 1, mark.column + 1, mark.index

    def step(self, name: str | int) -> tuple[Node, Node] | None:
        """Return the key and the value that a name or an index leads to; of a list's element both are the same."""
        if self.items is not None and isinstance(name, str):
            return self.items.get(name)
        for index, element in enumerate(self.elements or ()):
            if name in (index, element.text):
                return element, element
        return None

    def find(self, path: Path) -> tuple[Node, Node]:
        """Return the key and the value that a path leads to; steps that a short form left out are passed over.

        What a branch does not say itself stands beside its list of branches.
        """
        key = value = self
        beside: Node | None = None
        for name in path:
            found = value.step(name) or (beside.step(name) if beside and isinstance(name, str) else None)
            if name == "branches":
                beside = value
            if found:
                key, value = found
        return key, value


class _Stop(Exception):
    """The rest of the file is not worth reading, or dangerous."""


@dataclass(slots=True)
class _Open:
    """A mapping or list that is still being read."""

    node: Node
    anchor: str | None
    key: Node | None = None


class Reader:
    """Reads the text of one file. `problems` tells what was wrong, in the order found, `told` where."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.lines = _LINE_END.split(text)
        self._starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
        self.problems: list[Problem] = []
        self.told: set[tuple[int, int]] = set()
        self._anchors: dict[str | None, Node] = {}
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0

    def read(self) -> Node | None:
        """Return the root mapping, or None where the text cannot be read as one."""
        for found in islice(_CONTROL.finditer(self.text), MOST_TOLD):
            self.report("control-character", *self.place(found.start()), text=f"U+{ord(found[0]):04X}")
        for found in islice(_TAB.finditer(self.text), MOST_TOLD):
            self.report("tab", *self.place(found.start(1)))
        if self.problems:
            return None
        try:
            self._compose()
        except _Stop:
            return None
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
            return None
        root = self._root
        if root is None or (root.text is not None and root.value is None):
            self.report("empty", 1, 1)
        elif root.items is None:
            self.report("not-a-mapping", root.line, root.column, text=root.text or "", found=kind_of(root.value))
        else:
            return root
        return None

    def report(self, code: str, line: int, column: int, *, text: str = "", **values: Any) -> None:
        """Note a problem at a place of this file."""
        self.told.add((line, column))
        self.problems.append(problem(code, self.file, line, column, text=text, **values))

    def place(self, index: int) -> tuple[int, int]:
        """Return the line and column of a character of the file."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def place_within(self, node: Node, offset: int) -> tuple[int, int]:
        """Return the line and column of a character of a scalar's text, in whatever style the scalar is written.

        YAML folds and escapes blanks; what is not blank keeps its order, so that is what is counted.
        """
        text = node.text or ""
        wanted, at_end = sum(not letter.isspace() for letter in text[:offset]), offset >= len(text.rstrip())
        at = node.start + (node.style in _LETTERS)
        if node.style in ("|", ">"):
            at = self.text.find("\n", at) + 1
        letters = _LETTERS.get(node.style, _LETTER)
        while wanted or not at_end:
            letter = letters.match(self.text, at)
            if letter is None:
                break
            if not letter[0].isspace() and letter[0] not in _BLANK_ESCAPES:
                if not wanted:
                    break
                wanted -= 1
            at = letter.end()
        return self.place(at)

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        if marks[0].index >= len(self.text.rstrip()):
            marks.reverse()
        near = [mark.line for mark in marks]
        for line in range(min(near), max(near) + 1):
            if line < len(self.lines) and (found := unquoted_condition(self.lines[line])):
                self.report("unquoted-condition", line + 1, found[1], text=found[0], quoted=quoted(found[0]))
                return
        reason = ": ".join(part for part in (error.context, error.problem) if part)
        shown = self.lines[near[0]][marks[0].column :] if near[0] < len(self.lines) else ""
        self.report("syntax", near[0] + 1, marks[0].column + 1, text=shown, reason=reason)

    def _compose(self) -> None:
        """Build the tree; raise _Stop where going on would be useless or dangerous."""
        loader, documents = _LOADER(self.text), 0
        while (event := loader.get_event()) is not None:
            kind, node = type(event), Node(event.start_mark)
            if kind is yaml.ScalarEvent:
                self._read_scalar(event, node)
                self._attach(node, node)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                if kind is yaml.MappingStartEvent:
                    node.items, node.value = {}, {}
                else:
                    node.elements, node.value = [], []
                if event.tag is not None:
                    self._refuse_tag(event.tag, node)
                self._open.append(_Open(node, event.anchor))
                if len(self._open) > DEEPEST:
                    self._stop("too-deep", node, limit=DEEPEST)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                closed = self._open.pop()
                self._anchors[closed.anchor] = closed.node
                self._attach(closed.node, node)
            elif kind is yaml.AliasEvent:
                self._attach(self._aliased(event.anchor, node), node)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._stop("several-documents", node)

    def _stop(self, code: str, node: Node, **values: Any) -> NoReturn:
        self.report(code, node.line, node.column, **values)
        raise _Stop

    def _aliased(self, anchor: str | None, node: Node) -> Node:
        if anchor not in self._anchors:
            self.report("unknown-alias", node.line, node.column, text=f"*{anchor}")
            node.text = ""
        return self._anchors.get(anchor, node)

    def _read_scalar(self, event: yaml.ScalarEvent, node: Node) -> None:
        node.text = node.value = event.value
        if event.style:
            node.style = event.style
        elif event.tag is None:
            node.value = _plain(event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if event.tag is not None:
            self._refuse_tag(event.tag, node)
        if node.style == '"' and (found := _CONTROL.search(event.value)):
            self.report("control-character", node.line, node.column, text=f"U+{ord(found[0]):04X}")

    def _refuse_tag(self, tag: str, node: Node) -> None:
        key = next((open.key.text for open in reversed(self._open) if open.key), None)
        if key in CONDITION_KEYS and (found := unquoted_condition(self.lines[node.line - 1])):
            self.report("unquoted-condition", node.line, found[1], text=found[0], quoted=quoted(found[0]))
        else:
            self.report("tag", node.line, node.column, text=tag)

    def _attach(self, node: Node, at: Node) -> None:
        self._nodes += node.size
        if self._nodes > MOST_NODES:
            self._stop("too-many-nodes", at, limit=MOST_NODES)
        if not self._open:
            self._root = node
            return
        if len(self._open) + node.height > DEEPEST + 1:
            self._stop("too-deep", at, limit=DEEPEST)
        frame = self._open[-1]
        into = frame.node
        into.size += node.size
        if into.height <= node.height:
            into.height = node.height + 1
        if into.elements is not None:
            into.elements.append(node)
            into.value.append(node.value)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self._pair(into, key, node)

    def _pair(self, into: Node, key: Node, node: Node) -> None:
        if key.text is None:
            self.report("bad-key", key.line, key.column)
        elif key.text == "<<" and not key.style:
            self.report("merge-key", key.line, key.column, text="<<")
        elif into.items is None:
            return
        elif found := into.items.get(key.text):
            self.report("duplicate-key", key.line, key.column, text=key.text, first=found[0].line)
        else:
            into.items[key.text] = (key, node)
            into.value[key.text] = node.value


def kind_of(value: object) -> str:
    """Return in plain words what kind of value YAML made of something."""
    kinds = {bool: "a truth value", int: "a number", float: "a number", str: "text", dict: "a mapping", list: "a list"}
    return kinds.get(type(value), "nothing")


def quoted(text: str) -> str:
    """Return a text as a quoted scalar of YAML.

    >>> print(quoted('severity == "general"'))
    'severity == "general"'
    """
    return "'" + text.replace("'", "''") + "'"


def unquoted_condition(line: str) -> tuple[str, int] | None:
    """Return the first condition of a line that lacks its quotes, with its column; of a line that somebody wrote."""
    if len(line) > LONGEST_LINE:
        return None
    for key in _CONDITION_KEY.finditer(line):
        text = _CONDITION_TEXT.match(line, key.end())
        if text and not _QUOTED.fullmatch(text[1]):
            return text[1], key.end() + 1
    return None


def _plain(text: str) -> Any:
    """Return what a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text)
    if len(text) <= 40 and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
