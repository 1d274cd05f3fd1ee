"""Folders of definitions: what is in one, and where that is which comes with the program."""

from __future__ import annotations

from pathlib import Path

DESK_FILE, RULES_FILE = "desk.yaml", "rules.yaml"
GUIDANCE_FOLDER = "guidance"
LARGEST = 1_000_000  # bytes of a file


def shipped_folder() -> Path:
    """Return the folder of the definitions that come with the program: in the package, else in the checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "definitions"
    return inside if inside.is_dir() else package.parent / "definitions"
