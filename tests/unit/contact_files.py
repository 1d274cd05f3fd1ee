"""Contact files for tests, read as standard input."""

from __future__ import annotations

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workflow.desk.contacts import Reader, read_contacts
from workflow.errors import UsageError

SHANGHAI = ZoneInfo("Asia/Shanghai")


def stdin(content: bytes | str, **options: Any) -> Reader:
    """Read `content` as standard input."""
    data = content.encode() if isinstance(content, str) else content
    return read_contacts("-", zone=SHANGHAI, stdin=io.BytesIO(data), **options)


def refusal(content: bytes | str, **options: Any) -> UsageError:
    """Return why `content` is refused whole."""
    with pytest.raises(UsageError) as refused:
        stdin(content, **options)
    return refused.value


def outcome(contacts: Reader) -> list[tuple[int, str]]:
    """Return line and statement of each contact, or line and what is wrong."""
    return [(one.line, one.error.message if one.error else one.fields.get("statement", "")) for one in contacts]
