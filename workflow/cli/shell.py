"""Our kind of click command: global options anywhere, `-h`, help in two languages, wide characters laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from workflow.cli import render
from workflow.cli.context import LANGUAGES, Session

F = TypeVar("F", bound=Callable[..., Any])


class Formatter(click.HelpFormatter):
    """Lays help out in the session's language."""

    session: Session

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, prefix or self.session.tell("Usage:") + " ")

    def write_heading(self, heading: str) -> None:
        """Write a section's title."""
        super().write_heading(self.session.tell(heading))

    def write_text(self, text: str) -> None:
        """Write paragraphs; an indented one stays as it is."""
        for number, paragraph in enumerate(text.split("\n\n")):
            lines = paragraph.splitlines()
            if not lines[0].startswith(" "):
                lines = render.wrap(self.session.tell(" ".join(lines)), self.width - self.current_indent)
            self.write("\n" * bool(number))
            self.write("".join(f"{'':{self.current_indent}}{line}\n" for line in lines))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 26, col_spacing: int = 2) -> None:
        """Write terms with their explanations beside them."""
        rows = [(term, self._explain(text)) for term, text in rows]
        column = min(max(len(term) for term, _ in rows), col_max)
        indent, gap = " " * self.current_indent, " " * col_spacing
        for term, text in rows:
            lines = render.wrap(text, self.width - self.current_indent - column - col_spacing)
            if len(term) > column:
                self.write(f"{indent}{term}\n")
                term = ""
            for line in lines:
                self.write(f"{indent}{term:{column}}{gap}{line}".rstrip() + "\n")
                term = ""

    def _explain(self, text: str) -> str:
        text, bracket, extra = text.partition("  [")
        words = "; ".join(self._extra(item) for item in extra.rstrip("]").split("; "))
        return self.session.tell(text) + (f" [{words}]" if bracket else "")

    def _extra(self, item: str) -> str:
        word, colon, value = item.partition(": ")
        return self.session.tell(word) + colon + value


class Context(click.Context):
    """A click context whose help speaks the session's language."""

    def make_formatter(self) -> click.HelpFormatter:
        """Return a formatter that knows the session."""
        formatter = Formatter(width=self.terminal_width, max_width=self.max_content_width)
        formatter.session = self.ensure_object(Session)
        return formatter


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        context.ensure_object(Session).flags[str(parameter.name)] = value


def _keep_json(context: click.Context, _parameter: click.Parameter, value: bool | None) -> None:
    if value is not None:
        context.ensure_object(Session).json = value


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """Return the options that every command takes; a command's own help shows only --json/--table and --help."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_keep, hidden=hidden, **more)

    return [
        option("--database", metavar="URL", help="The desk's database; sqlite:///ticketflow.db unless set."),
        option("--definitions", metavar="DIR", help="The folder of definitions; ./definitions, else the shipped ones."),
        option("--actor", metavar="NAME", help="The member who acts."),
        option("--lang", type=click.Choice(LANGUAGES), help="The language of messages and labels."),
        option("--app", metavar="MODULE:NAME", help="A host's own desk, with its conditions and actions."),
        option("--busy-timeout", metavar="SECONDS", help="How long to wait for a locked database; 5 unless set."),
        option("--now", metavar="TIME", help="Run a trial desk on a virtual clock that stands at TIME."),
        click.Option(
            ["--json/--table"],
            default=None,
            expose_value=False,
            callback=_keep_json,
            help="Print JSON, one object a line, or a table.",
        ),
    ]


class Command(click.Command):
    """A command with the global options; the first paragraph of its docstring is its short help."""

    context_class = Context

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += global_options(hidden=True)
        self.context_settings = {"help_option_names": ["-h", "--help"], **self.context_settings}

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first paragraph of the help."""
        return " ".join((self.help or "").partition("\n\n")[0].split()) or super().get_short_help_str(limit)


class Group(click.Group):
    """A group of such commands."""

    context_class = Context
    command_class = Command

    def __init__(self, *args: Any, hidden_options: bool = True, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += global_options(hidden=hidden_options)
        self.context_settings = {"help_option_names": ["-h", "--help"], **self.context_settings}

    get_short_help_str = Command.get_short_help_str


pass_session: Callable[[F], F] = click.make_pass_decorator(Session, ensure=True)  # type: ignore[assignment]  # the
# decorated function takes the session by name
