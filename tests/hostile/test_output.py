"""What a person typed reaches no terminal, no spreadsheet, no page and no template: by any command, in any form."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from click.testing import CliRunner, Result

from tests.cli.conftest import Terminal
from tests.cli.pages import Tags
from tests.docs.generated import commands
from workflow.cli.app import cli, run

STEERING = "\x1b[31m\x1b]0;pwned\x07\x9b2J\x08\u202egnp.exe\u2066\u200f\u061c\ufeff\u2028\r\n"
HOSTILE = (
    f"<script>alert(1)</script>=cmd()|' /C calc'!A0{STEERING}{{ticket.__class__}}{{0.__init__}}{{{{ 1234*8 }}}}%s%(x)d"
)
MARKUP = "=cmd()|<b>{ticket.__class__}{{1234*8}}"  # a tag holds no line and no sign that cannot be seen
LEAD, ADMIN = ("--actor", "lead_day"), ("--actor", "admin_01")
# each prints what somebody typed, on a desk on which everything that can be typed is hostile
READING: dict[str, list[tuple[str, ...]]] = {
    "list": [("list", "--all"), ("list", "--customer", HOSTILE), ("list", "--reveal", "--reason", HOSTILE, *LEAD)],
    "find": [("find", "cmd"), ("find", HOSTILE), ("find", "cmd", "--tag", MARKUP), ("find", "x", "--after", HOSTILE)],
    "show": [("show", "1"), ("show", "1", "--reveal", "--reason", HOSTILE, *LEAD), ("show", "2"), ("show", HOSTILE)],
    "history": [("history", "1"), ("history", "2"), ("history", "2", "--reveal", "--reason", HOSTILE, *LEAD)],
    "explain": [("explain", "1"), ("explain", "2"), ("explain", "3")],
    "say": [("say", "1"), ("say", "2"), ("say", "2", "--reveal", "--reason", HOSTILE, *LEAD)],
    "form": [("form", "1"), ("form", "2"), ("form", "2", "--format", "html"), ("form", "2", "--format", "json")],
    "export": [("export",), ("export", "--format", "jsonl"), ("export", "--reveal", "--reason", HOSTILE, *LEAD)],
    "phrases check": [
        ("phrases", "check", "--text", HOSTILE + "I can't help it"),
        ("phrases", "check", "--text", "oh", "--ticket", "2"),
    ],
    "classify": [("classify", "--text", HOSTILE, "-c", f"name={HOSTILE}", "--tag", MARKUP)],
    "rules report": [("rules", "report"), ("rules", "report", "bad.csv")],
    "escalations": [("escalations", "--all")],
    "timeouts list": [("timeouts", "list")],
    "timeouts log": [("timeouts", "log")],
    "sla list": [("sla", "list", "2")],
    "outbox list": [("outbox", "list")],
    "outlets list": [("outlets", "list")],
    "incident list": [("incident", "list", "--all")],
    "disclosures": [("disclosures",)],
    "refusals list": [("refusals", "list"), ("refusals", "list", "--member", HOSTILE)],
    "stats": [("stats",), ("stats", "--by", "agent")],
    "health": [("health",)],
    "audit verify": [("audit", "verify")],
    "types": [("types",)],
    "diagram": [("diagram", "complaint", "--ticket", "2"), ("diagram", HOSTILE)],
    "calendar show": [("calendar", "show", "desk", "--month", "2026-03"), ("calendar", "show", HOSTILE)],
    "calendar add": [("calendar", "add", "desk", HOSTILE), ("calendar", "add", "desk", "2h", "--from", HOSTILE)],
    "check": [("check", "hostile"), ("check", HOSTILE)],
    "schema": [("schema", HOSTILE)],
    "db current": [("db", "current"), ("--database", f"{HOSTILE}:///x", "db", "current")],
    "db copy": [("db", "copy", f"sqlite:///{MARKUP}\x1b", "sqlite:///copy.db")],
    "db restore": [("db", "restore", f"{MARKUP}\x1b")],
    "sla rebuild": [("sla", "rebuild", "--check")],
    "stats rebuild": [("stats", "rebuild", "--check")],
}
# each takes what somebody types, and prints it back or refuses it
WRITING: list[tuple[str, ...]] = [
    (
        "open",
        "inquiry",
        "-f",
        f"statement={HOSTILE}",
        "-c",
        f"name={HOSTILE}",
        "-c",
        f"company={HOSTILE}",
        "-c",
        "phone=13812345678",
        "--note",
        HOSTILE,
        "--external-id",
        HOSTILE,
        "--key",
        HOSTILE,
        "--tag",
        MARKUP,
    ),
    ("open", "complaint", "-f", f"statement={HOSTILE}", "-c", f"name={HOSTILE}", "--separate", HOSTILE),
    ("open", "complaint", "-f", f"statement={HOSTILE}", "-c", f"email={HOSTILE}", "--channel", HOSTILE),
    ("open", "emergency", "-f", f"statement={HOSTILE}", "--note", HOSTILE),
    ("open", HOSTILE),
    ("open", "inquiry", "-f", f"{HOSTILE}=1"),
    ("open", "inquiry", "-c", f"{MARKUP}=1"),
    ("open", "inquiry", "-f", "statement=x", "--tag", HOSTILE),
    ("open", "inquiry", "--at", HOSTILE),
    ("note", "1", HOSTILE),
    ("note", HOSTILE, "x"),
    ("claim", "1"),
    ("claim", "1", "--actor", HOSTILE),
    ("tag", "1", MARKUP),
    ("tag", "1", HOSTILE),
    ("tag", "1", "--remove", HOSTILE),
    ("tag", "1", "--customer", MARKUP),
    ("advance", "2", "accept", "--note", HOSTILE),
    ("advance", "2", HOSTILE),
    ("advance", HOSTILE, "accept"),
    ("advance", "2", "classified", "-f", f"category={HOSTILE}"),
    ("advance", "--from", HOSTILE, "accept"),
    ("advance", "2", "classified", "-f", "category=billing", "--key", HOSTILE),
    ("set", "2", "-f", f"demand={HOSTILE}", "--note", HOSTILE),
    ("set", "2", "--priority", HOSTILE),
    ("assign", "2", HOSTILE, *LEAD),
    ("assign", "2", "agent_02", "--note", HOSTILE, *LEAD),
    ("transfer", "1", "--to", "complaints", "--reason", HOSTILE, "--announced"),
    ("transfer", "1", "--skill", MARKUP, "--reason", HOSTILE),
    ("urge", "1", "--note", HOSTILE),
    ("link", "1", "2", "--kind", MARKUP),
    ("link", "1", "2", "--kind", HOSTILE),
    ("promise", "2", "--until", "2026-03-02 16:00", "--reason", HOSTILE),
    ("promise", "2", "--until", HOSTILE),
    ("promise", "2", "--until", "2026-03-02 17:00", "--reason", HOSTILE),
    ("escalate", "2", "--reason", HOSTILE),
    ("acknowledge", "2", "--note", HOSTILE, *LEAD),
    ("sla", "extend", "2", "reply", "--by", "24h", "--reason", HOSTILE),
    ("sla", "extend", "2", HOSTILE, "--by", HOSTILE, "--reason", "x"),
    ("sla", "approve", "2", "reply", "--note", HOSTILE, *LEAD),
    ("sla", "excuse", "2", "reply", "--reason", HOSTILE, *LEAD),
    ("retype", "1", "complaint", "--reason", HOSTILE),
    ("retype", "1", HOSTILE),
    ("verify", "1", "--fact", f"phone_last4={HOSTILE}"),
    ("verify", "1", "--fact", f"{HOSTILE}=1"),
    ("repair", "3", "--to", "classify", "--reason", HOSTILE, *ADMIN),
    ("repair", "3", "--to", HOSTILE, "--reason", HOSTILE, *ADMIN),
    ("migrate", HOSTILE, "--to-version", "2"),
    ("intake", "bad.csv", "--type", "inquiry"),
    ("intake", "bad.csv", "--map", HOSTILE),
    ("intake", HOSTILE),
    ("intake", "bad.csv", "--type", "inquiry", "--zone", HOSTILE, "--encoding", HOSTILE),
    ("timeouts", "run", "--as-of", HOSTILE),
    ("timeouts", "run"),
    ("deliver", "--since", HOSTILE),
    ("deliver",),
    ("outbox", "retry", HOSTILE),
    ("outlets", "try", HOSTILE),
    ("outlets", "try", "webhook", "--to", HOSTILE, "--text", HOSTILE),
    ("refusals", "forget", "--before", HOSTILE, *ADMIN),
    ("incident", "retry", HOSTILE),
    ("redact", "3", "--field", HOSTILE, "--reason", HOSTILE, *ADMIN),
    ("apply", "--dry-run", *ADMIN),
    ("init", HOSTILE.replace("/", "")),
    ("audit", "key", f"{MARKUP}\x1b"),
    ("audit", "seal", f"{MARKUP}\x1b.d", "--key", f"{MARKUP}\x1b"),
    ("audit", "seal", "x", "--key", HOSTILE),
    ("db", "backup", f"{MARKUP}\x1b"),
    ("completion", HOSTILE),
    (HOSTILE,),
    ("list", f"--{HOSTILE}"),
    ("list", "--lang", HOSTILE),
    ("scheduler", "--every", HOSTILE),
    ("db", "upgrade", HOSTILE),
    ("db", "compact", HOSTILE),
    ("demo", "--keep", "hostile"),
]
ROWS = f'external_id,statement,customer.name,=cmd()\n"{MARKUP}","{HOSTILE}".,x,=1\nb,,,"{MARKUP}"\n'
DEFINITION = f"ticket_type: {MARKUP!r}\nversion: '\x85'\nfields:\n  \"a\\e[31m\\u202e\": {{type: '{MARKUP}'}}\n"


@pytest.fixture
def story(terminal: Terminal) -> Terminal:
    """Give a folder with hostile files, and a desk on which nothing has happened yet."""
    (terminal.folder / "bad.csv").write_text(ROWS, "utf-8")
    (terminal.folder / "hostile").mkdir()
    (terminal.folder / "hostile" / "desk.yaml").write_text(f"desk: {MARKUP!r}\nzone: {MARKUP!r}\n{DEFINITION}", "utf-8")
    (terminal.folder / "hostile" / "a\x1b[31m\u202e.yaml").write_text(DEFINITION, "utf-8")
    return terminal


def safe(shown: str, words: object) -> str:
    """Demand that a text steers nothing, and that nothing in it was worked out."""
    steering = {sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs")} - {
        *"\n\t\u200d\u200c"
    }
    assert steering == set(), words
    assert "9872" not in shown, words
    assert "<class" not in shown, words
    return shown


def done(terminal: Terminal, *words: str) -> Result:
    """Run a command, and demand that what it prints is safe, and JSON where that was asked for."""
    found = CliRunner(env=terminal.env).invoke(cli, list(words))
    assert found.exit_code != 1, f"{words}: {found.stderr}"
    safe(found.stdout + found.stderr, words)
    if "--json" in words and words[0] not in ("export", "form"):
        for line in (found.stdout + found.stderr).splitlines():
            assert isinstance(json.loads(line), dict), words
    return found


def test_every_command_is_tried() -> None:
    leaves = {
        context.command_path.removeprefix("ticketflow ")
        for context in commands()
        if not hasattr(context.command, "commands") or getattr(context.command, "invoke_without_command", False)
    }
    tried = {*READING, *(" ".join(words[:many]) for words in WRITING for many in (1, 2))}
    assert leaves - tried == set(), "say here what of it could be hostile"


@pytest.mark.prove
def test_nothing_typed_steers_what_prints_it(
    story: Terminal, subtests: pytest.Subtests, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    went_through = 0
    for at, words in enumerate(WRITING):
        with subtests.test(str(words)[:60]):
            went_through += done(story, *words, *((), ("--json",), ("--lang", "zh"))[at % 3]).exit_code == 0
    assert went_through > 25, "the story was told"
    for name, value in {**story.env, "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    for command, tries in READING.items():
        with subtests.test(command):
            for words in tries:
                done(story, *words, "--lang", "zh")
                if "--json" not in words:
                    done(story, *words, "--json")
                run(words, width=80)
                laid_out = capsys.readouterr()
                safe(laid_out.out + laid_out.err, words)
    for words in (("show", "2"), ("history", "2"), ("list", "--reveal", "--reason", "x", *LEAD), ("export",)):
        assert "cmd()" in done(story, *words).stdout, "it is shown, and harmless"


def test_no_cell_of_an_export_is_a_formula(story: Terminal) -> None:
    for words in WRITING[:4]:
        done(story, *words)
    done(story, "tag", "1", "=1+1", "@x", "-2", "+3")
    done(story, "intake", "bad.csv", "--type", "inquiry")
    tables = [
        done(story, "export", "--reveal", "--reason", "x", *LEAD).stdout,
        (story.folder / "bad.csv.rejects.csv").read_text("utf-8-sig"),
    ]
    for table in tables:
        cells = [cell for row in csv.reader(io.StringIO(table, newline="")) for cell in row]
        assert len(cells) > 5
        assert [cell for cell in cells if cell.lstrip(" \t\r\n\u3000")[:1] in {*"=+-@＝＋－＠"} and cell] == []


@pytest.mark.prove
@pytest.mark.parametrize("ticket", ["1", "2"])
def test_no_page_has_markup_that_was_typed(story: Terminal, ticket: str) -> None:
    for words in WRITING[:2]:
        done(story, *words)
    parser = Tags()
    parser.feed(done(story, "form", ticket, "--format", "html").stdout)
    assert parser.tags == {"html", "meta", "title", "style", "h1", "table", "tr", "th", "td", "br"}
    assert "<script" not in done(story, "form", ticket).stdout
