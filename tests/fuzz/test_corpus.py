"""Every input that is kept, those that once broke a law among them, is read lawfully."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_is_kept_breaks_no_law(target: Target, subtests: pytest.Subtests) -> None:
    for path in target.corpus:
        with subtests.test(path.name):
            target.try_(path.read_bytes())
    for seed in target.seeds:
        target.try_(seed)
