"""Definitions that were checked before they were stored; reading them back needs neither YAML nor the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflow.definition.model import DeskSpec, TicketTypeSpec
from workflow.definition.resolve import TicketType, resolve

if TYPE_CHECKING:
    from workflow.definition.speech import Guidance


def read_type(document: str) -> TicketType:
    """Return the ticket type of a stored document, which was checked when it was stored."""
    return resolve(TicketTypeSpec.model_validate_json(document, strict=False))


def read_desk(document: str) -> DeskSpec:
    """Return the desk of a stored document, which was checked when it was stored."""
    return DeskSpec.model_validate_json(document, strict=False)


def read_guidance(document: str) -> Guidance:
    """Return the guidance of a stored document, which was checked when it was stored."""
    from workflow.definition.speech import Guidance

    return Guidance.model_validate_json(document, strict=False)
