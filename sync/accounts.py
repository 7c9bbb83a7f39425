"""The configured accounts: do they answer, do the mappings fit them, are they prepared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from connectors import connect
from connectors.base import Account, Connector, ObjectInfo
from connectors.budget import Budget
from connectors.errors import ConnectorError
from connectors.transport import redact
from mapping.check import Finding, Severity, check
from mapping.document import Document, DocumentError, catalog
from mapping.schema import OBJECTS
from sync.engine import release
from sync.engine.matching.keys import known_parts
from sync.kpis import BY_ID
from sync.kpis import Target as KpiTarget
from sync.scores.features import BLOCKS
from sync.settings import SYNCED, Settings, SettingsError, access, budget
from sync.store import books, queues, spend, tables
from sync.store.database import Session
from sync.store.database import session as open_session
from sync.store.descriptions import StoreShelf
from sync.store.tokens import StoreKeeper

#: How the advice begins that `provision` makes good.
UNPREPARED = "`concord connect` adds the field for the hub's own id to"


@dataclass(slots=True)
class Checked:
    """What a check of one connection found.

    Attributes:
        account: whose account it is; None when it did not answer.
        documents: the mapping of each object it takes part in.
        provisioned: object -> external-id field, where that is in place.
        described: object -> its fields as the account shows them.
        added: native ``Object.field`` names that `provision` has added.
        budget: what the hub may spend there, and has spent.
        advice: what works, and could be better.
        problems: what does not work.
    """

    connection: str
    vendor: str
    account: Account | None = None
    budget: Budget | None = None
    documents: dict[str, Document] = field(default_factory=dict)
    provisioned: dict[str, str] = field(default_factory=dict)
    described: dict[str, ObjectInfo] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def faults(settings: Settings) -> list[str]:
    """What a settings file may say and the hub does not know: keys of rules, KPIs."""
    found = []
    for name, object in settings.objects.items():
        known = known_parts(OBJECTS[name])
        if object.score is not None and name not in BLOCKS:
            found.append(f"objects.{name}.score: scores are made for {' and '.join(BLOCKS)} only")
        for rule in object.match or ():
            for part in rule.keys:
                if part not in known:
                    found.append(
                        f"objects.{name}.match: there is no key {part!r}; "
                        f"there are {', '.join(sorted(known))}"
                    )
            for near in rule.near:
                if near.field not in OBJECTS[name].fields:
                    found.append(f"objects.{name}.match: there is no field {near.field!r}")
    for kpi, target in settings.kpis.targets.items():
        if kpi not in BY_ID:
            found.append(f"kpis.targets: there is no KPI {kpi!r}; there are {', '.join(BY_ID)}")
            continue
        try:
            KpiTarget.parse(target.model_dump(exclude_unset=True))
        except ValueError as error:
            found.append(f"kpis.targets.{kpi}: {error}")
    return found


def documents(settings: Settings, base: Path, connection: str) -> dict[str, Document]:
    """object -> the mapping a connection uses for it.

    Raises:
        mapping.document.DocumentError: a mapping of the installation's own is wrong.
        sync.settings.SettingsError: there is no mapping for an object.
    """
    chosen = settings.connections[connection]
    folder = base / settings.hub.mappings if settings.hub.mappings else None
    try:
        return {object: catalog(chosen.vendor, object, folder) for object in chosen.objects}
    except DocumentError:
        raise
    except LookupError as error:
        raise SettingsError([f"connections.{connection}: {error}"]) from error


def check_all(settings: Settings, base: Path, engine: Engine) -> list[Checked]:
    """Ask every configured account who it is, and hold its mappings against it.

    Access tokens are kept in the store behind `engine`.

    Raises:
        sync.settings.SettingsError: a secret is missing.
        mapping.document.DocumentError: a mapping is wrong.
    """
    found = []
    for name in settings.connections:
        checked = Checked(name, settings.connections[name].vendor)
        checked.documents = documents(settings, base, name)
        opened = _Opened(settings, name, base, engine)
        checked.budget = opened.budget
        with opened as connector:
            _check(connector, checked)
        _keep_metadata(engine, checked)
        found.append(checked)
    return found


def _keep_metadata(engine: Engine, checked: Checked) -> None:
    """Remember what the vendor described; problems that may end with it are released."""
    if not checked.described:
        return
    now = datetime.now(UTC)
    with open_session(engine) as session:
        for object, info in checked.described.items():
            rows = release.described(session, checked.connection, object, info, 0, now)
            release.let_go(session, object, rows, release.METADATA, 0, now)
        session.commit()


def _check(connector: Connector, checked: Checked) -> None:
    try:
        checked.account = connector.check()
    except ConnectorError as error:
        checked.problems.append(_told(error))
        return
    unprepared = []
    for object, document in checked.documents.items():
        try:
            info = connector.describe(document.native)
        except ConnectorError as error:
            checked.problems.append(f"{document.native}: {_told(error)}")
            continue
        checked.described[object] = info
        external = info.fields.get(document.external_id)
        if external is not None and external.unique:
            checked.provisioned[object] = document.external_id
        elif external is None and document.external_id:
            unprepared.append(document.native)
        for severity, line in _findings(document, check(document, info), unprepared):
            (checked.problems if severity is Severity.ERROR else checked.advice).append(line)
    if unprepared:
        checked.advice.append(f"{UNPREPARED} {', '.join(unprepared)}; nothing is created there yet")


def _findings(
    document: Document, found: list[Finding], unprepared: Sequence[str]
) -> Iterator[tuple[Severity, str]]:
    for finding in found:
        if document.native in unprepared and finding.native == document.external_id:
            continue  # told once for all objects
        if finding.severity is not Severity.NOTE:
            where = f"{document.native}.{finding.native}" if finding.native else document.native
            yield finding.severity, f"{where}: {finding.message}. {finding.advice}"


def _live(session: Session, object: str) -> list[str]:
    column = tables.entity[object].c
    query = sa.select(column.entity_id).where(column.archived.is_(False), column.merged_into == "")
    return [row[0] for row in session.rows(query)]


def unprepared(session: Session, settings: Settings) -> dict[str, list[str]]:
    """connection -> objects that are to be created there and cannot be yet."""
    known = books.accounts(session)
    found: dict[str, list[str]] = {}
    for object in SYNCED:
        for target in settings.object(object).create_in:
            account = known.get(target.connection)
            if account is not None and object not in account["provisioned"]:
                found.setdefault(target.connection, []).append(object)
    return found


def findings(
    settings: Settings, base: Path, connection: str, document: Document, engine: Engine
) -> list[Finding]:
    """One mapping held against the account as it is now.

    Raises:
        connectors.errors.ConnectorError: the account does not answer.
        sync.settings.SettingsError: a secret is missing.
    """
    with _Opened(settings, connection, base, engine) as connector:
        return check(document, connector.describe(document.native))


def connect_all(settings: Settings, base: Path, session: Session, now: datetime) -> list[Checked]:
    """Check every account, add the external-id fields it lacks, and remember what was found.

    Raises: as `check_all`.
    """
    found = check_all(settings, base, session.engine)
    known = books.accounts(session)
    session.commit()
    for checked in found:
        if checked.account is None:
            continue
        provision(settings, base, checked, session.engine)
        before = known[checked.connection]["provisioned"] if checked.connection in known else {}
        for object in checked.provisioned.keys() - before.keys():
            # What could not be created there so far is planned again.
            queues.touch(session, object, _live(session, object))
        account = dataclasses.asdict(checked.account)
        books.save_account(
            session, checked.connection, checked.vendor, account, checked.provisioned, now
        )
        session.commit()
    return found


def provision(settings: Settings, base: Path, checked: Checked, engine: Engine) -> None:
    """Add the external-id fields an account lacks, and note what was added.

    Raises:
        sync.settings.SettingsError: a secret is missing.
    """
    checked.advice = [line for line in checked.advice if not line.startswith(UNPREPARED)]
    with _Opened(settings, checked.connection, base, engine) as connector:
        for object, document in checked.documents.items():
            if not document.external_id:
                continue
            try:
                done = connector.provision(document.native, document.external_id)
            except ConnectorError as error:
                checked.problems.append(f"{document.native}.{document.external_id}: {_told(error)}")
                continue
            checked.provisioned[object] = done.field
            if done.created:
                checked.added.append(f"{done.object}.{done.field}")
            if done.advice:
                checked.advice.append(f"{done.object}.{done.field}: {done.advice}")


def _told(error: ConnectorError) -> str:
    words = f" The vendor says: {redact(error.words)}" if error.words else ""
    return f"{redact(str(error))}.{words} {error.advice}"


class _Opened:
    """A connector that is closed at the end; its access tokens and what it spent are kept in
    the store."""

    def __init__(self, settings: Settings, name: str, base: Path, engine: Engine) -> None:
        self._engine = engine
        self._keeper = StoreKeeper(engine, name)
        self.budget = budget(settings, name)
        spend.read(engine, [self.budget], datetime.now(UTC))
        self._shelf = StoreShelf(engine, name)
        chosen = access(
            settings, name, base, keeper=self._keeper, shelf=self._shelf, budget=self.budget
        )
        self._connector = connect(settings.connections[name].vendor, chosen)

    def __enter__(self) -> Connector:
        return self._connector

    def __exit__(self, *_: object) -> None:
        self._connector.close()
        self._keeper.flush()
        self._shelf.flush()
        spend.flush(self._engine, self.budget, datetime.now(UTC))
