"""Personal data as people without the right to see it are shown it."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"\d{7,}")


def mask(value: str) -> str:
    """Return a personal datum masked.

    A long number keeps its first three and last four digits, an e-mail address its first letter and domain, a name
    its first character.

    >>> mask("13812345678"), mask("张小明"), mask("li@example.com")
    ('138****5678', '张*', 'l*@example.com')
    """
    if _DIGITS.search(value):
        return _DIGITS.sub(_shortened, value)
    if "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[:1]}*@{domain}"
    return f"{value[:1]}*" if value else ""


def _shortened(found: re.Match[str]) -> str:
    digits = found[0]
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) > 9 else f"{digits[0]}****{digits[-2:]}"
