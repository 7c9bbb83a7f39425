"""The settings.yaml of the source tree: it loads, and opens the sandboxes as they start."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from connectors.sandbox import fleet
from sync.accounts import documents, faults
from sync.commands.servers import sandbox
from sync.commands.starter import STARTER
from sync.settings import SYNCED, Settings, load

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(ROOT / "settings.yaml")


def test_it_has_no_faults(settings: Settings) -> None:
    assert faults(settings) == []


def test_it_says_something_about_every_object(settings: Settings) -> None:
    assert set(settings.objects) == set(SYNCED)
    for object in SYNCED:
        creates = [target.connection for target in settings.object(object).create_in]
        assert sorted(creates) == sorted(settings.connections)


def test_init_writes_the_same_file() -> None:
    assert (ROOT / "settings.yaml").read_text(encoding="utf-8") == STARTER


def test_it_reaches_the_sandboxes_that_start_without_options(settings: Settings) -> None:
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(sandbox).parameters.items()
    }
    for place, name in enumerate(fleet.VENDORS, start=1):
        connection = settings.connections[name]
        assert connection.sandbox
        assert connection.url == f"http://127.0.0.1:{defaults['port'] + place}"
        package = importlib.import_module(f"connectors.sandbox.{name}")
        assert connection.auth == package.Sandbox(seed=defaults["seed"]).credentials()


def test_every_object_of_every_connection_has_a_mapping(settings: Settings) -> None:
    for name in settings.connections:
        assert set(documents(settings, ROOT, name)) == set(SYNCED)
