"""Files that have their name only when they are whole."""

from __future__ import annotations

import os
from pathlib import Path


def give_name(part: Path, path: Path) -> None:
    """Give a file that is whole and on the disk its name, which then outlives the power.

    Raise FileExistsError where another has it: unlike a rename this never takes the place of one.
    """
    os.link(part, path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
