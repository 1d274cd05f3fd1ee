"""The command `ticketflow`: which commands there are, and how every one of them ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.errors import UsageError

INTERRUPTED = 130
# where each lives, and the first paragraph of its help, so that the list of them imports none
COMMANDS = {
    "init": ("definitions:init", "Make a new desk in FOLDER, ready to edit."),
    "check": ("definitions:check", "Check the definitions and report every problem at once."),
    "apply": ("definitions:apply", "Put the definitions in force."),
    "migrate": ("migrate:migrate", "Let the open tickets of TYPE follow one of its versions."),
    "schema": (
        "definitions:schema",
        "Print the JSON Schema of a ticket type, of desk.yaml, of rules.yaml, or of a file of the guidance.",
    ),
    "types": ("definitions:types", "List the ticket types in force."),
    "diagram": ("definitions:diagram", "Draw a ticket type as a Mermaid diagram."),
    "open": ("tickets:open_", "Open a ticket of TYPE."),
    "intake": (
        "intake:intake",
        "Take in contacts from FILE: CSV, TSV or JSON Lines, also gzipped; `-` is standard input.",
    ),
    "classify": ("sorting:classify", "Explain how a contact would be sorted."),
    "rules": ("sorting:rules", "See how the rules that sort contacts do."),
    "list": ("reading:list_", "List tickets."),
    "find": ("reading:find", "Find tickets whose fields, customer or tags contain TEXT."),
    "show": ("reading:show", "Show ticket ID, and what can happen to it next."),
    "history": ("reading:history", "Show everything that happened to ticket ID, in order."),
    "explain": (
        "explain:explain",
        "Explain ticket ID: how it came where it is, what comes next and why then, who is told.",
    ),
    "say": ("speech:say", "Print what to say to the customer of ticket ID now, and what else to do."),
    "form": ("speech:form", "Print the strategy record of ticket ID."),
    "phrases": ("speech:phrases", "Look after the words that customers read and hear."),
    "export": ("export:export", "Write tickets as CSV or JSON Lines."),
    "advance": ("advance:advance", "Fire TRIGGER on one or more tickets."),
    "assign": ("tickets:assign", "Give ticket ID to a team or a member."),
    "claim": ("tickets:claim", "Take ticket ID."),
    "note": ("tickets:note", "Write TEXT down in the history of ticket ID."),
    "transfer": ("tickets:transfer", "Hand ticket ID over to another team, member or expert."),
    "urge": ("tickets:urge", "Record that the customer of ticket ID asks again."),
    "set": ("tickets:set_", "Fill, change or empty fields of ticket ID, or set its priority."),
    "tag": ("tickets:tag", "Tag ticket ID, or take tags away."),
    "link": ("tickets:link", "Link ticket ID to the ticket OTHER."),
    "retype": ("migrate:retype", "Make ticket ID one of TYPE."),
    "promise": ("tickets:promise", "Promise the customer of ticket ID something by a time, or say that it is done."),
    "escalate": ("ladder:escalate", "Call the team lead to ticket ID."),
    "acknowledge": ("ladder:acknowledge", "Take on the escalation of ticket ID."),
    "escalations": ("ladder:escalations", "List who was told of which escalation, the open ones first."),
    "sla": ("sla:sla", "Look after the SLA clocks of tickets."),
    "timeouts": ("timeouts:timeouts", "Fire what is due."),
    "incident": ("incidents:incident", "See which timers could not fire, and let them try again."),
    "repair": ("incidents:repair", "Put ticket ID into a state that no transition leads to."),
    "deliver": ("delivery:deliver", "Send the messages that are due."),
    "scheduler": ("delivery:scheduler", "Run timeouts as they fall due and send messages, until told to stop."),
    "outbox": ("delivery:outbox", "See what must be told to whom, and bring back what failed."),
    "outlets": ("outlets:outlets", "See by which ways messages leave, and try one before going live."),
    "calendar": ("calendar:calendar", "See opening hours, and work out due times."),
    "verify": ("privacy:verify", "Compare what the caller says with the customer's record of ticket ID."),
    "redact": ("privacy:redact", "Remove personal data of ticket ID for good."),
    "disclosures": ("privacy:disclosures_", "List who was shown personal data of which tickets, and why."),
    "refusals": ("refusals:refusals", "See what people tried and were refused."),
    "stats": ("figures:stats", "Count what the desk has done."),
    "health": ("health:health", "Say whether what is due fires, and what must be told is told; exit 9 if not."),
    "audit": ("audit:audit", "Prove that nobody changed what was written, and seal it."),
    "db": ("database:db", "Look after the tables."),
    "demo": ("demo:demo", "Tell the story of a desk in a folder of its own."),
    "completion": ("completion:completion", "Print the completion script for a shell."),
}


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
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"workflow.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

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
        from workflow.cli.failure import as_ours

        told = as_ours(error)
        session.fail(told)
        return told.exit_code
    return 0


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


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
