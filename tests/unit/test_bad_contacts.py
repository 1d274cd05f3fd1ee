"""Contact files that are badly made: what can be read is kept, and the rest is told."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.contact_files import SHANGHAI, outcome, refusal, stdin
from workflow.desk.contacts import read_contacts
from workflow.desk.source import RECORD_LIMIT
from workflow.errors import UsageError


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON: Expecting property name"),
        ('{"statement": "x"} {}', "not valid JSON: Extra data"),
        ('{"statement": "a\tb"}', "not valid JSON: Invalid control character"),
        ("7", "not a JSON object"),
        ('["statement"]', "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"statement": NaN}', "NaN is not a number"),
        ('{"statement": -Infinity}', "-Infinity is not a number"),
        ('{"statement": "a", "statement": "b"}', "statement stands twice"),
        ('{"fields": {"a": 1}, "fields.a": 2}', "fields.a stands twice"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 300 + "1" + "}" * 300, "nested too deeply"),
        ('{"a":' * 50 + "1" + "}" * 50, "none of the columns"),
        (json.dumps({"x" * 500_000: dict.fromkeys(map(str, range(9_000)), 1)}), "nested too deeply"),
        ('{"statement": [' + "10," * 20_000 + "1]}", "more than 10000 values"),
        ('{"statement": [{"a": 1}]}', "neither text nor a list of words"),
        ('{"statement": ["a,b"]}', "neither text nor a list of words"),
        ('{"statement": "\\u0000"}', "bytes that are no text"),
        ('{"statement": "\\ud800"}', "bytes that are no text"),
        ('{"statement": " "}', "none of the columns"),
        ("{}", "none of the columns"),
        ('{"statement": "' + "x" * RECORD_LIMIT + '"}', "longer than 1000000 bytes"),
        ('"' + "x" * RECORD_LIMIT, "longer than 1000000 bytes"),
    ],
    ids=itertools.count(),
)
def test_a_bad_line_is_set_aside_and_the_next_one_read(line: str, reason: str) -> None:
    contacts = list(
        stdin(f'{{"statement": "first"}}\n{line}\n{{"statement": "last"}}\n', mapping={"statement": "statement"})
    )
    assert [(one.line, one.fields.get("statement")) for one in contacts] == [(1, "first"), (2, None), (3, "last")]
    assert isinstance(contacts[1].error, UsageError)
    assert reason in contacts[1].error.message
    assert contacts[1].error.remedy


def test_a_json_array_is_refused_with_the_way_out() -> None:
    assert "jq" in refusal('[\n{"statement": "x"}\n]\n').remedy


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"x,1,2", "3 cells, the header 2"),
        (b"x", "1 cells, the header 2"),
        (b'"x"y,1', "',' expected after"),
        (b"x\ry,1", "a line ends in a carriage return alone"),
        (b'"%b",1' % (b"x" * 200_000), "a cell is longer than 131072 characters"),
        (b"\xff\xfe,1", "bytes that are no text"),
        ("投诉,1".encode("gb18030"), "bytes that are no text"),
        (b"a\0b,1", "bytes that are no text"),
        (b" ,1", "none of the columns"),
        (b"x" * (RECORD_LIMIT + 5) + b",1", "longer than 1000000 bytes"),
        (b'"' + b"forged,1\n" * 20_000 + b'y",1', "a cell is longer"),
        (
            (b'5" pipe,"' + b'xxxxxxxxxx xxxxxxxxxx xxxxxxxxxx xxxxxxxxxx "" ,\r\n' * 2_000 + b'",') * 20,
            "longer than 1000000 bytes",
        ),
        (b'"' + b"x" * 140_000 + b'\nforged,row\nforged,row",1', "a cell is longer"),
    ],
    ids=itertools.count(),
)
def test_a_bad_row_is_set_aside_and_the_next_one_read(row: bytes, reason: str) -> None:
    content = b"statement,n\nfirst,1\n" + row + b"\nlast,2\n"
    first, bad, last = stdin(content, mapping={"statement": "statement"})
    assert (first.line, first.fields["statement"], first.error) == (2, "first", None)
    assert (last.line, last.fields["statement"], last.error) == (content.count(b"\n"), "last", None)
    assert bad.line == 3
    assert bad.error is not None
    assert reason in bad.error.message
    assert bad.error.remedy
    assert bad.fields == {}


def test_bytes_that_are_no_text_matter_only_where_they_are_read() -> None:
    assert outcome(stdin(b"statement,other\nx,\xff\n", mapping={"statement": "statement"})) == [(2, "x")]


def test_a_quote_in_the_middle_of_a_cell_is_only_a_quote() -> None:
    assert outcome(stdin('statement\tn\n5" pipe\t"1"\n')) == [(2, '5" pipe')]


def test_a_quote_that_is_never_closed_is_told_where_it_was_opened() -> None:
    for rest in ("", "b,2\n" * 10, ("b" * 97 + ",2\n") * 15_000):
        good, bad = outcome(stdin('statement,n\na,1\n"b,2\n' + rest))
        assert good == (2, "a")
        assert bad[0] == 3
        assert "never closed: nothing after it was read" in bad[1]


def test_times_and_ids_that_cannot_be_read_name_their_field() -> None:
    contacts = list(stdin("external_id,opened_at\n1,yesterday\n,2019-04-25\n" + "7" * 501 + ",\n2,2019-04-25\n"))
    errors = [one.error for one in contacts[:3]]
    assert all(isinstance(error, UsageError) for error in errors)
    assert [error.field for error in errors if error] == ["opened_at", "external_id", "external_id"]
    assert contacts[3].opened_at is not None


def test_a_bad_row_keeps_its_own_columns() -> None:
    odd, long = stdin("external_id,a,a,\n,1,2,3\n1,2,3,4,5\n", mapping={"external_id": "external_id"})
    assert odd.raw == {"external_id": "", "a": "1", "a (3)": "2", "(4)": "3"}
    assert long.raw == {"unreadable": "1,2,3,4,5\n"}
    (clash,) = stdin("b,b,b (2),c\n1,2,3,4\n", mapping={"statement": "b (2)"})
    assert clash.fields == {"statement": "3"}
    assert [*clash.raw.values()] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "standard input is empty"),
        (b"\n \n", "standard input is empty"),
        (b"\xef\xbb\xbf", "standard input is empty"),
        (gzip.compress(b""), "standard input is empty"),
        ("statement\nx\n".encode("utf-16"), "UTF-16"),
        ("statement\nx\n".encode("utf-16-be"), "UTF-16"),
        ("statement\nx\n".encode("utf-16-le"), "UTF-16"),
        (gzip.compress("statement\n".encode("utf-16")), "UTF-16"),
        (b"PK\x03\x04\x14\0", "a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a workbook"),
        ("标题,statement\n".encode("gb18030"), "is not utf-8"),
        (b"statement" * RECORD_LIMIT, "header of standard input cannot be read: the record is longer"),
        (b'statement,"open\n', "never closed"),
        (b"statement\rx\ry\r", "header of standard input cannot be read: a line ends in a carriage return"),
        (b"," * 20_000, "more than 10000 columns"),
        (gzip.compress(b"statement\nx\n")[:15], "damaged"),
        (b"\x1f\x8bnonsense", "damaged"),
        (b"Name,Telefon\n1,2\n", "no column of standard input bears the name of a field"),
    ],
    ids=itertools.count(),
)
def test_a_useless_file_is_refused_before_anything_is_read(content: bytes, message: str) -> None:
    refused = refusal(content)
    assert message in refused.message
    assert refused.remedy


def test_a_file_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path, Path("a\0b")):
        with pytest.raises(UsageError, match="cannot be read"):
            read_contacts(path, zone=SHANGHAI)


class Failing(io.BytesIO):
    """A file on a disk that gives up after so many bytes."""

    def __init__(self, content: bytes, whole: int) -> None:
        super().__init__(content)
        self.whole = whole

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self.whole:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_gives_up_is_told_and_what_was_read_is_kept() -> None:
    with pytest.raises(UsageError, match="standard input cannot be read: Input/output error"):
        read_contacts("-", zone=SHANGHAI, stdin=Failing(b"statement\n", 0))
    *good, last = read_contacts("-", zone=SHANGHAI, stdin=Failing(b"statement\n" + b"x\n" * 20_000, 30_000))
    assert {one.fields["statement"] for one in good} == {"x"}
    assert len(good) > 1_000
    assert last.error is not None
    assert "Input/output error; nothing after this was read" in last.error.message


def test_a_file_that_is_refused_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"  # left open, it would warn, and warnings are errors
    path.write_bytes("statement".encode("utf-16"))
    with pytest.raises(UsageError):
        read_contacts(path, zone=SHANGHAI)
    path.write_bytes(b"statement\n")
    with pytest.raises(UsageError):
        read_contacts(path, zone=SHANGHAI, mapping={"statement": "none"})


def test_a_file_without_records_is_none() -> None:
    assert list(stdin("statement,n\n")) == []
    assert list(stdin("statement")) == []
    assert list(stdin("", format="jsonl")) == []


@pytest.mark.parametrize(
    "encoding",
    ["utf-16", "utf-7", "hz", "cp037", "rot13", "base64", "punycode", "raw_unicode_escape", "none such", "a\0b"],
)
def test_an_encoding_that_cannot_be_split_into_lines_is_refused(encoding: str) -> None:
    assert "gb18030" in refusal("statement\n", encoding=encoding).remedy


def rows(count: int) -> bytes:
    return b"statement,n\n" + b"".join(b"%d,%b\n" % (number, os.urandom(8).hex().encode()) for number in range(count))


def cut(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def spoil(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes(200) + packed[middle + 200 :]


def spoil_checksum(packed: bytes) -> bytes:
    return packed[:-8] + bytes(8)


def append(packed: bytes) -> bytes:
    return packed + b"more"


@pytest.mark.parametrize("damage", [cut, spoil, spoil_checksum, append])
def test_the_rows_before_the_damage_are_kept(damage: Callable[[bytes], bytes]) -> None:
    content = rows(10_000)
    *good, last = stdin(damage(gzip.compress(content)))
    assert len(good) > 3_000
    wanted = [line.split(b",")[0].decode() for line in content.splitlines()[1:]]
    bad = next((place for place, one in enumerate(good) if one.error), len(good))
    assert [one.fields["statement"] for one in good[: min(bad, 3_000)]] == wanted[: min(bad, 3_000)]
    assert last.error is not None
    assert "damaged" in last.error.message
    assert "nothing after this was read" in last.error.message


@pytest.mark.parametrize("record", ['"' + ("x" * 99 + "\n") * 15_000, "y" * 1_500_000])
def test_damage_within_a_record_too_long_is_told_as_well(record: str) -> None:
    content = b"statement\nfirst\n" + record.encode() + os.urandom(2_000).hex().encode()
    *_, last = found = outcome(stdin(gzip.compress(content)[:-500]))
    assert found[0] == (2, "first")
    assert last[0] == 3
    assert "damaged" in last[1]


def test_a_long_record_neither_fills_the_memory_nor_hides_the_rows_around_it() -> None:
    filler = os.urandom(50_000).hex().encode() * 10  # beyond what gzip looks back, so packed hardly at all
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6) as file:
        file.write(b"statement\nfirst\n")
        for _ in range(5):
            file.write(filler)
        file.write(b"\nlast\n")
    content = packed.getvalue()
    tracemalloc.start()
    found = outcome(stdin(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [line for line, _ in found] == [2, 3, 4]
    assert [found[0][1], found[2][1]] == ["first", "last"]
    assert peak < 12_000_000


def test_a_bomb_of_small_rows_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.desk.source.UNPACKED_AT_LEAST", 20_000)
    *good, last = stdin(gzip.compress(b"statement\n" + b"x\n" * 100_000))
    assert len(good) < 50_000
    assert last.error is not None
    assert "unpacks to more than 100 times its size" in last.error.message
    assert len(outcome(stdin(gzip.compress(rows(3_000))))) == 3_000, "what a desk writes is packed a few times"
