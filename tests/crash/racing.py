"""Command lines that are run at the same moment, each by a process that stands ready."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@contextmanager
def racers(many: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Give processes that run the command line with the arguments they are sent."""
    command = [sys.executable, "-m", "tests.crash.racer"]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(many)
        ]
        for racer in started:
            assert answer(racer) == "ready"
        yield started
        for racer in started:
            racer.communicate()


def send(racer: subprocess.Popen[str], arguments: list[str] | dict[str, Any]) -> None:
    assert racer.stdin is not None
    print(json.dumps(arguments), file=racer.stdin, flush=True)


def answer(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()
