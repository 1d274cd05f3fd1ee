"""Whose a database is: the file system says it of a file, the server of its tables."""

from __future__ import annotations

import os

import pytest

from workflow.store.engine import Store
from workflow.store.owner import is_owner


@pytest.mark.usefixtures("desk")
def test_the_owner_is_whose_file_or_tables_it_is(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(database_url)
    with store.write() as connection:
        assert is_owner(connection)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE ROLE guest")
            connection.exec_driver_sql("SET LOCAL ROLE guest")
        else:
            monkeypatch.setattr(os, "getuid", lambda: 54321)
        assert not is_owner(connection)
        connection.rollback()
    store.close()
