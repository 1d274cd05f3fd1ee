"""The sample contacts and walks: sound, over every type and channel, and fit for the shipped desk."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workflow.definition.parse import load_definitions
from workflow.definition.resolve import Definitions
from workflow.definition.shipped import shipped_folder
from workflow.desk.contacts import read_contacts

EXAMPLES = Path(__file__).parents[2] / "examples"
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def shipped() -> Definitions:
    definitions, _ = load_definitions(shipped_folder())
    assert definitions is not None
    return definitions


def test_the_samples_cover_the_desk(shipped: Definitions) -> None:
    contacts = list(read_contacts(EXAMPLES / "contacts.csv", zone=ZONE))
    assert len(contacts) >= 70
    assert [contact.error for contact in contacts if contact.error] == []
    assert {contact.ticket_type for contact in contacts} == set(shipped.types)
    assert {contact.channel for contact in contacts} == set(shipped.desk.channels)
    assert len({contact.external_id for contact in contacts}) == len(contacts)
    phone = shipped.desk.customer.fields["phone"].pattern
    assert phone
    for contact in contacts:
        assert contact.opened_at
        assert contact.opened_at.strftime("%Y-%m") == "2026-03"
        assert contact.priority in (None, "low", "normal", "high", "urgent")
        assert contact.fields["statement"]
        assert re.fullmatch(phone, contact.customer["phone"])
        assert "0000" in contact.customer["phone"].replace(" ", ""), "nobody's number"


def test_the_samples_try_a_reader_s_patience() -> None:
    text = (EXAMPLES / "contacts.csv").read_text(encoding="utf-8")
    for hard in ("😅", '""Delivered in good order""', "\n1. ", "ＡＰＰ", "2026-03-02T09:31:05+08:00", "2026年"):
        assert hard in text


def test_the_file_with_mistakes_has_four() -> None:
    with (EXAMPLES / "contacts_with_mistakes.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 10


def test_the_walks_use_what_the_desk_has(shipped: Definitions) -> None:
    walks: dict[str, list[dict[str, Any]]] = json.loads((EXAMPLES / "walks.json").read_text(encoding="utf-8"))
    assert walks.keys() == shipped.types.keys()
    for name, steps in walks.items():
        ticket_type = shipped.types[name]
        for step in steps:
            assert list(step) == ["actor", "trigger", "fields", "note"]
            assert step["actor"] in shipped.desk.members
            assert step["trigger"] in ticket_type.triggers
            assert step["fields"].keys() <= ticket_type.fields.keys()
            assert all(isinstance(value, str) for value in step["fields"].values())
