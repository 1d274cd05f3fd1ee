"""The accountant of a soak: what a desk holds against what its workers and its receiver were told."""

from __future__ import annotations

import re
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.delivery.servers import Posted, Receiver
from tests.soak.deeds import Ledger, attempt, tokens
from tests.soak.worker import connected, rung
from tests.store.small import Books
from workflow.delivery.settings import Delivery
from workflow.desk import auditing, seals
from workflow.store.engine import Store

TOKEN = re.compile(r'"value": ?"([a-z]+\d*-\d+(?:\.\d+)?)"')
UNTOLD = ("waiting", "held", "sending", "failed")
PATIENCE = 30


@dataclass
class Balance:
    """How the books of one desk stand: what was lost or doubled, and what else is not as it must be."""

    deeds: int = 0
    refused: int = 0
    tickets: int = 0
    entries: int = 0
    fired: int = 0
    messages: int = 0
    told_again: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def even(self) -> bool:
        """Whether nothing was lost or doubled, and all is as it must be."""
        return not (self.lost or self.doubled or self.faults)


class Receipts:
    """What a receiver took: of a digest, each message that is in it."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver, self.parts = receiver, dict[str, list[str]]()
        receiver.before_answer = self._note

    def _note(self, posted: Posted) -> None:
        self.receiver.posted.clear()  # they are many
        if found := posted.message.get("messages"):
            self.parts[posted.key] = [each["key"] for each in found]

    @property
    def accepted(self) -> Counter[str]:
        """How often each message was taken."""
        taken = Counter[str]()
        for key, times in self.receiver.accepted.items():
            taken.update(dict.fromkeys(self.parts.get(key, [key]), times))
        return taken


def settle(url: str, definitions: Path, ledgers: Iterable[Path], delivery: Delivery) -> None:
    """Finish what workers had begun, fire what is due and tell what waits; nobody else is at the desk any more."""
    patience = PATIENCE
    with connected(url, definitions, delivery) as desk:
        for ledger in map(Ledger, ledgers):
            for deed in ledger.pending:
                attempt(desk, ledger, deed)
        desk.run_timeouts()
        while untold := {row.id: row.state for state in UNTOLD for row in desk.outbox(state=state, limit=1000)}:
            desk.retry_outbox([number for number, state in untold.items() if state != "sending"])
            if not desk.deliver().sent:
                if (patience := patience - 1) == 0:
                    break
                time.sleep(0.5)  # what a relay held that was killed is due when its lease has ended


def balance(url: str, definitions: Path, ledgers: Iterable[Path], accepted: Mapping[str, int]) -> Balance:
    """Return how the books stand; `accepted` says how often the receiver took each message."""
    books, found, bell = Books(url), Balance(), rung(definitions)
    accepted = Counter(accepted) + Counter(bell.read_text().split() if bell.exists() else ())
    try:
        _history(books, map(Ledger, ledgers), found)
        _outbox(books, accepted, found)
        found.faults += standing(url, definitions.with_name("seals"))
        with connected(url, definitions, Delivery()) as desk:
            found.faults += [f"sla rebuild --check: {each}" for each in desk.check_clocks()]
            desk.count_figures()
            found.faults += [f"stats rebuild --check: {each}" for each in desk.check_figures()]
    finally:
        books.close()
    return found


def standing(url: str, sealed: Path | None = None) -> list[str]:
    """Return what is wrong with the books of a desk taken by themselves; a backup has to stand this, too."""
    given = seals.read([sealed]) if sealed and sealed.exists() else []
    books, store = Books(url), Store(url)
    try:
        found = [f"audit verify: {fault}" for fault in auditing.verify(store, sealed=given).faults]
        books.assert_balanced()
    except AssertionError as error:
        found.append(f"books: {traceback.extract_tb(error.__traceback__)[-1].line} {error}".strip())
    finally:
        books.close()
        store.close()
    return found


def _history(books: Books, ledgers: Iterable[Ledger], found: Balance) -> None:
    rows = books.of("history")
    held = Counter(token for row in rows for token in TOKEN.findall(row["private"] or ""))
    for ledger in ledgers:
        for key, deed in ledger.deeds.items():
            became = ledger.known.get(key)
            found.deeds, found.refused = found.deeds + (became == "done"), found.refused + (became == "refused")
            for token in tokens(deed):
                times = held.pop(token, 0)
                if times > 1:
                    found.doubled.append(f"{token} ({deed['verb']}) was done {times} times")
                elif became == "done" and not times:
                    found.lost.append(f"{token} ({deed['verb']}) was acknowledged and is not there")
                elif became == "refused" and times:
                    found.faults.append(f"{token} ({deed['verb']}) was refused and is there")
    found.faults += [f"{token} is there and nobody did it" for token in held]
    fired = Counter((row["ticket_id"], row["timer"]) for row in rows if row["timer"] and row["kind"] != "incident")
    found.doubled += [f"timer {timer} of ticket {ticket} fired twice" for (ticket, timer), n in fired.items() if n > 1]
    found.faults += [f"incident of ticket {row['ticket_id']}: {row['reason']}" for row in books.of("incidents")]
    found.tickets, found.entries, found.fired = books.count("tickets"), len(rows), len(fired)


def _outbox(books: Books, accepted: Mapping[str, int], found: Balance) -> None:
    messages = books.of("outbox")
    states = {f"{row['ticket_id']}-{row['seq']}": row["state"] for row in messages}
    if len(states) < len(messages):
        found.doubled.append("two messages have one key")
    found.lost += [f"message {key} is sent, and nobody took it" for key, state in states.items()
                   if state == "sent" and key not in accepted]  # fmt: skip
    found.lost += [f"message {key} is still {state}" for key, state in states.items() if state in UNTOLD]
    found.faults += [f"message {key} was taken and is not there" for key in accepted if key not in states]
    found.messages, found.told_again = len(messages), sum(times - 1 for times in accepted.values())
