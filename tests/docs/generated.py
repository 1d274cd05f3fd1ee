"""The documents that are made from the code: `python -m tests.docs.generated` writes them, a test compares them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from tests.docs.citations import ROOT
from tests.docs.rows import table
from workflow.cli.app import cli
from workflow.cli.context import Session
from workflow.definition.schema import json_schema

HELP = re.compile(r"(<!-- help -->\n).*(<!-- /help -->\n)", re.DOTALL)
ROWS = re.compile(r"(<!-- rows -->\n).*(<!-- /rows -->\n)", re.DOTALL)
WIDTH = 78  # what click leaves of a terminal of 80 columns


def documents() -> Iterator[tuple[Path, str]]:
    """Yield each document with the text that it should have; what people wrote around the generated part stays."""
    page = ROOT / "docs" / "cli.md"
    written = page.read_text("utf-8") if page.exists() else "# The command line\n\n"
    if not HELP.search(written):
        written += "<!-- help -->\n<!-- /help -->\n"
    yield page, HELP.sub(lambda found: found[1] + command_help() + found[2], written)
    rows = ROOT / "docs" / "processes.md"
    yield rows, ROWS.sub(lambda found: found[1] + table() + found[2], rows.read_text("utf-8"))
    yield ROOT / "definitions" / "ticket-type.schema.json", schema("type")
    yield ROOT / "definitions" / "desk.schema.json", schema("desk")
    yield ROOT / "definitions" / "rules.schema.json", schema("rules")
    yield ROOT / "definitions" / "situations.schema.json", schema("situations")
    yield ROOT / "definitions" / "language.schema.json", schema("language")


def schema(which: Literal["type", "desk", "rules", "situations", "language"]) -> str:
    """Return the JSON Schema as `ticketflow schema` prints it."""
    return json.dumps(json_schema(which), indent=2, ensure_ascii=False) + "\n"


def command_help() -> str:
    """Return what `--help` says of every command, in Markdown."""
    return "\n".join(f"## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n" for context in commands())


def commands() -> Iterator[click.Context]:
    """Yield a context of the command line and of each command in it, groups before their own."""
    session = Session()
    session.flags["lang"] = "en"
    yield from _below(
        cli, cli.make_context("ticketflow", [], resilient_parsing=True, obj=session, terminal_width=WIDTH)
    )


def _below(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child and not child.hidden:
                yield from _below(child, child.make_context(name, [], parent=context, resilient_parsing=True))


if __name__ == "__main__":
    for path, text in documents():
        path.write_text(text, "utf-8")
