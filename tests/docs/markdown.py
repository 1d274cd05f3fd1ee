"""The examples of a Markdown page, in their order.

A page is a story that runs in one empty folder, from its first block to its last:

- a block after `<!-- file: NAME -->` is written to that file;
- `python` blocks run, all of a page in one namespace, those with `>>>` as doctests;
- `console` blocks run line by line where they call `$ ticketflow`; output that is shown must come, `...` standing for
  anything, and only a command that shows an error may fail;
- a block after `<!-- not run: REASON -->` is left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- (?P<what>file|not run): (?P<argument>.+?) -->\n\s*)?"
    r"^(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where its code starts, its language, its text, and the file that it is."""

    line: int
    language: str
    code: str
    file: str | None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, but for those that say they are not run."""
    text = page.read_text("utf-8")
    return [
        Block(
            text.count("\n", 0, found.start("code")) + 1,
            found["language"],
            found["code"],
            found["argument"] if found["what"] else None,
        )
        for found in BLOCK.finditer(text)
        if found["what"] != "not run"
    ]


def transcript(code: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that is shown below it."""
    steps: list[tuple[str, str]] = []
    for line in code.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        elif steps:
            command, shown = steps[-1]
            steps[-1] = (command, shown + line + "\n")
    return steps
