"""The hash chain of a ticket's history: each entry's hash covers the one before it.

Personal data and free text enter as digests, each with a salt of its own, so that deleting value and salt together
redacts them and leaves the chain whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any

from workflow.core.model import HistoryEntry
from workflow.core.remembered import ISO

SALT_BYTES = 16


def _encoder() -> Callable[[Any], str]:
    """Return how a value becomes JSON, made once: `json` makes its encoder anew for each value, half of the time."""
    plain = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    parts = make(None, plain.default, encode_basestring, None, ":", ",", True, False, True)
    return lambda value: "".join(parts(value, 0))


_encode = _encoder()


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, characters as they are."""
    if not value and isinstance(value, dict | list | tuple):  # as most tags and walks are
        return "{}" if isinstance(value, dict) else "[]"
    return _encode(value)


def digest(salt: bytes, value: Any) -> str:
    """Return the salted SHA-256 of a private value."""
    return hashlib.sha256(salt + canonical(value).encode()).hexdigest()


def sealed(private: Mapping[str, Any], salt: Callable[[], bytes]) -> tuple[str, str]:
    """Return private values with a fresh salt each, and their digests, as two canonical texts."""
    values, digests = [], []
    for name in sorted(private):
        with_it, value = salt(), canonical(private[name])
        values.append(f'{encode_basestring(name)}:{{"salt":"{with_it.hex()}","value":{value}}}')
        digests.append(f'{encode_basestring(name)}:"{hashlib.sha256(with_it + value.encode()).hexdigest()}"')
    return f"{{{','.join(values)}}}", f"{{{','.join(digests)}}}"


def link(previous: str, ticket_id: int, entry: HistoryEntry, data: str, digests: str) -> str:
    """Return the hash of an entry that follows the one whose hash is `previous` (empty for the first).

    Its data and the digests of its private values come as canonical JSON.
    """
    return hashlib.sha256((previous + body(ticket_id, entry, data, digests)).encode()).hexdigest()


def body(ticket_id: int, entry: HistoryEntry, data: str, digests: str) -> str:
    """Return what an entry's hash covers, a canonical JSON object: its template, in which the keys stand sorted."""
    text, timer = _text, "null"
    if entry.timer is not None:
        kind, name, cycle, occurrence = entry.timer
        timer = f"[{text(kind)},{text(name)},{cycle},{occurrence}]"
    return (
        f'{{"actor":{text(entry.actor)},"data":{data},"desk_revision":{entry.desk_revision},'
        f'"dest":{text(entry.dest)},"digests":{digests},"entry":{entry.entry},'
        f'"happened_at":"{ISO[entry.happened_at]}","kind":{text(entry.kind)},"seq":{entry.seq},'
        f'"source":{text(entry.source)},"state":{text(entry.state)},"ticket":{ticket_id},'
        f'"timer":{timer},"trigger":{text(entry.trigger)},"type":{text(entry.type)},'
        f'"version":{entry.version}}}'
    )


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)
