"""Files that have their name only when they are whole, and reading what bears the name of such a one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # as FAT and some network shares say
UNTOLD = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)  # of a file system that cannot be asked to wait for its disk


def give_name(part: Path, path: Path) -> None:
    """Give a file that is whole and on the disk its name, which then outlives the power.

    Raise FileExistsError where another has it: unlike a rename this never takes the place of one. Where a file cannot
    have two names, a kill between taking the name and giving it leaves an empty file under it.
    """
    if os.name == "nt":
        os.rename(part, path)  # which there takes no other's place, and a folder cannot be opened
        return
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in UNTOLD:
            raise
    finally:
        os.close(folder)


def contents(path: Path, most: int) -> bytes:
    """Return what a plain file holds; raise OSError for a pipe, a device, or a file of more bytes than that."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    with path.open("rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EINVAL, "it is too large", str(path))
    return found
