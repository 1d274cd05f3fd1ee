"""The command that takes contacts in from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.errors import PartlyDone, UsageError

if TYPE_CHECKING:
    from workflow.desk.contacts import Contact, Reader


F = TypeVar("F", bound=Callable[..., Any])
MOST_STATES = 20


def reading(function: F) -> F:
    """Add the options that say how a file of contacts is read."""
    for decorate in reversed(
        (
            click.option(
                "--map",
                "mapping",
                metavar="FIELD=COLUMN,...",
                help="Which column fills what: a field, customer.NAME, external_id, opened_at, type, channel, priority "
                "or tags. Without it, columns of these names are taken.",
            ),
            click.option("--zone", metavar="ZONE", help="The zone of times without an offset; the desk's unless said."),
            click.option(
                "--format",
                "form",
                type=click.Choice(["csv", "tsv", "jsonl"]),
                help="The form, where the name does not tell.",
            ),
            click.option("--encoding", default="utf-8", show_default=True, metavar="NAME", help="For example gb18030."),
        )
    ):
        function = decorate(function)
    return function


def contacts_of(
    session: Session,
    file: str,
    *,
    mapping: str | None,
    zone: str | None,
    form: str | None,
    encoding: str,
    ticket_type: str | None = None,
    **more: Any,
) -> Reader:
    """Open a file of contacts."""
    from workflow.desk.contacts import parse_mapping, read_contacts

    return read_contacts(
        file,
        zone=_zone(zone) if zone else session.zone,
        mapping=parse_mapping(mapping) if mapping else None,
        known=_known(session, ticket_type),
        format=form,
        encoding=encoding,
        **more,
    )


@click.command("intake", cls=Command)
@click.argument("file")
@click.option("--type", "ticket_type", metavar="TYPE", help="The ticket type, where no column says it.")
@reading
@click.option(
    "--state-column", metavar="COLUMN", help="The column with the state that each contact is in: it comes in mid-flow."
)
@click.option(
    "--map-state",
    "states",
    multiple=True,
    metavar="WORD=STATE",
    callback=options.mapping,
    help="The state, or the stage, that a word in that column stands for; the one of that name unless said. "
    "Repeatable.",
)
@click.option(
    "--entered-column",
    metavar="COLUMN",
    help="The column with the time when it came into that state; the time of its opening unless said.",
)
@click.option(
    "--past",
    type=click.Choice(["record", "fire"]),
    help="What becomes of time limits that had passed already: only recorded, or fired with their messages.",
)
@click.option("--separate", metavar="REASON", help="Join no contact to an open ticket of its customer; say why.")
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where rows go that cannot be taken in; FILE.rejects.csv here unless said.",
)
@pass_session
def intake(
    session: Session,
    file: str,
    *,
    ticket_type: str | None,
    state_column: str | None,
    states: dict[str, str],
    entered_column: str | None,
    past: str | None,
    separate: str | None,
    rejects: Path | None,
    **form: Any,
) -> None:
    """Take in contacts from FILE: CSV, TSV or JSON Lines, also gzipped; `-` is standard input.

    A contact whose external_id is known already is passed over, so that running it again adds nothing and an
    interrupted run is finished by the next. Rows that cannot be taken in go to a file with line and reason; the others
    are in, and the exit code is 8. What has no type is sorted by the rules of the desk. Who has an open ticket of the
    type and category is urging: such a contact is joined to that ticket.

    A desk that moves in brings its tickets with --state-column, each in the state it is in; the solved ones go to the
    archive. If a state is not known, nothing is taken in: all such states are listed, for --map-state.

        ticketflow intake calls.csv.gz --type inquiry --past record --map external_id=call,statement=text
    """
    from workflow.desk.contacts import write_rejects

    if states and not state_column:
        raise UsageError("--map-state needs a column with the states", "name it with --state-column", field="map_state")
    columns = {"state": state_column, "entered_at": entered_column}
    given = {target: column for target, column in columns.items() if column}
    read = partial(contacts_of, session, file, ticket_type=ticket_type, mid_flow=given, **form)
    with _twice(file) if state_column else nullcontext() as stdin:
        if state_column:
            _demand_states(session, file, read(stdin=stdin), ticket_type, states)
            if stdin:
                stdin.seek(0)
        reader = read(stdin=stdin)
        with reader, progress(session, reader) as contacts:
            report = session.desk.intake(
                contacts,
                actor=session.actor,
                ticket_type=ticket_type,
                past=past,
                states=states,
                separate=separate,
            )
    target = None
    if report.rejected:
        target = rejects or Path(f"{'stdin' if file == '-' else Path(file).name}.rejects.csv")
        write_rejects(target, report.rejected, say=lambda reason: session.tell(reason.template, reason.values))
    counts = {
        "opened": report.opened, "joined": report.joined, "known": report.known, "rejected": len(report.rejected),
    }  # fmt: skip
    if session.json:
        session.dump(counts | {"seconds": round(report.seconds, 3), "rejects": target and str(target)})
    else:
        session.say(
            "{opened} opened, {joined} joined, {known} known already, {rejected} rejected, in {seconds} s",
            **counts, seconds=f"{report.seconds:.1f}",
        )  # fmt: skip
    if target:
        raise PartlyDone(
            "{rejected} rows were not taken in", "they are in {file} with the reason; mend them and take that file in",
            rejected=len(report.rejected), file=str(target),
        )  # fmt: skip


@contextmanager
def _twice(file: str) -> Iterator[IO[bytes] | None]:
    """Give what standard input holds as a file that can be read again; None for a file that has a name."""
    import shutil
    import sys
    import tempfile

    if file != "-":
        yield None
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.seek(0)
        yield kept


def _demand_states(
    session: Session, file: str, reader: Reader, ticket_type: str | None, states: dict[str, str]
) -> None:
    """Read a file through; raise UsageError with every state in it that is none."""
    with reader, progress(session, reader) as contacts:
        found = session.desk.unknown_states(contacts, ticket_type=ticket_type, states=states)
    if not found:
        return
    name, types = Path(file).name if file != "-" else "-", session.desk.types
    shown = [f"{name}:{each.line}: {each.type} {each.state} ({each.count} ×)" for each in found[:MOST_STATES]]
    known = [f"{kind}: {', '.join(types[kind].states)}" for kind in dict.fromkeys(each.type for each in found)]
    raise UsageError(
        "{count} states are not known, and nothing was taken in: {states}",
        "say what each stands for, like --map-state \"{first}=STATE\"; the states are, of {known}",
        field="map_state", count=len(found), states="; ".join(shown) + ("; …" if len(found) > MOST_STATES else ""),
        first=found[0].state, known="; of ".join(known),
    )  # fmt: skip


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError("there is no zone {zone}", "write it like Asia/Shanghai", zone=name) from None


def _known(session: Session, ticket_type: str | None) -> list[str]:
    """Return the fields that a column may fill."""
    types = session.desk.types
    chosen = [types[ticket_type]] if ticket_type and ticket_type in types else types.values()
    fields = dict.fromkeys(name for known in chosen for name in known.fields)
    return [*fields, *(f"customer.{name}" for name in session.spec.customer.fields)]


@contextmanager
def progress(session: Session, reader: Reader) -> Iterator[Iterator[Contact]]:
    """Show on a terminal how much of the file was read."""
    import sys

    if session.json or not sys.stderr.isatty():
        yield reader
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns: list[Any] = [BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
    with Progress(TextColumn("{task.fields[count]}"), *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=reader.size, count=0)

        def counted() -> Iterator[Contact]:
            for count, contact in enumerate(reader, 1):
                bar.update(task, completed=reader.position, count=count)
                yield contact

        yield counted()
