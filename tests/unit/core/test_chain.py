"""Canonical JSON and the chain's links: byte for byte what `json.dumps` gives, however they are made."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.core import chain
from workflow.core.model import HistoryEntry

texts = st.text() | st.sampled_from(["", '"', "\\", "\x00\x1f\x7f", "\u2028", "投诉", "🙂", "\ud800", "</script>", "é"])
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(texts, inner) | st.lists(inner).map(tuple))
objects = st.dictionaries(texts, values, max_size=4)
entries = st.builds(
    HistoryEntry,
    seq=st.integers(), kind=texts, happened_at=st.datetimes(timezones=st.just(UTC)), actor=texts, state=texts,
    entry=st.integers(), type=texts, version=st.integers(), trigger=st.none() | texts, source=st.none() | texts,
    dest=st.none() | texts, timer=st.none() | st.tuples(texts, texts, st.integers(), st.integers()), data=objects,
    private=st.just({}), desk_revision=st.integers(), hash=st.just(""),
)  # fmt: skip


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@given(values)
def test_canonical_is_what_dumps_gives(value: Any) -> None:
    assert chain.canonical(value) == dumped(value)


@given(entries, st.dictionaries(texts, texts), st.integers())
def test_the_body_is_what_dumps_gives_of_an_object(entry: HistoryEntry, digests: dict[str, str], ticket: int) -> None:
    assert chain.body(ticket, entry, dumped(dict(entry.data)), dumped(digests)) == dumped(
        {
            "ticket": ticket, "seq": entry.seq, "kind": entry.kind, "happened_at": entry.happened_at.isoformat(),
            "actor": entry.actor, "state": entry.state, "entry": entry.entry, "type": entry.type,
            "version": entry.version, "trigger": entry.trigger, "source": entry.source, "dest": entry.dest,
            "timer": entry.timer, "data": entry.data, "digests": digests, "desk_revision": entry.desk_revision,
        }
    )  # fmt: skip


def test_a_link_covers_the_one_before_and_the_body() -> None:
    entry = HistoryEntry(
        seq=1, kind="note", happened_at=datetime(2026, 3, 2, tzinfo=UTC), actor="ann", state="intake", entry=1,
        type="job", version=1,
    )  # fmt: skip
    body = chain.body(7, entry, "{}", '{"note":"d1"}')
    assert chain.link("before", 7, entry, "{}", '{"note":"d1"}') == hashlib.sha256(f"before{body}".encode()).hexdigest()
    assert chain.link("", 7, entry, "{}", '{"note":"d1"}') == hashlib.sha256(body.encode()).hexdigest()


def test_a_digest_covers_salt_and_value() -> None:
    assert chain.digest(b"salt", "投诉") == hashlib.sha256(b'salt"' + "投诉".encode() + b'"').hexdigest()
    assert chain.digest(b"salt", None) == hashlib.sha256(b"saltnull").hexdigest()


@pytest.mark.parametrize("value", [object(), {"a": {1}}, [b"x"]])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        chain.canonical(value)


@given(objects.filter(lambda private: "\\ud" not in json.dumps(private)), st.binary(max_size=200))
def test_private_values_are_sealed_as_one_by_one(private: dict[str, Any], drawn: bytes) -> None:
    salts = {name: hashlib.sha256(drawn + bytes([place])).digest()[:16] for place, name in enumerate(sorted(private))}
    values, digests = chain.sealed(private, iter([salts[name] for name in sorted(private)]).__next__)
    assert values == dumped({name: {"salt": salts[name].hex(), "value": value} for name, value in private.items()})
    assert digests == dumped({name: chain.digest(salts[name], value) for name, value in private.items()})


def test_without_the_encoder_in_c_the_text_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    value = {"b": [1, 2.5, None, True], "a": {"投诉": "\\"}}
    assert chain._encoder()(value) == dumped(value) == chain.canonical(value)
