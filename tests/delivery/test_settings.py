"""What is set for delivery is understood or refused, and never shown."""

from __future__ import annotations

import pytest

from workflow.delivery.settings import Access, Delivery, MailServer
from workflow.errors import UsageError

HOOK = "https://chat.example.org/in?token=very-secret-token"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (
            "smtp://desk:p%40ss@mail.example.org:2525?from=desk@example.org",
            MailServer("mail.example.org", 2525, "desk@example.org", "starttls", "desk", "p@ss"),
        ),
        ("smtp://mail?from=d@e.org&tls=none", MailServer("mail", 587, "d@e.org", "none")),
        ("smtp://mail?from=d@e.org&tls=ssl", MailServer("mail", 465, "d@e.org", "ssl")),
        (
            "smtp://mail?from=%E5%AE%A2%E6%9C%8D+%3Cd@e.org%3E&tls=none",
            MailServer("mail", 587, "客服 <d@e.org>", "none"),
        ),
        ("smtps://mail/?from=d@e.org", MailServer("mail", 465, "d@e.org", "ssl")),
    ],
)
def test_a_mail_server_is_a_url(url: str, server: MailServer) -> None:
    assert Delivery(smtp_url=url).mail_server == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org", "smtp://mail", "smtp://mail?from=nobody", "smtp://mail?from=a@b@c", "smtp://mail:x?from=a@b",
        "smtp://mail?from=a@b&tls=perhaps", "smtps://mail?from=a@b&tls=none", "smtp://mail?from=a@b&sender=c",
        "http://mail?from=a@b", "smtp://mail/path?from=a@b", "smtp://?from=a@b", "smtp://mail?from",
        "smtp://desk:hunter2@mail\n?from=a@b", "smtp://mail?from=a@b%0d%0aBcc:+c@d", "smtp://mail?from=d@e..org",
        "smtp://mail?from=a@b,c@d", "smtp://mail?from=d@%E4%BE%8B.org", "smtp://desk:hunter2%E5%AF%86@mail?from=a@b",
    ],
)  # fmt: skip
def test_a_broken_mail_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="smtp_url cannot be used") as caught:
        Delivery(smtp_url=url)
    assert "hunter2" not in f"{caught.value.as_dict()}"


@pytest.mark.parametrize(
    "url", ["chat.example.org", "file:///etc/passwd", "https://", "https://a:b@c/", "http://[", "http://a b"]
)
def test_a_broken_webhook_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="webhook_url cannot be used"):
        Delivery(webhook_url=url, webhook_secret="s")


def test_a_webhook_is_signed_or_there_is_none() -> None:
    with pytest.raises(UsageError, match="needs a secret"):
        Delivery(webhook_url=HOOK)
    with pytest.raises(UsageError, match="no base64") as caught:
        Delivery(webhook_url=HOOK, webhook_secret="whsec_hunter2!")
    assert "hunter2" not in f"{caught.value.as_dict()}"
    assert Delivery(webhook_url=HOOK, webhook_secret="plain").key == b"plain"
    assert Delivery(webhook_url=HOOK, webhook_secret="whsec_aGVsbG8=").key == b"hello"


def test_nothing_secret_is_shown() -> None:
    settings = Delivery(webhook_url=HOOK, webhook_secret="s3cret", smtp_url="smtp://u:hunter2@mail?from=a@b")
    shown = f"{settings!r} {settings.mail_server!r}"
    assert not any(word in shown for word in ("token", "s3cret", "hunter2"))
    assert settings
    assert not Delivery()


@pytest.mark.parametrize("timeout", [0, -1, 61])
def test_a_server_is_waited_for_within_reason(timeout: float) -> None:
    with pytest.raises(UsageError, match="waited for"):
        Delivery(timeout=timeout)


@pytest.mark.parametrize(
    "url",
    [
        "", "693a91f6-hunter2", "http://qyapi.weixin.qq.com/send?key=hunter2", "https://a:hunter2@b/", "file:///hunter2",
        "https:///hunter2", "https://b/#hunter2", "http://localhost.example.org/hunter2", "https://b/ hunter2",
    ],
)  # fmt: skip
def test_a_bot_without_a_sound_address_is_refused_and_it_is_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="outlet_leads_url cannot be used") as caught:
        Delivery(outlets={"leads": Access(url)})
    assert "hunter2" not in f"{caught.value.as_dict()}"


def test_nothing_of_a_bot_is_shown() -> None:
    outlets = {"leads": Access("https://b/?key=hunter2", "SECret"), "trial": Access("http://127.0.0.1:8080/hunter2")}
    assert bool(Delivery(outlets=outlets))
    assert f"{Delivery(outlets=outlets)!r} {outlets}" == (
        "Delivery(lang='en', timeout=10.0) {'leads': Access(), 'trial': Access()}"
    )
