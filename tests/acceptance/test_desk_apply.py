"""Putting definitions in force: what changes, what is refused, and what tickets that are under way notice of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.store.small import DESK, HOURS, JOB, MINUTE, NOON, VISIT, Books, opened, timed, write
from workflow.clock import VirtualClock
from workflow.desk import files
from workflow.desk.book import ApplyReport
from workflow.desk.desk import Desk
from workflow.desk.files import load
from workflow.errors import DefinitionChanged, DefinitionError, NotFound, Refused, UsageError

X = {"statement": "x"}
EDITED = JOB.replace("with_code: {dest: archive, requires: [code, day]}", "with_code: {dest: archive}")
SECOND = EDITED.replace("version: 1", "version: 2")
OTHER = timed("tell: {after: 10m, actions: [escalate]}")


def said(report: ApplyReport) -> dict[str, tuple[int | None, str]]:
    return {change.name: (change.version, change.change) for change in report.changes}


def test_applying_what_is_in_force_changes_nothing(desk: Desk, books: Books) -> None:
    before = books.rows()
    for actor in ("boss", "system"):
        report = desk.apply(actor=actor)
        assert said(report) == {"job": (1, "unchanged"), "small_desk": (None, "unchanged")}
        assert not report.changed
    assert books.rows() == before
    assert not desk.definitions_changed


def test_sound_files_are_read_once_until_they_are_edited_or_a_name_is_gone(
    definitions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SOUND", {})  # or it may be full of what other tests read, and be emptied half-way
    write(definitions, JOB, VISIT, desk=HOURS)
    rung = {"bell": print}
    found = load(definitions, {}, rung)
    assert load(definitions, {}, rung) is found
    with pytest.raises(DefinitionError, match="bell"):
        load(definitions, {}, {})
    write(definitions, SECOND, desk=HOURS)
    assert load(definitions, {}, rung).types["job"].version == 2
    write(definitions, JOB, desk=HOURS)
    assert load(definitions, {}, rung) is found


def test_an_edited_definition_replaces_one_that_nobody_is_pinned_to(desk: Desk, definitions: Path) -> None:
    write(definitions, EDITED)
    seen = [desk.definitions_changed]
    assert "code" in desk.types["job"].states["intake"].triggers["with_code"].branches[0].requires
    assert said(desk.apply(actor="boss"))["job"] == (1, "changed")
    assert [*seen, desk.definitions_changed] == [True, False]
    desk.open("job", actor="ann", fields=X)
    assert desk.advance(1, "with_code", actor="ann").stage == "archive"


def test_an_edited_definition_that_tickets_are_pinned_to_is_refused(
    desk: Desk, definitions: Path, books: Books
) -> None:
    desk.open("job", actor="ann", fields=X)
    before = books.rows()
    write(definitions, EDITED, OTHER)
    for dry_run in (True, False):
        with pytest.raises(DefinitionChanged) as refused:
            desk.apply(actor="boss", dry_run=dry_run)
        assert refused.value.exit_code == 3
        assert refused.value.values["pinned"] == 1
        assert "version 2" in refused.value.remedy
    assert books.rows() == before
    assert list(desk.types) == ["job"]
    write(definitions, JOB, OTHER)
    assert said(desk.apply(actor="boss"))["timed"] == (1, "new")


def test_a_new_version_is_for_new_tickets(desk: Desk, definitions: Path, clock: VirtualClock, books: Books) -> None:
    old = desk.open("job", actor="ann", fields=X)
    write(definitions, SECOND)
    assert said(desk.apply(actor="boss"))["job"] == (2, "new")
    new = desk.open("job", actor="ann", fields=X)
    assert [(ticket.version, desk.get(ticket.id).version) for ticket in (old, new)] == [(1, 1), (2, 2)]
    assert desk.advance(new.id, "with_code", actor="ann").stage == "archive"
    with pytest.raises(Refused) as refused:
        desk.advance(old.id, "with_code", actor="ann")
    assert refused.value.rule == "requires"
    clock.advance(11 * MINUTE)
    assert desk.run_timeouts().fired == 1
    assert desk.advance(old.id, "accept", actor="ann").version == 1
    assert (desk.types["job"].version, desk.definition("job", 1).version) == (2, 1)
    assert [(row["version"], bool(row["in_force"])) for row in books.of("definitions")] == [(1, False), (2, True)]
    books.assert_balanced()


def test_going_back_to_an_earlier_version_puts_it_in_force_again(desk: Desk, definitions: Path) -> None:
    desk.open("job", actor="ann", fields=X)
    write(definitions, SECOND)
    desk.apply(actor="boss")
    desk.open("job", actor="ann", fields=X)
    write(definitions, JOB)
    assert said(desk.apply(actor="boss"))["job"] == (1, "new")
    assert desk.open("job", actor="ann", fields=X).version == 1
    assert [ticket.version for ticket in desk.find().tickets] == [1, 2, 1]


def test_new_labels_are_no_new_meaning(desk: Desk, definitions: Path, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    revision = books.of("desk_revisions")[0]["id"]
    labelled = DESK.replace("ann: {roles", "ann: {label: {zh: 安}, roles")
    write(definitions, JOB.replace("version: 1", "version: 1\nlabel: {en: A job, zh: 工作}"), desk=labelled)
    assert said(desk.apply(actor="boss")) == {"job": (1, "relabelled"), "small_desk": (None, "relabelled")}
    assert (desk.types["job"].spec.label, desk.desk.members["ann"].label) == (
        {"en": "A job", "zh": "工作"},
        {"zh": "安"},
    )
    assert [row["id"] for row in books.of("desk_revisions")] == [revision]


def test_a_type_whose_file_is_gone_is_retired_and_its_tickets_go_on(
    desk: Desk, definitions: Path, clock: VirtualClock, books: Books
) -> None:
    desk.open("job", actor="ann", fields=X)
    write(definitions, OTHER)
    (definitions / "job.yaml").unlink()
    assert said(desk.apply(actor="boss")) == {
        "timed": (1, "new"), "job": (1, "retired"), "small_desk": (None, "unchanged"),
    }  # fmt: skip
    with pytest.raises(NotFound) as refused:
        desk.open("job", actor="ann", fields=X)
    assert refused.value.values["known"] == "timed"
    clock.advance(11 * MINUTE)
    assert desk.run_timeouts().fired == 1
    assert desk.advance(1, "accept", actor="ann").state == "handle.first"
    assert [ticket.id for ticket in desk.find(type="job").tickets] == [1]
    assert said(desk.apply(actor="boss"))["timed"] == (1, "unchanged")
    assert "job" not in said(desk.apply(actor="boss"))
    write(definitions, JOB, OTHER)
    assert said(desk.apply(actor="boss"))["job"] == (1, "new")
    books.assert_balanced()


def test_a_dry_run_says_the_same_and_writes_nothing(desk: Desk, definitions: Path, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    write(definitions, SECOND, OTHER, desk=DESK.replace("front: {lead: boss", "front: {lead: chief"))
    before = books.rows()
    planned = desk.apply(actor="boss", dry_run=True)
    assert (planned.dry_run, planned.changed, desk.definitions_changed) == (True, True, True)
    assert books.rows() == before
    assert (list(desk.types), desk.types["job"].version) == (["job"], 1)
    done = desk.apply(actor="boss")
    assert (done.changes, done.dry_run) == (planned.changes, False)
    assert said(done) == {"job": (2, "new"), "timed": (1, "new"), "small_desk": (None, "changed")}


def test_a_wrong_definition_changes_nothing(desk: Desk, definitions: Path, books: Books) -> None:
    before = books.rows()
    write(definitions, SECOND.replace("dest: handle.first", "dest: handle.nowhere"), OTHER)
    with pytest.raises(DefinitionError) as wrong:
        desk.apply(actor="boss")
    assert [problem.file.rsplit("/", 1)[-1] for problem in wrong.value.problems if problem.severity == "error"] == [
        "job.yaml"
    ]
    assert books.rows() == before
    assert desk.open("job", actor="ann", fields=X).version == 1


def test_definitions_of_another_folder_are_applied_from_there(desk: Desk, tmp_path: Path) -> None:
    other = write(tmp_path / "other", SECOND)
    assert said(desk.apply(other, actor="boss"))["job"] == (2, "new")
    with pytest.raises(DefinitionError):
        desk.apply(tmp_path / "nowhere", actor="boss")


@pytest.mark.empty
def test_a_fresh_desk_with_wrong_definitions_is_not_made(database_url: str, tmp_path: Path, books: Books) -> None:
    folder = write(tmp_path / "wrong", JOB.replace("dest: handle.first", "dest: handle.nowhere"))
    with pytest.raises(DefinitionError), opened(database_url, folder):
        pass
    write(folder, JOB)
    with opened(database_url, folder) as desk:
        assert desk.open("job", actor="ann", fields=X).id == 1
    assert books.count("desk_revisions") == 1


def test_files_that_were_edited_wait_until_they_are_applied(database_url: str, definitions: Path, books: Books) -> None:
    with opened(database_url, definitions) as desk:
        desk.open("job", actor="ann", fields=X)
    write(definitions, "ticket_type: job\nversion: nonsense\n")
    with opened(database_url, definitions) as desk:
        assert desk.definitions_changed
        assert desk.advance(1, "accept", actor="ann").state == "handle.first"
    books.assert_balanced()


def test_another_desk_on_the_same_database_notices(desk: Desk, database_url: str, definitions: Path) -> None:
    with opened(database_url, definitions) as other:
        assert other.open("job", actor="ann", fields=X).version == 1
        write(definitions, SECOND, desk=DESK.replace("eve: {roles: [guest]}", "eve: {roles: [agent]}"))
        desk.apply(actor="boss")
        assert other.open("job", actor="eve", fields=X).version == 2
        assert not other.definitions_changed
        assert [entry.desk_revision for id in (1, 2) for entry in other.history(id)] == [1, 2]


def test_what_a_host_takes_back_was_never_in_force(desk: Desk, definitions: Path, books: Books) -> None:
    write(definitions, SECOND)
    with books.engine.connect() as connection:
        host = desk.within(connection)
        host.apply(actor="boss")
        assert host.open("job", actor="ann", fields=X).version == 2
        connection.rollback()
    write(definitions, EDITED)
    desk.apply(actor="boss")
    ticket = desk.open("job", actor="ann", fields=X)
    assert ticket.version == 1
    assert desk.advance(ticket.id, "with_code", actor="ann").stage == "archive"


def test_a_new_desk_revision_is_written_into_the_history(desk: Desk, definitions: Path, clock: VirtualClock) -> None:
    desk.open("job", actor="ann", fields=X)
    write(definitions, JOB, desk=DESK.replace("front: {lead: boss", "front: {lead: chief"))
    desk.apply(actor="boss")
    clock.advance(timedelta(minutes=11))
    desk.run_timeouts()
    assert [(entry.kind, entry.desk_revision) for entry in desk.history(1)] == [
        ("opened", 1), ("fired", 2), ("escalated", 2), ("assigned", 2),
    ]  # fmt: skip
    assert [row.to for row in desk.outbox()] == ["member:chief"]
    assert desk.get(1).desk_revision == 2


def test_an_actor_who_left_the_desk_is_not_known_any_more(desk: Desk, definitions: Path) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.claim(1, actor="ann")
    smaller = DESK.replace("members: [ann, bob]", "members: [bob]").replace("  ann: {roles: [agent]}\n", "")
    write(definitions, JOB, desk=smaller)
    desk.apply(actor="boss")
    with pytest.raises(NotFound):
        desk.note(1, "x", actor="ann")
    assert desk.get(1).assignee == "ann"
    assert desk.run_timeouts(as_of=NOON + 10 * MINUTE).fired == 1
    assert desk.get(1).assignee == "bob"


def test_applying_at_a_naive_time_cannot_happen(desk: Desk) -> None:
    with pytest.raises(UsageError):
        desk.run_timeouts(as_of=NOON.replace(tzinfo=None))
