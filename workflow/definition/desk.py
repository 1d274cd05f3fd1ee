"""The shape of desk.yaml: the desk's people, customers, calendars and ladder. Pure values, as in `model`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import chain
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
)

from workflow.definition.duration import Duration
from workflow.definition.identity import Identity, IdentitySpec
from workflow.definition.model import FieldSpec, Verb
from workflow.definition.outlets import Bot, Mention, Outlet
from workflow.definition.problems import Wrong
from workflow.definition.rules import RulesSpec
from workflow.definition.telling import Telling
from workflow.definition.words import (
    DurationText,
    Label,
    Name,
    Names,
    Part,
    ShortForm,
    Tags,
    as_tuple,
    one_or_many,
)


class Role(Part):
    """What the holders of a role may do, verb by verb; what is not said is not allowed."""

    label: Label = {}
    may: Annotated[tuple[Verb, ...], BeforeValidator(as_tuple)] = ()


class Team(Part):
    """Some members and their leads 班长: the first of them who is on duty is meant.

    It gets what comes to the teams that it `serves`, where its `lines`, `regions` and `skills` fit. Who of it is given
    a ticket, `assignment` says: whoever on duty has the fewest, everybody in turn, or nobody before they claim it.
    """

    label: Label = {}
    lead: Annotated[Names, Field(min_length=1)]
    members: Names = ()
    assignment: Literal["least_loaded", "round_robin", "manual"] = "least_loaded"
    serves: Names = ()
    lines: Tags = ()
    regions: Tags = ()
    skills: Tags = ()


ANYBODY = "*"
OsUser = Annotated[str, Field(min_length=1, max_length=120)]
OsUsers = Annotated[
    tuple[OsUser, ...],
    BeforeValidator(lambda value: () if value is None else one_or_many(value)),
    ShortForm(item=True),
]
MemberOrAnybody = Annotated[str, StringConstraints(pattern=rf"^(\{ANYBODY}|[a-z][a-z0-9_]*)$", max_length=60)]


class Member(Part):
    """One person of the desk. `os_user` are the operating-system users whose own name this is at a command line.

    Who has a `shift` is on duty while that calendar is open; who has none always is. `mention` is by which id a bot
    calls them in its group.
    """

    label: Label = {}
    roles: Names = ()
    skills: Tags = ()
    shift: Name | None = None
    os_user: OsUsers = ()
    email: str | None = None
    mention: dict[Bot, Mention] = {}


class CustomerField(FieldSpec):
    """A field of customers; one that demands an `identity` check stays masked until such a check holds."""

    identity: Identity = None


class CustomerSpec(Part):
    """The customer's own fields, and what makes two contacts the same customer.

    The first line of `same_by` whose fields are all given decides, for example `[[phone], [name, company]]`.
    """

    fields: dict[Name, CustomerField] = {}
    same_by: Annotated[tuple[Names, ...], BeforeValidator(as_tuple)] = ()


class Rung(Part):
    """One step of the ladder: who is told, and after how long without an answer the next one is.

    `to` is `lead` (of the ticket's team), a role (the first holder on duty) or a member. The last rung is raised again
    each time its `after` has passed.
    """

    to: Name
    after: DurationText | None = None


class Ladder(Part):
    """Escalation by rungs: team lead → supervisor → region."""

    rungs: Annotated[tuple[Rung, ...], BeforeValidator(as_tuple)]
    hold: DurationText = Duration("2h", timedelta(hours=2))
    counts_from: Literal["raised", "due"] = "raised"


def _hours(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise Wrong("bad-segment")
    return tuple(value)


Hours = Annotated[tuple[str, ...], BeforeValidator(_hours), ShortForm({"type": "string"})]


class PublicHolidays(Part):
    """A shipped table of public holidays; a make-up working day 调休 has the hours of the weekday `makeup_as`."""

    of: str
    makeup_as: str = "mon"


class CalendarSpec(Part):
    """Opening hours, as `09:00-12:00` or over midnight as `22:00-06:00`; without a `zone`, in the desk's.

    `weekly` has them by day (`mon`, `mon-fri`, `daily`). `holidays` closes dates, `all` or in part; `workdays` gives
    dates the hours of a weekday, or their own.
    """

    label: Label = {}
    zone: str | None = None
    weekly: dict[str, Hours] = {}
    public_holidays: Annotated[
        PublicHolidays | None,
        BeforeValidator(lambda value: {"of": value} if isinstance(value, str) else value),
        ShortForm({"type": "string"}),
    ] = None
    holidays: dict[str, Hours] = {}
    workdays: dict[str, Hours] = {}


class DeskFile(Part):
    """What desk.yaml says: the desk's people, its customers and its zone.

    `act_as` lets users of the operating system (`*`: anybody) act as members (`*`: as anybody) at a command line.
    """

    desk: Name
    label: Label = {}
    zone: str
    default_actor: Name | None = None
    act_as: dict[
        OsUser, Annotated[tuple[MemberOrAnybody, ...], BeforeValidator(one_or_many), ShortForm(item=True)]
    ] = {}
    channels: Names = ()
    roles: dict[Name, Role] = {}
    teams: dict[Name, Team] = {}
    members: dict[Name, Member] = {}
    customer: CustomerSpec = CustomerSpec.model_construct()  # to check it would build its schema on import
    calendars: dict[Name, CalendarSpec] = {}
    ladder: Ladder | None = None
    outlets: dict[Name, Outlet] = {}
    delivery: Telling = Telling.model_construct()
    identity: IdentitySpec | None = None


class DeskSpec(DeskFile):
    """The desk: what desk.yaml says, and the files beside it that are no ticket types. One revision holds all of it."""

    rules: RulesSpec | None = None

    @property
    def is_locked(self) -> bool:
        """Whether no user of the operating system may act as a member who may `apply` other definitions."""
        own = [name for name, member in self.members.items() if member.os_user]
        reached = {*own, *chain.from_iterable(self.act_as.values()), self.default_actor}
        return ANYBODY not in reached and reached.isdisjoint(self.appliers)

    @property
    def appliers(self) -> tuple[str, ...]:
        """The members who may `apply` other definitions."""
        return tuple(sorted(name for name, member in self.members.items() if self.grants(member.roles, "apply")))

    def grants(self, roles: Iterable[str], verb: str) -> bool:
        """Say whether one of the roles grants the verb. What no role grants is denied."""
        return any(verb in self.roles[role].may for role in roles if role in self.roles)
