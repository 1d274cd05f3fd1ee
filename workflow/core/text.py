"""Texts as they are compared."""

from __future__ import annotations

import unicodedata


def searchable(text: str) -> str:
    """Return a text as searches compare it: full width, case and compatibility forms folded."""
    return unicodedata.normalize("NFKC", text).casefold()
