"""Three sandboxes and a hub that has brought them into agreement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.sandbox.client import ControlClient
from connectors.sandbox.fleet import Fleet
from sync.demo import demo_settings
from tests.sync.commands.desk import Desk


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Three accounts; Salesforce knows one company with a contact and a deal."""
    with Fleet(contacts=0, search_lag=0) as running, ControlClient(running.control_url) as control:
        company = control.create(
            "salesforce", "Account", {"Name": "Acme Tea", "Website": "https://acme-tea.example"}
        )
        names = {"FirstName": "Ann", "LastName": "Lee", "Email": "ann@acme-tea.example"}
        control.create("salesforce", "Contact", {**names, "AccountId": company})
        deal = {"Name": "Samovars", "StageName": "Proposal/Price Quote", "CloseDate": "2026-12-01"}
        control.create("salesforce", "Opportunity", {**deal, "Amount": 1200, "AccountId": company})
        yield running


@pytest.fixture(scope="module")
def settled(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Connected and synchronised."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "settings.yaml").write_text(demo_settings(fleet.describe()), encoding="utf-8")
    with ControlClient(fleet.control_url) as control:
        desk = Desk(folder, control)
        desk.run("connect")
        for _ in range(3):
            control.advance(60)
            if not desk.json("sync")["writes"]:
                break
        yield desk


@pytest.fixture
def desk(settled: Desk) -> Iterator[Desk]:
    """A settled hub; settings that a test changes are put back."""
    path = settled.folder / "settings.yaml"
    before = path.read_text(encoding="utf-8")
    yield settled
    path.write_text(before, encoding="utf-8")
