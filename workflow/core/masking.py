"""Personal data as people without the right to see it are shown it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from workflow.core.model import Ticket, replace

if TYPE_CHECKING:
    from workflow.definition.model import FieldSpec

Specs = Mapping[str, "FieldSpec"]
_DIGITS = re.compile(r"\d{7,}")
_TELLING = re.compile(  # in a free text: an e-mail address, an identity card, a mobile and a fixed-line number
    r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]+)+"  # begun nowhere within a word: the time is linear in the text
    r"|(?<!\d)(?:\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx]|(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:[ .-]?\d{4}){2}|0\d{2,3}-?\d{7,8})"
    r"(?!\d)"
)
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def mask(value: str) -> str:
    """Return a personal datum masked.

    A long number keeps its first three and last four digits, an e-mail address its first letter and domain, a name
    its first character.

    >>> mask("13812345678"), mask("张小明"), mask("li@example.com")
    ('138****5678', '张*', 'l*@example.com')
    """
    if _DIGITS.search(value):
        return _DIGITS.sub(_shortened, value)
    if "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[:1]}*@{domain}"
    return f"{value[:1]}*" if value else ""


def mask_text(text: str) -> str:
    """Return a free text with the telephone and identity numbers and e-mail addresses in it masked.

    >>> mask_text("请回电 138-1234-5678 或１３８１２３４５６７９，订单 2026030212345")
    '请回电 138****5678 或138****5679，订单 2026030212345'
    """
    folded = text if text.isascii() else _FOREIGN_DIGIT.sub(_decimal, text.translate(_FULL_WIDTH))  # sign by sign
    shown, end = [], 0
    for found in _TELLING.finditer(folded):
        telling = found[0]
        shown += [text[end : found.start()], mask(telling if "@" in telling else re.sub("[ .-]", "", telling))]
        end = found.end()
    return "".join([*shown, text[end:]])


def is_personal(name: str, specs: Specs) -> bool:
    """Say whether a field holds personal data; one that nothing declares counts as personal."""
    return name not in specs or specs[name].pii


def masked(values: Mapping[str, Any], specs: Specs) -> dict[str, Any]:
    """Return values of fields with the personal ones masked, and what is telling in the others."""
    return {name: mask_value(value, specs.get(name)) for name, value in values.items()}


def masked_ticket(ticket: Ticket, fields: Specs, customer: Specs) -> Ticket:
    """Return a ticket with the personal data in its own fields and its customer's masked."""
    return replace(masked_customer(ticket, customer), fields=masked(ticket.fields, fields))


def masked_customer(ticket: Ticket, specs: Specs, only: Collection[str] | None = None) -> Ticket:
    """Return a ticket with its customer's personal data masked, or only these."""
    if ticket.customer is None:
        return ticket
    known = ticket.customer.fields
    hidden = masked({name: value for name, value in known.items() if only is None or name in only}, specs)
    return replace(ticket, customer=replace(ticket.customer, fields={**known, **hidden}))


def personal_fields(ticket: Ticket, fields: Specs, customer: Specs) -> tuple[str, ...]:
    """Return the personal fields that a ticket has, the customer's as `customer.NAME`."""
    known = ticket.customer.fields if ticket.customer else {}
    return (
        *(name for name in ticket.fields if is_personal(name, fields)),
        *(f"customer.{name}" for name in known if is_personal(name, customer)),
    )


def mask_value(value: Any, spec: FieldSpec | None) -> Any:
    """Return a value of a field masked if it is personal, and otherwise what is telling in it."""
    if isinstance(value, tuple | list):
        return type(value)(mask_value(item, spec) for item in value)
    if value is not None and (spec is None or spec.pii):
        guarded = getattr(spec, "identity", None)  # how it ends is what a caller is asked for
        return f"{str(value)[:1]}****" if guarded else mask(str(value))
    return mask_text(value) if isinstance(value, str) else value


def _decimal(found: re.Match[str]) -> str:
    return str(unicodedata.decimal(found[0]))


def _shortened(found: re.Match[str]) -> str:
    digits = found[0]
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) > 9 else f"{digits[0]}****{digits[-2:]}"
