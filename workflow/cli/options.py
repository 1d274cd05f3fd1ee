"""Options and arguments that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workflow.errors import UsageError

if TYPE_CHECKING:
    from workflow.cli.context import Session

F = TypeVar("F", bound=Callable[..., Any])
LONGEST_FILE = 1_000_000
TICKET = click.IntRange(min=1, max=2**63 - 1)


class Pairs(dict[str, str | None]):
    """Values given as `name=value`; `name=` is None, `name=@file` the text of a file, `name=@@x` the text `@x`."""


def pairs(_context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> Pairs:
    """Read what an option was given as `name=value`, each name once."""
    found = Pairs()
    for item in given:
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(
                "{option} takes name=value, not {given}",
                "write it like {option} name=value",
                option=parameter.opts[0],
                given=item,
            )
        if name in found:
            raise UsageError(
                "{option} names {name} twice", "give each name once", option=parameter.opts[0], field=name, name=name
            )
        found[name] = text_of(name, value)
    return found


def mapping(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Read what an option was given as `old=new`; every old has a new."""
    found = pairs(context, parameter, given)
    for old, new in found.items():
        if new is None:
            option = parameter.opts[0]
            raise UsageError(
                "{old} is mapped to nothing", "write it like {option} old=new", old=old, option=option,
                field=option.strip("-").replace("-", "_"),
            )  # fmt: skip
    return {old: new for old, new in found.items() if new is not None}


def text_of(name: str, text: str) -> str | None:
    """Return a text, or with `@` in front that of a file; None where it is empty."""
    if not text.startswith("@"):
        return text or None
    if text.startswith("@@"):
        return text[1:]
    path = Path(text[1:])
    try:
        with path.open(encoding="utf-8-sig") as file:
            content = file.read(LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            "the file {file} for {name} cannot be read: {reason}",
            "name a text file in UTF-8; a value that starts with @ is written @@",
            field=name,
            name=name,
            file=str(path),
            reason=reason,
        ) from error
    if len(content) > LONGEST_FILE:
        raise UsageError(
            "the file {file} for {name} is too long", "give at most a million characters", name=name, file=str(path)
        )
    return content.rstrip("\n") or None


def fields(help_text: str) -> Callable[[F], F]:
    """Add a repeatable `--field name=value`."""
    return click.option("--field", "-f", "fields", multiple=True, metavar="NAME=VALUE", callback=pairs, help=help_text)


def customer(help_text: str) -> Callable[[F], F]:
    """Add a repeatable `--customer name=value`."""
    return click.option(
        "--customer", "-c", "customer", multiple=True, metavar="NAME=VALUE", callback=pairs, help=help_text
    )


def note(function: F) -> F:
    """Add `--note`."""
    return click.option("--note", metavar="TEXT", help="A remark for the history.")(function)


def at(function: F) -> F:
    """Add `--at`."""
    return click.option("--at", metavar="TIME", help="When it happened, if earlier than now; in the desk's zone.")(
        function
    )


def since(function: F) -> F:
    """Add `--since`, for a desk that came back from a backup; `resume` does what it says."""
    return click.option(
        "--since",
        metavar="TIME|all",
        help="Let a restored desk go on: what was due before TIME is recorded, and nobody told; `all` tells all of it.",
    )(function)


def resume(session: Session, since: str | None) -> None:
    """Let a restored desk go on as --since says."""
    if since is not None:
        session.desk.resume(None if since == "all" else session.time(since))


def if_version(function: F) -> F:
    """Add `--if-version`."""
    return click.option(
        "--if-version", type=int, metavar="N", help="Only if the ticket is still at this ticket_version (else exit 6)."
    )(function)


def key(function: F) -> F:
    """Add `--key`."""
    return click.option("--key", metavar="KEY", help="Makes a repeated call return the first one's result.")(function)


def _open_time(context: click.Context, parameter: click.Parameter, text: str) -> timedelta:
    """Read a length that a calendar counts, where a day could mean two things."""
    if "d" in text.lower():
        option = parameter.opts[0]
        raise UsageError("{option} takes hours and minutes, not days", "write it like 24h", field=option, option=option)
    return _length(context, parameter, text)


def _length(_context: click.Context, parameter: click.Parameter, text: str) -> timedelta:
    from workflow.definition.duration import parse_duration
    from workflow.definition.problems import RULES, Wrong

    option = parameter.opts[0]
    try:
        duration = parse_duration(text)
    except Wrong as wrong:
        rule = RULES[wrong.code]
        raise UsageError(rule.sentence, rule.remedy, field=option, **{"text": text} | wrong.values) from None
    if duration.working_days:
        raise UsageError(
            "{option} takes hours and minutes, not working days", "write it like 24h", field=option, option=option
        )
    return duration.length


def open_time(name: str, help_text: str) -> Callable[[F], F]:
    """Add a required option that takes a length of a calendar's open time, like 24h."""
    return click.option(name, metavar="LENGTH", callback=_open_time, required=True, help=help_text)


def length(name: str, help_text: str, *, default: str) -> Callable[[F], F]:
    """Add an option that takes a length of time, like 24h."""
    return click.option(name, metavar="LENGTH", callback=_length, help=help_text, default=default, show_default=True)


def chunk(function: F) -> F:
    """Add `--chunk` to what runs timeouts."""
    return click.option("--chunk", type=click.IntRange(min=1), metavar="N", help="So many tickets in one transaction.")(
        function
    )


def limit(function: F) -> F:
    """Add `--limit` to a list."""
    return click.option(
        "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
    )(function)


def ticket(function: F) -> F:
    """Add the argument ID."""
    return click.argument("ticket_id", metavar="ID", type=TICKET)(function)


@dataclass(frozen=True, slots=True)
class Reveal:
    """That personal data is to be shown by a command, and why."""

    how: str
    reason: str | None


def reveal(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--reveal` with its `--reason`; the command gets a Reveal, or None."""

    @wraps(function)
    def command(*given: Any, reveal: bool, reason: str | None, **more: Any) -> Any:
        if reason is not None and not reveal:
            raise UsageError("--reason says why personal data is shown", "say --reveal too", field="reason")
        how = click.get_current_context().info_name or ""
        return function(*given, reveal=Reveal(how, reason) if reveal else None, **more)

    for decorate in (
        click.option("--reason", metavar="TEXT", help="Why you need to see them, for the record."),
        click.option("--reveal", is_flag=True, help="Show personal data, if a role of yours may. It is recorded."),
    ):
        command = decorate(command)
    return command
