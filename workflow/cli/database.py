"""Commands about the database's tables."""

from __future__ import annotations

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session


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
