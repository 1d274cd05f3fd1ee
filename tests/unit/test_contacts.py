"""Contact files: what is read from good ones, and how a mapping is checked."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.contact_files import SHANGHAI, outcome, refusal, stdin
from workflow.desk.contacts import Contact, Reader, parse_mapping, read_contacts
from workflow.errors import UsageError

CIVIC = Path(__file__).parents[3] / "shared" / "data" / "civic-complaints.csv.gz"
CIVIC_MAP = "external_id=message_id,customer.name=user,statement=body,opened_at=created_at"


def test_every_target_is_read_from_its_column() -> None:
    contacts = stdin(
        "id,when,kind,via,how,labels,who,what\n"
        '7,2019/4/25 9:32:09,complaint,phone,high,"vip,，a;b、c, vip", 张三 ,no water\n',
        mapping=parse_mapping(
            "external_id=id,opened_at=when,type=kind,channel=via,priority=how,tags=labels,customer.name=who,statement=what"
        ),
    )
    assert list(contacts) == [
        Contact(
            2,
            fields={"statement": "no water"},
            customer={"name": "张三"},
            ticket_type="complaint",
            external_id="7",
            channel="phone",
            priority="high",
            opened_at=datetime(2019, 4, 25, 1, 32, 9, tzinfo=UTC),
            tags=("vip", "a", "b", "c"),
        )
    ]


def test_without_a_mapping_columns_are_taken_by_their_names() -> None:
    content = "external_id,statement,customer.name,fields.fees,Other,reply\n1,a,b,2,c,d\n"
    contacts = stdin(content, known=["statement", "fees", "customer.name"])
    assert contacts.unused == ("Other", "reply")
    assert [(one.fields, one.customer) for one in contacts] == [({"statement": "a", "fees": "2"}, {"name": "b"})]
    assert [dict(one.fields) for one in stdin(content)] == [{"statement": "a", "fees": "2", "reply": "d"}]


def test_what_is_empty_is_left_out() -> None:
    assert list(stdin("statement,channel,tags,opened_at,customer.name\na, ,,,\n")) == [
        Contact(2, fields={"statement": "a"})
    ]


def test_a_record_knows_the_line_where_it_begins() -> None:
    contacts = stdin('\n\nstatement,x\n"two\nlines",1\r\n\n,\n"a ""quote""",2\n last ,3')
    assert outcome(contacts) == [(4, "two\nlines"), (8, 'a "quote"'), (9, "last")]


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", "statement,b\nx,1\n", "csv"),
        ("a.csv", "statement;b,c;d\nx;1;2\n", "csv"),
        ("a.csv", "statement\tb\nx\t1\n", "tsv"),
        ("a.tsv", "statement\nx\n", "tsv"),
        ("A.TAB", "statement\tb,c;d,e\nx\t1\n", "tsv"),
        ("a.jsonl", '{"statement": "x"}\n', "jsonl"),
        ("a.ndjson.gz", '{"statement": "x"}', "jsonl"),
        ("a.txt", ' {"statement": "x"}', "jsonl"),
        ("contacts", '"b,,\n",statement\n1,x', "csv"),
        ("a.csv", "\ufeffstatement,b\r\nx,1\r\n", "csv"),
        ("a.json", '\ufeff{"statement": "x"}\r\n', "jsonl"),
    ],
)
def test_the_format_is_told_by_the_name_then_by_the_content(tmp_path: Path, name: str, content: str, form: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    with read_contacts(path, zone=SHANGHAI, mapping={"statement": "statement"}) as contacts:
        assert contacts.format == form
        assert [one.fields["statement"] for one in contacts] == ["x"]


def test_a_given_format_counts_more_than_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('{"statement": "x"}\n')
    assert outcome(read_contacts(str(path), zone=SHANGHAI, format="jsonl")) == [(1, "x")]
    assert "csv, tsv, jsonl" in refusal("a,b\n", format="xml").remedy


def test_gzip_is_told_by_the_content_not_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(b"statement\nx\n") + gzip.compress(b"y\n"))
    assert outcome(read_contacts(path, zone=SHANGHAI)) == [(2, "x"), (3, "y")]
    assert outcome(stdin(path.read_bytes())) == [(2, "x"), (3, "y")]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "big5", "utf-8-sig"])
def test_other_encodings_are_read_when_they_are_named(encoding: str) -> None:
    content = "statement,customer.name\n投訴,王五\n".encode(encoding)
    (contact,) = stdin(content, encoding=encoding)
    assert (contact.fields["statement"], contact.customer["name"]) == ("投訴", "王五")


def test_a_byte_order_mark_says_more_than_the_option() -> None:
    assert outcome(stdin("\ufeffstatement\n投诉\n".encode(), encoding="gb18030")) == [(2, "投诉")]


def test_progress_is_counted_in_bytes_as_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"statement\n" + os.urandom(100_000).hex().encode("ascii").replace(b"0", b"\n")))
    with read_contacts(path, zone=SHANGHAI) as contacts:
        seen = [contacts.position for _ in contacts]
    assert contacts.size == path.stat().st_size == contacts.position
    assert 0 < seen[0] < seen[-1]
    assert seen == sorted(seen)
    assert stdin(b"statement\n").size is None


def test_records_are_read_as_they_are_asked_for() -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            pipe.write(b"statement\n")
            while not enough.is_set():
                try:
                    pipe.write(b"x\n" * 1000)
                except BrokenPipeError:
                    return

    enough, writer = threading.Event(), threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as pipe:
        contacts = read_contacts("-", zone=SHANGHAI, stdin=pipe)  # endless: reading it whole would never return
        assert [next(contacts).line for _ in range(3)] == [2, 3, 4]
        assert contacts.size is None
        enough.set()
    writer.join(10)
    assert not writer.is_alive()


def test_a_closed_reader_yields_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("statement\n" + "x\n" * 3)
    with read_contacts(path, zone=SHANGHAI) as contacts:
        next(contacts)
    assert list(contacts) == []


def test_nested_objects_and_dotted_keys_are_the_same() -> None:
    contacts = stdin(
        '{"customer": {"name": "a", "phone": 138}, "fields": {"statement": "b"}}\n\n'
        '{"customer.name": "a", "customer.phone": "138", "statement": "b"}\n',
        mapping={"customer.name": "customer.name", "customer.phone": "customer.phone", "statement": "fields.statement"},
    )
    assert contacts.columns == ("customer.name", "customer.phone", "fields.statement", "statement")
    assert [(one.line, dict(one.customer)) for one in contacts] == [
        (1, {"name": "a", "phone": "138"}),
        (3, {"name": "a", "phone": "138"}),
    ]


def test_numbers_keep_the_digits_they_were_written_with() -> None:
    huge = "9" * 5000
    line = f'{{"fees": 12.50, "count": {huge}, "small": 1e400, "yes": true, "no": false, "none": null}}'
    (contact,) = stdin(line)
    assert contact.fields == {"fees": "12.50", "count": huge, "small": "1e400", "yes": "true", "no": "false"}


def test_lists_of_words_are_words_with_commas() -> None:
    (contact,) = stdin('{"tags": ["a", "b"], "parts": ["x", 2], "none": [], "unread": [{"a": 1}], "statement": "s"}',
                       known=["parts", "none", "statement"])  # fmt: skip
    assert contact.tags == ("a", "b")
    assert contact.fields == {"parts": "x,2", "statement": "s"}


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("a=b", {"a": "b"}),
        (" a = b , customer.name = 客户 姓名", {"a": "b", "customer.name": "客户 姓名"}),
        ('a=b,"c=Name, full"', {"a": "b", "c": "Name, full"}),
        ("a=x=y", {"a": "x=y"}),
        ("external_id=id,tags=labels", {"external_id": "id", "tags": "labels"}),
    ],
)
def test_a_mapping_is_read(text: str, mapping: dict[str, str]) -> None:
    assert parse_mapping(text) == mapping


@pytest.mark.parametrize(
    "text", ["", "a", "a=", "=b", "a=b,", "A=b", "client.name=b", "customer.=b", "1a=b", "a=b,a=c", '"a=b']
)
def test_a_mapping_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_mapping(text)
    assert refused.value.remedy


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    refused = refusal("message_id,user\n1,2\n", mapping={"external_id": "mesage_id"})
    assert "there is no column mesage_id in standard input" in refused.message
    assert "did you mean message_id?" in refused.remedy
    refused = refusal('{"NAME": 1}\n', mapping={"statement": "name"})
    assert "did you mean NAME?" in refused.remedy
    assert refusal("a,b\n", mapping={"statement": "zzz"}).remedy == "there are: a, b"
    wide = ",".join(f"c{number}" for number in range(100))
    assert refusal(wide + "\n", mapping={"statement": "zzz"}).remedy.endswith(", …")


def test_a_field_that_is_not_declared_is_named_with_the_nearest() -> None:
    refused = refusal("a,b\n", mapping={"statment": "a"}, known=["statement", "customer.name"])
    assert "there is no field statment" in refused.message
    assert "did you mean statement?" in refused.remedy


def test_a_column_that_stands_twice_cannot_be_read_but_may_stand_there() -> None:
    assert "several columns a" in refusal("a,a,b\n1,2,3\n", mapping={"statement": "a"}).message
    assert outcome(stdin("a,a,b\n1,2,3\n", mapping={"statement": "b"})) == [(2, "3")]


NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,8}\Z").filter(
    lambda name: name not in {"external_id", "opened_at", "type", "channel", "priority", "tags", "line"}
)
SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r") | st.sampled_from("\n\t\"',;=")
TEXT = st.text(SIGNS, min_size=1, max_size=20).map(str.strip).filter(bool)
TAGS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
CONTACTS = st.builds(
    Contact,
    line=st.just(0),
    fields=st.dictionaries(NAMES, TEXT, min_size=1, max_size=4),
    customer=st.dictionaries(NAMES, TEXT, max_size=3),
    ticket_type=st.none() | TEXT,
    external_id=TEXT,
    channel=st.none() | TEXT,
    priority=st.none() | TEXT,
    opened_at=st.none() | st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (UTC is said)
    tags=st.lists(TAGS, max_size=3, unique=True).map(tuple),
)


def flat(contact: Contact) -> dict[str, str]:
    """Return a contact's cells, as somebody would write them."""
    cells = dict(contact.fields) | {f"customer.{name}": value for name, value in contact.customer.items()}
    own = {"type": contact.ticket_type, "channel": contact.channel, "priority": contact.priority}
    cells |= {name: value for name, value in own.items() if value is not None}
    if contact.opened_at:
        cells["opened_at"] = contact.opened_at.isoformat()
    if contact.tags:
        cells["tags"] = ",".join(contact.tags)
    return cells | {"external_id": contact.external_id or ""}


def written(contacts: list[Contact], form: str) -> bytes:
    cells = [flat(one) for one in contacts]
    out = io.StringIO(newline="")
    if form == "jsonl":
        out.writelines(json.dumps(row, ensure_ascii=len(row) % 2 == 0) + "\n" for row in cells)
    else:
        table = csv.DictWriter(out, list(dict.fromkeys(name for row in cells for name in row)),
                               dialect="excel" if form == "csv" else "excel-tab")  # fmt: skip
        table.writeheader()
        table.writerows(cells)
    return out.getvalue().encode()


@given(st.lists(CONTACTS, min_size=1, max_size=8), st.sampled_from(["csv", "tsv", "jsonl"]), st.booleans())
def test_what_is_written_is_read_back(contacts: list[Contact], form: str, packed: bool) -> None:
    content = written(contacts, form)
    found = list(stdin(gzip.compress(content) if packed else content, format=form))
    assert [replace(one, line=0) for one in found] == contacts
    lines = [one.line for one in found]
    assert lines == sorted(set(lines))


@given(st.lists(CONTACTS, min_size=1, max_size=4), st.sampled_from(["csv", "tsv", "jsonl"]), st.data())
def test_no_damage_to_a_file_is_worse_than_an_error(contacts: list[Contact], form: str, data: st.DataObject) -> None:
    content = bytearray(written(contacts, form))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(b'"\n\r\t,{}\\\0\xff\x1f;'))
    try:
        found = list(stdin(bytes(content)))
    except UsageError:
        return
    assert all(one.error is not None or one.fields or one.customer or one.external_id or one.tags for one in found)


def test_ten_thousand_rows_take_well_under_a_second() -> None:
    row = '{},2019/4/25 9:32:09,王小明,13800000000,phone,high,"停水, 三天了"\n'
    content = "external_id,opened_at,customer.name,customer.phone,channel,priority,statement\n"
    content += "".join(map(row.format, range(10_000)))
    began = time.process_time()
    assert sum(one.error is None for one in stdin(content)) == 10_000
    assert time.process_time() - began < (5 if sys.gettrace() else 1)  # coverage makes it slow


@pytest.fixture
def civic() -> Iterator[Reader]:
    if not CIVIC.exists():
        pytest.skip("the civic complaints are not at ../shared/data")
    with read_contacts(CIVIC, zone=SHANGHAI, mapping=parse_mapping(CIVIC_MAP)) as contacts:
        yield contacts


def test_real_complaints_are_read_whole(civic: Reader) -> None:
    contacts = list(civic)
    assert len(contacts) == len({one.external_id for one in contacts}) == 2_816
    assert not [one for one in contacts if one.error]
    assert all(one.opened_at and one.customer["name"] and one.fields["statement"] for one in contacts)
    assert contacts[0].opened_at == datetime(2019, 4, 25, 1, 32, 9, tzinfo=UTC)
    assert civic.unused == ("subject", "reply", "replied_at")
    assert civic.position == civic.size
