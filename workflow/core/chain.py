"""The hash chain of a ticket's history: each entry's hash covers the one before it.

Personal data and free text enter as digests, each with a salt of its own, so that deleting value and salt together
redacts them and leaves the chain whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from workflow.core.model import HistoryEntry

SALT_BYTES = 16
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, characters as they are."""
    return _CANONICAL(value)


def digest(salt: bytes, value: Any) -> str:
    """Return the salted SHA-256 of a private value."""
    return hashlib.sha256(salt + canonical(value).encode()).hexdigest()


def link(previous: str, ticket_id: int, entry: HistoryEntry, digests: Mapping[str, str]) -> str:
    """Return the hash of an entry that follows the one whose hash is `previous` (empty for the first)."""
    body = canonical(
        {
            "ticket": ticket_id,
            "seq": entry.seq,
            "kind": entry.kind,
            "happened_at": entry.happened_at.isoformat(),
            "actor": entry.actor,
            "state": entry.state,
            "entry": entry.entry,
            "type": entry.type,
            "version": entry.version,
            "trigger": entry.trigger,
            "source": entry.source,
            "dest": entry.dest,
            "timer": entry.timer,
            "data": dict(entry.data),
            "digests": dict(digests),
            "desk_revision": entry.desk_revision,
        }
    )
    return hashlib.sha256(previous.encode() + body.encode()).hexdigest()
