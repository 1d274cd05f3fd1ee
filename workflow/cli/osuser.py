"""Who is at the keyboard, by the operating system's word: what the environment says of it anybody can set."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from workflow.errors import Forbidden

if TYPE_CHECKING:
    from workflow.cli.context import Session


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


def owns_locked(session: Session) -> bool:
    """Say whether no user of the system may `apply`, and this one is the owner of the database: then they may."""
    from workflow.store.owner import is_owner

    if session.setting("app") or not session.spec.is_locked:
        return False
    with session.store() as store, store.read() as connection:
        return is_owner(connection)


def tell_locked(session: Session) -> None:
    """Tell of a desk that nobody at a command line can change; a host changes its own itself."""
    if not session.setting("app"):
        session.say(
            "No user of this system may act as a member who may `apply`: give one an os_user in desk.yaml; then the "
            "owner of the database applies it."
        )


def let_in(refusal: Forbidden, folder: Path, user: str, known: Iterable[str], name: str | None) -> Forbidden:
    """Return the refusal of a name with what to write, and where, so that a user of the system may act under it."""
    from workflow.core.people import identities

    if name is None and refusal.values["known"] != "-":
        return refusal
    from workflow.definition.parse import DESK_FILE, read_desk

    line = f"{json.dumps(user, ensure_ascii=False)}: [{', '.join([*known, name or 'MEMBER'])}]"
    place, says_so = str(folder / DESK_FILE), False
    if found := read_desk(folder):
        desk, sheet = found
        at = sheet.root.find(("act_as",))[0]
        place = f"{place}:{at.line}:{at.column}"
        says_so = name in identities(desk, user) if name else bool(identities(desk, user))
    remedy = (
        "{place} lets you already; that counts once a member who may has run `ticketflow apply`, or, where nobody "
        "can, the owner of the database"
        if says_so
        else "in {place} write {line} under `act_as`; that counts once a member who may has run `ticketflow apply`, "
        "or, where nobody can, the owner of the database"
    )
    return Forbidden(refusal.template, remedy, **refusal.values | {"place": place, "line": line})
