"""The command that writes tickets to a file."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import click

from workflow.cli import options, render
from workflow.cli.context import Session
from workflow.cli.reading import chosen, every, filters
from workflow.cli.shell import Command, pass_session
from workflow.cli.views import View

PLAIN = (
    "id", "type", "version", "state", "stage", "priority", "team", "assignee", "channel", "external_id", "tags",
    "opened_at", "updated_at", "next_due_at", "ticket_version",
)  # fmt: skip


@click.command("export", cls=Command)
@filters
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True, help="The form."
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write here instead."
)
@options.reveal
@pass_session
def export(session: Session, *, form: str, output: Path | None, reveal: options.Reveal | None, **given: Any) -> None:
    """Write tickets as CSV or JSON Lines.

    In CSV no cell is a formula to a spreadsheet: one that looks like it starts with an apostrophe.
    """
    view, choice = View(session, reveal=reveal), chosen(session, **given)
    tickets = (ticket for page in every(session, choice) for ticket in map(view.ticket, view.asked(*page.tickets)))
    lines = _csv(tickets, _columns(session)) if form == "csv" else map(render.dump, tickets)
    count = 0
    with _target(output, form) as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
    if output:
        session.hint("{count} tickets written to {file}.", count=count - (form == "csv"), file=str(output))


def _target(output: Path | None, form: str) -> AbstractContextManager[TextIO]:
    """Open the file to write; a spreadsheet knows UTF-8 by the mark at its beginning only."""
    if output is None:
        return nullcontext(sys.stdout) if sys.stdout else open(os.devnull, "w", encoding="utf-8")
    return output.open("w", encoding="utf-8-sig" if form == "csv" else "utf-8", newline="")


def _columns(session: Session) -> list[str]:
    """Every column that today's definitions know."""
    fields = dict.fromkeys(name for known in session.desk.types.values() for name in known.fields)
    customer = [f"customer.{name}" for name in session.spec.customer.fields]
    return [*PLAIN, "customer.id", *customer, *(f"fields.{name}" for name in fields), "more"]


def _csv(tickets: Iterable[dict[str, Any]], columns: list[str]) -> Iterator[str]:
    """Yield lines of CSV; the fields that no column is for stand as JSON in `more`."""
    yield _line(columns)
    for ticket in tickets:
        customer = ticket["customer"] or {"id": None, "fields": {}}
        row = {name: ticket[name] for name in PLAIN} | {"customer.id": customer["id"]}
        row |= {f"customer.{name}": value for name, value in customer["fields"].items()}
        row |= {f"fields.{name}": value for name, value in ticket["fields"].items()}
        more = {name: row.pop(name) for name in [*row] if name not in columns}
        row["more"] = render.dump(more) if more else None
        yield _line([row.get(name) for name in columns])


def _line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_cell(value) for value in values])  # what ends a line is quoted
    return line.getvalue().removesuffix("\n")


def _cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula."""
    from workflow.desk.rejects import guarded

    if isinstance(value, list):
        value = ", ".join(map(str, value))
    elif isinstance(value, date):
        value = value.isoformat()
    elif isinstance(value, bool):
        value = str(value).lower()
    return guarded(value) if isinstance(value, str) else value
