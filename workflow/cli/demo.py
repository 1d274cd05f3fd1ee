"""The command that tells the story of a desk, by running the commands that a desk would use."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from workflow.cli import render
from workflow.cli.app import INTERRUPTED, run
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.errors import TicketflowError, UsageError

EVENING = datetime.fromisoformat("2026-03-04T18:00:00+08:00")
NIGHT = datetime.fromisoformat("2026-03-04T23:10:00+08:00")
MORNING = datetime.fromisoformat("2026-03-05T08:05:00+08:00")
STEP = timedelta(minutes=4)
TOLD_IN_FULL = "complaint"
NARROW, WIDE = 80, 120


@click.command("demo", cls=Command)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Do it in DIR, and leave it there."
)
@pass_session
def demo(session: Session, *, keep: Path | None) -> None:
    """Tell the story of a desk in a folder of its own.

    Contacts come in, tickets of every type go through to the archive, a move is refused, a time limit passes and the
    team lead is told; at night the supervisor, and in the morning somebody acknowledges. The commands are those that a
    desk would use, on a virtual clock.
    """
    if keep and keep.exists() and any(keep.iterdir()):
        raise UsageError("{folder} is not empty", "name a new folder", folder=str(keep))
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("contacts.csv", "walks.json"):
            shutil.copyfile(examples() / name, folder / name)
        stack.enter_context(_alone(folder, session.lang))
        _Story(session).tell()
    if keep:
        session.say("Everything is still in {folder}.", folder=str(keep))


def examples() -> Path:
    """Return the folder of the sample contacts: inside an installed package, else beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "examples"


@contextlib.contextmanager
def _alone(folder: Path, lang: str) -> Iterator[None]:
    """Work in the folder with no settings but the language; put everything back afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("TICKETFLOW_") and name != "TICKETFLOW_DEBUG":
            del os.environ[name]
    os.environ["TICKETFLOW_LANG"] = lang
    try:
        with contextlib.chdir(folder), contextlib.redirect_stderr(sys.stdout):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Story:
    def __init__(self, session: Session) -> None:
        self.session, self.now = session, EVENING
        self.width = min(session.width or NARROW, WIDE)

    def tell(self) -> None:
        self.chapter("A new desk: definitions, people, teams. Every mistake in them would be shown here.")
        self.run("init")
        self.run("check")

        self.chapter("The contacts of three days come in: phone, web, WeChat, Weibo, Douyin and app.")
        self.run("intake", "contacts.csv", "--past", "record")
        self.chapter("Running it again adds nothing.")
        self.run("intake", "contacts.csv", "--past", "record")
        self.chapter("The complaints that nobody has taken up yet:")
        self.run("list", "--type", "complaint", "--stage", "intake")

        self.chapter(
            "An emergency is reported, and nobody takes it up. After a minute it goes to another agent, "
            "and the lead and the supervisor are told."
        )
        statement = "statement=No power in the data room, the pumps have stopped."
        customer = ["--customer", "name=刘先生", "--customer", "phone=13800000006"]
        self.run("open", "emergency", "--channel", "phone", *customer, "--field", statement)
        self.now += timedelta(minutes=1)
        self.run("timeouts", "run")
        self.run("outbox", "list")

        walks = json.loads(Path("walks.json").read_text(encoding="utf-8"))
        ticket = self.first(TOLD_IN_FULL)
        self.chapter("One complaint, step by step. Each is done by somebody whose role allows it.")
        self.walk(ticket, walks.pop(TOLD_IN_FULL))
        self.chapter("The whole story of this ticket, as it can be audited:")
        self.run("history", str(ticket))
        self.run("show", str(ticket))

        for kind, steps in walks.items():
            self.chapter("Every type has its own way. This is one: {type}", type=kind)
            self.walk(self.first(kind), steps, briefly=True)

        self.night()

        self.chapter("A diagram of a type, with the way that one ticket took; Mermaid draws it.")
        self.run("diagram", "suggestion", "--ticket", str(self.first("suggestion")))
        self.chapter("The archive now holds one ticket of every type.")
        self.run("list", "--stage", "archive")
        self.chapter(
            "That was it. `ticketflow init my-desk` makes a desk of your own; `ticketflow --help` lists what it can do."
        )

    def night(self) -> None:
        """Let time pass with nobody at the desk."""
        self.now = NIGHT
        self.chapter("Night, and nobody is at the desk. A customer reports an emergency on the web.")
        statement = "statement=Water is running out of the rack in hall 2."
        self.run("open", "emergency", "--channel", "web", "--field", statement)
        ticket = self.newest("emergency")
        self.chapter("Cron runs the timeouts. A minute later the lead on night duty is told.")
        self.now += timedelta(minutes=1)
        self.run("timeouts", "run")
        self.chapter("Half an hour later nobody has acknowledged it: the supervisor is told.")
        self.now += timedelta(minutes=30)
        self.run("timeouts", "run")
        self.run("escalations")
        self.chapter("Morning comes, and somebody takes it on. When would the ladder go on, and why?")
        self.now = MORNING
        self.run("timeouts", "run")
        self.run("--actor", "lead_day", "acknowledge", str(ticket), "--note", "on my way")
        self.run("explain", str(ticket))
        self.chapter("Is the desk well? A monitor asks this every few minutes.")
        self.run("health", "--max-undelivered", "2d")

    def chapter(self, template: str, **values: Any) -> None:
        self.session.print("")
        sentence = self.session.tell(template, values)
        self.session.print(*render.wrap(sentence, self.width))

    def first(self, kind: str) -> int:
        """Return the first ticket of a type."""
        found = self.quietly(["list", "--type", kind, "--limit", "1", "--json"])
        return int(json.loads(found.splitlines()[0])["id"])

    def newest(self, kind: str) -> int:
        """Return the ticket of a type that was opened last."""
        found = self.quietly(["list", "--type", kind, "--sort", "-id", "--limit", "1", "--json"])
        return int(json.loads(found.splitlines()[0])["id"])

    def quietly(self, words: list[str]) -> str:
        """Run a command and return what it printed instead of printing it."""
        with io.StringIO() as text, contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            self.call(words)
            return text.getvalue()

    def walk(self, ticket: int, steps: list[dict[str, Any]], *, briefly: bool = False) -> None:
        """Do the steps of a walk; the one in full also tries what the rules refuse."""
        for number, step in enumerate(steps):
            self.now += STEP
            fields = [word for name, value in step["fields"].items() for word in ("--field", f"{name}={value}")]
            note = ["--note", step["note"]] if step["note"] else []
            words = ["--actor", step["actor"], "advance", str(ticket), step["trigger"], *fields, *note]
            if not briefly and step["trigger"] == "failed":
                self.chapter(
                    "The specialist who handled it would like to pass the review as well. The rules say no, and why:"
                )
                self.run("--actor", steps[number - 1]["actor"], "advance", str(ticket), "passed", expected=5)
            if not briefly:
                self.run(*words)
            else:
                self.prompt(words, cut=True)
                told = self.quietly(words)
                if step is steps[-1]:
                    self.session.print(told.rstrip())

    def run(self, *words: str, expected: int = 0) -> None:
        """Print a command and run it."""
        self.prompt(list(words))
        self.call(list(words), expected)

    def prompt(self, words: list[str], *, cut: bool = False) -> None:
        """Print a command as it would be typed, with the time before it; a long one is folded, or cut."""
        pieces = [f"{self.now:%H:%M} $ ticketflow"]
        for word in map(_quoted, words):
            if pieces[-1].startswith("--") and " " not in pieces[-1] and not word.startswith("--"):
                pieces[-1] += f" {word}"
            else:
                pieces.append(word)
        if cut:
            self.session.print(render.cut(" ".join(pieces), self.width))
            return
        lines = [pieces[0]]
        for piece in pieces[1:]:
            if render.cells(f"{lines[-1]} {piece} \\") <= self.width:
                lines[-1] += f" {piece}"
            else:
                lines[-1] += " \\"
                lines.append(f"    {piece}")
        self.session.print(*lines)

    def call(self, words: list[str], expected: int = 0) -> None:
        """Run a command at the story's time; raise TicketflowError if it ends otherwise than expected."""
        os.environ["TICKETFLOW_NOW"] = self.now.isoformat()
        code = run(words, width=self.width)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code != expected:
            raise TicketflowError(
                "`ticketflow {command}` ended with {code}, not {expected}", "the story ends here; please report it",
                command=shlex.join(words), code=code, expected=expected,
            )  # fmt: skip


def _quoted(word: str) -> str:
    return word if word.replace("=", "").replace("_", "").isalnum() else shlex.quote(word)
