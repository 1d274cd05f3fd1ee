"""A process that does each piece of work in a fork of its own, so that the work can be killed and the server not."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable


def serve(work: Callable[..., None]) -> None:
    """Do the work for each line of standard input, of shell words; answer `done`, `killed` or `failed CODE`."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(*shlex.split(line))
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print({0: "done", -signal.SIGKILL: "killed"}.get(code, f"failed {code}"), flush=True)
