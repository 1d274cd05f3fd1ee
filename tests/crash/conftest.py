from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.crash.scene import Kill, Victim, victim
from tests.store.small import Books, write


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions")


@pytest.fixture
def books(url: str) -> Iterator[Books]:
    books = Books(url)
    yield books
    books.close()


@pytest.fixture(scope="session")
def killed() -> Iterator[Victim]:
    with victim() as kill_at:
        yield kill_at


@pytest.fixture
def kill_at(killed: Victim, url: str, folder: Path) -> Kill:
    """Give a function that does a piece of work on the test's desk and has it killed somewhere."""
    return partial(killed, url, folder)
