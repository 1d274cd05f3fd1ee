"""Everything the program can say, it can say in Chinese."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from tests.cli import sentences
from workflow.cli.zh import CATALOGUE

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_every_sentence_has_a_translation() -> None:
    assert sorted(sentences.everything() - set(CATALOGUE)) == []


def test_no_translation_is_left_over() -> None:
    assert sorted(set(CATALOGUE) - sentences.everything()) == []


@pytest.mark.parametrize("english", sorted(sentences.everything() & set(CATALOGUE)))
def test_a_translation_has_the_same_names_and_is_chinese(english: str) -> None:
    chinese = CATALOGUE[english]
    if sentences.is_template(english):
        assert names(chinese) == names(english)
    assert CHINESE.search(chinese) or english == "{hint}"


def test_the_scan_sees_the_sentences_of_every_layer() -> None:
    found = sentences.of_source()
    assert "{trigger} needs the fields {missing}" in found
    assert "there is no ticket {ticket}" in found
    assert "{folder} is not empty" in found
    assert len(found) > 200
    assert len(sentences.of_problems()) > 100
    assert len(sentences.of_help()) > 80
