"""Definitions and desk revisions as they were put in force, and the desk's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from workflow.errors import Refused
from workflow.store.sql import Prepared, insert_into
from workflow.store.tables import definitions, desk_revisions, settings, tickets

RESTORED = "restored"  # the setting that says from a backup of which moment


@dataclass(frozen=True, slots=True)
class StoredType:
    """One version of a ticket type, as applied."""

    type: str
    version: int
    content_hash: str
    document: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class StoredDesk:
    """One desk revision, as applied."""

    id: int
    content_hash: str
    document: str
    applied_at: datetime


_TYPE = (
    definitions.c.type, definitions.c.version, definitions.c.content_hash, definitions.c.document,
    definitions.c.in_force,
)  # fmt: skip
_SETTING = Prepared(select(settings.c.value).where(settings.c.name == bindparam("name")))


def types(connection: Connection) -> list[StoredType]:
    """Return every version of every type that was ever applied."""
    rows = connection.execute(select(*_TYPE).order_by(definitions.c.type, definitions.c.version))
    return [StoredType(*row) for row in rows]


def pinned(connection: Connection, name: str, version: int) -> int:
    """Return how many tickets are pinned to a version of a type."""
    query = select(func.count()).where(tickets.c.type == name, tickets.c.version == version)
    return connection.execute(query.select_from(tickets)).scalar_one()


def put_type(connection: Connection, stored: StoredType, at: datetime) -> None:
    """Keep a version of a type, in place of what stood under the same version."""
    values = {"content_hash": stored.content_hash, "document": stored.document, "in_force": stored.in_force}
    same = (definitions.c.type == stored.type) & (definitions.c.version == stored.version)
    if connection.execute(update(definitions).where(same).values(**values, applied_at=at)).rowcount == 0:
        connection.execute(
            insert(definitions).values(type=stored.type, version=stored.version, applied_at=at, **values)
        )


def retire(connection: Connection, name: str, version: int) -> None:
    """Take a version of a type out of force: its tickets go on, new ones do not use it."""
    same = (definitions.c.type == name) & (definitions.c.version == version)
    connection.execute(update(definitions).where(same).values(in_force=False))


_DESK = (desk_revisions.c.id, desk_revisions.c.content_hash, desk_revisions.c.document, desk_revisions.c.applied_at)


def latest_desk(connection: Connection) -> StoredDesk | None:
    """Return the desk revision in force, or None where none was ever applied."""
    row = connection.execute(select(*_DESK).order_by(desk_revisions.c.id.desc()).limit(1)).first()
    return StoredDesk(*row) if row else None


def desks(connection: Connection) -> list[StoredDesk]:
    """Return every desk revision that was ever in force, the oldest first."""
    return [StoredDesk(*row) for row in connection.execute(select(*_DESK).order_by(desk_revisions.c.id))]


def put_desk(connection: Connection, content_hash: str, document: str, at: datetime) -> None:
    """Put a desk revision in force."""
    connection.execute(insert(desk_revisions).values(content_hash=content_hash, document=document, applied_at=at))


def relabel_desk(connection: Connection, revision: int, document: str) -> None:
    """Keep new labels under the same revision: the meaning is unchanged."""
    connection.execute(update(desk_revisions).where(desk_revisions.c.id == revision).values(document=document))


def setting(connection: Connection, name: str) -> str | None:
    """Return a setting of the desk, or None."""
    found: str | None = _SETTING.run(connection, {"name": name}).scalar()
    return found


def put_setting(connection: Connection, name: str, value: str) -> None:
    """Keep a setting of the desk."""
    new = insert_into(connection, settings).values(name=name, value=value)
    connection.execute(new.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": value}))


def drop_setting(connection: Connection, name: str) -> None:
    """Forget a setting of the desk."""
    connection.execute(delete(settings).where(settings.c.name == name))


def restored_from(connection: Connection) -> datetime | None:
    """Return of which moment the backup is that a desk came back from, until it is said what becomes of the rest."""
    moment = setting(connection, RESTORED)
    return None if moment is None else datetime.fromisoformat(moment)


def demand_resumed(connection: Connection) -> None:
    """Raise Refused for a desk that came back from a backup, until it was said from when on people are told."""
    if (moment := restored_from(connection)) is not None:
        raise not_resumed(moment)


def not_resumed(moment: datetime) -> Refused:
    """Return the error that says so."""
    return Refused(
        "this desk came back from a backup of {moment}, and nobody has said what becomes of what fell due since",
        "say from when on people are told: --since TIME, or --since all", rule="restored", moment=moment,
    )  # fmt: skip
