"""Each planted fault turns a named test red; without one the same tests are green."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.property.faults import FAULTS

ROOT = Path(__file__).parents[2]
PLANTED = "PLANTED_FAULT"
AT_START = f"""
import os
if {PLANTED!r} in os.environ:
    from tests.property.faults import plant
    plant(os.environ[{PLANTED!r}])
"""
FAILED, PASSED = 1, 0


def run(folder: Path, tests: list[str], fault: str | None) -> subprocess.CompletedProcess[str]:
    """Run tests in a process of their own, and in those it starts, with a fault planted."""
    (folder / "sitecustomize.py").write_text(AT_START, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "TICKETFLOW_LAWS": "planted"}
    environment |= {PLANTED: fault} if fault else {}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-x", *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.prove
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_turns_its_test_red(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, [FAULTS[name].test], name)
    assert done.returncode == FAILED, done.stdout[-3000:] + done.stderr[-3000:]
    assert "the text to change is not there" not in done.stdout + done.stderr


@pytest.mark.prove
def test_without_a_fault_the_same_tests_are_green(tmp_path: Path) -> None:
    done = run(tmp_path, sorted({fault.test for fault in FAULTS.values()}), None)
    assert done.returncode == PASSED, done.stdout[-3000:] + done.stderr[-3000:]


def test_every_fault_changes_text_that_stands_once_in_its_module() -> None:
    for fault in FAULTS.values():
        text = (ROOT / Path(*fault.module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
        assert text.count(fault.right) == 1, fault.name
