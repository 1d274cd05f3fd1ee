"""Trying a way before anything depends on it: what is set for it here, and whether a text gets there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflow.core.model import Ticket
from workflow.definition.desk import DeskSpec
from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.routes import MAIL, OUTLET, WEBHOOK, Routes, plan, unset
from workflow.delivery.settings import Delivery, address_of
from workflow.errors import NotFound, Unhealthy, UsageError

TRIAL = "trial"
WORDS = {
    "en": ("Trial of the desk {desk}", "This is a trial of {outlet}: the desk {desk} tells you things here."),
    "zh": ("服务台 {desk} 试发", "这是对 {outlet} 的一次试发：服务台 {desk} 会在这里通知您。"),
}


@dataclass(frozen=True, slots=True)
class OutletState:
    """A way by which messages leave: an outlet of the desk, or `mail`, or `webhook`.

    `to` is whom desk.yaml names for it. `settings` are the names of those that it reads, and whether each is made
    here; without `ready` nothing can leave by it.
    """

    name: str
    kind: str
    to: tuple[str, ...]
    settings: Mapping[str, bool]
    ready: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a text that was sent by a way, to try it.

    `error` is why it was not `sent`, `code` what the receiver itself calls that, and `permanent` that it would refuse
    the same again; or, of one that was sent, `error` is what was amiss all the same. `retry_after` is how long the
    receiver asks to be left alone.
    """

    outlet: str
    kind: str
    to: str
    sent: bool
    code: str | None = None
    error: str | None = None
    permanent: bool = False
    retry_after: timedelta | None = None
    settings: tuple[str, ...] = ()

    def demand(self) -> None:
        """Raise Unhealthy, with what mends it, unless the text was sent."""
        if not self.sent:
            raise Unhealthy(
                "{outlet} refuses this for good: {reason}"
                if self.permanent
                else "{outlet} did not take it, and a message would be tried again: {reason}",
                self._remedy, check="outlet", outlet=self.outlet, reason=self.error,
                settings=", ".join(self.settings), wait=self.retry_after,
            )  # fmt: skip

    @property
    def _remedy(self) -> str:
        if self.kind == "file":
            remedy = "see that its folder is there, and that this user may write to it"
        elif self.permanent and self.kind == MAIL:
            remedy = "see the email in desk.yaml, or try another --text"
        elif self.permanent:
            remedy = "try another --text; docs/outlets.md has the codes"
        elif self.retry_after:
            remedy = "leave it alone for {wait}, as it asks, and try again"
        elif self.code:
            remedy = "compare {settings} with what the receiver shows; docs/outlets.md has the providers' codes"
        else:
            remedy = (
                "see whether this machine reaches the server: name, network, HTTPS_PROXY, and SSL_CERT_FILE for TLS"
            )
        return remedy


def states(settings: Delivery, desk: DeskSpec) -> Iterator[OutletState]:
    """Yield every way that the desk has, or could have."""
    waiting = unset(settings, desk)
    for name, outlet in desk.outlets.items():
        known = settings.outlets.get(name)
        made: dict[str, bool] = {} if outlet.kind == "file" else {address_of(name): known is not None}
        if outlet.kind in ("dingtalk", "feishu"):
            made[f"outlet_{name}_secret"] = bool(known and known.secret)
        yield OutletState(name, outlet.kind, tuple(outlet.to), made, name not in waiting)
    mail, url, secret = bool(settings.smtp_url), bool(settings.webhook_url), bool(settings.webhook_secret)
    yield OutletState(MAIL, MAIL, (), {"smtp_url": mail}, mail)
    yield OutletState(WEBHOOK, WEBHOOK, (), {"webhook_url": url, "webhook_secret": secret}, url)


def attempt(name: str, settings: Delivery, desk: DeskSpec, now: datetime, *, to: str | None, text: str | None) -> Trial:
    """Send a text by a way, as the relay does. Raise NotFound, UsageError, or Unhealthy if the way is not set here."""
    known = tuple(states(settings, desk))
    state = next((each for each in known if each.name == name), None)
    if state is None:
        names = ", ".join(each.name for each in known)
        raise NotFound("there is no outlet {outlet}", "the outlets are: {known}", outlet=name, known=names)
    if not state.ready:
        raise not_set(name, next(iter(state.settings)))
    way = OUTLET + name if name in desk.outlets else name
    whom = _addressee(way, settings, desk, to)
    subject, said = (words.format(desk=desk.desk, outlet=name) for words in WORDS[settings.lang])
    nothing = Ticket(0, TRIAL, 0, TRIAL, TRIAL, now, now, now)
    key = f"{TRIAL}-{uuid.uuid4().hex[:16]}"
    notice = Notice(key, whom, TRIAL, TRIAL, now, nothing, subject=subject, text=f"{text or said}\n")
    try:
        remark = Routes(settings, desk, {}).send_by(way, notice, now)
    except Failure as failure:
        return Trial(
            name, state.kind, whom, sent=False, code=failure.code, error=str(failure), permanent=failure.permanent,
            retry_after=failure.retry_after, settings=tuple(state.settings),
        )  # fmt: skip
    return Trial(name, state.kind, whom, sent=True, error=remark, settings=tuple(state.settings))


def not_set(outlet: str, setting: str) -> Unhealthy:
    """Return the error that an outlet leads nowhere from here."""
    return Unhealthy(
        "the outlet {outlet} has no address here: {setting} is not set, and what is for it waits",
        "set it where `ticketflow deliver` or `ticketflow scheduler` runs",
        check="unset_outlet", outlet=outlet, setting=setting,
    )  # fmt: skip


def _addressee(way: str, settings: Delivery, desk: DeskSpec, to: str | None) -> str:
    if to is None:
        if way == MAIL:
            raise UsageError("mail goes to somebody", "say to whom: --to MEMBER, or a team", field="to")
        return TRIAL
    kind = "team:" if to in desk.teams else "member:" if to in desk.members else ""
    found = kind + to
    if not kind and to != "customer":
        raise NotFound("there is no member and no team {to}", "desk.yaml names them", to=to, field="to")
    if (own := plan(settings, desk, ()).get(found, WEBHOOK)) != way:
        raise UsageError(
            "{to} is told by {other}, not by {outlet}", "try that one, or leave --to out", to=to, field="to",
            other=own.removeprefix(OUTLET), outlet=way.removeprefix(OUTLET),
        )  # fmt: skip
    return found
