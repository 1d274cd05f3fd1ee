"""An outlet says whom it is for, and never holds a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, load

KEY = "693a91f6-7a0c-4bc4-97a0-0ec25fa5aaa1"


@pytest.mark.parametrize(
    "outlet",
    [
        f"{{kind: wecom, to: li, url: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}'}}",
        f"{{kind: wecom, to: li, key: {KEY}}}",
        f"{{kind: wecom, to: [li, 'https://x.org/?key={KEY}']}}",
        f"{{kind: 'https://x.org/?key={KEY}', to: li}}",
        f"{{kind: feishu, to: li, label: {{zh: {KEY}}}}}",
        f"{{kind: file, to: li, path: 'file:///{KEY}'}}",
        f"'https://x.org/?key={KEY}'",
    ],
)
def test_a_secret_is_refused_and_not_repeated(tmp_path: Path, outlet: str) -> None:
    found, problems = load(tmp_path, DESK.replace("customer:", f"outlets: {{a: {outlet}}}\ncustomer:"))
    assert found is None
    assert [problem.code for problem in problems] == ["secret-in-definition"]
    assert KEY not in f"{problems}"
