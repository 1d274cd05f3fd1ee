"""The sheet on which a check writes what it finds: a tree, and the problems with their places in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from workflow.definition.tree import Node, Path, Reader


class Sheet:
    """One file under check. Each problem is written down once, however many states inherit it."""

    def __init__(self, reader: Reader, root: Node) -> None:
        self.reader, self.root = reader, root
        self.codes: set[str] = set()
        self._written: set[tuple[int, int, str, str]] = set()

    def node(self, path: Path) -> Node:
        """Return what stands at a path."""
        return self.root.find(path)[1]

    def report(
        self, path: Path, code: str, text: str = "", *, key: bool = False, offset: int | None = None, **values: Any
    ) -> None:
        """Note a problem with the value at a path, with its key, or with one character of it."""
        name, node = self.root.find(path)
        at = name if key else node
        line, column = (at.line, at.column) if offset is None else self.reader.place_within(node, offset)
        if (written := (line, column, code, text)) not in self._written:
            self._written.add(written)
            self.codes.add(code)
            self.reader.report(code, line, column, text=text, **values)

    def expect(self, path: Path, code: str, name: str, known: Collection[str], **values: Any) -> bool:
        """Say whether a name is known, and report it where it is not."""
        if name in known:
            return True
        self.report(path, code, name, known=known, **values)
        return False
