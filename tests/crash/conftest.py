from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
