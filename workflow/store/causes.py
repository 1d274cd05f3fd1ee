"""Why a database cannot be used: what its driver says, told in one sentence that says where, with what mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import exc

from workflow.errors import SchemaOutdated, StoreBusy, StoreError

RETRIED = frozenset({"40001", "40P01"})
NEVER = "(?!)"  # matches nothing
HERE = "the database"  # where nobody knows its URL


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: the sentence and its remedy, and how it is known.

    It is known by a name of SQLite's, by a state of PostgreSQL's, or, as a connection that fails comes without a state,
    by words of its text. One whose `error` is StoreBusy may be over soon.
    """

    template: str
    remedy: str
    names: str = NEVER
    states: str = NEVER
    words: str = NEVER
    error: type[StoreError] = StoreError

    def explains(self, error: BaseException | None) -> bool:
        """Whether this is what the error says."""
        said = ((self.names, sqlite_name(error)), (self.states, state(error) or ""))
        return any(re.fullmatch(pattern, text) for pattern, text in said) or bool(re.search(self.words, str(error)))


CAUSES = (
    Cause(
        "{database} is locked by another transaction", "try again, or raise the busy timeout",
        "SQLITE_(BUSY|LOCKED|PROTOCOL).*", "55P03|40001|40P01", "database (table |schema )?is locked", StoreBusy,
    ),
    Cause(
        "the tables of {database} have a foreign shape: {reason}", "look at `ticketflow db current`",
        states="42P01|42703", words="no such table|no such column|has no column named", error=SchemaOutdated,
    ),
    Cause(
        "there is no room left for {database}: {reason}",
        "make room on its disk and do it again: nothing of this was written", "SQLITE_FULL", "53100",
    ),
    Cause(
        "{database} can only be read: {reason}",
        "let your user write the file and its folder; of PostgreSQL's servers, name the one that is written to",
        "SQLITE_READONLY.*", "25006", "attempt to write a readonly database",
    ),
    Cause(
        "{database} cannot be opened: {reason}",
        "check that its folder is there, and that your user may read and write it", "SQLITE_(CANTOPEN|PERM|AUTH).*",
    ),
    Cause(
        "{database} is damaged, or no database: {reason}", "name another file, or restore a backup",
        "SQLITE_(CORRUPT|NOTADB).*", "XX00[12]",
    ),
    Cause(
        "{database} cannot be read or written: {reason}",
        "check its disk, and how large a file may be: what was not answered was not written", "SQLITE_IOERR.*", "58030",
    ),
    Cause(
        "{database} does not let its user do this: {reason}", "grant the user the tables and the schema",
        states="42501",
    ),
    Cause(
        "{database} does not let this user in: {reason}", "check the user and the password in its URL",
        states="28...", words="authentication failed|no pg_hba.conf entry|no password supplied|role .* does not exist",
    ),
    Cause(
        "{database} is not there: {reason}", "create it, or check its URL", states="3D000",
        words="FATAL: .*database .* does not exist",
    ),
    Cause(
        "{database} takes no more connections: {reason}",
        "try again, or let its server take more (max_connections), or fewer programs ask", states="53300",
        words="too many (clients|connections)|remaining connection slots", error=StoreBusy,
    ),
    Cause(
        "{database} is not ready: {reason}", "try again in a moment; if it stays so, look at its server's log",
        states="57P03", words="FATAL: .*the database system is", error=StoreBusy,
    ),
    Cause(
        "{database} stopped this: {reason}", "try again, or let its statements take longer (statement_timeout)",
        states="57014", error=StoreBusy,
    ),
    Cause(
        "the connection to {database} was cut: {reason}",
        "try again; with a key (--key) nothing is done twice", states="08...|57P0[125]",
        words="terminating connection|server closed the connection|connection (is|was) (lost|closed)|consuming input"
        "|Can't reconnect",
    ),
    Cause(
        "{database} cannot be reached: {reason}", "check that its server runs, and the host and the port in its URL",
        words="Connection refused|failed to resolve host|timeout expired|No route to host|could not connect",
    ),
    Cause(
        "{database} keeps no settings of a session: {reason}", "behind PgBouncer, add ?pgbouncer=true to its URL",
        words="unsupported startup parameter",
    ),
    Cause("{database} refused: {reason}", "check that it is there and writable", words=""),
)  # fmt: skip


def cause_of(error: BaseException | None, database: str = HERE) -> StoreError:
    """Return what an error of a driver means."""
    cause = next(each for each in CAUSES if each.explains(error))
    return cause.error(cause.template, cause.remedy, database=database, reason=line(error))


def of_database(fault: BaseException) -> bool:
    """Whether a fault is the database's own, and says nothing of the row that was read."""
    return isinstance(fault, exc.SQLAlchemyError) and not isinstance(fault, exc.DataError)


def state(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error, where it has one."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def sqlite_name(error: BaseException | None) -> str:
    """Return what SQLite calls an error, or nothing."""
    return str(getattr(error, "sqlite_errorname", ""))


def line(error: object) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
