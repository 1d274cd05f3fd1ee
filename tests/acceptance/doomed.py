"""A scheduler that kills itself: `python -m tests.acceptance.doomed URL POINT`.

`inside` is before it writes the history of its second chunk, `between` is when it begins what follows its first one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from sqlalchemy import Engine, event

from workflow.desk.desk import Desk
from workflow.scheduler import run


def main() -> None:
    """Run until the point is reached."""
    url, point = sys.argv[1:]
    written, kept, writer = 0, False, 0

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        nonlocal written, writer
        if point == "between" and kept and threading.get_ident() == writer:
            os.kill(os.getpid(), signal.SIGKILL)
        if "ticketflow_history" in text and "INSERT" in text:
            written, writer = written + 1, threading.get_ident()  # messages have a thread of their own
        if point == "inside" and written == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    def commit(_connection: Any) -> None:
        nonlocal kept
        kept = kept or (written == 1 and threading.get_ident() == writer)

    with Desk.connect(url, busy_timeout=30) as desk:
        event.listen(Engine, "before_cursor_execute", statement)
        event.listen(Engine, "commit", commit)
        run(desk, chunk=1000)


if __name__ == "__main__":
    main()
