"""Who is at the keyboard, by the operating system's word: what the environment says of it anybody can set."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workflow.errors import Forbidden

if TYPE_CHECKING:
    from workflow.cli.context import Session
    from workflow.definition.desk import DeskSpec


def os_user() -> str:
    """Return the name of the user whose process this is, without a name its number; on Windows with its domain.

    Empty where the system does not tell.
    """
    if sys.platform == "win32":
        import ctypes

        size = ctypes.c_ulong(512)
        name = ctypes.create_unicode_buffer(size.value)
        found = ctypes.WinDLL("secur32").GetUserNameExW(2, name, ctypes.byref(size))  # 2: DOMAIN\user
        return name.value if found else ""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def tell_locked(session: Session) -> None:
    """Tell of a desk that nobody at a command line can change; a host changes its own itself."""
    if not session.setting("app"):
        session.say(
            "No user of this system may act as a member who may `apply`: give one an os_user in desk.yaml; then the "
            "owner of the database applies it."
        )


def let_in(refusal: Forbidden, desk: DeskSpec, folder: Path, user: str, name: str | None) -> Forbidden:
    """Return the refusal of a name with what to write, and where, so that a user of the system may act under it."""
    from workflow.core.people import identities
    from workflow.definition.shipped import DESK_FILE

    if name is None and identities(desk, user):
        return refusal
    from workflow.definition.parse import read_desk_file

    known = desk.act_as.get(user, ())
    line = f"{json.dumps(user, ensure_ascii=False)}: [{', '.join([*known, name or 'MEMBER'])}]"
    place, says_so = str(folder / DESK_FILE), False
    if found := read_desk_file(folder):
        written, sheet = found
        at = sheet.root.find(("act_as",))[0]
        place = f"{place}:{at.line}:{at.column}"
        says_so = name in identities(written, user) if name else bool(identities(written, user))
    remedy = (
        "{place} lets you already; that counts once a member who may has run `ticketflow apply`, or, where nobody "
        "can, the owner of the database"
        if says_so
        else "in {place} write {line} under `act_as`; that counts once a member who may has run `ticketflow apply`, "
        "or, where nobody can, the owner of the database"
    )
    return Forbidden(refusal.template, remedy, **refusal.values | {"place": place, "line": line})
