"""Ticketflow: a declarative, durable workflow engine for service tickets. This is its only public face.

What is named here follows SemVer. Everything is loaded when it is first asked for, so that importing the package
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow.clock import Clock, SystemClock, VirtualClock
    from workflow.core.classify import Facts, Proposal, Verdict, Voice
    from workflow.core.form import StrategyRecord, StrategyStep
    from workflow.core.model import Customer, HistoryEntry, Identity, Ladder, Option, Promise, Remark, SlaClock, Ticket
    from workflow.core.speech import Line, Speech
    from workflow.core.summary import Figures, Lengths, Stats
    from workflow.delivery.notice import Notice
    from workflow.delivery.relay import DeliveryReport
    from workflow.delivery.settings import Access, Delivery
    from workflow.delivery.trial import OutletState, Trial
    from workflow.desk.book import ApplyReport, DefinitionChange
    from workflow.desk.contacts import Contact, read_contacts
    from workflow.desk.desk import Desk
    from workflow.desk.explaining import Explanation
    from workflow.desk.figures import FigureDifference
    from workflow.desk.health import Health, Limits
    from workflow.desk.intake import IntakeReport, UnknownState
    from workflow.desk.migrate import MigrateReport, Moved
    from workflow.desk.redaction import Redaction
    from workflow.desk.repair import ClockDifference, TimerDifference, UnreadableTicket
    from workflow.desk.runs import RunReport
    from workflow.desk.sorting import RuleFigures, RulesReport
    from workflow.errors import (
        BadValue,
        ConditionFault,
        Conflict,
        Damaged,
        DefinitionChanged,
        DefinitionError,
        Forbidden,
        NotFound,
        PartlyDone,
        Problem,
        Refused,
        SchemaOutdated,
        StoreBusy,
        StoreError,
        TicketflowError,
        Unhealthy,
        UsageError,
    )
    from workflow.scheduler import Scheduler
    from workflow.store.agenda import Agenda, DueTimer, IncidentRow, Run
    from workflow.store.disclosures import Disclosure
    from workflow.store.outbox import OutboxRow
    from workflow.store.refusals import Refusal
    from workflow.store.search import Page
    from workflow.store.timekeeping import Escalation

__version__ = "0.1.0"
__all__ = [
    "Access",
    "Agenda",
    "ApplyReport",
    "BadValue",
    "Clock",
    "ClockDifference",
    "ConditionFault",
    "Conflict",
    "Contact",
    "Customer",
    "Damaged",
    "DefinitionChange",
    "DefinitionChanged",
    "DefinitionError",
    "Delivery",
    "DeliveryReport",
    "Desk",
    "Disclosure",
    "DueTimer",
    "Escalation",
    "Explanation",
    "Facts",
    "FigureDifference",
    "Figures",
    "Forbidden",
    "Health",
    "HistoryEntry",
    "Identity",
    "IncidentRow",
    "IntakeReport",
    "Ladder",
    "Lengths",
    "Limits",
    "Line",
    "MigrateReport",
    "Moved",
    "NotFound",
    "Notice",
    "Option",
    "OutboxRow",
    "OutletState",
    "Page",
    "PartlyDone",
    "Problem",
    "Promise",
    "Proposal",
    "Redaction",
    "Refusal",
    "Refused",
    "Remark",
    "RuleFigures",
    "RulesReport",
    "Run",
    "RunReport",
    "Scheduler",
    "SchemaOutdated",
    "SlaClock",
    "Speech",
    "Stats",
    "StoreBusy",
    "StoreError",
    "StrategyRecord",
    "StrategyStep",
    "SystemClock",
    "Ticket",
    "TicketflowError",
    "TimerDifference",
    "Trial",
    "Unhealthy",
    "UnknownState",
    "UnreadableTicket",
    "UsageError",
    "Verdict",
    "VirtualClock",
    "Voice",
    "read_contacts",
]

_HOMES = {
    "workflow.clock": ("Clock", "SystemClock", "VirtualClock"),
    "workflow.core.classify": ("Facts", "Proposal", "Verdict", "Voice"),
    "workflow.core.form": ("StrategyRecord", "StrategyStep"),
    "workflow.core.model": (
        "Customer",
        "HistoryEntry",
        "Identity",
        "Ladder",
        "Option",
        "Promise",
        "Remark",
        "SlaClock",
        "Ticket",
    ),
    "workflow.core.speech": ("Line", "Speech"),
    "workflow.core.summary": ("Figures", "Lengths", "Stats"),
    "workflow.delivery.notice": ("Notice",),
    "workflow.delivery.relay": ("DeliveryReport",),
    "workflow.delivery.settings": ("Access", "Delivery"),
    "workflow.delivery.trial": ("OutletState", "Trial"),
    "workflow.desk.book": ("ApplyReport", "DefinitionChange"),
    "workflow.desk.contacts": ("Contact", "read_contacts"),
    "workflow.desk.desk": ("Desk",),
    "workflow.desk.explaining": ("Explanation",),
    "workflow.desk.figures": ("FigureDifference",),
    "workflow.desk.health": ("Health", "Limits"),
    "workflow.desk.intake": ("IntakeReport", "UnknownState"),
    "workflow.desk.migrate": ("MigrateReport", "Moved"),
    "workflow.desk.redaction": ("Redaction",),
    "workflow.desk.repair": ("ClockDifference", "TimerDifference", "UnreadableTicket"),
    "workflow.desk.runs": ("RunReport",),
    "workflow.desk.sorting": ("RuleFigures", "RulesReport"),
    "workflow.scheduler": ("Scheduler",),
    "workflow.store.agenda": ("Agenda", "DueTimer", "IncidentRow", "Run"),
    "workflow.store.disclosures": ("Disclosure",),
    "workflow.store.outbox": ("OutboxRow",),
    "workflow.store.refusals": ("Refusal",),
    "workflow.store.search": ("Page",),
    "workflow.store.timekeeping": ("Escalation",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "workflow.errors")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
