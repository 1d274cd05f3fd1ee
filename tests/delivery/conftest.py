from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.desks import folder
from tests.delivery.servers import Receiver
from tests.store.fixtures import books

__all__ = ["books", "definitions", "receiver"]


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """Give the folder of a desk that tells people things."""
    return folder(tmp_path / "definitions")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a server that takes webhooks."""
    with Receiver() as receiver:
        yield receiver
