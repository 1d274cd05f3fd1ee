"""Behind PgBouncer, which gives each transaction any session of the server: nothing is left in a session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from tests.postgres import AS_ROOT, scratch_folder
from tests.store.small import MINUTE, Books, write
from workflow.clock import SystemClock
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import StoreError
from workflow.store.engine import Store

X = {"statement": "x"}
SESSION = "SELECT current_setting('lock_timeout'), current_setting('timezone'), count(*) FROM pg_prepared_statements"


def test_what_is_set_ends_with_the_transaction_and_nothing_is_prepared(postgres_url: str, tmp_path: Path) -> None:
    url = f"{postgres_url}?pgbouncer=true"
    with Desk.connect(url, definitions=write(tmp_path / "job"), busy_timeout=7) as desk:
        for _ in range(8):
            desk.open("job", actor="ann", fields=X)
    store = Store(url, busy_timeout=7)
    for _ in range(8):
        with store.read() as connection:
            assert tuple(connection.exec_driver_sql(SESSION).one()) == ("7s", "UTC", 0)
    with store.engine.connect() as connection:
        session: Any = connection.connection.driver_connection
        session.autocommit = True
        lock_timeout, _, prepared = session.execute(SESSION).fetchone()
        assert (lock_timeout, prepared) == ("0", 0)
        session.autocommit = False
    store.close()
    with pytest.raises(StoreError, match="pgbouncer is true or false"):
        Store(f"{postgres_url}?pgbouncer=yes")


@contextmanager
def bounced(url: str) -> Iterator[str]:
    """Give the URL of a PgBouncer before a database: transaction by transaction, over three sessions."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer here")
    real, folder = make_url(url), scratch_folder()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = f"host=127.0.0.1 port={real.port} dbname={real.database} user={real.username} password={real.password}"
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\ndesk = {known}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nunix_socket_dir =\n"
    )
    who: dict[str, Any] = {"user": "nobody"} if AS_ROOT else {}  # it refuses to run as root
    with subprocess.Popen([program, "-q", str(settings)], stderr=subprocess.DEVNULL, **who) as process:
        deadline = time.monotonic() + 10
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"postgresql://desk@127.0.0.1:{port}/desk"
        process.terminate()
    shutil.rmtree(folder)


def answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.prove
@pytest.mark.skipif(os.name == "nt", reason="there is no PgBouncer")
def test_eight_at_once_over_three_sessions(postgres_url: str, tmp_path: Path) -> None:
    folder, books = write(tmp_path / "job"), Books(postgres_url)

    def work(place: int) -> None:
        with Desk.connect(f"{url}?pgbouncer=true", definitions=folder) as desk:
            for number in range(20):
                if place < 4:
                    desk.run_timeouts(limit=10, chunk=5)
                else:
                    desk.note(1 + (number * 7 + place) % 300, "x", actor="ann")

    with bounced(postgres_url) as url:
        with pytest.raises(StoreError, match="keeps no settings of a session") as told:
            Desk.connect(url, definitions=folder)
        assert told.value.remedy == "behind PgBouncer, add ?pgbouncer=true to its URL"
        with Desk.connect(f"{url}?pgbouncer=true", definitions=folder) as desk:
            some = (Contact(n, X, opened_at=SystemClock().now() - 25 * MINUTE) for n in range(300))
            assert desk.intake(some, actor="boss", ticket_type="job", past="fire").opened == 300
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    fired = Counter(row["ticket_id"] for row in books.of("history") if row["kind"] == "fired")
    assert (len(fired), set(fired.values())) == (300, {1})
    assert sum(row["kind"] == "noted" for row in books.of("history")) == 80
    books.assert_balanced()
    books.close()
