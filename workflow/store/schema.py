"""The tables' shape: made at head in one go, checked at every connect, upgraded on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, select, text

from workflow.errors import SchemaOutdated, StoreError
from workflow.store import crash
from workflow.store.engine import Store, alone
from workflow.store.tables import PREFIX, metadata, settings

REVISION_TABLE = f"{PREFIX}revision"
HEAD = "0007"
UNFINISHED = "copying"  # the setting that says so


def prepare(store: Store, *, unfinished: bool = False) -> bool:
    """Make the tables if the database has none of ours, and return whether it did.

    Raise SchemaOutdated for tables that are not those of this release, StoreError for those that a copy has not filled
    yet, unless that is what they are asked for.
    """
    with store.read() as connection:
        found = current(connection)
        if found == HEAD and not unfinished:
            demand_finished(connection)
    if found is not None:
        demand_head(found)
        return False
    return store.unit(_create)


def current(connection: Connection) -> str | None:
    """Return the revision of the tables, or None where there are none of ours.

    Raise SchemaOutdated for tables that are not ours, or that an upgrade left half-way.
    """
    names = {name for name in inspect(connection).get_table_names() if name.startswith(PREFIX)}
    if REVISION_TABLE not in names:
        if names:
            raise SchemaOutdated(
                "the database has tables of our names that are not ours: {tables}",
                "use another database or schema",
                tables=", ".join(sorted(names)),
            )
        return None
    found = connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalars().all()  # noqa: S608 - constant
    missing = metadata.tables.keys() - names if found == [HEAD] else ()
    if len(found) != 1 or missing:
        raise SchemaOutdated(
            "the tables are half-migrated: revisions {found}, missing {missing}",
            "restore a backup",
            found=", ".join(map(str, found)) or "-",
            missing=", ".join(sorted(missing)) or "-",
        )
    return str(found[0])


def demand_finished(connection: Connection) -> None:
    """Raise StoreError for tables that a copy has not filled yet."""
    if connection.execute(select(settings.c.name).where(settings.c.name == UNFINISHED)).first():
        raise StoreError("the copy into this database was cut off", "call `ticketflow db copy` again")


def _demand_known(found: str) -> None:
    if found not in revisions():
        raise SchemaOutdated(
            "the tables are at revision {found}, which this release does not know",
            "use the release that made them, or restore a backup",
            found=found,
        )


def demand_head(found: str) -> None:
    """Raise SchemaOutdated for tables that are not those of this release."""
    if found == HEAD:
        return
    _demand_known(found)
    raise SchemaOutdated(
        "the tables are at revision {found}, this release needs {head}",
        "run `ticketflow db upgrade` after a backup",
        found=found,
        head=HEAD,
    )


def _create(connection: Connection) -> bool:
    alone(connection, "schema")
    if (found := current(connection)) is not None:
        demand_head(found)
        return False
    metadata.create_all(connection, checkfirst=False)
    connection.execute(text(f"CREATE TABLE {REVISION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {REVISION_TABLE} VALUES ('{HEAD}')"))  # noqa: S608 - constants
    crash.point("schema.made")
    return True


def revisions() -> tuple[str, ...]:
    """Return every revision this release knows, the oldest first."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config())
    return tuple(reversed([revision.revision for revision in script.walk_revisions()]))


def upgrade(store: Store, *, to: str = "head") -> tuple[str | None, str]:
    """Bring the tables to a revision in one transaction; return the revision before and after.

    Raise SchemaOutdated for tables that are not ours, half-migrated, or of a newer release.
    """
    from alembic import command

    def work(connection: Connection) -> tuple[str | None, str]:
        alone(connection, "schema")
        before = current(connection)
        if before is not None:
            _demand_known(before)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        crash.point("schema.upgraded")
        return before, current(connection) or ""

    return store.unit(work)


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("version_table", REVISION_TABLE)
    return config
