"""The reader of examples finds them, so that a page cannot pass by not being read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import Block, blocks, transcript
from tests.docs.test_examples import run_console, run_python

PAGE = """\
# A page

<!-- file: definitions/a.yaml -->
```yaml
ticket_type: a
```

<!-- not run: it would never end -->
```console
$ ticketflow scheduler
```

```python
answer = 42
```
"""


def test_blocks_come_in_order_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    assert blocks(tmp_path / "page.md") == [
        Block(5, "yaml", "ticket_type: a\n", "definitions/a.yaml"),
        Block(14, "python", "answer = 42\n", None),
    ]


def test_a_transcript_is_commands_with_their_output() -> None:
    code = "$ ticketflow open inquiry \\\n    --json\n{...}\n$ ticketflow list\n"
    assert transcript(code) == [("ticketflow open inquiry     --json", "{...}\n"), ("ticketflow list", "")]


def test_wrong_output_is_noticed() -> None:
    right = "$ ticketflow --version\nticketflow 0...\n"
    run_console(Block(1, "console", right, None), Path("page.md"))
    for wrong in ("$ ticketflow --version\nticketflow 9\n", "$ ticketflow nonsense\n"):
        with pytest.raises(AssertionError, match=r"page\.md:1"):
            run_console(Block(1, "console", wrong, None), Path("page.md"))


def test_a_wrong_doctest_is_noticed() -> None:
    names: dict[str, object] = {"two": 2}
    run_python(Block(1, "python", ">>> three = two + 1\n>>> three\n3\n", None), Path("page.md"), names)
    assert names["three"] == 3
    with pytest.raises(AssertionError, match="Expected"):
        run_python(Block(1, "python", ">>> two\n3\n", None), Path("page.md"), names)


def test_a_python_block_fails_at_its_own_line() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_python(Block(7, "python", "1 / 0\n", None), Path("page.md"), {})
    assert caught.traceback[-1].lineno == 6
