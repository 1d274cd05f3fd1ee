"""What one invocation of the command line knows: its settings, its desk, its zone and its actor."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from workflow.cli.osuser import os_user
from workflow.cli.output import Output
from workflow.errors import Forbidden, TicketflowError, UsageError

if TYPE_CHECKING:
    from workflow import Access, Desk
    from workflow.definition.desk import DeskSpec
    from workflow.store.engine import Store

FILE = "ticketflow.toml"
IN_FILE = (
    "database", "definitions", "actor", "lang", "app", "busy_timeout", "webhook_url", "webhook_secret", "smtp_url",
)  # fmt: skip
OUTLET = re.compile(r"outlet_([a-z][a-z0-9_]*)_(url|secret)")
LANGUAGES = ("en", "zh")
DEFAULT_DATABASE = "sqlite:///ticketflow.db"


class Session(Output):
    """One invocation. A setting is its option, else TICKETFLOW_<NAME>, else in `ticketflow.toml`, else a default."""

    def __init__(self) -> None:
        self.flags: dict[str, str] = {}

    def prepare(self, args: Sequence[str]) -> None:
        """Find out the language and the form of output before click reads the options, so that its errors have them."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                terminal = stream.isatty()
                stream.reconfigure(encoding=None if terminal else "utf-8", errors="replace" if terminal else None)
        for argument, following in zip(args, [*args[1:], ""], strict=False):
            if argument == "--":
                return
            name, _, value = argument.partition("=")
            if argument in ("--json", "--table"):
                self.json = argument == "--json"
            elif name == "--lang" and (value or following) in LANGUAGES:
                self.flags["lang"] = value or following

    def setting(self, name: str) -> str | None:
        """Return a setting, or None where nobody made it; raise UsageError for a broken `ticketflow.toml`."""
        return self.flags.get(name) or os.environ.get(f"TICKETFLOW_{name.upper()}") or self.file.get(name)

    @cached_property
    def file(self) -> Mapping[str, str]:
        """The settings of the nearest `ticketflow.toml`, here or above; paths in it are relative to its folder."""
        return read_settings(path) if (path := self._path) else {}

    @cached_property
    def _path(self) -> Path | None:
        here = Path.cwd()
        return next((path for folder in (here, *here.parents) if (path := folder / FILE).is_file()), None)

    @property
    def lang(self) -> str:
        """The language to speak; never raises, so that every error can be told in it."""
        try:
            lang = self.setting("lang")
        except TicketflowError:
            return "en"
        return lang if lang in LANGUAGES else "en"

    def check(self) -> None:
        """Raise UsageError for settings that cannot be used."""
        lang = self.setting("lang")
        if lang and lang not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise UsageError("there is no language {lang}", "the languages are: {known}", lang=lang, known=known)

    @property
    def definitions(self) -> Path:
        """The folder of the definitions: as set, else ./definitions, else the shipped ones."""
        if setting := self.setting("definitions"):
            folder, here = Path(setting), Path.cwd()
            return folder.relative_to(here) if folder.is_relative_to(here) else folder
        from workflow.definition.shipped import shipped_folder

        return here if ((here := Path("definitions")) / "desk.yaml").is_file() else shipped_folder()

    @cached_property
    def desk(self) -> Desk:
        """The desk that the settings name. It is closed when the command ends."""
        from workflow.cli.warnings import spoken

        context = click.get_current_context().find_root()
        context.with_resource(spoken(self))
        desk = self._host_desk(app) if (app := self.setting("app")) else self._own_desk()
        desk.os_user = os_user()
        context.call_on_close(desk.close)
        return desk

    def _own_desk(self) -> Desk:
        from workflow import Desk
        from workflow.clock import VirtualClock

        now, database = self.setting("now"), self.setting("database") or DEFAULT_DATABASE
        if database in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
            raise UsageError("a database in memory ends with the command", "name a file, like sqlite:///ticketflow.db")
        return Desk.connect(
            database,
            definitions=self.definitions,
            clock=VirtualClock(_instant(now)) if now else None,
            busy_timeout=self._busy_timeout,
        )

    @property
    def today(self) -> date:
        """The day on which this command runs: as set, else by the system's clock."""
        from workflow.clock import SystemClock

        return (_instant(now) if (now := self.setting("now")) else SystemClock().now()).date()

    @property
    def sending_desk(self) -> Desk:
        """The desk, with the ways by which messages leave: those that the host gave it, else those of the settings."""
        from workflow import Delivery

        url, secret = self.setting("webhook_url"), self.setting("webhook_secret")
        found = Delivery(
            webhook_url=url, webhook_secret=secret, smtp_url=self.setting("smtp_url"), outlets=self._outlets,
            lang=self.lang,
        )  # fmt: skip
        self.desk.delivery = self.desk.delivery or found
        return self.desk

    @property
    def _outlets(self) -> dict[str, Access]:
        """The addresses of bots, as `outlet_NAME_url` and `outlet_NAME_secret` have them."""
        from workflow import Access

        made = [*self.file, *(name.removeprefix("TICKETFLOW_").lower() for name in os.environ)]
        names = {found[1] for setting in made if (found := OUTLET.fullmatch(setting))}
        return {
            name: Access(self.setting(f"outlet_{name}_url") or "", self.setting(f"outlet_{name}_secret"))
            for name in sorted(names)
        }

    @property
    def _busy_timeout(self) -> float:
        given = self.setting("busy_timeout") or "5"
        try:
            seconds = float(given)
            if not 0 <= seconds <= 86_400:
                raise ValueError
        except ValueError:
            raise UsageError(
                "the busy timeout is a number of seconds, not {given}", "write it like 5", given=given
            ) from None
        return seconds

    def _host_desk(self, app: str) -> Desk:
        """Import `module:name`, a Desk or a function that makes one."""
        from importlib import import_module

        from workflow import Desk

        for option in ("database", "definitions", "now"):
            if option in self.flags:
                raise UsageError(
                    "--{option} does not go with the host's desk {app}, which brings its own",
                    "leave one of the two out",
                    option=option,
                    app=app,
                )
        module, _, name = app.partition(":")
        sys.path[:0] = [str(Path.cwd()), *([str(self._path.parent)] if self._path else [])]
        try:
            found: Any = import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, ValueError) as error:
            raise UsageError(
                "the host's desk {app} cannot be imported: {reason}",
                "write module:name, like shop.desk:desk, importable from here",
                app=app,
                reason=str(error),
            ) from error
        desk = found() if callable(found) else found
        if not isinstance(desk, Desk):
            raise UsageError("{app} is no desk", "name a Desk, or a function that returns one", app=app)
        return desk

    @contextmanager
    def store(self, *, of_desk: bool = False) -> Iterator[Store]:
        """Open the database alone, for what must work while the desk cannot be opened.

        With `of_desk` raise StoreError where there is none, and make none.
        """
        from workflow.store.engine import Store
        from workflow.store.health import demand_desk

        store = Store(self.setting("database") or DEFAULT_DATABASE, busy_timeout=self._busy_timeout)
        try:
            if of_desk:
                demand_desk(store)
            yield store
        finally:
            store.close()

    def host_names(self) -> dict[str, tuple[str, ...]]:
        """Return the conditions and actions that the host registered, as `load_definitions` takes them."""
        if not self.setting("app"):
            return {}
        conditions, actions = self.desk.registered
        return {"conditions": tuple(conditions), "actions": tuple(actions)}

    @cached_property
    def spec(self) -> DeskSpec:
        """The people, teams and zone in force when this was first asked; each asking of the desk is a query."""
        return self.desk.desk

    @cached_property
    def zone(self) -> ZoneInfo:
        """The desk's zone, in which times are shown and understood."""
        return ZoneInfo(self.spec.zone)

    @cached_property
    def actor(self) -> str:
        """Who acts: as set, else the member whose `os_user` runs this, else the desk's default actor.

        Raise NotFound for nobody's name, Forbidden for one that this user of the system may not take, which is put on
        record.
        """
        from workflow.cli.osuser import let_in
        from workflow.core.people import acting

        name, user = self.setting("actor"), os_user()
        try:
            return acting(self.spec, user, name)
        except Forbidden as refusal:
            context = click.get_current_context()
            verb = context.command_path.partition(" ")[2] or "-"
            ticket = context.params.get("ticket_id")
            self.desk.record_refusal(refusal, verb=verb, actor=name, ticket_id=ticket)
            raise let_in(refusal, self.spec, self.desk.folder, user, name) from None

    def time(self, text: str | None) -> datetime | None:
        """Read a time as people write it, in the desk's zone where it says no offset."""
        if text is None:
            return None
        from workflow.desk.contacts import parse_time

        return parse_time(text, self.zone)


def read_settings(path: Path) -> dict[str, str]:
    """Read a `ticketflow.toml`; raise UsageError for what it may not hold."""
    import tomllib

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "{file} cannot be read: {reason}", "mend it; it is a TOML file", file=str(path), reason=str(error)
        ) from error
    outlets = found.pop("outlets", {})
    for name, access in outlets.items() if isinstance(outlets, dict) else [("", outlets)]:
        for key, value in access.items() if isinstance(access, dict) else [("", access)]:
            found[f"outlet_{name}_{key}"] = value
    for name, value in found.items():
        if name == "busy_timeout" and isinstance(value, int | float):
            found[name] = str(value)
        elif (name not in IN_FILE and not OUTLET.fullmatch(name)) or not isinstance(value, str):
            raise UsageError(
                "{file}: {name} is no setting, or not a text",
                "the settings are: {known}",
                file=str(path),
                name=name,
                known=", ".join((*IN_FILE, "url and secret of [outlets.NAME]")),
            )
    if folder := found.get("definitions"):
        found["definitions"] = str(path.parent / folder)
    if url := found.get("database"):
        found["database"] = _beside(path.parent, url)
    return found


def _beside(folder: Path, url: str) -> str:
    """Make the file of an SQLite URL relative to the folder of the settings."""
    scheme, mark, file = url.partition(":///")
    if not mark or not scheme.startswith("sqlite") or not file or file.startswith((":memory:", "file:")):
        return url
    return f"{scheme}:///{folder / file}"


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError
    except ValueError:
        raise UsageError(
            "--now takes a time with its offset, not {given}", "write it like 2026-03-02T09:00+08:00", given=text
        ) from None
    return instant
