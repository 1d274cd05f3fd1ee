"""Commands about the database's tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.errors import PartlyDone


@click.group("db", cls=Group)
def db() -> None:
    """Look after the tables."""


@db.command("current")
@pass_session
def current(session: Session) -> None:
    """Show which revision the tables have, and which this release needs."""
    from workflow.store import schema

    with session.store() as store, store.read() as connection:
        found = schema.current(connection)
    if session.json:
        session.dump({"database": store.url, "revision": found, "head": schema.HEAD})
    else:
        session.say(
            "{database}: revision {found}; this release needs {head}", database=store.url, found=found, head=schema.HEAD
        )


@db.command("upgrade")
@pass_session
def upgrade(session: Session) -> None:
    """Bring the tables to the revision that this release needs. Make a backup first."""
    from workflow.store import schema

    with session.store() as store:
        before, after = schema.upgrade(store)
    if session.json:
        session.dump({"database": store.url, "before": before, "revision": after})
    else:
        session.say("{database}: revision {after} (was {before})", database=store.url, before=before, after=after)


@db.command("copy")
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@pass_session
def copy(session: Session, source: str, target: str) -> None:
    """Bring the desk of the database SOURCE into the empty database TARGET, and prove that both are the same.

    Stop first what writes to SOURCE; if it was written to all the same, the exit code is 8. Cut off, the next call goes
    on; until it has ended, TARGET refuses every other command.

        ticketflow db copy sqlite:///ticketflow.db postgresql://desk@db.example/desk
    """
    from workflow.store import copying
    from workflow.store.engine import Store

    here, there = Store(source), Store(target)
    try:
        done = copying.copy(
            here, there, progress=lambda table, rows: session.hint("{table}: {rows}", table=table, rows=rows)
        )
    finally:
        here.close()
        there.close()
    if session.json:
        session.dump(asdict(done))
    elif not done.changed:
        session.say(
            "{target} holds the same {rows} rows; {written} were written.",
            target=there.url,
            rows=done.rows,
            written=done.written,
        )
    if done.changed:
        raise PartlyDone(
            "{source} was written to meanwhile", "stop what writes to it, and call it again", source=here.url
        )


@db.command("backup")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@pass_session
def backup(session: Session, path: Path) -> None:
    """Write the desk, as it is at this moment, into FILE, a new SQLite database.

    The desk goes on meanwhile, on SQLite as on PostgreSQL. FILE is proved to be the same before it has its name.
    `ticketflow db restore` brings it back.

        ticketflow db backup desk-2026-03-02.db
    """
    from workflow.store import copying

    with session.store() as store:
        done = copying.backup(store, path)
    if session.json:
        session.dump({"file": str(path), "rows": done.rows})
    else:
        session.say("{path} holds the same {rows} rows.", path=str(path), rows=done.rows)


@db.command("restore")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@pass_session
def restore(session: Session, path: Path) -> None:
    """Bring the desk of the backup FILE into the database, which holds none.

    Time went on since the backup: so timeouts and messages wait until you say what becomes of what fell due meanwhile,
    by --since with `ticketflow timeouts run`, `deliver` or `scheduler`.

        ticketflow db restore desk-2026-03-02.db
        ticketflow timeouts run --since "2026-03-02 18:00"
    """
    from workflow.store import copying
    from workflow.store.engine import Store, file_url

    backup = Store(file_url(path))
    try:
        with session.store() as store:
            done, url = copying.copy(backup, store, live=True, restored=True), store.url
    finally:
        backup.close()
    if session.json:
        session.dump({"file": str(path), "rows": done.rows})
    else:
        session.say(
            "{target} holds the same {rows} rows; {written} were written.",
            target=url,
            rows=done.rows,
            written=done.written,
        )
        session.hint("Timeouts and messages wait for --since.")


@db.command("compact")
@pass_session
def compact(session: Session) -> None:
    """Write the database anew, so that its files hold nothing that was removed.

    Meanwhile nobody can use it, and it takes as much room again.
    """
    with session.store(of_desk=True) as store:
        store.compact()
    if session.json:
        session.dump({"database": store.url})
    else:
        session.say("{database} is written anew.", database=store.url)
