"""Everything the program can say, it can say in Chinese."""

from __future__ import annotations

import re
from string import Formatter

from tests.cli import sentences
from workflow.cli import zh
from workflow.cli.zh import CATALOGUE

NAME, WORD = re.compile(r"\{\w+\}"), re.compile(r"[A-Za-z]")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_every_sentence_has_a_translation() -> None:
    assert sorted(sentences.everything() - set(CATALOGUE)) == []


def test_no_translation_is_left_over() -> None:
    assert sorted(set(CATALOGUE) - sentences.everything()) == []


def test_a_translation_has_the_same_names_and_is_chinese() -> None:
    templates = set(CATALOGUE) - sentences.of_help()  # in help texts braces stand for themselves
    assert [english for english in templates if names(CATALOGUE[english]) != names(english)] == []
    worded = [english for english in CATALOGUE if WORD.search(NAME.sub("", english))]
    assert len(worded) > 900
    assert [english for english in worded if not CHINESE.search(CATALOGUE[english])] == []


def test_a_sentence_is_translated_once() -> None:
    parts = [part for name, part in vars(zh).items() if name.isupper() and name != "CATALOGUE"]
    assert len(parts) > 5
    assert sum(map(len, parts)) == len(CATALOGUE)


def test_the_scan_sees_the_sentences_of_every_layer() -> None:
    found = sentences.of_source()
    assert "{trigger} needs the fields {missing}" in found
    assert "there is no ticket {ticket}" in found
    assert "{folder} is not empty" in found
    assert len(found) > 200
    assert len(sentences.of_problems()) > 100
    assert len(sentences.of_help()) > 80
