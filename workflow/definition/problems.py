"""Everything that can be wrong with a definition: one code, one sentence and one remedy for each mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from workflow.errors import Problem

DID_YOU_MEAN = "did you mean {near}?"
KNOWN = "known are: {known}"


class Rule(NamedTuple):
    """The sentence and the remedy of one problem code; `{text}` is the offending text."""

    sentence: str
    remedy: str = ""
    severity: str = "error"


class Wrong(ValueError):
    """A value that does not fit, as a problem's code with the values of its sentence, perhaps `at` a place within."""

    def __init__(self, code: str, *, at: tuple[Any, ...] = (), **values: Any) -> None:
        self.code, self.at, self.values = code, at, values
        super().__init__(RULES[code].sentence.format_map({"text": ""} | values))


def problem(code: str, file: str, line: int, column: int, *, text: str = "", **values: Any) -> Problem:
    """Return a problem of this code. Where `known` names are given, the suggestion is the nearest of them."""
    rule = RULES[code]
    remedy = rule.remedy
    values |= {"text": shorten(text)}
    if "known" in values:
        known = list(dict.fromkeys(values["known"]))
        values["known"] = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        if near := nearest(text, known):
            values["near"], remedy = near, DID_YOU_MEAN
        elif known:
            remedy = KNOWN
    return Problem(code, file, line, column, rule.sentence, remedy, values["text"], rule.severity, values)


def nearest(text: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, a state's name without its stage included."""
    names = list(known)
    inner = [name for name in names if name.endswith(f".{text}")]
    return next(iter(inner or get_close_matches(text, names, 1)), None)


def shorten(text: str) -> str:
    """Return at most 60 characters of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


_REGISTER = "register it in the host's own code, and name the host with --app"
_QUOTE = "write it in quotes: {quoted}"

RULES: Mapping[str, Rule] = {
    # reading files
    "no-folder": Rule("there is no folder {text}", "name the folder of the definitions with --definitions"),
    "no-definitions": Rule(
        "the folder holds no ticket type", "add a file like complaint.yaml, or run `ticketflow init`"
    ),
    "no-desk": Rule("the folder has no desk.yaml", "add desk.yaml with the desk's zone, teams and members"),
    "ignored-file": Rule("{text} is not read", "name it {text}.yaml or move it elsewhere", "warning"),
    "unreadable": Rule("{text} cannot be read: {reason}", "make it a file that this user may read"),
    "too-large": Rule(
        "the file is larger than {limit} bytes", "a ticket type takes a few kilobytes; split it or shorten it"
    ),
    "not-utf8": Rule("byte {text} is not UTF-8", "save the file as UTF-8"),
    "control-character": Rule("the control character {text} may not stand here", "take it out"),
    # YAML
    "tab": Rule("a tab may not indent a line", "write spaces"),
    "syntax": Rule("this is not YAML: {reason}", "mend the line, or the one before it"),
    "empty": Rule("the file is empty", "write a ticket type or take the file away"),
    "several-documents": Rule("a second document begins here", "one file holds one definition; take the --- out"),
    "not-a-mapping": Rule("a definition is a mapping, not {found}", "begin with `ticket_type: name` or `desk: name`"),
    "too-deep": Rule("the file nests deeper than {limit} levels", "no definition needs that"),
    "too-many-nodes": Rule(
        "the aliases expand to more than {limit} values", "write the values out, or use fewer aliases"
    ),
    "unknown-alias": Rule(
        "there is no anchor {text} before this alias", "set the anchor first, or write the value out"
    ),
    "tag": Rule("the tag {text} is not allowed", "take it out; if it is text, write it in quotes"),
    "merge-key": Rule("merge keys are not allowed", "write the keys out"),
    "bad-key": Rule("a key must be a single word", "write the key as text"),
    "duplicate-key": Rule("the key {text} stands twice; the first is in line {first}", "take one of them out"),
    "unquoted-condition": Rule("YAML reads an unquoted condition in its own way, and may cut it off", _QUOTE),
    # the shape of a definition
    "unknown-key": Rule("there is no key {text} here"),
    "missing-key": Rule("the key {text} is missing", "add it"),
    "wrong-type": Rule("{text} is not {wanted}", "write {wanted}"),
    "not-text": Rule("{text} is read as {found}, not as text", _QUOTE),
    "not-bool": Rule("{text} is not true or false", "write true or false"),
    "unknown-word": Rule("{text} is not one of the words that may stand here"),
    "bad-name": Rule("{text} is no name", "a name has small letters, digits and _ and begins with a letter"),
    "bad-place": Rule("{text} is no place", "write a stage, or a stage and its state like handle.by_phone"),
    "bad-language": Rule("{text} is no language", "write a code like en, zh or pt-BR"),
    "out-of-range": Rule("{text} is out of range", "write a number from {least} to {most}"),
    "empty-list": Rule("the list is empty", "write at least one entry"),
    "bad-duration": Rule(
        "{text} is no duration", "write 90s, 10m, 2h, 1h30m, 3d, 2wd or PT1H30M; there are no months and years"
    ),
    "zero-duration": Rule("a duration must be longer than zero", "write at least 1s"),
    "long-duration": Rule("{text} is longer than ten years", "write a shorter duration"),
    "bad-level": Rule("{text} is no level of a clock", "write 80%, 100%, -1h (before the goal) or +30m (after it)"),
    "bad-action": Rule("{text} is no action", "write one of {known_actions}; several actions are a list"),
    "bad-condition": Rule(
        "{text} is no condition", "write a quoted text or {{call: name}}; several conditions are a list"
    ),
    "unknown-stage": Rule("there is no stage {text}"),
    "duplicate-type": Rule("the ticket type {text} is also defined in {other}", "give one of them another name"),
    # names
    "unknown-team": Rule("there is no team {text}"),
    "unknown-member": Rule("there is no member {text}"),
    "unknown-role": Rule("there is no role {text}"),
    "unknown-field": Rule("there is no field {text}"),
    "unknown-place": Rule("there is no stage or state {text}"),
    "unknown-target": Rule("there is nobody called {text} to notify"),
    "unknown-assignee": Rule("there is no team or member {text}"),
    "unknown-zone": Rule("there is no time zone {text}"),
    "unknown-host-condition": Rule("no host registered the condition {text}", _REGISTER),
    "unknown-host-action": Rule("no host registered the action {text}", _REGISTER),
    "reserved-name": Rule("the name {text} is taken by the language", "choose another name"),
    "trigger-is-place": Rule(
        "the trigger {text} bears the name of a stage or state", "choose another name, such as a verb"
    ),
    "ambiguous-name": Rule("{text} is a team and a member at once", "rename one of them: `assign` could mean either"),
    "lead-not-member": Rule("the lead {text} is not a member of the desk"),
    "serves-nobody": Rule(
        "the team {text} serves no other, so nothing is sent to it",
        "say whose tickets it gets: `serves: TEAM`",
        "warning",
    ),
    "unknown-addressee": Rule("there is nobody called {text} to tell"),
    "two-outlets": Rule(
        "{text} is told by the outlet {other} already", "a message leaves by one way; take {text} out of one of them"
    ),
    "bad-outlet-path": Rule(
        "an outlet into a file needs its path from the root, not {text}", "write it like /srv/desk/told.jsonl"
    ),
    "path-of-bot": Rule("a bot of {text} writes no file", "take the path out, or make the outlet's kind `file`"),
    "secret-in-definition": Rule(
        "{text} holds, or may hold, a secret, which no definition may",
        "take it out, have the bot make a new one, and set that as TICKETFLOW_OUTLET_NAME_URL or _SECRET",
    ),
    "bad-email": Rule("{text} is no mail address", "write one like li@example.org, or leave it out"),
    "bad-mention": Rule(
        "{text} is no id of one person", "write the id by which the bot's group knows the member, never `all`"
    ),
    "duplicate-os-user": Rule("{text} is also the os_user of {other}", "give each user of the system to one member"),
    "anybody-acts": Rule(
        "anybody at a command line may act as {text}", "good for a trial; take it out before going live", "remark"
    ),
    "nobody-applies": Rule(
        "no user of the system may act as {text}, who may `apply`",
        "give one of them an os_user; only a host's own desk needs none",
        "remark",
    ),
    "unheld-role": Rule("no member holds the role {text}", "give it to a member in desk.yaml", "warning"),
    "role-may-not-advance": Rule(
        "the role {text} may not `advance`, so it can use no trigger", "add advance to what it may do", "warning"
    ),
    "unknown-bool-field": Rule("there is no bool field {text}"),
    "unknown-personal-field": Rule("the customer has no text field {text} that is personal data (pii)"),
    "unknown-fact": Rule("there is no fact {text} to compare", "declare it in desk.yaml under identity"),
    "too-few-facts": Rule("{text} facts are to be right, and {count} are named", "name more facts, or ask for fewer"),
    "identity-of-public": Rule(
        "the field {text} is shown to everybody, so no identity check guards it", "make it personal data with pii: true"
    ),
    "nothing-to-remove": Rule("nothing called {text} is inherited here", "take the line out", "warning"),
    # sorting
    "unknown-channel": Rule("there is no channel {text}"),
    "unknown-type": Rule("there is no ticket type {text}"),
    "unknown-choice-field": Rule("there is no choice field {text}"),
    "unknown-category": Rule("no ticket type that this could be has the category {text}"),
    "unknown-first-trigger": Rule("no ticket type can be moved by {text} as soon as it is open"),
    "idle-rule": Rule("the rule {text} proposes nothing", "give it a type, category, priority, tags, team or risk"),
    "rule-of-all": Rule("the rule {text} holds for every contact", "say in `when` what must be true of it"),
    "blank-word": Rule("this word is blank", "write a word or take it out"),
    "unfolded-pattern": Rule(
        "{text} never occurs: texts are compared with full width folded",
        "write {folded}, escaped where a pattern needs that",
    ),
    "pattern-of-all": Rule("the pattern {text} fits every text", "let it ask for something"),
    # calendars
    "bad-time": Rule("{text} is no time of day", "write it like 09:00; a day ends at 24:00"),
    "bad-segment": Rule("{text} is no stretch of hours", "write it like 09:00-12:00, or over midnight 22:00-06:00"),
    "overlapping-hours": Rule("{text} overlaps {other}", "let one end where the other begins"),
    "unknown-day": Rule("there is no day {text}"),
    "bad-date": Rule("{text} is no date", "write it like 2026-10-01"),
    "holiday-and-workday": Rule("{text} is a holiday and a workday at once", "take one of the two out"),
    "unknown-public-holidays": Rule("there is no table of public holidays {text}"),
    "never-open": Rule("the calendar {text} is never open", "give it hours under `weekly`"),
    # fields and values
    "choices-missing": Rule("a choice field needs choices", "add `choices: [...]`"),
    "choices-unused": Rule("a field of type {kind} has no choices", "take the choices out, or make it a choice"),
    "bad-limit": Rule("{text} is no limit for a field of type {kind}", "write {wanted}"),
    "min-over-max": Rule("the least value {text} is above the greatest, {most}", "swap them"),
    "bad-pattern": Rule(
        "{text} is no pattern: {reason}", "write a regular expression of RE2, without looking around or back"
    ),
    "pattern-unused": Rule("a field of type {kind} has no pattern", "take the pattern out, or make it text"),
    "bad-default": Rule("the default {text} does not fit the field: {reason}", "write a value the field accepts"),
    "bad-set-value": Rule("{text} does not fit the field {field}: {reason}", "write a value the field accepts"),
    # conditions
    "condition-syntax": Rule(
        "this is not a condition: {reason}",
        "write it like 'severity == \"general\" && !satisfied'; equal is ==, and is &&, or is ||",
    ),
    "condition-too-long": Rule("a condition has at most {limit} characters", "split it into several, as a list"),
    "condition-unknown-name": Rule("the condition reads {text}, which does not exist"),
    "condition-text-unquoted": Rule(
        "the condition reads {text}, which does not exist", 'to compare with the text, write "{text}"'
    ),
    "condition-type": Rule(
        "{operator} cannot be applied to ({kinds})", "compare like with like; a text stands in quotes"
    ),
    "condition-null": Rule(
        "nothing can be compared with null", "ask whether a field is set with '\"field\" in filled'"
    ),
    "condition-has": Rule("has() does not ask for fields", "ask whether a field is set with '\"field\" in filled'"),
    "condition-decimal": Rule(
        "a decimal is compared with a whole number",
        "write the number with its point, 2.0; of an int field, double(field)",
    ),
    "condition-equal-decimals": Rule("decimals cannot be asked to be equal", "write a range with >= and <="),
    "condition-not-bool": Rule("the condition is {found}, not true or false", "compare it with something"),
    "condition-constant": Rule("this part of the condition always fails: {reason}", "mend the constant"),
    "condition-value": Rule("{variable} is never {text}"),
    "condition-always": Rule("the condition always says {answer}", "take it out, or mend it", "warning"),
    "condition-of-chance": Rule(
        "{text} depends on when the timeout run happens, so the condition may too", "read a field instead", "warning"
    ),
    # the flow
    "stage-missing": Rule("the stage {text} is missing", "add it, or list it in `skips`"),
    "bad-skip": Rule("no ticket can skip {text}", "take it out of `skips`"),
    "unreachable-state": Rule("no ticket can come to the state {text}", "add a way to it, or take it out", "warning"),
    "no-way-to-archive": Rule("no way leads from {text} to archive", "add a transition that gets nearer to archive"),
    "final-archive": Rule("archive is final: nothing can happen in it", "take it out, or put it into the stage before"),
    "back-missing": Rule("{source} to {dest} goes back", "say `back: rework` or `back: continue`"),
    "back-not-backward": Rule("{source} to {dest} does not go back", "take `back` out"),
    "stage-skipped": Rule("{source} to {dest} passes over {text}", "list it in `skips`, or go through it"),
    "dead-branch": Rule("an earlier branch always takes this one's tickets", "put this branch first, or take it out"),
    "idle-timeout": Rule("the timeout {text} does nothing", "give it a dest or actions", "warning"),
    "every-does-more": Rule("a repeated timeout may only notify or escalate", "take `every` out, or the {text}"),
    "late-does-more": Rule("`late` is for notices only", "take `late` out, or the {text}"),
    "timer-loop": Rule("the timeouts {text} go round without a person", "bound one of them with `times: N`"),
    "nobody-to-tell": Rule("{text} finds no team in the state {state}", "give the state or its stage a team"),
    # guidance
    "no-situations": Rule("guidance without situations.yaml is never said", "add situations.yaml beside it"),
    "language-name": Rule("{text} is named for no language", "name it like zh.yaml, en.yaml or pt-BR.yaml"),
    "unknown-trigger": Rule("there is no trigger {text}"),
    "undeclared-mark": Rule("the mark {text} is not declared", "add it to `marks` in situations.yaml"),
    "unknown-situation": Rule("there is no situation {text}"),
    "situation-without-text": Rule(
        "no language has a text for the situation {text}", "write one in zh.yaml or en.yaml, or take it out", "warning"
    ),
    "situation-never": Rule(
        "an earlier situation of its group is always said instead of {text}", "put this one first, or take it out"
    ),
    "text-missing": Rule(
        "there is no {language} text for {text}; another language is shown", "write one under `texts`", "warning"
    ),
    "text-empty": Rule("the text {text} says nothing", "write `say`, `do` or both"),
    "text-syntax": Rule(
        "the text cannot be read: {reason}", "write {{{{ name }}}}, or {{% if name %}} … {{% endif %}}"
    ),
    "text-unknown-name": Rule("the text reads {text}, which does not exist"),
    "text-not-allowed": Rule(
        "no text may hold {text}", "fill in names, and choose passages with `if`; nothing else is needed"
    ),
    "text-forbidden-phrase": Rule("the desk itself forbids {text} (the phrase {phrase})", "say it in other words"),
    "phrase-without-words": Rule("the phrase {text} matches nothing", "give it `words`, or `bare` ones"),
    # time
    "unknown-calendar": Rule("there is no calendar {text}"),
    "unknown-mark": Rule("there is no stage, state or trigger {text}"),
    "unknown-rung": Rule("there is no role or member {text} to tell"),
    "no-working-days": Rule(
        "{text} counts working days, where every hour counts", "write it in hours, or name a calendar with closed hours"
    ),
    "days-of-closed-hours": Rule(
        "{text} may mean two things on the calendar {calendar}, which closes", "write {days}wd or {hours}h"
    ),
    "working-days-paused": Rule(
        "a clock that counts working days, {text}, cannot be paused", "write its goal in hours"
    ),
    "share-of-working-days": Rule(
        "there is no {text} of the working days {goal}", "write the goal in hours, or the level like -2h"
    ),
    "goal-missing": Rule("the priorities {text} have no goal", "add a `default`"),
    "duplicate-level": Rule("the level {text} is the same as {other}", "take one of them out"),
    "start-inside-stop": Rule(
        "the clock cannot start at {text}, which lies in its stop {stop}", "start it before, or stop it later"
    ),
    "sla-never-stops": Rule(
        "no way from the clock's start leads to {text}; only archive stops it",
        "stop it at a place or trigger that tickets come to",
    ),
    "pause-without-end": Rule(
        "nobody leaves the pause {text}", "add a transition or a timeout that leads on from there"
    ),
    "no-ladder": Rule("escalate needs the desk's ladder, and it has none", "add `ladder` to desk.yaml"),
    "last-rung": Rule(
        "the last rung {text} may be out of reach",
        "end the ladder with a member who has no shift, to be told at any hour",
    ),
    "rung-unattended": Rule(
        "nobody is on duty for the rung {text} on {day} at {time}", "fill the gap between the shifts", "warning"
    ),
    "nobody-acknowledges": Rule(
        "nobody whom the ladder tells may `acknowledge`: {text}",
        "give a role of theirs acknowledge in what it may do",
        "warning",
    ),
    "resting-unseen": Rule(
        "a ticket can rest in {text} without anything falling due",
        "add a timeout, or an SLA that runs there",
        "warning",
    ),
    "goal-outlasted": Rule(
        "with nobody acting, timeouts take {text} to move a ticket on, when the goal {goal} of {sla} is over",
        "shorten them, pause the clock there, or lengthen the goal",
        "warning",
    ),
    "holidays-unknown": Rule(
        "{text} from today begins before {since}, of which no public holidays are known",
        "add `holidays` and `workdays` yourself",
        "warning",
    ),
    "holidays-unannounced": Rule(
        "{text} from today ends after {through}, when no public holidays are announced yet",
        "update Ticketflow, or add `holidays` and `workdays` yourself",
        "warning",
    ),
}
