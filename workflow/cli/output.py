"""How a command speaks: sentences in the session's language, tables, details, JSON, errors."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click

from workflow.cli import render
from workflow.errors import Problem, TicketflowError

SPOKEN = ("hint", "reason", "wanted", "found")  # values that may be sentences or words of our own


class Output:
    """Standard output for what was asked, standard error for everything else. Everything written is clean."""

    json = False
    fixed_width: int | None = None

    @property
    def lang(self) -> str:
        """The language to speak."""
        return "en"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times are shown."""
        return ZoneInfo("UTC")

    @property
    def width(self) -> int | None:
        """The terminal's width, or None where standard output is no terminal."""
        if self.fixed_width or sys.stdout is None or not sys.stdout.isatty():
            return self.fixed_width
        return shutil.get_terminal_size().columns

    def tell(self, template: str, values: Mapping[str, Any] | None = None) -> str:
        """Return a sentence in the session's language, filled in with cleaned values."""
        if self.lang == "zh":
            from workflow.cli.zh import CATALOGUE

            template = CATALOGUE.get(template, template)
        return (
            template.format_map({name: self._value(name, value) for name, value in values.items()})
            if values
            else template
        )

    def _value(self, name: str, value: object) -> object:
        if isinstance(value, TicketflowError):
            return self.tell(value.template, self._exact(value.values))
        if name in SPOKEN and isinstance(value, str):
            return self.spoken(value)
        return value if isinstance(value, int | float) else self.plain(value)

    def spoken(self, text: str) -> str:
        """Return a text, clean and in the session's language where it is ours: all of it, or what follows a code."""
        code, mark, why = text.partition(": ")
        told = self.tell(text)
        return render.clean(told if told != text else f"{self.tell(code)}{mark}{self.tell(why)}")

    def _exact(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return an error's values with its times in the desk's zone, to the microsecond where that says more."""
        return {name: self._instant(value) if isinstance(value, datetime) else value for name, value in values.items()}

    def _instant(self, value: datetime) -> str:
        try:
            local = value.astimezone(self.zone)
        except TicketflowError:  # the desk cannot be opened, and that is what is being told
            return value.isoformat()
        return local.strftime("%Y-%m-%d ") + local.time().isoformat(
            "auto" if local.second or local.microsecond else "minutes"
        )

    def plain(self, value: object) -> str:
        """Return a value as one clean line: times to the minute in the desk's zone, lists with commas, `-` for none."""
        match value:
            case None | "" | () | []:
                return "-"
            case bool():
                return self.tell("yes" if value else "no")
            case datetime():
                return value.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")
            case timedelta():
                return render.length(value)
            case Decimal():
                return format(value, "f")
            case list() | tuple():
                return ", ".join(map(self.plain, value))
        return render.clean(str(value))

    def label(self, words: Mapping[str, str], name: str) -> str:
        """Return the label in the session's language, or the name."""
        return render.clean(words.get(self.lang) or name)

    def print(self, *lines: str) -> None:
        """Write lines that are clean already."""
        if lines:
            click.echo("\n".join(lines))

    def say(self, template: str, **values: Any) -> None:
        """Write a sentence."""
        sentence = self.tell(template, values)
        self.print(*(render.wrap(sentence, self.width) if self.width else [sentence]))

    def heading(self, template: str, **values: Any) -> None:
        """Write a title."""
        self.print(styled(self.tell(template, values), bold=True))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]], *, fold: bool = False) -> None:
        """Write a table; the headers are words of the catalogue. With `fold` the last column is never cut."""
        lines = [[self.plain(cell) for cell in row] for row in rows]
        first, *rest = render.table([self.tell(header) for header in headers], lines, self.width, fold=fold)
        self.print(styled(first, bold=True), *rest)

    def details(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Write labels and values in two columns; the labels are shown as they are."""
        lines = [(render.clean(label), self.plain(value)) for label, value in pairs]
        self.print(*render.details(lines, self.width, indent=render.GAP))

    def dump(self, *values: Any) -> None:
        """Write values as JSON, one a line."""
        self.print(*map(render.dump, values))

    def zoned(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON object with its times in the desk's zone."""
        turned: dict[str, Any] = render.in_zone(value, self.zone)
        return turned

    def hint(self, template: str, **values: Any) -> None:
        """Write a sentence where it does not disturb what a program reads; with --json an object with its values."""
        told = self.tell(template, values)
        click.echo(render.dump({"hint": told} | values) if self.json else told, err=True)

    def warn(self, error: TicketflowError) -> None:
        """Tell, as one line on standard error, what is amiss and stops nothing."""
        if self.json:
            click.echo(render.dump({"warning": self.error(error)}), err=True)
            return
        told = filter(None, (self.tell(error.template, error.values), self.tell(error.remedy_template, error.values)))
        click.echo(self.tell("Warning:") + " " + self.tell("; ").join(told), err=True)

    def fail(self, error: TicketflowError, *, ticket: int | None = None) -> None:
        """Tell an error with its remedy, or as JSON; of several tickets, say which."""
        if self.json:
            click.echo(render.dump({"error": self.error(error)}), err=True)
            return
        problems = (problem for problem in getattr(error, "problems", ()) if problem.severity != "remark")
        lines = [self.problem(problem) for problem in problems]
        which = "" if ticket is None else self.tell("Ticket {ticket}: ", {"ticket": ticket})
        values = self._exact(error.values)
        sentence = which + self.tell(error.template, values)
        lines.append(styled(self.tell("Error:"), fg="red", bold=True) + " " + sentence)
        if remedy := self.tell(error.remedy_template, values):
            lines.append(f"  {remedy}")
        click.echo("\n".join(lines), err=True)

    def error(self, error: TicketflowError) -> dict[str, Any]:
        """Return the JSON form of an error."""
        values = self._exact(error.values)
        told = error.as_dict() | {
            "message": self.tell(error.template, values),
            "remedy": self.tell(error.remedy_template, values),
        }
        if problems := getattr(error, "problems", ()):
            told["problems"] = [self.problem_dict(problem) for problem in problems]
        return told

    def problem(self, problem: Problem) -> str:
        """Return a problem of a definition as one line: place, severity, code, sentence, suggestion."""
        told = self.problem_dict(problem)
        place = render.clean(problem.place)
        mend = f" ({told['suggestion']})" if told["suggestion"] else ""
        return f"{place}: {self.tell(problem.severity)} {problem.code}: {told['message']}{mend}"

    def problem_dict(self, problem: Problem) -> dict[str, Any]:
        """Return the JSON form of a problem."""
        return {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
            "code": problem.code,
            "message": self.tell(problem.template, problem.values),
            "suggestion": self.tell(problem.suggestion, problem.values),
            "text": problem.text,
        }


def styled(text: str, **style: Any) -> str:
    """Return the text with colour or weight, unless NO_COLOR is set. Only a terminal gets to see it."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)
