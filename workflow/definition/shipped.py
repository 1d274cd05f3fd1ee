"""Where the definitions are that come with the program."""

from __future__ import annotations

from pathlib import Path


def shipped_folder() -> Path:
    """Return the folder of the definitions that come with the program: in the package, else in the checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "definitions"
    return inside if inside.is_dir() else package.parent / "definitions"
