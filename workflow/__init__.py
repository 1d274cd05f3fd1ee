"""Ticketflow: a declarative, durable workflow engine for service tickets. This is its only public face.

What is named here follows SemVer. Everything is loaded when it is first asked for, so that importing the package
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow.clock import Clock, SystemClock, VirtualClock
    from workflow.core.model import Customer, HistoryEntry, Option, Ticket
    from workflow.desk.book import ApplyReport, DefinitionChange
    from workflow.desk.contacts import Contact, read_contacts
    from workflow.desk.desk import Desk
    from workflow.desk.intake import IntakeReport
    from workflow.desk.runs import RunReport
    from workflow.errors import (
        BadValue,
        ConditionFault,
        Conflict,
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
        UsageError,
    )
    from workflow.scheduler import Scheduler
    from workflow.store.records import OutboxRow
    from workflow.store.search import Page

__version__ = "0.1.0"
__all__ = [
    "ApplyReport",
    "BadValue",
    "Clock",
    "ConditionFault",
    "Conflict",
    "Contact",
    "Customer",
    "DefinitionChange",
    "DefinitionChanged",
    "DefinitionError",
    "Desk",
    "Forbidden",
    "HistoryEntry",
    "IntakeReport",
    "NotFound",
    "Option",
    "OutboxRow",
    "Page",
    "PartlyDone",
    "Problem",
    "Refused",
    "RunReport",
    "Scheduler",
    "SchemaOutdated",
    "StoreBusy",
    "StoreError",
    "SystemClock",
    "Ticket",
    "TicketflowError",
    "UsageError",
    "VirtualClock",
    "read_contacts",
]

_HOMES = {
    "workflow.clock": ("Clock", "SystemClock", "VirtualClock"),
    "workflow.core.model": ("Customer", "HistoryEntry", "Option", "Ticket"),
    "workflow.desk.book": ("ApplyReport", "DefinitionChange"),
    "workflow.desk.contacts": ("Contact", "read_contacts"),
    "workflow.desk.desk": ("Desk",),
    "workflow.desk.intake": ("IntakeReport",),
    "workflow.desk.runs": ("RunReport",),
    "workflow.scheduler": ("Scheduler",),
    "workflow.store.records": ("OutboxRow",),
    "workflow.store.search": ("Page",),
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
