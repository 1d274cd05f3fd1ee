"""How an error that is not ours is told: click's own, the system's, and what nobody expected."""

from __future__ import annotations

import errno
import os
import re
from typing import Any

import click

from workflow.errors import StoreError, TicketflowError, UsageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

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


def as_ours(error: Exception) -> TicketflowError:
    """Return any error as one of ours, so that it can be told in another language; with TICKETFLOW_DEBUG raise it."""
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
    if isinstance(error, OSError) and error.errno in FULL:
        return StoreError(
            "there is no room left for what is to be written: {reason}",
            "make room on its disk and do it again",
            reason=error.strerror,
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
