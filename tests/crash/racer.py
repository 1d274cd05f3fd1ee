"""The command line, ready to go: `python -m tests.crash.racer`, then lines of arguments as JSON; exit codes come back.

Everything is imported and has run once before the first line. Each line is run by a fork, a process of its own as the
real one would be, without the second that Python takes to start.
"""

from __future__ import annotations

import json
import os
import sys

import psycopg

from workflow.cli.app import cli
from workflow.testing import memory_desk

LOADED = (psycopg,)


def main() -> None:
    """Serve."""
    with memory_desk() as desk:
        desk.open("inquiry", actor="agent_01", fields={"statement": "x"})
        desk.run_timeouts()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                cli.main(json.loads(line), prog_name="ticketflow")
            except SystemExit as exit:
                code = exit.code if isinstance(exit.code, int) else 1
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
