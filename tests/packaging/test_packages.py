"""What is shipped works by itself: built, installed in an empty environment, run from another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
NOT_SHIPPED = shutil.ignore_patterns(".git", ".venv", ".postgres", "__pycache__", ".*_cache", ".hypothesis", "*.db*")

pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout: what is tried here must not change the one at work."""
    folder = tmp_path_factory.mktemp("packaging") / "checkout"
    shutil.copytree(ROOT, folder, ignore=NOT_SHIPPED)
    return folder


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """Build the sdist, and the wheel from the sdist."""
    run(UV, "build", "--quiet", "--out-dir", checkout / "dist", checkout)
    return checkout / "dist"


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """Install the wheel in an empty environment and return its folder of programs."""
    return environment(built.parent.parent / "installed", next(built.glob("*.whl")))


@pytest.fixture(scope="module")
def edited(checkout: Path) -> Path:
    """Copy the checkout once more, to be edited after it was installed."""
    return Path(shutil.copytree(checkout, checkout.parent / "edited"))


@pytest.fixture(scope="module")
def editable(edited: Path) -> Path:
    """Install that copy editably in another environment."""
    return environment(edited.parent / "editable", "--editable", edited)


def test_the_wheel_has_one_top_level_name_and_the_data(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"workflow"}
    shipped = [path for path in (ROOT / "definitions").rglob("*") if path.is_file()]
    definitions = {f"workflow/{path.relative_to(ROOT).as_posix()}" for path in shipped}
    assert {name for name in names if name.startswith("workflow/definitions/")} == definitions
    examples = {"workflow/examples/contacts.csv", "workflow/examples/walks.json"}
    assert {name for name in names if name.startswith("workflow/examples/")} == examples
    assert {"workflow/py.typed", "workflow/__init__.py"} <= set(names)


def test_the_sdist_has_what_it_takes_to_test_it(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames()}
    assert {"workflow", "definitions", "tests", "docs", "examples", "pyproject.toml", "uv.lock", "Makefile"} <= tops
    assert {"LICENSE", "README.md", "CHANGELOG.md"} <= tops
    assert not tops & {".ci", ".venv", "dist"}


def test_the_wheel_runs_from_another_folder(installed: Path, tmp_path: Path) -> None:
    assert f"({installed.parent}" in run(installed / "ticketflow", "--version", cwd=tmp_path)
    assert "7" in run(installed / "ticketflow", "check", cwd=tmp_path)
    assert run(installed / "ticketflow", "demo", cwd=tmp_path)


def test_the_wheel_is_typed_for_its_users(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(
        "from workflow import Desk\n\ndesk: Desk = Desk.connect()\nreveal_type(desk.get(1).state)\n"
    )
    told = run(
        sys.executable, "-m", "mypy", "--strict", "--python-executable", installed / "python", "host.py", cwd=tmp_path
    )
    assert 'Revealed type is "str"' in told.replace("builtins.", "")


def test_an_editable_install_reads_the_checkout(editable: Path, edited: Path, tmp_path: Path) -> None:
    assert f"({edited / 'workflow'}" in run(editable / "ticketflow", "--version", cwd=tmp_path)
    assert "inquiry" in run(editable / "ticketflow", "check", "--json", cwd=tmp_path)
    for name in ("inquiry.yaml", "rules.yaml"):
        (edited / "definitions" / name).unlink()
    shutil.rmtree(edited / "definitions" / "guidance")  # it speaks of inquiries, as the rules do
    assert "inquiry" not in run(editable / "ticketflow", "check", "--json", cwd=tmp_path)


def test_an_editable_install_takes_no_other_name(editable: Path, tmp_path: Path) -> None:
    for name in ("tests", "cli", "definitions", "examples"):
        told = run(editable / "python", "-c", f"import {name}", cwd=tmp_path, code=1)
        assert "ModuleNotFoundError" in told


def test_the_launcher_runs_in_a_checkout(tmp_path: Path) -> None:
    told = run(sys.executable, ROOT / "cli.py", "--version", cwd=tmp_path)
    assert told == run(UV.with_name("ticketflow"), "--version", cwd=tmp_path)


def environment(folder: Path, *what: str | Path) -> Path:
    """Make a virtual environment, install into it, and return its folder of programs."""
    run(UV, "venv", "--quiet", "--no-project", "--python", sys.executable, folder)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    run(UV, "pip", "install", "--quiet", "--python", programs / "python", *what)
    return programs


def run(*command: str | Path, cwd: Path | None = None, code: int | None = 0) -> str:
    """Run a command with nothing of this environment around it; return all that it printed."""
    clean = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(
        command, cwd=cwd, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8",
    )  # fmt: skip
    assert code is None or done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
