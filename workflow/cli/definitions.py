"""Commands about definitions: making, checking, applying and drawing them."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from workflow.cli import options, render
from workflow.cli.context import FILE, Session
from workflow.cli.shell import Command, pass_session
from workflow.errors import DefinitionError, NotFound, UsageError

SETTINGS = """\
# Settings of this desk. An option or TICKETFLOW_<NAME> in the environment goes before what stands here.
# Paths are relative to this file.

definitions = "definitions"
database = "sqlite:///ticketflow.db"
# database = "postgresql+psycopg://user@host/name"
# actor = "agent_01"         # who acts, where the desk does not know the user of the operating system
# lang = "zh"                # en or zh
# app = "shop.desk:desk"     # a host's own desk, with its conditions and actions
"""
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("init", cls=Command)
@click.argument("folder", type=FOLDER, default=".")
@pass_session
def init(session: Session, folder: Path) -> None:
    """Make a new desk in FOLDER, ready to edit.

    The shipped definitions and a ticketflow.toml are copied there (the present folder, unless named). Nothing is
    ever overwritten.
    """
    from workflow.definition.shipped import shipped_folder

    shipped = shipped_folder()
    files = {
        folder / "definitions" / path.relative_to(shipped): path
        for path in sorted(shipped.rglob("*"))
        if path.is_file()
    }
    settings = folder / FILE
    if there := next((path for path in (settings, *files) if path.exists()), None):
        raise UsageError("{file} exists already", "name another folder; nothing was written", file=str(there))
    for target, source in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    settings.write_text(SETTINGS, encoding="utf-8")
    if session.json:
        session.dump({"folder": str(folder), "files": [str(path) for path in (settings, *files)]})
        return
    count = sum(path.suffix == ".yaml" for path in shipped.iterdir())
    session.say(
        "A new desk is in {folder}: {count} definitions and {file}.", folder=str(folder), count=count, file=FILE
    )
    session.say("Edit definitions/desk.yaml (people, teams, zone), then run `ticketflow check` there.")
    session.say("Once a database has a desk, edits count from `ticketflow apply` on.")


@click.command("check", cls=Command)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@pass_session
def check(session: Session, folder: Path | None, *, strict: bool) -> None:
    """Check the definitions and report every problem at once.

    Each problem is a line `file:line:column: severity code: message (suggestion)`. Exits 3 if there are errors.
    """
    from workflow.definition.parse import load_definitions

    folder = folder or session.definitions
    definitions, problems = load_definitions(folder, today=session.today, **session.host_names())
    counts = Counter(problem.severity for problem in problems)
    errors, warnings = counts["error"], counts["warning"]
    types = sorted(definitions.types) if definitions else []
    if session.json:
        told = [session.problem_dict(problem) for problem in problems]
        session.dump({"folder": str(folder), "types": types, "errors": errors, "warnings": warnings, "problems": told})
    else:
        session.print(*map(session.problem, problems))
        summary = "{errors} errors, {warnings} warnings; nothing is loaded"
        if definitions:
            summary = "{count} ticket types: {types}; {errors} errors, {warnings} warnings"
        session.say(summary, count=len(types), types=types, errors=errors, warnings=warnings)
    if errors or (strict and warnings):
        raise click.exceptions.Exit(DefinitionError.exit_code)


@click.command("apply", cls=Command)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@pass_session
def apply(session: Session, *, dry_run: bool) -> None:
    """Put the definitions in force.

    Tickets that are open stay with the version they were opened under. Where no user of the system may act as a member
    who may do this, the owner of the database does it in nobody's name.
    """
    from workflow.cli.osuser import tell_locked

    if as_owner := not session.setting("app") and session.desk.opened_by_owner:
        session.hint("Nobody at a command line may `apply`: this is done as the owner of the database.")
    report = session.desk.apply(dry_run=dry_run, actor="system" if as_owner else session.actor)
    if session.json:
        session.dump(asdict(report))
        return
    session.table(
        ("kind", "name", "version", "change"),
        (
            (session.tell(change.kind), change.name, change.version, session.tell(change.change))
            for change in report.changes
        ),
    )
    if report.rearmed:
        session.say(
            "Of {rearmed} open tickets the timers are armed anew: {moved} due times move.", rearmed=report.rearmed,
            moved=report.moved,
        )  # fmt: skip
    if report.set_aside:
        session.say("{count} tickets could not be decided: see `ticketflow incident list`.", count=report.set_aside)
    if session.desk.desk.is_locked:
        tell_locked(session)
    if dry_run:
        session.say("Nothing was changed; without --dry-run this is put in force.")


@click.command("schema", cls=Command)
@click.argument("which", type=click.Choice(["type", "desk", "rules", "situations", "language"]), default="type")
@pass_session
def schema(session: Session, which: Any) -> None:
    """Print the JSON Schema of a ticket type, of desk.yaml, of rules.yaml, or of a file of the guidance.

    Editors complete and check a definition that names it in its first line, as the shipped ones do.
    """
    import json

    from workflow.definition.schema import json_schema

    session.print(json.dumps(json_schema(which), indent=None if session.json else 2, ensure_ascii=False))


@click.command("types", cls=Command)
@pass_session
def types(session: Session) -> None:
    """List the ticket types in force."""
    known = session.desk.types.values()
    if session.json:
        session.dump(
            *(
                {
                    "name": kind.name,
                    "version": kind.version,
                    "label": kind.spec.label,
                    "states": list(kind.states),
                    "triggers": sorted(kind.triggers),
                    "fields": {name: spec.type for name, spec in kind.fields.items()},
                }
                for kind in known
            )
        )
    else:
        rows = (
            (kind.name, kind.version, session.label(kind.spec.label, kind.name), list(kind.states)) for kind in known
        )
        session.table(("type", "version", "label", "states"), rows)
    if session.desk.definitions_changed:
        session.hint("The definition files differ from what is in force; see `ticketflow apply --dry-run`.")
    if newer := session.desk.newer_holidays:
        session.hint(
            "Newer public holidays are known, {editions}; `ticketflow apply` re-arms open tickets by them.",
            editions=newer,
        )


@click.command("diagram", cls=Command)
@click.argument("ticket_type", metavar="TYPE")
@click.option(
    "--ticket", "ticket_id", type=options.TICKET, metavar="ID", help="Mark where this ticket is, and has been."
)
@pass_session
def diagram(session: Session, ticket_type: str, *, ticket_id: int | None) -> None:
    """Draw a ticket type as a Mermaid diagram.

    Without --ticket it is drawn from the files, so that what is being edited can be seen.
    """
    from workflow.definition.diagram import diagram as draw
    from workflow.definition.resolve import timeout_trigger

    if ticket_id is not None:
        ticket = session.desk.get(ticket_id)
        if ticket.type != ticket_type:
            raise UsageError(
                "ticket {ticket} is of type {found}, not {type}", "name its own type", ticket=ticket_id,
                found=ticket.type, type=ticket_type,
            )  # fmt: skip
        visited = {
            (entry.source, entry.trigger or timeout_trigger(entry.timer[1] if entry.timer else ""), entry.dest)
            for entry in session.desk.history(ticket_id)
            if entry.source and entry.dest
        }
        text = draw(
            session.desk.definition(ticket.type, ticket.version),
            lang=session.lang,
            current=ticket.state,
            visited=visited,
        )
    else:
        text = draw(_from_files(session, ticket_type), lang=session.lang)
    if session.json:
        session.dump({"type": ticket_type, "diagram": text})
    else:
        session.print(*map(render.clean, text.rstrip("\n").split("\n")))


def _from_files(session: Session, name: str) -> Any:
    from workflow.definition.parse import load_definitions

    definitions, problems = load_definitions(session.definitions, today=None, **session.host_names())
    if definitions is None:
        raise DefinitionError("the definitions are wrong", "mend what `ticketflow check` shows", problems=problems)
    if name not in definitions.types:
        raise NotFound(
            "there is no ticket type {type}",
            "the types are: {known}",
            type=name,
            known=", ".join(sorted(definitions.types)),
        )
    return definitions.types[name]
