"""settings.yaml as a model: every setting, its default, and what is wrong with a file.

All problems are reported at once, each with file and line. Secrets are references,
``${env:NAME}`` or ``${file:PATH}``, resolved only when a connection is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors import VENDORS
from connectors.base import Access, Shelf
from connectors.budget import USUAL, Budget, Terms
from connectors.tokens import TokenKeeper
from connectors.transport import is_loopback
from mapping.positions import Way, dotted, line_of, read_yaml
from mapping.schema import OBJECTS, ObjectSchema, Policy
from sync.match_rules import DEFAULT_MATCH, Matching, RuleSettings, Score

#: Objects that are synchronised both ways, in run order.
SYNCED: tuple[str, ...] = tuple(name for name in OBJECTS if name != "user")

#: Keys of an `auth` block that hold secrets.
SECRET_KEYS: frozenset[str] = frozenset(
    {
        "access_token",
        "client_secret",
        "password",
        "private_key",
        "refresh_token",
        "security_token",
    }
)

_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")


class SettingsError(Exception):
    """settings.yaml cannot be used. `problems` has one line per fault, with file and line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


#: Where in the file, and what is wrong there.
_Fault = tuple[Way, str]

#: Policies that look at all records: nobody decides alone.
EVERYBODY = (Policy.RESTRICTIVE, Policy.OLDEST)


class _Faults(ValueError):
    """Faults that are seen only in the whole file, each with its place."""

    def __init__(self, faults: Sequence[_Fault]) -> None:
        super().__init__("; ".join(f"{dotted(place)}: {words}" for place, words in faults))
        self.faults = list(faults)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Asia/Bangkok") from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hub(_Model):
    """What concerns the hub as a whole."""

    store: str = Field("sqlite:///concord.db", description="Where the hub keeps its tables.")
    time_zone: Zone = Field("UTC", description="Zone of schedules and of reporting periods.")
    currency: Currency = Field("USD", description="Reporting currency, ISO 4217.")
    region: str = Field(
        "", description="Region of phone numbers without a country code, ISO 3166 alpha-2."
    )
    mappings: str = Field(
        "", description="Folder with mapping documents that replace shipped ones."
    )


class BudgetSettings(_Model):
    """How much of an account's allowance the hub may use."""

    share: float = Field(
        0.5, gt=0, le=1, description="Part of the account's day that the hub may use."
    )
    per_day: int | None = Field(
        None,
        ge=1,
        description="Most calls (Zoho: credits) of the hub in 24 hours; the share alone if left "
        "out.",
    )
    per_10_seconds: int | None = Field(
        None,
        ge=1,
        description="Most calls of the hub in any ten seconds; what the vendor allows if left out.",
    )


class ConnectionSettings(_Model):
    """One account of one vendor."""

    vendor: Literal["salesforce", "hubspot", "zoho", "memory"] = Field(
        description="Whose product it is; memory is for tests within one process."
    )
    url: str = Field("", description="The account's address; empty for the vendor's own.")
    auth: dict[str, str] = Field(description="Credentials; secrets as ${env:…} or ${file:…}.")
    sandbox: bool = Field(False, description="True for Concord's own sandboxes on this machine.")
    region: str = Field("", description="Region of phone numbers, where it differs from the hub's.")
    objects: tuple[str, ...] = Field(
        SYNCED, description="Which objects this account takes part in."
    )
    options: dict[str, str] = Field(
        default_factory=dict, description="Vendor-specific settings, e.g. api_version."
    )
    verify: bool = Field(
        True,
        description="Read records again right before they are changed, so that nobody's edit is "
        "lost; one call more for each batch of updates.",
    )
    budget: BudgetSettings = Field(
        default_factory=BudgetSettings, description="What may be spent of the account's calls."
    )

    @model_validator(mode="after")
    def _check(self) -> ConnectionSettings:
        for name in self.objects:
            if name not in SYNCED:
                raise ValueError(f"objects: {name!r} is none of {', '.join(SYNCED)}")
        if self.sandbox and not is_loopback(self.url):
            raise ValueError("sandbox: true is only for addresses on this machine")
        if not self.sandbox:
            for key in SECRET_KEYS & self.auth.keys():
                if not _REFERENCE.fullmatch(self.auth[key]):
                    raise ValueError(
                        f"auth.{key} holds a literal secret; put it into the environment or a "
                        f"file and write ${{env:NAME}} or ${{file:PATH}} here"
                    )
        return self


class FieldSettings(_Model):
    """Who decides about one field."""

    policy: Policy | None = Field(None, description="Merge policy; the schema's if left out.")
    priority: tuple[str, ...] = Field(
        (), description="Order of connections; the object's if empty."
    )
    decides: tuple[str, ...] = Field(
        (),
        description="Only changes made in these connections count, the others are overruled and "
        "written back; the object's if empty.",
    )


class Limits(_Model):
    """The blast radius of one run: past it the run is held and writes nothing. Up to 20 records
    are never too large a share."""

    create: int = Field(1000, ge=0, description="Most records created in one connection.")
    update: int = Field(5000, ge=0, description="Most records updated in one connection.")
    archive: int = Field(100, ge=0, description="Most records archived in one connection.")
    create_share: float | None = Field(
        None, gt=0, description="Most creates, as a share of the connection's records."
    )
    update_share: float | None = Field(
        None, gt=0, le=1, description="Most updates, as a share of the connection's records."
    )
    archive_share: float | None = Field(
        0.2, gt=0, le=1, description="Most archives, as a share of the connection's records."
    )


class CreateIn(_Model):
    """Where entities that have no record yet get one."""

    connection: str = Field(description="The connection.")
    when: dict[str, str | bool | int | None] = Field(
        default_factory=dict, description="Only entities whose fields have these values."
    )


def _create_in(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [{"connection": v} if isinstance(v, str) else v for v in value]
    return value


class ObjectSettings(_Model):
    """How one object is reconciled."""

    match: tuple[RuleSettings, ...] | None = Field(
        None, description="Matching rules, strongest first; the shipped ones if left out."
    )
    score: Score | None = Field(
        None, description="Scores for what no rule linked; none are made if left out."
    )
    priority: tuple[str, ...] = Field((), description="Connections, most trusted first.")
    policy: Policy | None = Field(None, description="Policy for fields without their own.")
    decides: tuple[str, ...] = Field(
        (), description="Connections whose changes count, for all fields; every one if empty."
    )
    fields: dict[str, FieldSettings] = Field(default_factory=dict, description="Per field.")
    create_in: tuple[CreateIn, ...] = Field((), description="Connections that get missing records.")
    deletes: Literal["unlink", "archive", "ignore"] = Field(
        "unlink", description="What a delete in one connection means for the others."
    )
    key_limit: int = Field(
        20, ge=2, description="A key shared by more records than this links nobody."
    )
    limits: Limits = Field(default_factory=Limits, description="Blast radius.")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, dict):
            data = dict(data)
            if "create_in" in data:
                data["create_in"] = _create_in(data["create_in"])
            if isinstance(data.get("match"), list | tuple):
                data["match"] = [
                    {"keys": rule.split("+")} if isinstance(rule, str) else rule
                    for rule in data["match"]
                ]
            if isinstance(data.get("fields"), dict):
                data["fields"] = {
                    name: {"policy": rule} if isinstance(rule, str) else rule
                    for name, rule in data["fields"].items()
                }
        return data


class ScheduleSettings(_Model):
    """When `concord serve` does what. Cron expressions have five parts."""

    reconcile_minutes: float = Field(5, gt=0, description="Minutes between two runs.")
    full: str = Field("0 2 * * 0", description="Cron of full runs, which re-read everything.")
    kpis: str = Field("0 6 * * *", description="Cron of KPI computations.")
    time_zone: Zone | None = Field(None, description="Zone of the crons; the hub's if left out.")


class Target(_Model):
    """What a KPI should reach."""

    target: Decimal | None = Field(None, description="The value aimed at.")
    direction: Literal["up", "down"] = Field("up", description="Whether more or less is better.")
    change: str | None = Field(None, description="Aimed change per period, e.g. +5%.")
    per: Literal["month", "quarter", "year"] | None = Field(None, description="Period of `change`.")


class KpiSettings(_Model):
    """What KPIs are computed over."""

    period: Literal["month", "quarter", "year", "all"] = Field("all", description="Period.")
    active_days: int = Field(365, gt=0, description="A customer is active this long after a win.")
    targets: dict[str, Target] = Field(default_factory=dict, description="By KPI id.")


class Rate(_Model):
    """Units of the reporting currency that one unit of `currency` is worth from a day on."""

    currency: Currency = Field(description="ISO 4217.")
    rate: Decimal = Field(gt=0, description="Reporting currency per unit.")
    from_date: date = Field(date(2000, 1, 1), description="First day it applies.")


class Settings(_Model):
    """The whole file."""

    hub: Hub = Field(default_factory=Hub)
    connections: dict[str, ConnectionSettings] = Field(min_length=1)
    matching: Matching = Field(default_factory=Matching)
    objects: dict[str, ObjectSettings] = Field(default_factory=dict)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    kpis: KpiSettings = Field(default_factory=KpiSettings)
    rates: tuple[Rate, ...] = Field(())

    @model_validator(mode="after")
    def _cross_check(self) -> Settings:
        faults: list[_Fault] = []
        for name, object in self.objects.items():
            here = ("objects", name)
            if name not in SYNCED:
                faults.append((here, f"there is no such object; {', '.join(SYNCED)}"))
                continue
            faults += self._strangers((*here, "priority"), object.priority)
            faults += self._strangers((*here, "decides"), object.decides)
            for place, target in enumerate(object.create_in):
                faults += self._strangers((*here, "create_in", place), [target.connection])
            for field, rule in object.fields.items():
                faults += self._field_faults((*here, "fields", field), OBJECTS[name], field, rule)
        if faults:
            raise _Faults(faults)
        return self

    def _strangers(self, place: Way, names: Sequence[str]) -> list[_Fault]:
        return [
            (place, f"there is no connection {name!r}")
            for name in names
            if name not in self.connections
        ]

    def _field_faults(
        self, here: Way, schema: ObjectSchema, field: str, rule: FieldSettings
    ) -> list[_Fault]:
        faults = self._strangers((*here, "priority"), rule.priority)
        faults += self._strangers((*here, "decides"), rule.decides)
        spec = schema.fields.get(field)
        if spec is None:
            faults.append((here, "no such field"))
        elif rule.decides and (rule.policy or spec.policy) in EVERYBODY:
            faults.append(((*here, "decides"), f"the {rule.policy or spec.policy} value always "
                           "counts, whoever holds it; nobody decides alone"))  # fmt: skip
        elif rule.decides:
            others = self.objects[schema.name].fields
            faults += [
                ((*here, "decides"), f"it is decided together with {name}, for which others decide")
                for name, other in others.items()
                if spec.group
                and name in schema.fields
                and schema.fields[name].group == spec.group
                and other.decides not in ((), rule.decides)
            ]
        return faults

    def object(self, name: str) -> ObjectSettings:
        """Settings of one object, defaults where the file says nothing."""
        return self.objects.get(name, ObjectSettings())

    def rules(self, name: str) -> tuple[RuleSettings, ...]:
        """The matching rules of one object, users included."""
        chosen = self.object(name).match
        return DEFAULT_MATCH[name] if chosen is None else chosen

    def score(self, name: str) -> Score | None:
        """How pairs of one object are scored; None if they are not."""
        return self.object(name).score

    def region_of(self, connection: str) -> str:
        """Default phone region of a connection."""
        return self.connections[connection].region or self.hub.region


def load(path: Path | str) -> Settings:
    """Read and check settings.yaml.

    Raises:
        SettingsError: unreadable, or with faults; all of them are named.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            [f"{path}: {error.strerror or error}; `concord init` writes one"]
        ) from error
    return parse(text, str(path))


def parse(text: str, name: str = "settings.yaml") -> Settings:
    """Check the text of a settings file; `name` stands in messages.

    Raises:
        SettingsError: as `load`.
    """
    source = read_yaml(text, name)
    if source.flaws:
        raise SettingsError([str(flaw) for flaw in source.flaws])
    try:
        return Settings.model_validate(source.data if source.data is not None else {})
    except ValidationError as error:
        found: list[_Fault] = []
        for fault in error.errors(include_input=False, include_url=False):
            cause = fault.get("ctx", {}).get("error")
            said = (fault["loc"], fault["msg"].removeprefix("Value error, "))
            found += cause.faults if isinstance(cause, _Faults) else [said]
        problems = [
            f"{name}:{line_of(source.root, place)}: {dotted(place) or 'settings'}: {words}"
            for place, words in found
        ]
        raise SettingsError(problems) from error


def resolve(text: str, base: Path, environment: Mapping[str, str] | None = None) -> str:
    """A setting with its ``${env:…}`` and ``${file:…}`` references replaced.

    Raises:
        SettingsError: the variable or file does not exist; the value is never shown.
    """
    variables = os.environ if environment is None else environment

    def replace(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "env":
            if name not in variables:
                raise SettingsError([f"the environment has no variable {name}; set it first"])
            return variables[name]
        try:
            return (base / name).expanduser().read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError([f"secret file {name}: {error.strerror}"]) from error

    return _REFERENCE.sub(replace, text)


def access(
    settings: Settings,
    name: str,
    base: Path,
    environment: Mapping[str, str] | None = None,
    keeper: TokenKeeper | None = None,
    shelf: Shelf | None = None,
    budget: Budget | None = None,
) -> Access:
    """How to reach a connection, secrets resolved; `keeper` keeps its access tokens, `shelf` what
    its objects look like, `budget` bounds its calls.

    Raises:
        SettingsError: a reference cannot be resolved.
    """
    connection = settings.connections[name]
    assert connection.vendor in VENDORS
    return Access(
        connection=name,
        url=resolve(connection.url, base, environment),
        auth={k: resolve(v, base, environment) for k, v in connection.auth.items()},
        sandbox=connection.sandbox,
        options=connection.options,
        keeper=keeper,
        shelf=shelf,
        budget=budget,
    )


def budget(
    settings: Settings, name: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Budget:
    """What a connection may spend. A sandbox is held back by no interval but one set here."""
    connection = settings.connections[name]
    return Budget(
        name,
        Terms(
            share=connection.budget.share,
            per_day=connection.budget.per_day,
            per_10_seconds=connection.budget.per_10_seconds,
        ),
        USUAL[connection.vendor],
        paced=not connection.sandbox,
        clock=clock,
    )
