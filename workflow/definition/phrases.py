"""Finding a phrase in what a person wrote: width, case, spacing and kinds of apostrophe make no difference."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from workflow.definition.expressions import compile_pattern
from workflow.definition.speech import Phrase

LONGEST_ALONE = 40  # characters of what may be a lone word
_WIDE = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_AROUND_WIDE = re.compile(rf"(?<=[{_WIDE}])\s+|\s+(?=[{_WIDE}])")
_REPEATED = re.compile(r"(.)\1+")
_APOSTROPHES = str.maketrans("’‘`´", "''''")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def folded(text: str) -> str:
    """Return a text as phrases are looked for in it.

    >>> folded("I  CAN’T；没 办法")
    "i can't;没办法"
    """
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold().translate(_APOSTROPHES)
    return _AROUND_WIDE.sub("", " ".join(plain.split()))


def bare(text: str) -> str:
    """Return what is left of a text without punctuation and drawn-out letters, as lone words are compared.

    >>> bare("嗯嗯……"), bare("OK!!")
    ('嗯', 'ok')
    """
    return _REPEATED.sub(r"\1", "".join(letter for letter in folded(text) if letter.isalnum()))


def matches(phrases: Mapping[str, Phrase], text: str, times: Sequence[str] = ()) -> Iterator[tuple[str, Phrase, str]]:
    """Yield the phrases that a text holds, as far as nothing excuses them: name, phrase and what was found."""
    known = folded(text)
    alone = bare(known) if len(known) <= LONGEST_ALONE else None
    for name, phrase in phrases.items():
        if any(_bare(word) == alone for word in phrase.bare):
            yield name, phrase, known
            continue
        found = list(_found(phrase.words, known))
        if found and phrase.except_for:
            excused = sorted(span.span() for span in _found(phrase.except_for, known))
            reach = [0, *accumulate((end for _, end in excused), max)]  # how far those reach that begin before
            found = [hit for hit in found if hit.end() > reach[bisect_right(excused, (hit.start(), len(known)))]]
        if found and not (phrase.fine_with_time and any(compile_pattern(time)(known) for time in times)):
            yield from ((name, phrase, words) for words in dict.fromkeys(hit[0] for hit in found))


@lru_cache(maxsize=2048)
def _bare(word: str) -> str:
    return bare(word)


def _found(phrases: Sequence[str], known: str) -> Iterator[re.Match[str]]:
    """Yield where phrases stand in a folded text; letters of a script with spaces between words must not go on."""
    for words in map(_folded, phrases):
        if words in known:  # most are not, and a pattern is dear to compile
            yield from _pattern(words).finditer(known)


@lru_cache(maxsize=2048)
def _folded(words: str) -> str:
    return folded(words)


@lru_cache(maxsize=2048)
def _pattern(known: str) -> re.Pattern[str]:
    begin = r"(?<![a-z0-9])" if re.match("[a-z0-9]", known) else ""
    end = r"(?![a-z0-9])" if re.search("[a-z0-9]$", known) else ""
    return re.compile(begin + re.escape(known) + end)
