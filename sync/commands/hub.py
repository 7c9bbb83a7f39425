"""What every command starts from: settings, store, and where output goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import typer
from rich.console import Console
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError

from sync.accounts import faults
from sync.settings import Settings, SettingsError, load, resolve
from sync.store.database import Session, migrate, open_engine, reading
from sync.store.database import session as open_session

#: Columns of tables that go into a file or a pipe.
WIDE = 150


@dataclass
class Hub:
    """The hub as a command sees it. Settings and store are opened when first asked for."""

    path: Path = field(default_factory=lambda: Path("settings.yaml"))
    quiet: bool = False
    debug: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The settings file.

        Raises:
            sync.settings.SettingsError: it is missing or has faults.
        """
        settings = load(self.path)
        if found := faults(settings):
            raise SettingsError([f"{self.path}: {fault}" for fault in found])
        return settings

    @property
    def base(self) -> Path:
        """The folder that relative paths of the settings start from."""
        return self.path.resolve().parent

    @cached_property
    def engine(self) -> Engine:
        """The store, brought to this version's tables.

        Raises:
            sync.store.database.StoreError: it cannot be opened.
        """
        engine = open_engine(store_url(self.settings, self.base))
        migrate(engine)
        return engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session on the store; commits are the caller's."""
        with open_session(self.engine) as opened:
            yield opened

    @contextmanager
    def looking(self) -> Iterator[Session]:
        """A session for commands that only look: no run is kept waiting, nor waited for."""
        with reading(self.engine) as opened:
            yield opened

    def close(self) -> None:
        """Give the store's connections back."""
        if "engine" in self.__dict__:
            self.engine.dispose()

    def say(self, *things: Any) -> None:
        """Tell people something, on stderr, unless they want it quiet."""
        if not self.quiet:
            errors().print(*things, highlight=False)

    def show(self, *things: Any) -> None:
        """Print what the command was asked for, on stdout."""
        output().print(*things, highlight=False)


def of(context: typer.Context) -> Hub:
    """The hub of the running command."""
    found = context.find_root().obj
    assert isinstance(found, Hub)
    return found


def store_url(settings: Settings, base: Path) -> str:
    """`hub.store` with references resolved; an SQLite path is relative to `base`.

    Raises:
        sync.settings.SettingsError: a reference cannot be resolved.
    """
    text = resolve(settings.hub.store, base)
    try:
        url = make_url(text)
    except ArgumentError:
        return text  # `open_engine` says what is wrong with it
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return text
    path = base / Path(url.database).expanduser()
    return url.set(database=str(path)).render_as_string(hide_password=False)


def output() -> Console:
    """The console of results: stdout, wide where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def errors() -> Console:
    """The console of everything else: stderr."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else WIDE)


def print_json(body: Any) -> None:
    """One JSON object on one line of stdout. Decimals are numbers with all their digits."""
    sys.stdout.write(
        orjson.dumps(body, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode() + "\n"
    )
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        text = format(value, "f")
        return orjson.Fragment(text.rstrip("0").rstrip(".") if "." in text else text)
    raise TypeError(f"no JSON for {type(value).__name__}")
