"""The small desk as fixtures: on either database, with its clock and its books."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.small import NOON, Books, write
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk


@pytest.fixture
def clock() -> VirtualClock:
    """Give the desk's clock, which stands at noon."""
    return VirtualClock(NOON)


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """Give the folder of the small desk's definitions."""
    return write(tmp_path / "definitions")


@pytest.fixture
def desk(database_url: str, definitions: Path, clock: VirtualClock) -> Iterator[Desk]:
    """Give the small desk, fresh, once on each database."""
    with Desk.connect(database_url, definitions=definitions, clock=clock) as desk:
        yield desk


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """Give what stands in the database."""
    books = Books(database_url)
    yield books
    books.close()
