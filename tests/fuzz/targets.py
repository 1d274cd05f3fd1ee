"""Whatever reads what others wrote, and its law: a value, or an error of ours that says where, and soon."""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from tests.acceptance.xes import read_log
from tests.fuzz.vocabulary import (
    BASE64,
    CEL,
    CELLS,
    CONTACTS,
    CURSORS,
    DIGITS,
    DURATIONS,
    JINJA,
    LOG,
    OBJECTS,
    PATTERNS,
    RE2,
    SAYINGS,
    SIGNS,
    TEMPLATES,
    TEXTS,
    TIMES,
    XML,
    YAML,
    conditions,
    shipped,
    words,
)  # fmt: skip
from tests.unit.contact_files import SHANGHAI
from tests.unit.definition.samples import DESK, TYPE
from workflow.cli.output import Output
from workflow.cli.render import cells, clean, dump, wrap
from workflow.core.calendar import calendars_of
from workflow.core.masking import mask, mask_text
from workflow.core.text import searchable
from workflow.core.times import parse_time
from workflow.definition.document import content_hash, document
from workflow.definition.duration import parse_duration
from workflow.definition.expressions import ConditionError, compile_condition, compile_pattern, variables_of
from workflow.definition.model import FieldSpec
from workflow.definition.parse import load_definitions
from workflow.definition.phrases import bare, folded, matches
from workflow.definition.problems import Wrong
from workflow.definition.resolve import Definitions
from workflow.definition.speech import Phrase
from workflow.definition.stored import read_desk, read_type
from workflow.definition.texts import fill, outline
from workflow.desk.contacts import read_contacts
from workflow.desk.rejects import guarded, unguarded
from workflow.errors import ConditionFault, Problem, TicketflowError, UsageError
from workflow.store.search import _read_cursor

SECONDS, MEGABYTES = 5.0, 250
CORPUS = Path(__file__).with_name("corpus")
TODAY = date(2026, 3, 2)
NINE = datetime(2026, 3, 2, 1, tzinfo=UTC)


class Chinese(Output):
    """Says the same in the other language."""

    lang = "zh"


SPEAKERS = Output(), Chinese()
STEERING = frozenset("\0\x07\b\n\r\x1b\x7f\x9b\u061c\u200e\u200f\u2028\u202e\u2066\ufeff\ud800")


@dataclass(frozen=True)
class Target:
    """What takes bytes: `feed` raises nothing. `seeds` are what sound input looks like, `pieces` what it is made of."""

    name: str
    feed: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    pieces: tuple[bytes, ...]

    @property
    def corpus(self) -> list[Path]:
        """The inputs that are kept, those that once were too much among them."""
        return sorted((CORPUS / self.name).glob("*"))

    def try_(self, data: bytes) -> None:
        """Feed it; raise AssertionError where that took long or much memory."""
        began, held = time.process_time(), _peak()
        self.feed(data)
        took, grew = time.process_time() - began, _peak() - held
        assert took < SECONDS, f"it took {took:.1f} s"
        assert grew < MEGABYTES, f"it took {grew:.0f} MB"


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def _text(data: bytes) -> str:
    """Return a text as a reader of foreign bytes hands it on, half characters included."""
    return data.decode("utf-8", "surrogateescape")


def _checked(data: bytes) -> str:
    """Return a text as it comes out of a definition file, which is UTF-8."""
    return data.decode("utf-8", "replace")


def told(error: TicketflowError) -> None:
    """Have an error told in both languages."""
    for speaker in SPEAKERS:
        assert not set(speaker.tell(error.template, error.values)) & STEERING


def placed(problems: Iterable[Problem], *texts: bytes) -> None:
    """Have problems told in both languages; each has a place in the file."""
    most = max(text.count(b"\n") + text.count(b"\r") for text in texts) + 2
    for problem in problems:
        assert 1 <= problem.line <= most, problem
        assert problem.column >= 1, problem
        for speaker in SPEAKERS:
            assert not set(speaker.problem(problem)) & STEERING, problem


# definitions, and what they hold


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _load(**files: bytes) -> Definitions | None:
    folder = _folder()
    for old in (*folder.glob("*.yaml"), *folder.glob("guidance/*.yaml")):
        old.unlink()
    (folder / "guidance").mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / f"{name.replace('__', '/')}.yaml").write_bytes(data)
    definitions, problems = load_definitions(folder, conditions={"is_vip"}, actions={"print_form"}, today=TODAY)
    placed(problems, *files.values())
    assert (definitions is None) == any(each.severity == "error" for each in problems)
    return definitions


def feed_type(data: bytes) -> None:
    if definitions := _load(desk=DESK.encode(), t=data):
        for found in definitions.types.values():
            again = read_type(document(found.spec))
            assert content_hash(again.spec) == content_hash(found.spec)


def feed_desk(data: bytes) -> None:
    definitions = _load(desk=data, t=TYPE.encode())
    if definitions is None:
        return
    assert content_hash(read_desk(document(definitions.desk))) == content_hash(definitions.desk)
    for calendar in calendars_of(definitions.desk).values():
        for length in (timedelta(minutes=1), timedelta(hours=40), timedelta(days=400), parse_duration("3wd")):
            try:
                due = calendar.add(NINE, length)
            except TicketflowError as error:
                told(error)
                continue
            assert due >= NINE
            if isinstance(length, timedelta):
                assert calendar.elapsed(NINE, due) == length


def feed_rules(data: bytes) -> None:
    _load(desk=DESK.encode(), t=TYPE.encode(), rules=data)


def feed_situations(data: bytes) -> None:
    _load(desk=DESK.encode(), t=TYPE.encode(), guidance__situations=data, guidance__en=b"label: {en: English}\n")


def feed_language(data: bytes) -> None:
    situations = b"situations:\n  hello: {at: intake}\n"
    _load(desk=DESK.encode(), t=TYPE.encode(), guidance__situations=situations, guidance__en=data)


FIELDS = {kind: FieldSpec(type=kind) for kind in ("text", "bool", "int", "decimal", "date", "list")}
VARIABLES = variables_of(FIELDS, {"phone": FieldSpec(type="text")})
LONG = "ab1 投" * 20_000
VALUES: dict[str, Any] = {
    "text": LONG, "bool": True, "int": 2**62, "decimal": 0.1, "date": NINE, "list": ["a", LONG] * 500,
    "customer.phone": "13812345678", "priority": "high", "tags": ["x"] * 2_000, "now": NINE, "opened_at": NINE,
    "entered_at": NINE, "state": "handle.a", "filled": ["text", "list"] * 500, "actor": "li", "actor_roles": ["agent"],
}  # fmt: skip


def feed_condition(data: bytes) -> None:
    try:
        condition = compile_condition(_checked(data), VARIABLES)
    except ConditionError as error:
        assert error.column >= 1
        assert error.reason
        assert all(0 <= fault.offset <= len(_checked(data)) for fault in error.faults)
        return
    assert condition.constant in (True, False, None)
    assert all(0 <= each.offset < len(condition.source) for each in condition.comparisons)
    for values in ({}, VALUES, {name: VALUES[name] for name in ("text", "int")}):
        try:
            answer = condition.holds(values)
        except ConditionFault as error:
            told(error)
        else:
            assert isinstance(answer, bool) or answer <= condition.names - values.keys()


def feed_duration(data: bytes) -> None:
    try:
        found = parse_duration(_checked(data))
    except Wrong as wrong:
        assert str(wrong)
    else:
        assert timedelta() <= found.length <= timedelta(days=3660)
        assert found.length or found.working_days
        assert parse_duration(str(found)) == found


def feed_time(data: bytes) -> None:
    try:
        found = parse_time(_text(data), SHANGHAI, field="at")
    except UsageError as error:
        told(error)
    else:
        assert found.tzinfo is UTC


def feed_pattern(data: bytes) -> None:
    try:
        holds = compile_pattern(_checked(data))
    except ValueError as error:
        assert str(error)
    else:
        assert holds("a" * 10_000) in (True, False)


def feed_template(data: bytes) -> None:
    text = _checked(data)
    if not outline(text).faults:
        known = dict.fromkeys((name for name, _ in outline(text).names), "{{ 张 }}{0.__class__}")
        assert len(fill(text, known)) <= len(text) * 21


# what customers and other programs send


def contacts(form: str) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        try:
            reader = read_contacts("-", zone=SHANGHAI, stdin=io.BytesIO(data), format=form)
        except UsageError as error:
            told(error)
            return
        lines = data.count(b"\n") + 2 if data[:2] != b"\x1f\x8b" else sys.maxsize
        for contact in islice(reader, 20_000):  # more are taken in at leisure, some hundred at once
            assert 1 <= contact.line <= lines
            if contact.error:
                told(contact.error)
            assert dump(dict(contact.raw)).isascii() in (True, False)

    return feed


def feed_log(data: bytes) -> None:
    try:
        for case, events in read_log("-", stdin=io.BytesIO(data)):
            assert isinstance(case, dict)
            assert all(isinstance(event, dict) for event in events)
    except UsageError as error:
        told(error)
        assert error.message.startswith("standard input")


def feed_text(data: bytes) -> None:
    """Do with a text what every page does with what a person typed."""
    text = _text(data)
    shown = clean(text)
    assert not set(shown) & STEERING
    assert all(cells(line) <= 40 or len(line) == 1 for line in wrap(shown, 40))
    assert json.loads(dump({"text": text})) == {"text": text}
    assert guarded(text).lstrip("'")[:1] == guarded(text)[:1] or guarded(text)[:1] == "'"
    unguarded(guarded(text))
    phrase = Phrase(words=("wait a moment", "稍等"), bare=("oh",), except_for=("稍等3分钟",), instead="-", why="-")
    for work in (mask, mask_text, searchable, folded, bare):
        assert isinstance(work(text), str)
    list(matches({"p": phrase}, text))


def feed_cursor(data: bytes) -> None:
    for sort in ("id", "-due"):
        try:
            _read_cursor(_text(data), sort)
        except UsageError as error:
            told(error)


TARGETS = {
    each.name: each
    for each in (
        Target("type", feed_type, (TYPE.encode(), *shipped("inquiry.yaml")), (*YAML, *words("complaint.yaml"))),
        Target("desk", feed_desk, (DESK.encode(), *shipped("desk.yaml")), (*YAML, *words("desk.yaml"))),
        Target("rules", feed_rules, shipped("rules.yaml"), (*YAML, *words("rules.yaml"))),
        Target(
            "situations", feed_situations, shipped("guidance/situations.yaml"),
            (*YAML, *words("guidance/situations.yaml")),
        ),
        Target(
            "language", feed_language, (SAYINGS, *shipped("guidance/en.yaml")),
            (*YAML, *JINJA, *words("guidance/en.yaml")),
        ),
        Target("condition", feed_condition, conditions(), CEL),
        Target("pattern", feed_pattern, PATTERNS, RE2),
        Target("duration", feed_duration, DURATIONS, DIGITS),
        Target("time", feed_time, TIMES, DIGITS),
        Target("template", feed_template, TEMPLATES, JINJA),
        Target("csv", contacts("csv"), (CONTACTS,), CELLS),
        Target("jsonl", contacts("jsonl"), (OBJECTS,), CELLS),
        Target("xes", feed_log, (LOG,), XML),
        Target("text", feed_text, TEXTS, SIGNS),
        Target("cursor", feed_cursor, CURSORS, BASE64),
    )
}  # fmt: skip
