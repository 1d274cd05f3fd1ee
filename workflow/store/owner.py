"""Whose a database is, by the word of those who know: the file system, or the server."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection


def is_owner(connection: Connection) -> bool:
    """Say whether a file is that of this process's user, or a server's tables that of the role it connects as.

    Windows does not tell whose a file is: there nobody is known for its owner.
    """
    if connection.dialect.name == "postgresql":
        owned = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'ticketflow_tickets'::regclass"
        return bool(connection.exec_driver_sql(owned).scalar())
    file = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar()
    return hasattr(os, "getuid") and bool(file) and os.getuid() in (0, Path(str(file)).stat().st_uid)
