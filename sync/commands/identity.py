"""`concord review`, `same`, `apart`, `split`: which records are the same thing."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from mapping.schema import OBJECTS
from sync.commands.exits import no_such
from sync.commands.hub import Hub, of, print_json
from sync.commands.objects import Synced
from sync.commands.show import text
from sync.engine.decide import identity
from sync.engine.decide.identity import Refused
from sync.engine.run import LEASE
from sync.explain import names_of, shown
from sync.model import Place
from sync.settings import SettingsError
from sync.store import books, decisions
from sync.store.database import Session
from sync.store.decisions import Review, Verdict

review_group = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")

Kind = Annotated[Synced, typer.Argument(metavar="OBJECT", help="contact, company, …")]
Record = Annotated[
    str,
    typer.Argument(
        metavar="CONNECTION:RECORD", help="A record by its connection and its id there."
    ),
]
ReviewIds = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", help="The pairs' numbers.")
]
AtLeast = Annotated[
    float | None,
    typer.Option("--alike", metavar="SHARE", help="All pairs at least this much alike, 0 to 1."),
]
AtMost = Annotated[
    float | None,
    typer.Option("--alike", metavar="SHARE", help="All pairs at most this much alike, 0 to 1."),
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="A note for the journal.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(review_group, name="review")
    app.command()(same)
    app.command()(apart)
    app.command()(split)


# -- review ------------------------------------------------------------------------------


@review_group.callback()
def review(context: typer.Context, as_json: AsJson = False) -> None:
    """List pairs of records that may be the same, most alike first.

    They come from matching rules with `asks: true` and from scores. Until a person decides they
    are not linked, and no record is created for either of them. Where a pair was scored, `bits`
    tells how much each field speaks for the two being the same, or against it: one bit makes it
    twice as likely, ten a thousand times.
    """
    if context.invoked_subcommand is not None:
        return
    hub = of(context)
    with hub.session() as session:
        found = decisions.reviews(session)
        listed = [_row(session, pair) for pair in found]
    if as_json:
        print_json({"reviews": [body for body, _ in listed]})
        return
    if not found:
        hub.show("No pairs to review.")
        return
    table = Table()
    for name in ("id", "object", "rule", "alike", "field", "the one", "the other", "bits"):
        table.add_column(name, overflow="fold")
    for body, evidence in listed:
        head = [str(body["id"]), body["object"], body["rule"], f"{body['score']:.0%}"]
        table.add_row(*head, "record", text(body["one"]), text(body["two"]), style="bold")
        for name, (one, two, *bits) in evidence.items():
            differs = "" if one == two else "yellow"
            bit = f"{bits[0]:+.1f}" if bits else ""
            table.add_row("", "", "", "", name, text(one), text(two), bit, style=differs)
        table.add_section()
    hub.show(table)


@review_group.command("same")
def review_same(
    context: typer.Context, ids: ReviewIds = None, alike: AtLeast = None, why: Why = ""
) -> None:
    """Say that the two records of a pair are the same; the next run merges their values."""
    _answer(of(context), "same", _chosen(of(context), ids, alike, None), why)


@review_group.command("apart")
def review_apart(
    context: typer.Context, ids: ReviewIds = None, alike: AtMost = None, why: Why = ""
) -> None:
    """Keep the two records of a pair apart, for ever."""
    _answer(of(context), "apart", _chosen(of(context), ids, None, alike), why)


def _chosen(
    hub: Hub, ids: list[int] | None, least: float | None, most: float | None
) -> list[Review]:
    """The pairs that a command names, by number or by how alike they are."""
    if not ids and least is None and most is None:
        raise SettingsError(
            ["name the pairs by their numbers, or all of them by how alike they are"]
        )
    with hub.looking() as session:
        waiting = {pair.id: pair for pair in decisions.reviews(session)}
    for id in ids or ():
        if id not in waiting:
            raise no_such("pair to review", id, "`concord review` lists them")
    return [
        pair
        for pair in waiting.values()
        if pair.id in (ids or ())
        or (least is not None and pair.score >= least)
        or (most is not None and pair.score <= most)
    ]


def _answer(hub: Hub, verdict: Literal["same", "apart"], pairs: list[Review], why: str) -> None:
    """Decide about pairs one by one; one that cannot be decided does not keep the others."""
    refused = []
    for pair in pairs:
        try:
            _say(hub, pair.object, verdict, pair.one, pair.two, why)
        except SettingsError as error:
            refused += [f"pair {pair.id}: {problem}" for problem in error.problems]
    if refused:
        raise SettingsError(refused)


def _row(session: Session, pair: Review) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The pair as JSON, and its evidence with names in place of entity ids."""
    body = {
        "id": pair.id,
        "object": pair.object,
        "rule": pair.rule,
        "score": pair.score,
        "one": told(pair.one),
        "two": told(pair.two),
        "evidence": dict(pair.evidence),
        "run": pair.run,
    }
    evidence = {}
    for name, values in pair.evidence.items():
        names = names_of(session, OBJECTS[pair.object].fields[name], values[:2])
        evidence[name] = [*(shown(value, names) for value in values[:2]), *values[2:]]
    return body, evidence


# -- decisions ---------------------------------------------------------------------------


def same(context: typer.Context, object: Kind, one: Record, two: Record, why: Why = "") -> None:
    """Say that two records are the same thing, for ever.

    The two become one: the older keeps its id, what refers to the other refers to it, and the
    next run merges the values and writes them to each CRM. Two records of one CRM must be
    merged there.
    """
    hub = of(context)
    _say(hub, object, "same", _place(hub, one), _place(hub, two), why)


def apart(context: typer.Context, object: Kind, one: Record, two: Record, why: Why = "") -> None:
    """Keep two records apart, for ever, whatever they have in common."""
    hub = of(context)
    _say(hub, object, "apart", _place(hub, one), _place(hub, two), why)


def split(context: typer.Context, object: Kind, record: Record, why: Why = "") -> None:
    """Take a record out of what it was wrongly linked with.

    Both keep the values that their records have now. The record is kept apart from the
    others, so that no later run links them again.
    """
    hub = of(context)
    place = _place(hub, record)
    with deciding(hub) as session:
        new = identity.split(session, object, place, who(), datetime.now(UTC), why)
    hub.show(f"{told(place)} is a {object} of its own now: {new}. `concord sync` goes on with it.")


def _say(
    hub: Hub, object: str, verdict: Literal["same", "apart"], one: Place, two: Place, why: str
) -> None:
    word = Verdict(one, two, verdict, who(), datetime.now(UTC), why)
    if one == two:
        raise SettingsError([f"{told(one)} is named twice; name two records"])
    with deciding(hub) as session:
        if verdict == "same":
            kept = identity.unite(session, object, word)
        else:
            identity.keep_apart(session, object, word)
    if verdict == "same":
        hub.show(
            f"{told(one)} and {told(two)} are one {object}, {kept}. "
            "`concord sync` merges their values."
        )
    else:
        hub.show(f"{told(one)} and {told(two)} are kept apart.")


@contextmanager
def deciding(hub: Hub) -> Iterator[Session]:
    """A session in which nobody else reconciles; what was done in it is stored at its end.

    Raises:
        sync.store.books.LeaseHeld: a run is at work.
        SettingsError: the decision cannot be carried out.
    """
    with hub.session() as session:
        books.take_lease(session, LEASE, datetime.now(UTC))
        session.commit()
        try:
            yield session
            session.commit()
        except Refused as refused:
            raise SettingsError([str(refused)]) from refused
        finally:
            session.rollback()
            books.release_lease(session, LEASE)
            session.commit()


def _place(hub: Hub, written: str) -> Place:
    connection, colon, record = written.partition(":")
    if not colon or not record:
        raise SettingsError([f"{written!r}: write CONNECTION:RECORD, e.g. hubspot:12345"])
    if connection not in hub.settings.connections:
        known = ", ".join(hub.settings.connections)
        raise no_such("connection", repr(connection), f"there are {known}")
    return Place(connection, record)


def told(place: Place) -> str:
    """A record as it is written on the command line."""
    return f"{place.connection}:{place.record}"


def who() -> str:
    """The user of this machine who decides."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"
