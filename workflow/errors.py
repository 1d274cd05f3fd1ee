"""Every error that Ticketflow raises, in one tree, split by whose fault it is.

    TicketflowError               exit  HTTP
    ├── UsageError                 2    400   the call itself is malformed
    │   └── BadValue               2    422   a field's value is of the wrong kind
    ├── DefinitionError            3    500   a definition is wrong; carries every Problem found
    │   └── DefinitionChanged      3    409   edited without a new version while tickets are pinned to it
    ├── NotFound                   4    404   no such ticket, type, trigger, field, team or member
    ├── Refused                    5    422   the rules say no; names the rule and the values it saw
    │   └── Forbidden              5    403   the actor's roles do not allow it
    ├── Conflict                   6    409   somebody else was first, or the key was used for something else
    ├── StoreError                 7    503   the database cannot be used
    │   ├── StoreBusy              7    503   locked by another transaction
    │   └── SchemaOutdated         7    503   the tables are not those of this release
    ├── PartlyDone                 8    207   a batch went through in part
    ├── Unhealthy                  9    503   the desk is late, stands still, or could not do something
    ├── Damaged                    1    500   the rows of a ticket make none
    └── ConditionFault             1    500   a condition could not be evaluated (1/0, a bad pattern, the budget)

A message is a template with its values beside it, so that it can be shown in another language and so that
a program never has to parse a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

LONGEST_TOLD = 1_000  # characters of what somebody gave, when an error repeats it


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a message template; a value is never itself treated as a template."""
    return template.format_map(values) if values else template


def _told(value: Any) -> Any:
    return f"{value[:LONGEST_TOLD]}…" if isinstance(value, str) and len(value) > LONGEST_TOLD else value


class TicketflowError(Exception):
    """The root of the tree.

    `template` and `remedy_template` are English sentences with `{names}` of `values`; `message` and `remedy`
    are the same filled in. `ticket` is the ticket's id and `field` the name of the input at fault, where there is one.

    >>> error = NotFound("there is no ticket {ticket}", "list the tickets with `ticketflow list`", ticket=7)
    >>> error.message, error.exit_code, error.http_status
    ('there is no ticket 7', 4, 404)
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(
        self, template: str, remedy: str = "", *, ticket: int | None = None, field: str | None = None, **values: Any
    ) -> None:
        self.template, self.remedy_template = template, remedy
        given = values | {name: value for name, value in (("ticket", ticket), ("field", field)) if value is not None}
        self.values: dict[str, Any] = {name: _told(value) for name, value in given.items()}
        self.ticket, self.field = ticket, self.values.get("field")
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened, in English."""
        return render(self.template, self.values)

    @property
    def remedy(self) -> str:
        """How to mend it, in English; empty where nothing can be said."""
        return render(self.remedy_template, self.values)

    def as_dict(self) -> dict[str, Any]:
        """Return the stable JSON form: code, message, remedy, ticket, field."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "ticket": self.ticket,
            "field": self.field,
        }


class UsageError(TicketflowError):
    """The call is malformed: an option, a time or a file that cannot be read as one."""

    code, exit_code, http_status = "usage", 2, 400


class BadValue(UsageError):
    """A field's value does not fit its declaration."""

    code, http_status = "bad_value", 422


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one definition file, with the place where it stands.

    `line` and `column` count from 1; `text` is the offending text; `suggestion` says how to mend it.
    `template` with `values` is the sentence, as in `TicketflowError`.
    """

    code: str
    file: str
    line: int
    column: int
    template: str
    suggestion: str = ""
    text: str = ""
    severity: str = "error"
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The sentence, in English."""
        return render(self.template, self.values)

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and terminals understand it."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        mend = f" ({render(self.suggestion, self.values)})" if self.suggestion else ""
        return f"{self.place}: {self.severity} {self.code}: {self.message}{mend}"


class DefinitionError(TicketflowError):
    """One or more definitions are wrong; nothing was loaded. `problems` holds every one found."""

    code, exit_code, http_status = "definition", 3, 500

    def __init__(self, template: str, remedy: str = "", *, problems: Iterable[Problem] = (), **values: Any) -> None:
        self.problems = tuple(problems)
        super().__init__(template, remedy, **values)


class DefinitionChanged(DefinitionError):
    """A definition differs from the one in force under the same version, and tickets are pinned to that."""

    code, http_status = "definition_changed", 409


class NotFound(TicketflowError):
    """The named thing does not exist."""

    code, exit_code, http_status = "not_found", 4, 404


class Refused(TicketflowError):
    """The rules say no. `rule` names the rule, `values` what it saw."""

    code, exit_code, http_status = "refused", 5, 422

    def __init__(self, template: str, remedy: str = "", *, rule: str = "", **values: Any) -> None:
        self.rule = rule
        super().__init__(template, remedy, rule=rule, **values)


class Forbidden(Refused):
    """The actor holds no role that may do this."""

    code, http_status = "forbidden", 403


class Conflict(TicketflowError):
    """Somebody else changed it first, or an idempotency key was used with other arguments."""

    code, exit_code, http_status = "conflict", 6, 409


class StoreError(TicketflowError):
    """The database cannot be used."""

    code, exit_code, http_status = "store", 7, 503


class StoreBusy(StoreError):
    """The database stayed locked by another transaction for longer than the busy timeout."""

    code = "store_busy"


class SchemaOutdated(StoreError):
    """The tables are older or newer than this release, half-migrated, or not ours."""

    code = "schema"


class PartlyDone(TicketflowError):
    """A batch was done in part; what was rejected is said in `values`."""

    code, exit_code, http_status = "partly_done", 8, 207


class Unhealthy(TicketflowError):
    """The desk is late, stands still, or could not do something. `check` names what was looked at.

    `findings` are all that was found, each an error of this class with its own sentence and remedy.
    """

    code, exit_code, http_status = "unhealthy", 9, 503

    def __init__(
        self, template: str, remedy: str = "", *, check: str = "", findings: Iterable[Unhealthy] = (), **values: Any
    ) -> None:
        self.check, self.findings = check, tuple(findings)
        super().__init__(template, remedy, **values)


class Damaged(TicketflowError):
    """The rows of a ticket make none: they were damaged, or written past the desk."""


class ConditionFault(TicketflowError):
    """A condition could not be evaluated. An error for a person, an incident for a timer; never 'does not hold'."""

    code = "condition_fault"
