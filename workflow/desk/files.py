"""The folder of definitions that a desk is applied from: where it is, what it holds, whether it was edited."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from workflow.definition.resolve import Definitions
from workflow.definition.shipped import DESK_FILE, GUIDANCE_FOLDER, LARGEST, shipped_folder
from workflow.errors import DefinitionError

MOST_SOUND = 8
_SOUND: dict[tuple[str, frozenset[str], frozenset[str]], Definitions] = {}


def folder_or_default(folder: str | Path | None) -> Path:
    """Return the folder of definitions: the one named, else ./definitions if it holds a desk, else the shipped ones."""
    if folder is not None:
        return Path(folder)
    here = Path("definitions")
    return here if (here / DESK_FILE).is_file() else shipped_folder()


def load(folder: Path, hosts: Collection[str], actions: Collection[str]) -> Definitions:
    """Read and check a folder; raise DefinitionError with every problem.

    Files that were sound with these names are not read again: a host's tests make many desks of the same.
    """
    from workflow.definition.parse import load_definitions

    key = (before := folder_print(folder), frozenset(hosts), frozenset(actions))
    if key in _SOUND:
        return _SOUND[key]
    found, problems = load_definitions(folder, conditions=tuple(hosts), actions=tuple(actions))
    if found is None:
        errors = [problem for problem in problems if problem.severity == "error"]
        raise DefinitionError(
            "{count} problems in the definitions of {folder}; the first: {first}",
            "run `ticketflow check`",
            problems=problems,
            count=len(errors),
            folder=str(folder),
            first=str(errors[0]),
        )
    if len(_SOUND) >= MOST_SOUND:
        _SOUND.clear()
    if folder_print(folder) == before:
        _SOUND[key] = found
    return found


def folder_print(folder: Path) -> str:
    """Return the hash of a folder's files, to notice cheaply that they were edited."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.yaml"), *folder.glob(f"{GUIDANCE_FOLDER}/*.yaml")]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with suppress(OSError):
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(file.read(LARGEST + 1))  # what is longer is refused whatever follows
    return digest.hexdigest()
