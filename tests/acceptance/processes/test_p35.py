"""P35: labels, guidance and messages in Chinese and English; another language is another file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workflow.definition.parse import load_definitions
from workflow.desk.files import folder_or_default
from workflow.testing import memory_desk

FRENCH = """\
label: Français
texts:
  greeting: {label: Salutation, say: 'Bonjour {{ customer.name }}, ici {{ agent }}.'}
phrases:
  soon: {words: [dès que possible], instead: avant 18 h, why: une promesse a une heure}
"""


def test_the_same_situations_in_both_languages() -> None:
    definitions, _ = load_definitions(folder_or_default(None))
    assert definitions is not None
    assert definitions.guidance is not None
    zh, en = (definitions.guidance.languages[lang] for lang in ("zh", "en"))
    assert zh.texts.keys() == en.texts.keys() == definitions.guidance.situations.situations.keys()
    assert zh.phrases.keys() == en.phrases.keys()


def test_each_language_says_it_in_its_own_words() -> None:
    with memory_desk() as desk:
        desk.open("inquiry", actor="agent_01", fields={"statement": "?", "topic": "billing"})
        (zh, *_), (en, *_) = (desk.what_to_say(1, actor="agent_01", lang=lang).lines for lang in ("zh", "en"))
        assert (zh.label, en.label) == ("问候", "Greeting")
        assert "坐席01" in zh.say
        assert "Agent 01" in en.say


def test_another_language_is_another_file(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folder_or_default(None), tmp_path / "definitions"))
    (folder / "guidance" / "fr.yaml").write_text(FRENCH, "utf-8")
    _, problems = load_definitions(folder)
    assert {each.code for each in problems if each.severity != "remark"} == {"text-missing"}
    with memory_desk(folder) as desk:
        desk.open("inquiry", actor="agent_01", fields={"statement": "?"}, customer={"name": "Anne"})
        first, then = desk.what_to_say(1, actor="agent_01", lang="fr").lines
        assert (first.say, first.lang) == ("Bonjour A*, ici agent_01.", "fr")
        assert then.lang == "en"  # what it lacks is said in another language
        assert [remark.instead for remark in desk.check_phrases("Dès que  possible")] == ["avant 18 h"]


@pytest.mark.parametrize("edited", ["say: Hello", "say: Good day"])
def test_words_are_put_in_force_without_touching_a_ticket(edited: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folder_or_default(None), tmp_path / "definitions"))
    with memory_desk(folder) as desk:
        desk.open("inquiry", actor="agent_01", fields={"statement": "?"})
        before, due = desk.get(1), desk.agenda()
        words = folder / "guidance" / "en.yaml"
        words.write_text(words.read_text("utf-8").replace("say: Hello", edited), "utf-8")
        report = desk.apply(folder)
        assert report.changed == desk.what_to_say(1, actor="agent_01").lines[0].say.startswith("Good day")
        assert (desk.get(1), desk.agenda(), report.rearmed) == (before, due, 0)
        assert len(desk.history(1)) == 1


def test_a_host_that_has_only_the_database_says_the_same(tmp_path: Path) -> None:
    from workflow import Desk, VirtualClock
    from workflow.testing import MONDAY_MORNING

    url, folder = f"sqlite:///{(tmp_path / 't.db').as_posix()}", tmp_path / "none"
    with Desk.connect(url, definitions=folder_or_default(None), clock=VirtualClock(MONDAY_MORNING)) as desk:
        desk.open("inquiry", actor="agent_01", fields={"statement": "?"})
        said = desk.what_to_say(1, actor="agent_01").lines
    folder.mkdir()
    with Desk.connect(url, definitions=folder, clock=VirtualClock(MONDAY_MORNING)) as elsewhere:
        assert elsewhere.what_to_say(1, actor="agent_01").lines == said
