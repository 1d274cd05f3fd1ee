"""Texts as they are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def searchable(text: str) -> str:
    """Return a text as searches compare it: full width, case and compatibility forms folded."""
    return unicodedata.normalize("NFKC", text).casefold()


def search_text(values: Iterable[object]) -> str:
    """Return the texts among some values as the one text that searches look through."""
    return searchable("\n".join(value for value in values if isinstance(value, str)))
