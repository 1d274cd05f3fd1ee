"""The command line, ready to go: `python -m tests.crash.racer`, then lines of arguments as JSON; exit codes come back.

Everything is imported and has run once before the first line. Each line is run by a fork, a process of its own as the
real one would be, without the second that Python takes to start. Of a line `{"run": [arguments], "killed_after": 0.1}`
the fork is killed so many seconds after its timeout run has claimed something, unless it has ended by then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import psycopg

from workflow.cli.app import cli
from workflow.store import crash
from workflow.testing import memory_desk

LOADED = (psycopg,)


def run(arguments: list[str]) -> int:
    """Run the command line, and return its exit code."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        cli.main(arguments, prog_name="ticketflow")
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else 1
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    return 1


def announce(pipe: int, point: str) -> None:
    """Tell the parent of each claim."""
    if point == "run.claimed":
        os.write(pipe, b".")


def forked(order: Any) -> int:
    """Do what a line says in a fork of its own, and return how that ended."""
    arguments, killed_after = (order["run"], order["killed_after"]) if isinstance(order, dict) else (order, None)
    claims, announced = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(claims)
        crash.point = lambda name: announce(announced, name)
        os._exit(run(arguments))
    os.close(announced)
    if killed_after is not None:
        os.read(claims, 1)
        time.sleep(killed_after)
        os.kill(child, signal.SIGKILL)  # a child not waited for keeps its id
    with os.fdopen(claims, "rb") as rest:
        rest.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Serve."""
    with memory_desk() as desk:
        desk.open("inquiry", actor="agent_01", fields={"statement": "x"})
        desk.run_timeouts()
    print("ready", flush=True)
    for line in sys.stdin:
        print(forked(json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
