"""No name that somebody wrote is taken for a path, and no path for anything but the file it names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.unit.definition.samples import DESK, TYPE
from workflow.definition.parse import load_definitions

OUTSIDE = (
    "../outside",
    "/etc/passwd",
    "..",
    "a/../../outside",
    "..\\outside",
    "file:///etc/passwd",
    "outside\0",
    "~root/x",
    "$HOME",
)
_opened: list[str] | None = None


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str | bytes):
        _opened.append(os.fsdecode(arguments[0]))


@contextmanager
def listening() -> Iterator[list[str]]:
    """Give the paths that are opened meanwhile, without those of Python and of the zones."""
    global _opened  # a hook cannot be taken away
    if not getattr(sys, "_ticketflow_hears", False):
        sys.addaudithook(_hear)
        sys._ticketflow_hears = True  # type: ignore[attr-defined]
    found: list[str] = []
    _opened = found
    try:
        yield found
    finally:
        _opened = None
        found[:] = [each for each in found if not each.endswith((".py", ".pyc", ".so")) and "zone" not in each]


def test_no_word_of_a_definition_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("secret: 1\n")
    folder = tmp_path / "definitions"
    (folder / "guidance").mkdir(parents=True)
    for text in OUTSIDE:
        quoted = '"' + text.replace("\\", "\\\\").replace("\0", "\\0") + '"'
        for file, known, hostile in (
            ("t", "ticket_type: t", f"ticket_type: {quoted}"), ("t", "handle:\n", f"handle:\n    calendar: {quoted}\n"),
            ("t", "team: front", f"team: {quoted}"), ("t", "accept: handle", f"accept: {quoted}"),
            ("desk", "zone: Asia/Shanghai", f"zone: {quoted}"), ("desk", "desk: d", f"desk: {quoted}"),
            ("desk", "office: {weekly", f"{quoted}: {{weekly"),
            ("desk", "{weekly: {", f"{{public_holidays: {quoted}, weekly: {{"),
            ("desk", "li: {roles", f"{quoted}: {{roles"),
        ):  # fmt: skip
            files = {"desk": DESK, "t": TYPE}
            assert known in files[file]
            files[file] = files[file].replace(known, hostile, 1)
            for name, content in files.items():
                (folder / f"{name}.yaml").write_text(content, "utf-8")
            with listening() as opened:
                definitions, problems = load_definitions(folder)
            assert definitions is None, (text, hostile)
            assert problems
            assert {Path(path).parent for path in opened} <= {folder, folder / "guidance"}, (text, opened)


def test_what_a_contact_says_opens_no_file(terminal: Terminal) -> None:
    secret = terminal.folder / "secret.txt"
    secret.write_text("the secret")
    rows = "external_id,statement,customer.name\n" + f"@{secret},@{secret},../secret.txt\n"
    rows += f"../../x,@@secret.txt,file://{secret}\n"
    (terminal.folder / "calls.csv").write_text(rows)
    with listening() as opened:
        terminal("intake", "calls.csv", "--type", "inquiry")
        shown = terminal("export", "--format", "jsonl") + terminal("show", "1") + terminal("history", "1")
    assert str(secret) in shown
    assert "the secret" not in shown
    assert not [path for path in opened if "secret" in path]


def test_rejected_rows_stay_in_this_folder(terminal: Terminal) -> None:
    elsewhere = terminal.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "calls.csv").write_text("statement\n \n")
    (elsewhere / "calls.csv").write_text("statement,external_id\nx,\n")
    terminal("intake", "elsewhere/../elsewhere/calls.csv", "--type", "inquiry", code=8)
    assert (terminal.folder / "calls.csv.rejects.csv").is_file()
    assert [path.name for path in elsewhere.iterdir()] == ["calls.csv"]


ODD = ("a%2e%2e%2fb.db", "a#b.db", "a b@c:1.db", "?", "-a.db", "a\x1b\u202e.db")


@pytest.mark.parametrize("name", ["a?mode=memory.db", *(pytest.param(name, marks=pytest.mark.prove) for name in ODD)])
def test_a_backup_is_the_file_that_was_named(terminal: Terminal, name: str) -> None:
    terminal.ticket("inquiry")
    before = {path.name for path in terminal.folder.iterdir()}
    terminal("db", "backup", "--", name)
    assert {path.name for path in terminal.folder.iterdir()} - before == {name}
    assert "is there already" in terminal("db", "backup", "--", name, code=5) + terminal.err
    terminal("db", "restore", "--", name, TICKETFLOW_DATABASE="sqlite:///other.db")
    assert terminal.one("show", "1", TICKETFLOW_DATABASE="sqlite:///other.db")["id"] == 1


def test_what_is_no_backup_is_not_restored_and_leaves_nothing(terminal: Terminal) -> None:
    (terminal.folder / "text.db").write_text("this is no database, " * 1_000)
    for name in ("text.db", "none.db", "../none/none.db", "."):
        terminal(
            "db",
            "restore",
            name,
            code=2 if name == "." else 4 if "none" in name else 7,
            TICKETFLOW_DATABASE="sqlite:///new.db",
        )
    assert not (terminal.folder / "none.db").exists()
    terminal("export", "-o", "none/x.csv", code=2)
    terminal("export", "-o", ".", code=2)
