"""Feed what reads foreign input with anything, for some minutes: `python -m tests.fuzz [MINUTES] [TARGET]...`.

What breaks a law is kept in the corpus, as small as Hypothesis could make it: it is then an example of `make test`.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, SECONDS, TARGETS, Target

BATCH = 50
HANGS = 12 * SECONDS


@st.composite
def inputs(draw: st.DrawFn, target: Target) -> bytes:
    """Return something that is known, cut and mended with pieces of its kind, or nothing that is known at all."""
    known = (*target.seeds, *(path.read_bytes() for path in target.corpus))
    pieces = st.sampled_from(target.pieces) | st.sampled_from(target.pieces) | st.binary(max_size=8)
    if draw(st.integers(0, 9)) == 0:
        return b"".join(draw(st.lists(pieces, max_size=40)))
    data = draw(st.sampled_from(known))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.sampled_from([0, 0, 1, 3, 10, 100]))
        put = b"".join(draw(st.lists(pieces, max_size=3))) * draw(st.sampled_from([1, 1, 1, 1, 2, 50, 2_000]))
        data = data[:at] + put + data[at + gone :]
    return data


def search(target: Target, seconds: float, current: Path) -> int:
    """Look for what breaks the law until the time is up; return how many were tried. `current` has the last."""
    ends, tried = time.monotonic() + seconds, 0

    @given(inputs(target))
    @settings(
        max_examples=BATCH, deadline=None, database=None, derandomize=False, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    def law(data: bytes) -> None:
        nonlocal tried
        tried += 1
        current.write_bytes(data)
        target.try_(data)

    while time.monotonic() < ends:
        seed(random.getrandbits(64))(law)()
    return tried


def hunt(name: str, seconds: float) -> bool:
    """Search in a process of its own, which may crash or hang; keep what was found, and say whether there was none."""
    with tempfile.TemporaryDirectory() as folder:
        current = Path(folder) / "current"
        command = [sys.executable, "-m", "tests.fuzz", "--one", name, str(seconds), str(current)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            while child.poll() is None:
                time.sleep(0.5)
                if current.exists() and time.time() - current.stat().st_mtime > HANGS:
                    child.send_signal(signal.SIGKILL)
            said = child.stdout.read() if child.stdout else ""
        if child.returncode == 0:
            print(f"{name:12}{said.strip():>8} inputs", flush=True)
            return True
        data = current.read_bytes() if current.exists() else b""
        kept = CORPUS / name / hashlib.sha256(data).hexdigest()[:12]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
        print(f"{name:12}BROKEN ({child.returncode}): {kept}\n{said[-3_000:]}", flush=True)
        return False


def main(*words: str) -> int:
    minutes = float(words[0]) if words else 10.0
    names = words[1:] or tuple(TARGETS)
    sound = [hunt(name, 60 * minutes / len(names)) for name in names]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(search(TARGETS[sys.argv[2]], float(sys.argv[3]), Path(sys.argv[4])))
    else:
        sys.exit(main(*sys.argv[1:]))
