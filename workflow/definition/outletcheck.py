"""Whether outlets lead to somebody: whom they name exists, nobody has two, a file has its place, an email is one."""

from __future__ import annotations

import re

from workflow.definition.desk import DeskSpec
from workflow.definition.sheet import Sheet

ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"  # as every mail server takes one
_FROM_ROOT = re.compile(r"/|[A-Za-z]:[/\\]")


def check_outlets(desk: DeskSpec, sheet: Sheet) -> None:
    """Report what is wrong with the outlets of desk.yaml, and with its members' addresses."""
    for name, member in desk.members.items():
        if member.email is not None and not re.fullmatch(ADDRESS, member.email):
            sheet.report(("members", name, "email"), "bad-email", member.email)
    known = [*desk.teams, *desk.members, "lead", "customer"]
    told: dict[str, str] = {}
    for name, outlet in desk.outlets.items():
        for at, addressee in enumerate(outlet.to):
            path = ("outlets", name, "to", at)
            if sheet.expect(path, "unknown-addressee", addressee, known):
                if addressee in told:
                    sheet.report(path, "two-outlets", addressee, other=told[addressee])
                told.setdefault(addressee, name)
        if outlet.kind != "file":
            if outlet.path is not None:
                sheet.report(("outlets", name, "path"), "path-of-bot", outlet.kind, key=True)
        elif outlet.path is None:
            sheet.report(("outlets", name), "missing-key", "path", key=True)
        elif not _FROM_ROOT.match(outlet.path) or ".." in re.split(r"[/\\]", outlet.path):
            sheet.report(("outlets", name, "path"), "bad-outlet-path", outlet.path)
