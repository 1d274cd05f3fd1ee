"""Every mistake in rules.yaml is found where it stands, once and by its own name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, TYPE, load

HEAD = "match: all\ndefault: t\nrules:\n"
# what is wrong, by its code; » marks the place that must be named
IN_RULES = {
    "unknown-type": "  »r: {when: {words: x}, type: nope}\n",
    "unknown-category": "  r: {when: {words: x}, type: t, category: »nope}\n",
    "unknown-team": "  r: {when: {words: x}, team: »nope}\n",
    "unknown-channel": "  r: {when: {channels: [»nope]}, type: t}\n",
    "idle-rule": "  »r: {when: {words: x}}\n",
    "rule-of-all": "  r: {when: »{}, type: t}\n",
    "blank-word": "  r: {when: {words: [»' ']}, type: t}\n",
    "bad-pattern": "  r: {when: {patterns: »'(?=x)'}, type: t}\n",
    "unfolded-pattern": "  r: {when: {patterns: 'a»：'}, type: t}\n",
    "pattern-of-all": "  r: {when: {patterns: »'x*'}, type: t}\n",
    "condition-unknown-name": "  r: {when: {conditions: '»state == \"x\"'}, type: t}\n",
    "not-text": "  r: {when: {words: [»10015]}, type: t}\n",
    "unknown-key": "  r: {when: {words: x}, type: t, »teem: front}\n",
    "missing-key": "  »r: {type: t}\n",
}


@pytest.mark.parametrize("code", IN_RULES)
def test_every_mistake_is_told_with_its_place(tmp_path: Path, code: str) -> None:
    before, _, after = IN_RULES[code].partition("»")
    kinds = {"t": TYPE.replace("fields:", "category: kind\nfields:")}
    definitions, problems = load(tmp_path, DESK, **kinds, rules=HEAD + before + after)
    assert definitions is None
    (found,) = problems
    assert (Path(found.file).name, found.code, found.line) == ("rules.yaml", code, 4)
    if code != "unknown-type":
        assert found.column == len(before) + 1


def test_the_file_itself_may_be_wrong(tmp_path: Path) -> None:
    ladderless = DESK[: DESK.index("ladder")]
    rules = "rules: {r: {when: {words: x}, risk: escalation}}\n"
    text = f"match: all\ndefault: nope\nanswers: {{trigger: done, field: note}}\n{rules}"
    _, problems = load(tmp_path, ladderless, t=TYPE, rules=text)
    assert [(found.code, found.line) for found in problems] == [
        ("unknown-type", 2), ("unknown-first-trigger", 3), ("no-ladder", 4),
    ]  # fmt: skip
