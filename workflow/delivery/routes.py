"""Which way a message leaves, by whom it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from workflow.definition.desk import DeskSpec
from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery
from workflow.store.outbox import Takes

if TYPE_CHECKING:
    from workflow.delivery.mail import Mail
    from workflow.delivery.webhook import Webhook

HostAction = Callable[..., object]


class Routes:
    """The ways that are open in this process.

    They are mail to members who have an address, the webhook for everybody else, and the host's own actions for its
    calls. Each way has a thread of its own at a time.
    """

    def __init__(self, settings: Delivery, desk: DeskSpec, actions: Mapping[str, HostAction]) -> None:
        self._actions = {f"host:{name}": action for name, action in actions.items()}
        self._addresses = addresses(settings, desk)
        self._webhook: Webhook | None = None
        self._mail: Mail | None = None
        if settings.webhook_url:
            from workflow.delivery.webhook import Webhook  # what speaks to servers is loaded by who sends

            self._webhook = Webhook(settings.webhook_url, settings.key, settings.timeout)
        if server := settings.mail_server:
            from workflow.delivery.mail import Mail

            self._mail = Mail(server, desk.desk, settings.timeout)

    @property
    def takes(self) -> Takes:
        """Whose messages can leave from here at all."""
        return Takes(frozenset(self._actions) | frozenset(self._addresses), all_others=self._webhook is not None)

    @property
    def ways(self) -> dict[str, Takes]:
        """Whose messages can leave by which way; nobody's by two. The host's own calls are `host`."""
        own = {"host": Takes(frozenset(self._actions)), "mail": Takes(frozenset(self._addresses))}
        if self._webhook:
            own["webhook"] = Takes(all_others=True, but=frozenset(self._addresses))
        return {way: takes for way, takes in own.items() if takes}

    def send(self, notice: Notice, now: datetime) -> str | None:
        """Send a message its way; raise Failure, or return what was amiss with one that left all the same."""
        way = self._way(notice.to)
        if way == "host":
            try:
                self._actions[notice.to](notice)
            except Exception as error:  # whatever a host's own code raises, the others' messages must leave
                raise Failure(f"{type(error).__name__}: {error}") from error
            return None
        if way == "mail" and self._mail:
            return self._mail.send(notice, self._addresses[notice.to], now)
        if self._webhook:
            self._webhook.send(notice, now)
            return None
        raise Failure("nobody takes it any more")

    def _way(self, to: str) -> str:
        return "host" if to in self._actions else "mail" if to in self._addresses else "webhook"


def addresses(settings: Delivery, desk: DeskSpec) -> dict[str, tuple[str, ...]]:
    """Return where mail goes, for each member and each team that has an address."""
    if not settings.smtp_url:
        return {}
    own = {name: member.email for name, member in desk.members.items() if member.email}
    found: dict[str, tuple[str, ...]] = {f"member:{name}": (address,) for name, address in own.items()}
    for name, team in desk.teams.items():
        if known := dict.fromkeys(own[member] for member in team.members if member in own):
            found[f"team:{name}"] = tuple(known)
    return found


def takes(settings: Delivery, desk: DeskSpec, actions: Iterable[str]) -> Takes:
    """Return whose messages can leave by these settings and these actions of the host."""
    names = frozenset(addresses(settings, desk)) | {f"host:{name}" for name in actions}
    return Takes(names, all_others=bool(settings.webhook_url))
