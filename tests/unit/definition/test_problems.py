"""Every mistake is found where it stands, and nothing else is: one small file for each problem code and more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.definition.samples import DESK, TYPE, load, marked
from tests.unit.definition.test_guidance import IN_A_LANGUAGE, IN_SITUATIONS
from tests.unit.definition.test_rules import IN_RULES
from workflow.definition.problems import RULES

WAY = "accept: handle"
ARCHIVE = "  archive: {}\n"
REST = "timeouts: {forgotten: {after: 2160h, actions: [notify: owner]}}\n"

TO = "accept: {dest: handle, "
TEAM_AND_WAY = "    team: front\n    transitions:\n      accept: handle"
HANDLE = "    transitions:\n      done: archive\n"
CLOCK = "sla: {c: {goal: 4h, start: intake, stop: handle, "
OFFICE_CLOCK = "calendar: office, start: intake, stop: handle"
OFFICE_HOURS = "\n    timeouts: {t: {after: 2h, calendar: office, "
OFFICE_ROOM = "team: front\n    calendar: office\n    "
NO_TEAM = "    transitions:\n      accept: {dest: handle, actions: [»"
FACTS = "phone: {type: text, pii: true}\n  same_by: [[phone]]\nidentity: {facts: {tail: {field: phone, last: 4}}}"
PHONE = "phone: {type: text}\n  same_by: [[phone]]"
# code, what of the smallest type is replaced, by what; » marks the place that must be named
IN_A_TYPE = [
    ("unknown-choice-field", "fields:", "category: »note\nfields:"),
    ("unknown-bool-field", WAY, TO + "consent: »note}"),
    ("unknown-bool-field", WAY, TO + "self_service: »off}"),
    ("unknown-fact", WAY, TO + "identity: »tail}"),
    ("control-character", "note: {type: text}", "note: {type: text, help: '»\x07'}"),
    ("control-character", "note: {type: text}", 'note: {type: text, help: »"\\0"}'),
    ("tab", "    team: front\n", "»\tteam: front\n"),
    ("syntax", "version: 1", "version: 1»: "),
    ("syntax", ARCHIVE + REST, "  archive: {label: »[a, b\n"),
    ("syntax", "version: 1", "version: »@1"),
    ("several-documents", ARCHIVE, ARCHIVE + "»---\nticket_type: u\n"),
    ("too-deep", ARCHIVE, ARCHIVE + "sla: " + "[" * 99 + "»[" + "]" * 100),
    (
        "too-many-nodes",
        ARCHIVE,
        ARCHIVE
        + "sla: {"
        + ", ".join(f"x{i}: &x{i} [" + ", ".join([f"*x{i - 1}" if i else "x"] * 10) + "]" for i in range(4))
        + ", y: [*x3, *x3, *x3, *x3, *x3, *x3, »*x3, *x3, *x3]}",
    ),
    ("unknown-alias", "team: front", "team: »*nobody"),
    ("unknown-alias", ARCHIVE, "  archive: &me {label: »*me}\n"),
    ("tag", "team: front", "team: »!!python/name:os.system front"),
    ("tag", "note: {type: text}", "note: »!field {type: text}"),
    ("merge-key", "team: front", "»<<: {team: front}"),
    ("bad-key", "team: front", "team: front\n    ? »[a]\n    : b"),
    ("duplicate-key", "team: front", "team: front\n    »team: back"),
    ("unquoted-condition", WAY, TO + "conditions: »ok}"),
    ("unquoted-condition", WAY, TO + "conditions: »!ok, unless: 'n > 2'}"),
    ("unquoted-condition", WAY, TO + 'conditions: »kind in ["a", "b"], unless: \'n > 2\'}'),
    ("unquoted-condition", WAY, TO + "conditions: »\"note\" in filled, unless: 'n > 2'}"),
    ("unquoted-condition", WAY, TO + "conditions: »note.endsWith('x, y'), unless: 'n > 2'}"),
    ("unquoted-condition", WAY, "accept: {dest: handle,\n        conditions: »ok ? n > 2 : n < 2}"),
    ("unquoted-condition", WAY, "accept:\n        dest: handle\n        unless: »n > 2  # really"),
    ("unknown-key", WAY, "accept: {»dset: handle, dest: handle}"),
    ("unknown-key", "team: front", "team: front\n    »tema: front"),
    ("missing-key", "note: {type: text}", "»note: {}"),
    ("missing-key", "ticket_type: t\n", "»"),
    ("missing-key", "  archive: {}\n", "  archive: {}\nsla: {»reply: {goal: 4h, start: intake}}\n"),
    ("wrong-type", "note: {type: text}", "note: »text"),
    ("wrong-type", "    transitions:\n      accept: handle\n", "    transitions:»\n"),
    ("wrong-type", "version: 1", "version: »1.0"),
    ("wrong-type", WAY, TO + "actions: »escalate}"),
    ("not-text", "ticket_type: t\n", "ticket_type: t\nlabel: {zh: »404}\n"),
    ("not-text", "choices: [a, b]", "choices: [a, »2]"),
    ("not-bool", "note: {type: text}", "note: {type: text, required: »yes}"),
    ("unknown-word", "note: {type: text}", "note: {type: »txt}"),
    ("bad-name", "note: {type: text}", "»Note: {type: text}"),
    ("bad-name", "ticket_type: t", "ticket_type: »" + "t" * 61),
    ("bad-name", HANDLE, "    states: [»Two]\n"),
    ("bad-place", "done: archive", "done: »Archive"),
    ("bad-language", "ticket_type: t\n", "ticket_type: t\nlabel: {»EN: x}\n"),
    ("out-of-range", "version: 1", "version: »0"),
    ("out-of-range", WAY, WAY + "\n    timeouts: {t: {after: 1h, dest: handle, times: »0}}"),
    ("empty-list", WAY, "accept: »[]"),
    ("empty-list", WAY, TO + "roles: »[]}"),
    ("wrong-type", "note: {type: text}", "note: {type: text, min: »[1]}"),
    ("wrong-type", "note: {type: text}", "note: {type: text, label: {en: »[x]}}"),
    ("bad-duration", WAY, WAY + "\n    timeouts: {t: {after: »1 month, actions: [escalate]}}"),
    ("zero-duration", WAY, WAY + "\n    timeouts: {t: {after: »0s, actions: [escalate]}}"),
    ("long-duration", WAY, WAY + "\n    timeouts: {t: {after: »4000d, actions: [escalate]}}"),
    ("long-duration", WAY, WAY + "\n    timeouts: {t: {after: »9999999s, actions: [escalate]}}"),
    ("bad-action", WAY, TO + "actions: [»escalat]}"),
    ("bad-action", WAY, TO + "actions: [»{notify: lead, assign: front}]}"),
    ("bad-action", WAY, TO + "actions: [»{escalate: false}]}"),
    ("bad-condition", WAY, TO + "conditions: »}"),
    ("bad-condition", WAY, TO + "conditions: ['ok', »7]}"),
    ("bad-condition", WAY, TO + "conditions: »''}"),
    ("unknown-stage", ARCHIVE, "  »arcive: {}\n" + ARCHIVE),
    ("unknown-team", "team: front", "team: »fornt"),
    ("unknown-role", WAY, TO + "roles: [agent, »agnet]}"),
    ("unknown-role", "team: front", "team: front\n    roles: »agnet"),
    ("unknown-field", WAY, TO + "requires: »kinds}"),
    ("unknown-field", WAY, TO + "asks: »kinds}"),
    ("unknown-field", WAY, TO + "actions: [count: »kind]}"),
    ("unknown-field", WAY, TO + "actions: [set: {»kinds: a}]}"),
    ("unknown-place", WAY, "accept: »handel"),
    ("unknown-place", WAY, TO + "not_by: [intake, »review]}"),
    ("unknown-place", WAY, WAY + "\n    timeouts: {t: {after: 1h, dest: »handle.one}}"),
    ("unknown-target", WAY, TO + "actions: [notify: »leed]}"),
    ("unknown-assignee", WAY, TO + "actions: [assign: »fornt]}"),
    ("unknown-host-condition", WAY, TO + "conditions: {call: »is_vipp}}"),
    ("unknown-host-action", WAY, TO + "actions: [call: »print_from]}"),
    ("reserved-name", "note: {type: text}", "»state: {type: text}"),
    ("reserved-name", "note: {type: text}", "»list: {type: text}"),
    ("reserved-name", WAY, WAY + "\n      »trigger: {}"),
    ("trigger-is-place", WAY, WAY + "\n      »review: {}"),
    (
        "trigger-is-place",
        HANDLE,
        """\
    states:
      one: {transitions: {»one: archive}}
""",
    ),
    ("unheld-role", WAY, TO + "roles: [»ghost]}"),
    ("role-may-not-advance", WAY, TO + "roles: [»mute]}"),
    ("nothing-to-remove", WAY, WAY + "\n      »acept: null"),
    ("choices-missing", "choice, choices: [a, b]", "choice"),
    ("choices-unused", "note: {type: text}", "note: {type: text, »choices: [a]}"),
    ("bad-limit", "n: {type: int}", "n: {type: int, max: »1.5}"),
    ("bad-limit", "ok: {type: bool}", "ok: {type: bool, min: »0}"),
    ("bad-limit", "day: {type: date}", "day: {type: date, min: »yesterday}"),
    ("min-over-max", "fees: {type: decimal}", "fees: {type: decimal, min: »3, max: 2.5}"),
    ("bad-pattern", "note: {type: text}", "note: {type: text, pattern: »'[0-9]+('}"),
    ("pattern-unused", "n: {type: int}", "n: {type: int, »pattern: '[0-9]+'}"),
    ("bad-default", "choices: [a, b]", "choices: [a, b], default: »c"),
    ("bad-default", "n: {type: int}", "n: {type: int, default: »'7'}"),
    ("bad-default", "n: {type: int}", "n: {type: int, min: 3, default: »2}"),
    ("bad-default", "words: {type: list}", "words: {type: list, max: 1, default: »[a, b]}"),
    ("bad-default", "note: {type: text}", "note: {type: text, pattern: '[0-9]+', default: »x}"),
    ("bad-default", "day: {type: date}", "day: {type: datetime, default: »noon}"),
    ("bad-set-value", WAY, TO + "actions: [set: {note: x, kind: »c}]}"),
    ("condition-syntax", WAY, TO + "conditions: 'ok »and n > 2'}"),
    ("condition-syntax", WAY, TO + "conditions: 'n >»'}"),
    ("condition-syntax", WAY, TO + "conditions: '»" + "+".join(["n"] * 60) + " > 2'}"),
    ("condition-too-long", WAY, TO + "conditions: '" + "x" * 2000 + "»x'}"),
    ("condition-unknown-name", WAY, TO + "conditions: 'ok || »kinds == \"a\"'}"),
    ("condition-unknown-name", WAY, TO + 'conditions: "ok || »customer.fone == \\"a\\""}'),
    ("condition-unknown-name", WAY, TO + "conditions: 'note.»startWith(\"x\")'}"),
    (
        "condition-unknown-name",
        WAY,
        "accept:\n        dest: handle\n        unless: >-\n          ok ||\n\n          »kinds > 2",
    ),
    ("condition-text-unquoted", WAY, TO + "conditions: 'kind == »a'}"),
    ("condition-type", WAY, TO + "conditions: 'ok || note »> 2'}"),
    ("condition-null", WAY, TO + "conditions: 'note »!= null'}"),
    ("condition-has", WAY, TO + "conditions: 'has(»note)'}"),
    ("condition-decimal", WAY, TO + "conditions: 'fees »> 2'}"),
    ("condition-equal-decimals", WAY, TO + "conditions: 'ok && fees »== 2.0'}"),
    ("condition-not-bool", WAY, TO + "conditions: '»note'}"),
    ("condition-constant", WAY, TO + "conditions: 'note.matches»(\"(\")'}"),
    ("condition-constant", WAY, TO + "conditions: 'now.getHours»(\"Mars\") > 8'}"),
    ("condition-constant", WAY, TO + "conditions: 'now > timestamp»(\"noon\")'}"),
    ("condition-value", WAY, TO + "conditions: 'kind == »\"c\"'}"),
    ("condition-value", WAY, TO + 'conditions: \'kind in ["a", »"c"]\'}'),
    ("condition-value", WAY, TO + "conditions: '»\"kinds\" in filled'}"),
    ("condition-value", WAY, TO + "conditions: 'state == »\"handle.one\"'}"),
    ("condition-value", WAY, TO + "conditions: 'channel == »\"fax\"'}"),
    ("condition-always", WAY, TO + "conditions: »'ok || true'}"),
    ("condition-of-chance", WAY, TO + "conditions: »'assignee == \"li\"'}"),
    ("stage-missing", "stages:\n  intake:", "»stages:\n  classify:"),
    ("stage-missing", "skips: [classify, review, callback]\n", ""),
    ("bad-skip", "callback]", "callback, »intake]"),
    (
        "unreachable-state",
        HANDLE,
        """\
    transitions: {done: archive}
    states: {one: {}, »two: {}}
""",
    ),
    (
        "no-way-to-archive",
        HANDLE,
        """\
    states:
      one: {transitions: {done: archive, again: handle.two}}
      »two: {}
""",
    ),
    ("final-archive", ARCHIVE, "  archive: {»transitions: {reopen: {}}}\n"),
    ("final-archive", ARCHIVE, "  archive: {states: {a: {»timeouts: {t: {after: 1h, dest: handle}}}}}\n"),
    ("back-missing", "done: archive", "done: archive\n      again: »intake"),
    ("back-not-backward", WAY, TO + "back: »rework}"),
    ("stage-skipped", WAY, WAY + "\n      at_once: {dest: »archive}"),
    ("dead-branch", WAY, "accept: [{dest: handle}, »{dest: handle}]"),
    (
        "dead-branch",
        WAY,
        "accept: [{dest: handle, unless: 'ok'}, »{dest: handle, conditions: 'n > 2', unless: ['ok', 'n > 5']}]",
    ),
    ("idle-timeout", WAY, WAY + "\n    timeouts: {»t: {after: 1h}}"),
    ("every-does-more", WAY, WAY + "\n    timeouts: {t: {after: 1h, »every: 2h, actions: [reassign]}}"),
    ("late-does-more", WAY, WAY + "\n    timeouts: {t: {after: 1h, »late: {skip_after: 2h}, dest: handle}}"),
    (
        "timer-loop",
        HANDLE,
        """\
    transitions: {done: archive}
    states:
      one: {timeouts: {»on: {after: 1h, dest: handle.two}}}
      two: {timeouts: {off: {after: 1h, dest: handle.one}}}
""",
    ),
    ("timer-loop", WAY, WAY + "\n    timeouts: {»t: {after: 1h, dest: intake}}"),
    ("nobody-to-tell", TEAM_AND_WAY, NO_TEAM + "escalate]}"),
    ("nobody-to-tell", TEAM_AND_WAY, NO_TEAM + "{notify: team}]}"),
    ("unknown-calendar", "version: 1", "version: 1\ncalendar: »ofice"),
    ("unknown-calendar", "team: front", "team: front\n    calendar: »ofice"),
    ("unknown-calendar", WAY, WAY + "\n    timeouts: {t: {after: 2h, dest: handle, calendar: »ofice}}"),
    ("unknown-calendar", ARCHIVE, ARCHIVE + CLOCK + "calendar: »ofice}}\n"),
    ("unknown-mark", ARCHIVE, ARCHIVE + "sla: {c: {goal: 4h, start: »intak, stop: handle}}\n"),
    ("unknown-mark", ARCHIVE, ARCHIVE + "sla: {c: {goal: 4h, start: intake, stop: [handle, »acept]}}\n"),
    ("unknown-mark", ARCHIVE, ARCHIVE + CLOCK + "reset: »told}}\n"),
    ("unknown-mark", ARCHIVE, ARCHIVE + CLOCK + "cancel: »told}}\n"),
    ("unknown-place", ARCHIVE, ARCHIVE + CLOCK + "pause: »accept}}\n"),
    ("unknown-word", ARCHIVE, ARCHIVE + "sla: {c: {goal: {»urgnt: 4h, default: 8h}, start: intake, stop: handle}}\n"),
    ("goal-missing", ARCHIVE, ARCHIVE + "sla: {c: {»goal: {urgent: 4h}, start: intake, stop: handle}}\n"),
    ("bad-level", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: »half}]}}\n"),
    ("bad-level", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: »-1wd}]}}\n"),
    ("bad-level", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: »-soon}]}}\n"),
    ("bad-level", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: »+0m}]}}\n"),
    ("unknown-target", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: 80%, actions: [notify: »leed]}]}}\n"),
    ("unknown-key", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: 80%, »dest: handle}]}}\n"),
    ("duplicate-level", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: -1h}, {at: 80%}, {at: »-60m}]}}\n"),
    ("no-working-days", WAY, WAY + "\n    timeouts: {t: {after: »2wd, dest: handle}}"),
    ("no-working-days", WAY, WAY + "\n    timeouts: {t: {after: 2h, every: »2wd, actions: [escalate]}}"),
    ("no-working-days", WAY, WAY + OFFICE_HOURS + "late: {skip_after: »2wd}, actions: [escalate]}}"),
    ("no-working-days", ARCHIVE, ARCHIVE + "sla: {c: {goal: »2wd, start: intake, stop: handle}}\n"),
    ("days-of-closed-hours", WAY, WAY + "\n    timeouts: {t: {after: »3d, calendar: office, dest: handle}}"),
    ("days-of-closed-hours", WAY, WAY + OFFICE_HOURS + "every: »P3D, actions: [escalate]}}"),
    ("days-of-closed-hours", "team: front", OFFICE_ROOM + "timeouts: {t: {after: »1d2h, dest: handle}}"),
    ("days-of-closed-hours", ARCHIVE, ARCHIVE + "sla: {c: {goal: {default: 9h, low: »1d}, " + OFFICE_CLOCK + "}}\n"),
    ("days-of-closed-hours", ARCHIVE, ARCHIVE + "sla: {c: {goal: 9h, " + OFFICE_CLOCK + ", levels: [{at: »-1d}]}}\n"),
    (
        "working-days-paused",
        ARCHIVE,
        ARCHIVE + "sla: {c: {goal: »2wd, calendar: office, start: intake, stop: archive, pause: handle}}\n",
    ),
    (
        "share-of-working-days",
        ARCHIVE,
        ARCHIVE + "sla: {c: {goal: 2wd, " + OFFICE_CLOCK + ", levels: [{at: -1h}, {at: 100%}, {at: »80%}]}}\n",
    ),
    ("start-inside-stop", ARCHIVE, ARCHIVE + "sla: {c: {goal: 4h, start: »handle, stop: [intake, handle]}}\n"),
    ("start-inside-stop", ARCHIVE, ARCHIVE + "sla: {c: {goal: 4h, start: [intake, »accept], stop: handle}}\n"),
    ("sla-never-stops", ARCHIVE, ARCHIVE + "sla: {c: {goal: 4h, start: handle, stop: »intake}}\n"),
    ("pause-without-end", ARCHIVE, ARCHIVE + "sla: {c: {goal: 4h, start: intake, stop: archive, pause: »archive}}\n"),
    (
        "pause-without-end",
        HANDLE + ARCHIVE,
        """\
  archive: {}
transitions: {withdraw: archive}
sla: {c: {goal: 4h, start: intake, stop: archive, pause: »handle}}
""",
    ),
    ("no-ladder", WAY, TO + "actions: [notify: lead, »escalate]}"),
    ("no-ladder", ARCHIVE, ARCHIVE + CLOCK + "levels: [{at: 100%, actions: [»escalate]}]}}\n"),
    ("resting-unseen", "  handle:\n", "  »handle:\n    timeouts: {forgotten: null}\n"),
    (
        "goal-outlasted",
        WAY + "\n  handle:\n" + HANDLE + ARCHIVE,
        f"""\
{WAY}
    timeouts: {{t: {{after: »5h, dest: handle}}}}
  handle:
{HANDLE}{ARCHIVE}sla: {{c: {{goal: {{urgent: 2h, default: 4h}}, start: intake, stop: handle}}}}
""",
    ),
]
RUNGS = "rungs: [{to: lead, after: 1h}, {to: li, after: 2h}]"
LADDER = f"ladder: {{{RUNGS}}}\n"
OFFICE = "{weekly: {mon-fri: 09:00-18:00}, "
# the same for the desk
IN_A_DESK = [
    ("unknown-member", "zone: Asia/Shanghai", "zone: Asia/Shanghai\ndefault_actor: »lee"),
    ("unknown-member", "zone: Asia/Shanghai", "zone: Asia/Shanghai\nact_as: {li: [li, »lee]}"),
    ("anybody-acts", "zone: Asia/Shanghai", "zone: Asia/Shanghai\nact_as: {'*': »li}"),
    ("unknown-member", "members: [li]", "members: [li, »lee]"),
    ("unknown-role", "roles: [agent]", "roles: [agent, »agnet]"),
    ("unknown-zone", "Asia/Shanghai", "»Asia/Shangai"),
    ("unknown-zone", "Asia/Shanghai", "»../../etc/passwd"),
    ("unknown-field", "same_by: [[phone]]", "same_by: [[phone], [phone, »fone]]"),
    ("unknown-word", "may: [open, advance, ", "may: [open, »fly, advance, "),
    ("reserved-name", "  li: {", "  »timer: {}\n  li: {"),
    ("reserved-name", "phone: {type: text}", "phone: {type: text}\n    »in: {type: text}"),
    ("ambiguous-name", "front: {lead", "»li: {lead: li}\n  front: {lead"),
    ("lead-not-member", "lead: li", "lead: »lee"),
    ("serves-nobody", "front: {lead", "front: {»lines: [x], lead"),
    ("unknown-team", "front: {lead", "front: {serves: [»front], lead"),
    ("duplicate-os-user", "customer:", "  wang: {os_user: »li}\ncustomer:"),
    ("duplicate-os-user", "customer:", "  wang: {os_user: [wang, »li]}\ncustomer:"),
    (
        "nobody-applies",
        "night: {may: [advance]}\nteams:\n  front: {lead: li, members: [li]}\nmembers:",
        "night: {may: [advance, apply]}\nteams:\n  front: {lead: li, members: [li]}\n»members:",
    ),
    ("bad-pattern", "phone: {type: text}", "phone: {type: text, pattern: »'*'}"),
    ("missing-key", "desk: d\nzone: Asia/Shanghai\n", "»desk: d\n"),
    ("lead-not-member", "lead: li", "lead: [li, »lee]"),
    ("unknown-calendar", "shift: office", "shift: »ofice"),
    ("unknown-rung", "to: lead", "to: »led"),
    ("missing-key", "{to: lead, after: 1h}", "»{to: lead}"),
    ("empty-list", RUNGS, "rungs: »[]"),
    ("no-working-days", "after: 1h", "after: »1wd"),
    ("no-working-days", "ladder: {", "ladder: {hold: »1wd, "),
    ("last-rung", "to: li", "to: »lead"),
    ("last-rung", "to: li", "to: »zhao"),
    ("unheld-role", "to: lead", "to: »ghost"),
    ("rung-unattended", "to: lead", "to: »zhao"),
    ("rung-unattended", "to: lead", "to: »night"),
    ("reserved-name", "calendars: {", "calendars: {»always: {weekly: {mon: 09:00-18:00}}, "),
    ("unknown-zone", "{weekly: {mon-fri: 09:00-18:00}}", "{weekly: {mon-fri: 09:00-18:00}, zone: »Asia/Shangai}"),
    ("bad-time", "mon-fri: 09:00-18:00", "mon-fri: »09:00-25:00"),
    ("bad-segment", "mon-fri: 09:00-18:00", "mon-fri: [09:00-12:00, »13:00]"),
    ("overlapping-hours", "mon-fri: 09:00-18:00", "mon-fri: [09:00-13:00, »12:00-18:00]"),
    ("overlapping-hours", "mon-fri: 09:00-18:00", "mon-fri: 20:00-08:00, sat: »07:00-12:00"),
    ("unknown-day", "mon-fri: 09", "»mon-fry: 09"),
    ("unknown-public-holidays", "{weekly: {mon-fri: 09:00-18:00}}", OFFICE + "public_holidays: »china}"),
    ("unknown-day", "{weekly: {mon-fri: 09:00-18:00}}", OFFICE + "public_holidays: {of: cn, makeup_as: »monday}}"),
    ("bad-date", "{weekly: {mon-fri: 09:00-18:00}}", OFFICE + "holidays: {»10-01: all}}"),
    ("empty-list", "{weekly: {mon-fri: 09:00-18:00}}", OFFICE + "holidays: {2026-10-01: »[]}}"),
    (
        "holiday-and-workday",
        "{weekly: {mon-fri: 09:00-18:00}}",
        OFFICE + "holidays: {2026-10-01: all}, workdays: {»2026-10-01: mon}}",
    ),
    ("unknown-personal-field", PHONE, FACTS.replace("field: phone", "field: »fone")),
    ("unknown-personal-field", PHONE, FACTS.replace(", pii: true", "").replace("field: phone", "field: »phone")),
    ("unknown-fact", PHONE, FACTS.replace("pii: true", "pii: true, identity: [tail, »tale]")),
    ("too-few-facts", PHONE, FACTS.replace("pii: true", "pii: true, identity: {facts: [tail, tail], at_least: »2}")),
    ("identity-of-public", PHONE, FACTS.replace("  same_by", "    level: {type: int, »identity: tail}\n  same_by")),
    ("no-working-days", PHONE, FACTS.replace("pii: true", "pii: true, identity: {facts: tail, within: »1wd}")),
    ("never-open", "weekly: {mon-fri: 09:00-18:00}", "»weekly: {}"),
    ("unknown-addressee", "customer:", "outlets: {a: {kind: wecom, to: [lead, »lee]}}\ncustomer:"),
    ("two-outlets", "customer:", "outlets: {a: {kind: wecom, to: li}, b: {kind: feishu, to: [»li]}}\ncustomer:"),
    ("unknown-word", "customer:", "outlets: {a: {kind: »slack, to: li}}\ncustomer:"),
    ("empty-list", "customer:", "outlets: {a: {kind: wecom, to: »[]}}\ncustomer:"),
    ("missing-key", "customer:", "outlets: {»a: {kind: file, to: li}}\ncustomer:"),
    ("bad-outlet-path", "customer:", "outlets: {a: {kind: file, to: li, path: »told.jsonl}}\ncustomer:"),
    ("bad-outlet-path", "customer:", "outlets: {a: {kind: file, to: li, path: »/srv/../etc/told}}\ncustomer:"),
    ("path-of-bot", "customer:", "outlets: {a: {kind: dingtalk, to: li, »path: /srv/told}}\ncustomer:"),
    ("secret-in-definition", "customer:", "outlets: {a: {kind: wecom, to: li, url: »x}}\ncustomer:"),
    ("secret-in-definition", "customer:", "outlets: {a: »https://x.org/?key=y}\ncustomer:"),
    ("secret-in-definition", "customer:", "outlets: {a: {kind: wecom, to: »https://x.org/?key=y}}\ncustomer:"),
    (
        "secret-in-definition",
        "customer:",
        f"outlets: {{a: {{kind: dingtalk, to: li, label: »SEC{'0a' * 32}}}}}\ncustomer:",
    ),
    ("bad-email", "li: {", "li: {email: »li@例子.org, "),
    ("bad-mention", "li: {", "li: {mention: {feishu: »all}, "),
    ("bad-mention", "li: {", 'li: {mention: {wecom: »"@all"}, '),
    ("unknown-calendar", "ladder: {", "delivery: {hours: {members: »ofice}}\nladder: {"),
    ("unknown-calendar", "ladder: {", "delivery: {hours: {customer: {calendar: »ofice}}}\nladder: {"),
    ("unknown-word", "ladder: {", "delivery: {hours: {members: {calendar: office, passes: »rung}}}\nladder: {"),
    ("unknown-key", "ladder: {", "delivery: {hours: {»leads: office}}\nladder: {"),
    ("out-of-range", "ladder: {", "delivery: {retry: {tries: »0}}\nladder: {"),
    ("out-of-range", "ladder: {", "delivery: {digest_above: »0}\nladder: {"),
    ("no-working-days", "ladder: {", "delivery: {retry: {longest: »1wd}}\nladder: {"),
]
# told of whole files, or of the day, by tests of their own
OF_FILES = {
    "holidays-unannounced", "holidays-unknown", "nobody-acknowledges",
    "no-folder", "no-definitions", "no-desk", "ignored-file", "unreadable", "too-large", "not-utf8", "empty",
    "not-a-mapping", "duplicate-type",
}  # fmt: skip


def cases(table: list[tuple[str, str, str]]) -> list[Any]:
    count = Counter[str]()
    for code, *_ in table:
        count[code] += 1
    return [
        pytest.param(*case, id=case[0] if count[case[0]] == 1 else f"{case[0]}-{at}") for at, case in enumerate(table)
    ]


def one_edit(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} must stand once in the sample"
    return text.replace(old, new)


@pytest.mark.parametrize(("code", "old", "new"), cases(IN_A_TYPE))
def test_a_mistake_in_a_type(code: str, old: str, new: str, tmp_path: Path) -> None:
    places = {"choices-missing": "»kind", "stage-missing": "»stages"}
    text = one_edit(TYPE, old, new)
    if "»" not in text:
        text = text.replace(places[code].removeprefix("»"), places[code], 1)
    text, place = marked(text)
    desk = one_edit(DESK, "teams:", "  ghost: {may: [advance]}\n  mute: {may: [open]}\nteams:")
    desk = one_edit(desk, "roles: [agent]", "roles: [agent, mute]")
    if code == "no-ladder":
        desk = one_edit(desk, LADDER, "")
    _, problems = load(tmp_path, desk, t=text)
    told = [(each.code, each.line, each.column, each.severity) for each in problems]
    assert (code, *place, RULES[code].severity) in told
    assert {each.code for each in problems} == {code}, "one mistake is told once, by its own name"
    assert all(each.text or "{text}" not in each.template for each in problems), "the sentence names what is wrong"
    assert all("None" not in str(each) for each in problems), "every value of the sentence is given"
    assert all("{" not in str(each).replace("{call: name}", "") or "{" in each.text for each in problems)


@pytest.mark.parametrize(("code", "old", "new"), cases(IN_A_DESK))
def test_a_mistake_in_the_desk(code: str, old: str, new: str, tmp_path: Path) -> None:
    desk = one_edit(DESK, "teams:", "  ghost: {may: [advance]}\n  night: {may: [advance]}\nteams:")
    desk = one_edit(desk, "customer:", "  zhao: {roles: [night], shift: office}\ncustomer:")
    text, place = marked(one_edit(desk, old, new))
    _, problems = load(tmp_path, text)
    assert [(each.code, each.line, each.column) for each in problems] == [(code, *place)]
    assert problems[0].file.endswith("desk.yaml")


def test_every_code_has_its_case() -> None:
    of_guidance = {case[0] for case in (*IN_SITUATIONS, *IN_A_LANGUAGE)} | {"no-situations", "language-name"}
    of_rules = IN_RULES.keys() | {"unknown-first-trigger"}
    assert {code for code, *_ in (*IN_A_TYPE, *IN_A_DESK)} | OF_FILES | of_guidance | of_rules == set(RULES)


def test_the_samples_have_nothing_wrong(tmp_path: Path) -> None:
    definitions, problems = load(tmp_path)
    assert problems == []
    assert definitions is not None
    assert list(definitions.types) == ["t"]
