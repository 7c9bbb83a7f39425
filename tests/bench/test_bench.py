"""The benchmark itself: its minima are right, and the connectors keep to them."""

from __future__ import annotations

import json

import pytest

from connectors.sandbox.fleet import VENDORS
from tests.bench.__main__ import main
from tests.bench.hub import quiet
from tests.bench.minimum import TASKS, minimum
from tests.bench.stand import Stand
from tests.bench.tasks import CONNECTOR_TASKS

#: What a task may cost for each call of its minimum.
AIM = 1.05

#: Sizes beyond a page and a batch, and for updates beyond what makes a bulk job worth its time.
_SIZES = {
    "first load": 4_100,
    "quiet poll": 10,
    "changes": 210,
    "deal changes": 210,
    "updates": 2_100,
    "creates": 210,
}
_OPTIONS = {"bulk_write_from": "2000"}


@pytest.mark.parametrize("task", CONNECTOR_TASKS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_connectors_keep_to_the_minimum(vendor: str, task: str) -> None:
    """Each task carries its own proof that it was done, and that our meter counts right."""
    work, _ = CONNECTOR_TASKS[task]
    with Stand(vendor, _OPTIONS) as stand:
        line = work(stand, _SIZES[task])
    assert line.ratio <= AIM, line.as_json()
    assert line.spent.total > 0


def test_a_quiet_run_asks_each_account_once_for_each_object() -> None:
    """No description, no second question: a hub that is left alone costs what it must."""
    for line in quiet(VENDORS, contacts=20):
        assert line.ratio <= AIM, line.as_json()


@pytest.mark.parametrize(
    ("vendor", "task", "count", "calls"),
    [
        # 50 pages of 2,000, against: a query, a job, a look, two results of 50,000.
        ("salesforce", "first load", 100_000, 5),
        ("salesforce", "first load", 2_001, 2),
        ("salesforce", "first load", 0, 1),
        ("salesforce", "changes", 1_000, 1),
        ("salesforce", "changes", 2_001, 2),
        # 50 collections, against: job, upload, start, look.
        ("salesforce", "updates", 10_000, 4),
        ("salesforce", "updates", 600, 3),
        ("salesforce", "creates", 10_000, 5),
        ("salesforce", "creates", 200, 1),
        ("hubspot", "first load", 100_000, 1_000),
        # 5 searches, 10 batch reads, 1 read of associations.
        ("hubspot", "changes", 1_000, 16),
        ("hubspot", "changes", 0, 1),
        ("hubspot", "deal changes", 1_000, 17),
        ("salesforce", "deal changes", 1_000, 1),
        ("hubspot", "updates", 10_000, 100),
        ("hubspot", "creates", 10_000, 100),
        # The count, then: job, look, download.
        ("zoho", "first load", 100_000, 4),
        ("zoho", "first load", 200_001, 7),
        ("zoho", "first load", 2_001, 3),
        ("zoho", "changes", 1_000, 1),
        # 100 batches, against: upload, job, look, result.
        ("zoho", "updates", 10_000, 4),
        ("zoho", "updates", 25_001, 8),
        ("zoho", "creates", 300, 3),
        ("salesforce", "quiet poll", 4, 4),
        # 5 objects; in an hour 16 looks besides.
        ("hubspot", "quiet run", 5, 5),
        ("hubspot", "quiet hour", 5, 76),
        ("salesforce", "quiet hour", 5, 60),
        # 12 runs of 5, and 4 looks at 4 lists.
        ("zoho", "quiet hour", 5, 76),
    ],
)
def test_minima_worked_out_by_hand(vendor: str, task: str, count: int, calls: int) -> None:
    assert minimum(vendor, task, count).calls == calls


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("task", TASKS)
def test_a_minimum_is_the_sum_of_its_parts_and_never_falls(vendor: str, task: str) -> None:
    before = 0
    for count in (1, 99, 100, 101, 2_000, 2_001, 10_000, 50_000, 100_001, 1_000_000):
        found = minimum(vendor, task, count)
        parts = [part.partition(" × ")[0] for part in found.made_of.split(" + ")]
        assert sum(int(part.replace(",", "")) for part in parts) == found.calls
        assert found.calls >= before
        before = found.calls


def test_the_command_prints_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    main(["calls", "--vendor", "zoho", "--task", "updates", "--records", "30", "--json"])
    [line] = json.loads(capsys.readouterr().out)
    assert (line["vendor"], line["task"], line["count"]) == ("zoho", "updates", 3)
    assert (line["calls"], line["minimum"], line["ratio"]) == (1, 1, 1.0)
    assert line["sign_in"] == 1
    main(["calls", "--vendor", "hubspot", "--task", "updates", "--records", "30"])
    told = capsys.readouterr().out
    assert "1 × batch of 100" in told
