"""The command `ticketflow`: which commands there are, and how every one of them ends."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.errors import TicketflowError, UsageError

INTERRUPTED = 130
COMMANDS = {
    "init": "definitions:init",
    "check": "definitions:check",
    "apply": "definitions:apply",
    "schema": "definitions:schema",
    "types": "definitions:types",
    "diagram": "definitions:diagram",
    "open": "tickets:open_",
    "intake": "intake:intake",
    "list": "reading:list_",
    "find": "reading:find",
    "show": "reading:show",
    "history": "reading:history",
    "explain": "explain:explain",
    "export": "export:export",
    "advance": "advance:advance",
    "assign": "tickets:assign",
    "claim": "tickets:claim",
    "note": "tickets:note",
    "set": "tickets:set_",
    "tag": "tickets:tag",
    "link": "tickets:link",
    "promise": "tickets:promise",
    "escalate": "ladder:escalate",
    "acknowledge": "ladder:acknowledge",
    "escalations": "ladder:escalations",
    "sla": "sla:sla",
    "timeouts": "timeouts:timeouts",
    "incident": "incidents:incident",
    "deliver": "delivery:deliver",
    "scheduler": "delivery:scheduler",
    "outbox": "delivery:outbox",
    "calendar": "calendar:calendar",
    "health": "health:health",
    "db": "database:db",
    "demo": "demo:demo",
    "completion": "completion:completion",
}
# what click says, so that it can be said in another language
CLICK = tuple(
    (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*?)", re.escape(template)), re.DOTALL), template)
    for template in (
        "Missing command.",
        "No such command '{name}'. Did you mean {known}?",
        "No such command '{name}'. (Did you mean one of: {known}?)",
        "No such command '{name}'.",
        "No such option '{name}'. Did you mean {known}?",
        "No such option '{name}'. (Did you mean one of: {known}?)",
        "No such option '{name}'.",
        "Missing argument '{name}'.",
        "Missing option '{name}'.",
        "Missing option '{name}'. Choose from:\n\t{known}",
        "Missing argument '{name}'. Choose from:\n\t{known}",
        "Option '{name}' requires an argument.",
        "Option '{name}' does not take a value.",
        "Got unexpected extra argument ({extra})",
        "Got unexpected extra arguments ({extra})",
        "Invalid value for '{name}': {given} is not one of {known}.",
        "Invalid value for '{name}': {given} is not a valid {kind}.",
        "Invalid value for '{name}': {given} is not in the range {range}.",
        "Invalid value for '{name}': {reason}",
    )
)


class Root(Group):
    """The command itself: commands are imported as they are called; every error has one form and one exit code."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # click looks here for what was meant

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Return the commands in the order in which a desk meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"workflow.cli.{module}"), name)
        return command

    def main(  # type: ignore[override]  # one way to end instead of click's two
        self, args: Sequence[str] | None = None, prog_name: str = "ticketflow", **_: Any
    ) -> NoReturn:
        """Run, and exit with the code that the outcome has."""
        sys.exit(run(sys.argv[1:] if args is None else args, prog_name))


def run(args: Sequence[str], prog_name: str = "ticketflow", *, width: int | None = None) -> int:
    """Run a command and return its exit code; whatever goes wrong has been told by then.

    With a width, tables and sentences are laid out for it even where standard output is no terminal.
    """
    session = Session()
    session.fixed_width = width
    session.prepare(args)
    try:
        if instruction := os.environ.get("_TICKETFLOW_COMPLETE"):
            from click.shell_completion import shell_complete

            return shell_complete(cli, {}, prog_name, "_TICKETFLOW_COMPLETE", instruction)
        if bad := next((argument for argument in args if not _is_text(argument)), None):
            given = os.fsencode(bad).decode(errors="replace")
            raise UsageError("the argument {given} is not UTF-8", "write it in UTF-8", given=given)
        with cli.make_context(prog_name, list(args), obj=session) as context:
            cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (KeyboardInterrupt, click.Abort):
        session.hint("Interrupted. What was committed stays.")
        return INTERRUPTED
    except Exception as error:
        told = _told(error)
        session.fail(told)
        return told.exit_code
    return 0


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _told(error: Exception) -> TicketflowError:
    """Return any error as one of ours."""
    if isinstance(error, TicketflowError):
        return error
    if isinstance(error, click.ClickException):
        return _from_click(error)
    if os.environ.get("TICKETFLOW_DEBUG"):
        raise error
    if isinstance(error, OSError) and error.filename is not None:
        reason = error.strerror or str(error)
        return UsageError(
            "{file} cannot be used: {reason}", "name another file", file=str(error.filename), reason=reason
        )
    return TicketflowError(
        "something unexpected went wrong: {kind}: {reason}",
        "run it again with TICKETFLOW_DEBUG=1 to see where, and report it",
        kind=type(error).__name__,
        reason=str(error),
    )


def _from_click(error: click.ClickException) -> UsageError:
    message = error.format_message()
    context: click.Context | None = getattr(error, "ctx", None)
    template, values = "{message}", {"message": message}
    for pattern, known in CLICK:
        if found := pattern.fullmatch(message):
            template, values = known, found.groupdict()
            break
    told: dict[str, Any] = values | {"command": context.command_path if context else "ticketflow"}
    return UsageError(template, "see `{command} --help`", **told)


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        import workflow

        click.echo(f"ticketflow {workflow.__version__} ({Path(workflow.__file__).parent})")
        context.exit()


@click.group("ticketflow", cls=Root, hidden_options=False)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version, and where it was imported from.",
)
@pass_session
def cli(session: Session) -> None:
    """Run a service desk: tickets, their rules, their time limits.

    The options below may also follow the command. Each but --json can be set by environment, like TICKETFLOW_DATABASE,
    and in the nearest ticketflow.toml.

    Exit codes: 0 done, 1 unexpected, 2 usage, 3 a definition is wrong, 4 not found, 5 refused by the rules, 6 conflict,
    7 the store is unavailable, 8 a batch was done in part, 9 the desk is not healthy, 130 interrupted.
    """
    session.check()
