"""What holds for the whole of the code, whoever writes it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import workflow
from tests.docs.citations import ROOT

SOURCES = sorted((ROOT / "workflow").rglob("*.py"))
# A path of somebody's machine, and a setting that names another package index.
FOREIGN = re.compile(r"(?<![\w./])/(?:work|root|home/\w+|Users/\w+|tmp/\w+)/|(?:extra-)?index-url|find-links|PIP_\w+")
HOSTS = {"pypi.org", "files.pythonhosted.org"}


def test_the_public_face_is_sorted_and_true() -> None:
    assert workflow.__all__ == sorted(workflow.__all__)
    assert [name for name in workflow.__all__ if not hasattr(workflow, name)] == []


def test_every_layer_is_listed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = {name.strip("()") for name in settings["tool"]["importlinter"]["contracts"][0]["layers"]}
    found = {
        path.stem for path in (ROOT / "workflow").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert found - {"__init__"} <= layers


def test_a_file_is_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := len(path.read_text("utf-8").splitlines())) > 600
    }
    assert long == {}


@pytest.mark.parametrize("layer", ["definition", "core"])
def test_the_pure_layers_open_no_files(layer: str) -> None:
    readers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "workflow" / layer).glob("*.py")
        if path.name != "parse.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"open", "input", "print"}
    ]
    assert readers == []


def test_nothing_committed_knows_the_machine_it_was_made_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if path != Path(__file__)
        for match in FOREIGN.finditer(path.read_text("utf-8", errors="replace"))
    ]
    assert found == []


def test_dependencies_come_from_the_public_index_alone() -> None:
    urls = re.findall(r'"(\w+://[^"]+)"', (ROOT / "uv.lock").read_text())
    assert {urlsplit(url).scheme for url in urls} == {"https"}
    assert {urlsplit(url).hostname for url in urls} == HOSTS


@cache
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]
