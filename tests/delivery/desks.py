"""A small desk that tells people things: some have an address, one call is the host's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.delivery.servers import SECRET, Receiver
from tests.store.small import DESK, NOON, write
from workflow.clock import VirtualClock
from workflow.delivery.settings import Delivery
from workflow.desk.desk import Desk

TELLING = """
ticket_type: job
version: 1
label: {en: Job, zh: 任务}
skips: [classify, handle, review, callback]
fields: {statement: {type: text, required: true}}
stages:
  intake:
    team: front
    label: {zh: 受理中}
    transitions:
      tell_customer: {actions: [{notify: customer}]}
      tell_owner: {actions: [{notify: owner}]}
      tell_team: {actions: [{notify: team}]}
      ring: {actions: [{call: bell}]}
      whistle: {actions: [{call: whistle}]}
      end: archive
    timeouts: {unanswered: {after: 10m, actions: [escalate]}}
  archive: {}
"""
PEOPLE = (
    DESK.replace("link, escalate, apply]", "link, escalate, apply, retry, acknowledge]")
    .replace("ann: {roles: [agent]}", "ann: {roles: [agent], email: ann@example.org}")
    .replace("bob: {roles: [agent]}", "bob: {roles: [agent], email: bob@example.org}")
)


def folder(at: Path) -> Path:
    """Write the definitions and return their folder."""
    return write(at, TELLING, desk=PEOPLE)


def hooked(receiver: Receiver, **more: Any) -> Delivery:
    """Return settings that lead to a receiver."""
    return Delivery(webhook_url=receiver.url, webhook_secret=SECRET, **{"timeout": 2} | more)


def rung(_notice: object) -> None:
    """Do what a host's action does when all is well."""


@contextmanager
def telling(
    url: str, definitions: Path, delivery: Delivery | None = None, at: datetime = NOON, **more: Any
) -> Iterator[Desk]:
    """Give the desk on a virtual clock, with the ways by which its messages leave."""
    actions = {"bell": rung, "whistle": rung} | more.pop("actions", {})
    clock = more.pop("clock", None) or VirtualClock(at)
    with Desk.connect(url, definitions=definitions, clock=clock, delivery=delivery, actions=actions, **more) as desk:
        yield desk


def job(desk: Desk, *triggers: str) -> int:
    """Open a ticket, fire triggers on it and return its id."""
    number = desk.open("job", actor="ann", fields={"statement": "Zhang San, 13812345678, is angry"}).id
    for trigger in triggers:
        desk.advance(number, trigger, actor="ann")
    return number


def states(desk: Desk) -> list[str]:
    """Return what became of each message."""
    return [row.state for row in desk.outbox()]
