"""What was rejected: safe in a spreadsheet, and fit to be mended and taken in again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.contact_files import SHANGHAI, stdin
from workflow.desk.contacts import Contact, read_contacts, write_rejects
from workflow.desk.intake import Rejected
from workflow.desk.rejects import guarded, unguarded
from workflow.errors import NotFound, UsageError


def rejects(path: Path, *contacts: Contact) -> list[list[str]]:
    """Write the contacts as rejected and return the table."""
    write_rejects(
        path, [Rejected(one, one.error or NotFound("there is no type {name}", name="=x")) for one in contacts]
    )
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_rejected_rows_keep_their_columns_behind_line_and_reason(tmp_path: Path) -> None:
    table = rejects(tmp_path / "r.csv", *stdin('id,statement\n1,x\n2,"a\n,b"\n3\n', mapping={"statement": "statement"}))
    assert table == [
        ["line", "reason", "id", "statement", "unreadable"],
        ["2", "there is no type =x", "1", "x", ""],
        ["3", "there is no type =x", "2", "a\n,b", ""],
        ["5", "the row has 1 cells, the header 2", "", "", "3\n"],
    ]


def test_values_of_json_are_written_as_they_are_read(tmp_path: Path) -> None:
    line = '{"tags": ["a", "b"], "n": 1.50, "yes": true, "deep": {"x": [{"y": 1}]}, "none": null}'
    table = rejects(tmp_path / "r.csv", *stdin(line))
    assert table == [
        ["line", "reason", "tags", "n", "yes", "deep.x", "none"],
        ["1", "there is no type =x", "a,b", "1.50", "true", '[{"y": "1"}]', ""],
    ]


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=cmd()", "'=cmd()"),
        ("+86 138", "'+86 138"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\t=x", "'\t=x"),
        ("\tx", "'\tx"),
        ("\r=x", "'=x"),
        (" \n =x", "' \n =x"),
        ("\x00\x1b[31m=x", "[31m=x"),
        ("\x1b=x", "'=x"),
        ("\u202e=x", "'=x"),
        ("\ufeff\u2060=x\u2028", "'=x"),
        ("＝x", "'＝x"),
        ("'=x", "''=x"),
        ("'x", "'x"),
        ("a=b", "a=b"),
        ("a\x1b[0m\u2066b\x85\udcff", "a[0mb\ufffd"),
        ("张三 👩‍👩‍👧", "张三 👩‍👩‍👧"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula_or_moves_the_cursor(cell: str, safe: str) -> None:
    assert guarded(cell) == safe


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]) | st.sampled_from("='+-@\t\n ＝")))
def test_a_guard_is_taken_off_as_it_was_put_on(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell
    assert guarded(cell).lstrip()[:1] not in {*"=+-@＝＋－＠"}


def test_mended_rejects_are_taken_in_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    mapping = {"customer.phone": "phone", "statement": "=what"}
    (bad,) = stdin("phone,=what,when\n+86 138,=x,soon\n", mapping=mapping | {"opened_at": "when"})
    for _ in range(2):  # rejected once more, it gets no second line and reason
        assert rejects(path, bad)[0] == ["line", "reason", "phone", "'=what", "when"]
        (bad,) = read_contacts(path, zone=SHANGHAI, mapping=mapping | {"opened_at": "when"})
    (good,) = read_contacts(path, zone=SHANGHAI, mapping=mapping)
    assert (good.customer, good.fields) == ({"phone": "+86 138"}, {"statement": "=x"})


def test_rejects_that_cannot_be_written_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_rejects(tmp_path / "none" / "r.csv", [])


def test_records_with_names_of_their_own_make_no_endless_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.desk.rejects._MOST_COLUMNS", 100)
    lines = "\n".join(f'{{"statement": "x", "n{number}": "{number}", "m{number}": "=1"}}' for number in range(200))
    table = rejects(tmp_path / "r.csv", *stdin(lines, mapping={"statement": "statement"}))
    assert {len(row) for row in table} == {103}
    assert table[0][-1] == "unreadable"
    assert json.loads(table[-1][-1]) == {"n199": "199", "m199": "=1"}
    assert table[1][3] == "0"
