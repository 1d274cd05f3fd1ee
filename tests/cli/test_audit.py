"""`audit`: a key, seals, and the proof, as an auditor calls them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from tests.cli.conftest import Terminal


def forge(terminal: Terminal, statement: str) -> None:
    with closing(sqlite3.connect(terminal.folder / "ticketflow.db")) as connection, connection:
        connection.execute(statement)


def test_an_auditor_is_told_which_entry_was_changed(terminal: Terminal) -> None:
    terminal.ticket()
    terminal.ticket()
    terminal("audit", "key", "seal.key")
    assert terminal("audit", "seal", "seals", "--key", "seal.key") == "Sealed: seals/seal-000001.json\n"
    assert "every one is what was written" in terminal("audit", "verify", "--seals", "seals", "--key", "seal.key.pub")
    assert terminal.err.startswith("The last seal given is number 1, of ")
    assert terminal.err.count("\n") == 1
    forge(terminal, "UPDATE ticketflow_history SET actor = 'nobody' WHERE ticket_id = 2 AND seq = 1")
    told = terminal("audit", "verify", "--seals", "seals", code=9)
    assert told == "Ticket 2, entry 1: it is not what was written.\n"
    assert "No --key was given" in terminal.err
    assert "1 of 2 tickets are not what was written" in terminal.err
    found = terminal.one("audit", "verify", code=9)
    assert found["faults"][0].items() >= {"ticket_id": 2, "seq": 1, "code": "altered"}.items()
    assert "Without seals" in found["unknown"][0]
    forge(terminal, "UPDATE ticketflow_desk_revisions SET document = '{'")  # which no other command survives
    assert terminal("audit", "verify", "--seals", "seals", code=9) == told
    assert " UTC: whether later ones" in terminal.err
    assert terminal.one("audit", "verify", "--seals", "seals", code=9)["faults"] == found["faults"]


def test_a_repair_stands_out_wherever_one_looks(terminal: Terminal) -> None:
    ticket, why, admin = terminal.ticket(), "the line was cancelled", ("--actor", "admin_01")
    told = terminal("repair", ticket, "--to", "handle", "--reason", why, *admin)
    assert told == "Ticket 1 was repaired by hand: it is in handle.by_phone, with specialist_01.\n"
    for command in ("show", "explain", "history"):
        assert "REPAIRED" in (page := terminal(command, ticket)), command
        assert why in page, command
    assert "人工修复" in terminal("show", ticket, "--lang", "zh")
    assert "REPAIRED by hand\t1\n" in terminal("stats")
    assert "Ticket 1, entry 2: admin_01 repaired it by hand" in terminal("audit", "verify")
    assert terminal.one("audit", "verify")["repaired"] == [{"ticket_id": 1, "seq": 2, "actor": "admin_01"}]
    assert (terminal.one("show", ticket)["repairs"], terminal.one("explain", ticket)["repairs"]) == (
        [terminal.objects("history", ticket)[1]],
    ) * 2
    assert terminal.error("repair", ticket, "--to", "review", "--reason", "x", code=5)["code"] == "forbidden"
    assert terminal.error("repair", ticket, "--to", "review", "--reason", " ", *admin, code=2)["field"] == "reason"


def test_it_says_so_in_chinese(terminal: Terminal) -> None:
    terminal.ticket()
    assert "每一条都与写下时相符" in terminal("audit", "verify", "--lang", "zh")
    assert "没有封存" in terminal.err


def test_where_there_is_no_desk_none_is_made(empty: Terminal) -> None:
    empty("audit", "key", "seal.key")
    for words in (("audit", "verify"), ("audit", "seal", "seals", "--key", "seal.key"), ("db", "compact")):
        assert "there is no desk in sqlite:///ticketflow.db" in empty.error(*words, code=7)["message"]
    assert not list(empty.folder.glob("ticketflow.db*"))


def test_a_seal_needs_its_key(terminal: Terminal) -> None:
    (terminal.folder / "no.key").write_text("nothing")
    assert "holds no private key" in terminal.error("audit", "seal", "seals", "--key", "no.key", code=2)["message"]
    assert not (terminal.folder / "seals").exists()
    terminal("audit", "key", "seal.key")
    assert terminal("audit", "seal", "seals", TICKETFLOW_SEAL_KEY="seal.key").startswith("Nothing has changed")


def test_a_desk_is_moved_and_backed_up(terminal: Terminal) -> None:
    terminal.ticket()
    rows = terminal.one("db", "backup", "backup.db")["rows"]
    copied = terminal.one("db", "copy", "sqlite:///backup.db", "sqlite:///moved.db")
    assert copied == {"rows": rows, "written": rows, "changed": False}
    assert terminal("list", "--database", "sqlite:///moved.db") == terminal("list")
    assert "is there already" in terminal.error("db", "backup", "backup.db", code=5)["message"]
    again = terminal.error("db", "copy", "sqlite:///backup.db", "sqlite:///moved.db", code=5)
    assert again["message"] == "the target holds a desk already"
    assert (
        terminal.error("db", "copy", "sqlite:///no.db", "sqlite:///moved.db", code=4)["message"]
        == "there is no file no.db"
    )
    assert not (terminal.folder / "no.db").exists()
    terminal("db", "restore", "backup.db", TICKETFLOW_DATABASE="sqlite:///restored.db")
    now = "2026-03-04T09:00:00+08:00"
    late: dict[str, Any] = {"TICKETFLOW_DATABASE": "sqlite:///restored.db", "TICKETFLOW_NOW": now}
    assert "--since all" in terminal.error("timeouts", "run", code=5, **late)["remedy"]
    terminal("timeouts", "run", "--since", "2026-03-04 09:00", **late)
    assert terminal.one("timeouts", "run", **late)["fired"] == 0
