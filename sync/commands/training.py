"""`concord train`: numbers for scores, learnt from the installation's own records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync.commands.hub import of
from sync.commands.objects import Scored
from sync.engine.training import learn
from sync.scores.numbers import NumbersError
from sync.scores.scorer import Unavailable
from sync.settings import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


def train(
    context: typer.Context,
    object: Annotated[Scored, typer.Argument(metavar="OBJECT", help="contact or company.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="The file to write; OBJECT.numbers.json."),
    ] = None,
) -> None:
    """Learn from your own records how much each agreement counts, for `score`.

    The records of the last run are compared among each other; nobody has to say who is who, and
    nothing is linked. The file holds shares of pairs, and of names that five records or more
    have. Name it under `objects.OBJECT.score.model`, and train again when the data have changed
    much.
    """
    hub = of(context)
    path = out or hub.base / f"{object}.numbers.json"
    try:
        with hub.looking() as session:
            numbers = learn(session, hub.settings, str(object))
        numbers.write(path)
    except (NumbersError, Unavailable) as error:
        raise SettingsError([str(error)]) from error
    hub.show(
        f"Trained on {numbers.records:,} records; written to {path}. To use it, set "
        f"objects.{object}.score.model: {path.name}"
    )
