"""What every test may ask for: a database of either kind, and laws tried with few examples or many."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import Phase, settings

from tests.postgres import Server, fresh_database, make_server, scratch_folder
from workflow.store import schema
from workflow.store.engine import Store

# The tracer takes as long as what it traces: these rooms reach the lines, the others and these files try them again.
MEASURED = ("unit", "store", "cli", "delivery")
AGAIN = {
    "cli/test_documented.py", "cli/test_help.py", "cli/test_language.py", "cli/test_looks.py", "cli/test_terminal.py",
    "delivery/test_relay.py", "store/test_books.py", "store/test_chain.py", "store/test_rows.py",
    "store/test_values.py", "unit/core/test_chain.py", "unit/definition/test_diagram.py",
    "unit/definition/test_model.py", "unit/test_sample_contacts.py",
    "unit/test_shipped_definitions.py",
}  # fmt: skip
TESTS = Path(__file__).parent
TRACED = "COVERAGE_PROCESS_CONFIG"  # has a process that is started traced
SCRATCH = "TICKETFLOW_TEST_SCRATCH"
KEPT = {"TICKETFLOW_TEST_POSTGRES", "TICKETFLOW_TEST_PROGRAMS", "TICKETFLOW_LAWS", "TICKETFLOW_MODEL", SCRATCH}

settings.register_profile("test", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("prove", max_examples=1000, deadline=None, print_blob=True)
settings.register_profile("planted", max_examples=200, deadline=None, derandomize=True, phases=[Phase.generate])
settings.load_profile(os.environ.get("TICKETFLOW_LAWS", "test"))


def pytest_configure(config: pytest.Config) -> None:
    """Forget the settings of whoever runs the tests, and name one folder that all workers share."""
    for name in [name for name in os.environ if name.startswith("TICKETFLOW_") and name not in KEPT]:
        del os.environ[name]
    if not hasattr(config, "workerinput"):
        os.environ[SCRATCH] = str(scratch_folder())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers that the workers started."""
    if hasattr(config, "workerinput") or SCRATCH not in os.environ:
        return
    scratch = Path(os.environ.pop(SCRATCH))
    for folder in scratch.glob("*-server"):
        make_server(folder).stop(mode="immediate")
    shutil.rmtree(scratch, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was collected here: it stays, and is looked through no more."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let the tracers rest, here and in the processes to come, while a test runs that is not measured.

    A worker has two: its own, and under it the one that any process has that is started while lines are counted.
    """
    place, resting = item.path.relative_to(TESTS), list[Coverage]()
    if place.parts[0] in MEASURED and place.as_posix() not in AGAIN:
        return (yield)
    while tracer := Coverage.current():
        tracer.stop()
        resting.append(tracer)
    for_processes = os.environ.pop(TRACED, None)
    try:
        return (yield)
    finally:
        for tracer in reversed(resting):
            tracer.start()
        if for_processes:
            os.environ[TRACED] = for_processes


def shared_server(kind: str, *, durable: bool) -> str:
    """Return the URL of the one server of this kind, started by the worker that comes first."""
    given = os.environ.get("TICKETFLOW_TEST_POSTGRES")
    if given:
        return given
    scratch = Path(os.environ[SCRATCH])
    folder, ready, failed = (scratch / f"{kind}-{what}" for what in ("server", "ready", "failed"))
    try:
        (scratch / f"{kind}-lock").mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if failed.exists() or time.monotonic() > deadline:
                pytest.fail("another worker could not start PostgreSQL")
            time.sleep(0.05)
        return (folder / "url").read_text()
    try:
        make_server(folder).start(durable=durable)
        ready.touch()
    except BaseException:
        failed.touch()
        raise
    return (folder / "url").read_text()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{(tmp_path / 't.db').as_posix()}"


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database; with the mark `durable`, on a server that waits for the disk."""
    durable = request.node.get_closest_marker("durable") is not None
    with fresh_database(shared_server("durable" if durable else "quick", durable=durable)) as url:
        yield url


def make_tables(url: str) -> None:
    """Make the desk's tables."""
    store = Store(url)
    schema.prepare(store)
    store.close()


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an SQLite file that has the desk's tables."""
    path = tmp_path_factory.mktemp("tables") / "t.db"
    make_tables(f"sqlite:///{path.as_posix()}")
    return path


@pytest.fixture(scope="session")
def postgres_tables() -> Iterator[str]:
    """Give the name of a PostgreSQL database that has the desk's tables."""
    name = f"tables_{os.getpid()}"
    with fresh_database(shared_server("quick", durable=False), name=name) as url:
        make_tables(url)
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a database, once of each kind: what the store promises holds on both.

    It has the desk's tables, copied to save time, and no desk yet; with the mark `empty` it has nothing at all.
    """
    empty = request.node.get_closest_marker("empty") is not None
    if request.param == "sqlite":
        url: str = request.getfixturevalue("sqlite_url")
        if not empty:
            shutil.copyfile(request.getfixturevalue("sqlite_tables"), url.removeprefix("sqlite:///"))
        yield url
    else:
        template: str = "template0" if empty else request.getfixturevalue("postgres_tables")
        with fresh_database(shared_server("quick", durable=False), template=template) as url:
            yield url


@pytest.fixture
def postgres_server() -> Iterator[Server]:
    """Give a PostgreSQL server that is the test's alone, to be stopped and started as it likes."""
    scratch = scratch_folder()
    server = make_server(scratch / "server")
    try:
        server.start()
        yield server
    finally:
        server.stop(mode="immediate")
        shutil.rmtree(scratch, ignore_errors=True)
