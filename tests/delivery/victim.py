"""A relay that is killed on demand: `python -m tests.delivery.victim URL HOOK`, then lines of `STATEMENT MINUTES`.

Each line is done by a fork of its own on a clock so many minutes after noon, which kills itself before it sends that
statement (or the commit in its place) to the database; `killed` or `done` is the answer.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import Engine, event

from tests.crash.forks import serve
from tests.delivery.servers import SECRET
from tests.store.small import MINUTE, NOON
from workflow.clock import VirtualClock
from workflow.delivery.settings import Delivery
from workflow.delivery.webhook import Webhook
from workflow.desk.desk import Desk

LOADED = (Webhook,)


def deliver(url: str, hook: str, statement: int, minutes: int) -> None:
    """Deliver, and be killed before a statement or a commit of it."""
    left = statement

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = Delivery(webhook_url=hook, webhook_secret=SECRET)
    clock = VirtualClock(NOON + minutes * MINUTE)
    with Desk.connect(url, clock=clock, delivery=settings, busy_timeout=30) as desk:
        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        desk.deliver()


def main() -> None:
    """Serve."""
    url, hook = sys.argv[1:]
    serve(lambda statement, minutes: deliver(url, hook, int(statement), int(minutes)))


if __name__ == "__main__":
    main()
