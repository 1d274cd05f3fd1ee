"""Which way a message leaves, by whom it is for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial

from workflow.definition.desk import DeskSpec
from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery
from workflow.store.outbox import Takes

HostAction = Callable[..., object]
Send = Callable[[Notice, datetime], str | None]
HOST, MAIL, WEBHOOK, OUTLET = "host", "mail", "webhook", "outlet "


class Routes:
    """The ways that are open in this process.

    They are the host's own actions for its calls, the desk's outlets and mail for whom they are for, and the webhook
    for everybody else. Each way has a thread of its own at a time.
    """

    def __init__(self, settings: Delivery, desk: DeskSpec, actions: Mapping[str, HostAction]) -> None:
        self._plan = plan(settings, desk, actions)
        self._senders = dict(_senders(settings, desk, actions))
        self.unset = unset(settings, desk)

    @property
    def takes(self) -> Takes:
        """Whose messages can leave from here at all."""
        return _takes(self._plan, self._senders)

    @property
    def ways(self) -> dict[str, Takes]:
        """Whose messages can leave by which way; nobody's by two. The host's own calls are `host`."""
        own = {way: _takes(self._plan, (way,)) for way in self._senders}
        return {way: takes for way, takes in own.items() if takes}

    def send(self, notice: Notice, now: datetime) -> str | None:
        """Send a message its way; raise Failure, or return what was amiss with one that left all the same."""
        return self.send_by(self._plan.get(notice.to, WEBHOOK), notice, now)

    def send_by(self, way: str, notice: Notice, now: datetime) -> str | None:
        """Send a message by a way, whosever it is; else as `send`."""
        send = self._senders.get(way)
        if send is None:
            raise Failure("nobody takes it any more")
        try:
            return send(notice, now)
        except Failure:
            raise
        except Exception as error:  # whatever it is, the others' messages must leave; what it says may be a secret
            raise Failure(f"unexpected {type(error).__name__}") from error


def plan(settings: Delivery, desk: DeskSpec, actions: Iterable[str]) -> dict[str, str]:
    """Return by which way each addressee is told; whoever is not named is told by the webhook.

    An outlet that is not set here is nevertheless the way: its messages wait for a process in which it is.
    """
    by_outlet = {to: OUTLET + name for to, name in outlets(desk).items()}
    return dict.fromkeys(addresses(settings, desk), MAIL) | by_outlet | {f"host:{name}": HOST for name in actions}


def outlets(desk: DeskSpec) -> dict[str, str]:
    """Return the outlet of each who has one: a member's own, else the leads' if they lead, else their team's."""
    named = {to: name for name, outlet in desk.outlets.items() for to in outlet.to}
    found: dict[str, str] = {}
    for name, team in desk.teams.items():
        if name in named:
            found[f"team:{name}"] = named[name]
            found |= {f"member:{member}": named[name] for member in (*team.lead, *team.members)} | found
    if "lead" in named:
        found |= {f"member:{lead}": named["lead"] for team in desk.teams.values() for lead in team.lead}
    found |= {f"member:{name}": named[name] for name in desk.members if name in named}
    return found | ({"customer": named["customer"]} if "customer" in named else {})


def unset(settings: Delivery, desk: DeskSpec) -> tuple[str, ...]:
    """Return the outlets of the desk that lead nowhere from here, since their address is not set."""
    return tuple(
        name for name, outlet in desk.outlets.items() if outlet.kind != "file" and name not in settings.outlets
    )


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


def takes(settings: Delivery, desk: DeskSpec, actions: Collection[str]) -> Takes:
    """Return whose messages can leave by these settings and these actions of the host."""
    found, shut = plan(settings, desk, actions), {OUTLET + name for name in unset(settings, desk)}
    return _takes(found, {*found.values(), *([WEBHOOK] if settings.webhook_url else [])} - shut)


def _takes(found: Mapping[str, str], ways: Collection[str]) -> Takes:
    names = frozenset(to for to, way in found.items() if way in ways)
    return Takes(names, all_others=WEBHOOK in ways, but=frozenset(found) - names)


def _senders(settings: Delivery, desk: DeskSpec, actions: Mapping[str, HostAction]) -> Iterator[tuple[str, Send]]:
    """Yield what sends by each way. What speaks to servers is loaded by who sends."""
    if actions:
        yield HOST, partial(_call, actions)
    for name, outlet in desk.outlets.items():
        if outlet.kind == "file":
            from workflow.delivery.file import File

            yield OUTLET + name, File(outlet.path or "").send
        elif access := settings.outlets.get(name):
            from workflow.delivery.bots import Bot

            yield OUTLET + name, Bot(outlet.kind, access, desk, settings).send
    if server := settings.mail_server:
        from workflow.delivery.mail import Mail

        mail, to = Mail(server, desk.desk, settings.timeout), addresses(settings, desk)
        yield MAIL, lambda notice, now: mail.send(notice, to[notice.to], now)
    if settings.webhook_url:
        from workflow.delivery.webhook import Webhook

        yield WEBHOOK, Webhook(settings.webhook_url, settings.key, settings.timeout).send


def _call(actions: Mapping[str, HostAction], notice: Notice, _now: datetime) -> None:
    try:
        actions[notice.to.removeprefix("host:")](notice)
    except Exception as error:  # whatever a host's own code raises, the others' messages must leave
        raise Failure(f"{type(error).__name__}: {error}") from error
