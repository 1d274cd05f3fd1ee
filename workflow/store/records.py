"""Idempotency keys, each with the result of the call that used it; the external ids of contacts that were joined."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from workflow.core.chain import SALT_BYTES
from workflow.errors import Conflict
from workflow.store.engine import alone
from workflow.store.sql import Among, Prepared, listed
from workflow.store.tables import idempotency

FORGOTTEN = ""  # stands for the mark of arguments that had redacted data among them
JOINED = "joined"  # stands where others have their verb
_KEEP = Prepared(insert(idempotency))
_JOINED = Prepared(
    select(idempotency.c.key, idempotency.c.result).where(
        idempotency.c.verb == bindparam("verb"), Among(idempotency.c.key)
    )
)


def _mark(arguments: Mapping[str, Any], salt: str) -> str:
    """Return the salted hash under which the arguments of a call are kept with its idempotency key.

    What was not given is left out, so that an argument added later changes no hash of an older call.
    """
    text = json.dumps(_given(arguments), sort_keys=True, default=str)
    return f"{salt}:{hashlib.sha256(f'{salt}{text}'.encode()).hexdigest()}"


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        name: _given(value) if isinstance(value, Mapping) and name in ("event", "opening") else value
        for name, value in arguments.items()
    }
    return {name: value for name, value in plain.items() if value not in (None, (), [], {})}


def replay(connection: Connection, verb: str, key: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the result of the call that used this idempotency key before, or None; wait for one that uses it now.

    Raise Conflict if that call had other arguments.
    """
    alone(connection, f"{verb} {key}")
    same = (idempotency.c.verb == verb) & (idempotency.c.key == key)
    found = connection.execute(select(idempotency.c.arguments, idempotency.c.result).where(same)).first()
    if found is None:
        return None
    if found.arguments == FORGOTTEN:
        raise Conflict(
            "what the key {key} was used for has been redacted", "use a new key for a new call", key=key, field="key"
        )
    if found.arguments != _mark(arguments, found.arguments.partition(":")[0]):
        raise Conflict(
            "the key {key} was used for another {verb}", "use a new key for a new call", key=key, verb=verb, field="key"
        )
    return str(found.result)


def remember(
    connection: Connection, verb: str, key: str, arguments: Mapping[str, Any], result: str, at: datetime
) -> None:
    """Keep a call's result under its idempotency key, which `replay` found unused."""
    mark = _mark(arguments, os.urandom(SALT_BYTES).hex())
    row = {"verb": verb, "key": key, "arguments": mark, "result": result, "created_at": at}
    connection.execute(insert(idempotency).values(**row))


def keep_joined(connection: Connection, contacts: Sequence[tuple[str, int]], at: datetime) -> None:
    """Keep the external ids of contacts that were joined to a ticket, which has one of its own."""
    rows = [
        {"verb": JOINED, "key": contact, "arguments": "", "result": str(ticket), "created_at": at}
        for contact, ticket in contacts
    ]
    _KEEP.run_many(connection, rows)


def joined(connection: Connection, wanted: Sequence[str]) -> dict[str, int]:
    """Return which of these external ids are those of contacts that were joined, and to which ticket."""
    found = _JOINED.fetch(connection, {"verb": JOINED, "ids": listed(connection, wanted)})
    return {key: int(ticket) for key, ticket in found}
