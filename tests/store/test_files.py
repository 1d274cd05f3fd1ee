"""A file has its name only when it is whole, and never takes another's: also where a file cannot have two names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workflow.store.files import give_name


@pytest.fixture(params=[None, errno.EPERM, errno.ENOTSUP], ids=["links", "FAT", "a share"])
def part(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file that is whole, on a file system that knows hard links or does not."""
    if request.param:

        def refuse(_part: Path, _path: Path) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(os, "link", refuse)
    (part := tmp_path / "x.part").write_text("whole")
    return part


def test_a_file_that_is_whole_gets_its_name(part: Path) -> None:
    path = part.with_name("x")
    give_name(part, path)
    part.unlink(missing_ok=True)
    assert path.read_text() == "whole"


def test_nobodys_file_is_written_over(part: Path) -> None:
    path = part.with_name("x")
    for other in ("", "another's"):
        path.write_text(other)
        with pytest.raises(FileExistsError):
            give_name(part, path)
        assert (path.read_text(), part.read_text()) == (other, "whole")
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        give_name(part, path)
    assert not part.with_name("nowhere").exists()


def test_a_disk_that_fails_is_told(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_part: Path, _path: Path) -> None:
        raise OSError(errno.EIO, "faulty")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="faulty"):
        give_name(part, part.with_name("x"))
    assert not part.with_name("x").exists()
