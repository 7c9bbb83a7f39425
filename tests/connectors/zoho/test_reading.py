"""Pulls lose nothing: pages, cursors, one stamp for thousands, many fields, deletions."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from connectors.base import Page
from connectors.errors import Bug, Misconfigured
from connectors.sandbox.zoho.metadata import make_field
from connectors.zoho import ZohoConnector
from connectors.zoho import read as connector_read
from tests.connectors.zoho.conftest import OLD, Account, fill, records


def pull(connector: ZohoConnector, since: str | None = None, *names: str) -> list[Page]:
    pages = list(connector.pull("Accounts", names or ("Account_Name",), since))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    return pages


def test_everything_then_only_what_changed(account: Account, connector: ZohoConnector) -> None:
    made = fill(account, 450)
    pages = pull(connector)
    assert [record.id for record in records(pages)] == made
    assert {page.expected for page in pages} == {450}
    account.sandbox.clock.advance(1000)
    assert records(pull(connector, pages[-1].cursor)) == []
    account.sandbox.edit("Accounts", made[7], {"Account_Name": "changed"})
    account.sandbox.remove("Accounts", made[8])
    changed, gone = records(pull(connector, pages[-1].cursor))
    assert (changed.id, changed.values) == (made[7], {"Account_Name": "changed"})
    assert changed.modified_by == account.sandbox.state("Accounts")[0]["Owner"]
    assert (gone.id, gone.deleted, gone.values) == (made[8], True, {})
    assert gone.modified_at == account.sandbox.clock.now()


def test_what_thousands_of_one_second_cost(account: Account, connector: ZohoConnector) -> None:
    cursor = pull(connector)[-1].cursor
    made = fill(account, 4_500, at=account.sandbox.clock.now().isoformat())
    pages = pull(connector, cursor)
    assert [record.id for record in records(pages)] == made
    assert len(pages) == 4, "3 of 2,000 at most, and one for deletions"
    account.sandbox.clock.advance(300)
    cursor = pull(connector, pages[-1].cursor)[-1].cursor
    assert records(pull(connector, cursor)) == [], "a settled account costs two calls a pull"


@pytest.mark.parametrize("since", [None, '{"since":"2020-01-01T00:00:00+00:00"}'])
def test_any_page_can_be_resumed(
    account: Account, connector: ZohoConnector, monkeypatch: pytest.MonkeyPatch, since: str | None
) -> None:
    monkeypatch.setattr(connector_read, "COQL_PAGE", 70)
    monkeypatch.setattr(connector_read, "DELETED_PAGE", 70)
    made = fill(account, 300)
    late = fill(account, 20, at=account.sandbox.clock.now().isoformat(), start=300)
    pages = pull(connector, since)
    for stop in range(len(pages)):
        before = {record.id for record in records(pages[: stop + 1])}
        resumed = pull(connector, pages[stop].cursor)
        after = {record.id for record in records(resumed)}
        assert before | after == {*made, *late}, stop
        if stop < len(pages) - 2:
            assert before & after == set(), "and nothing is read twice on the way"


def test_everything_takes_one_call_a_window(
    account: Account, connector: ZohoConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector_read, "COQL_PAGE", 250)
    made = fill(account, 1001)
    pages = pull(connector)
    assert [record.id for record in records(pages)] == made
    assert account.paths().count("/crm/v8/coql") == 5


def test_a_load_goes_on_after_days(account: Account, connector: ZohoConnector) -> None:
    made = fill(account, 4_100)
    pages = connector.pull("Accounts", ("Account_Name",), None)
    first = next(pages)
    account.sandbox.clock.advance(25 * 3600)
    assert [record.id for record in (*first.records, *records(pages))] == made


def test_deletions_are_looked_for_once_an_interval(account: Account) -> None:
    connector = account.connect(deletes_every="900")
    made = fill(account, 300)
    account.sandbox.clock.advance(1000)
    cursor = pull(connector)[-1].cursor
    told: list[tuple[int, str]] = []
    for minute, id in enumerate(made[:120]):
        account.sandbox.remove("Accounts", id)
        account.sandbox.clock.advance(60)
        pages = pull(connector, cursor)
        told += [(minute, record.id) for record in records(pages) if record.deleted]
        cursor = pages[-1].cursor
    looks = account.paths().count("/crm/v8/Accounts/deleted")
    assert 7 <= looks <= 8, "once in fifteen minutes of two hours"
    assert {id for _, id in told} >= set(made[:105]), "and none of what was deleted is missed"
    first = dict(reversed([(id, minute) for minute, id in told]))
    assert all(first[id] - made.index(id) <= 15 for id in first)


def test_a_quiet_pull_between_two_looks_is_one_call(account: Account) -> None:
    connector = account.connect(deletes_every="900")
    fill(account, 3)
    account.sandbox.clock.advance(1000)
    cursor = pull(connector)[-1].cursor
    account.sandbox.clock.advance(300)
    before = len(account.paths())
    pages = pull(connector, cursor)
    assert account.paths()[before:] == ["/crm/v8/coql"]
    account.sandbox.clock.advance(700)
    before = len(account.paths())
    pages = pull(connector, pages[-1].cursor)
    assert account.paths()[before:] == ["/crm/v8/coql", "/crm/v8/Accounts/deleted"]


def test_a_look_that_was_cut_off_is_made_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector_read, "DELETED_PAGE", 5)
    connector = account.connect(deletes_every="900")
    made = fill(account, 30)
    cursor = pull(connector)[-1].cursor
    for id in made[:12]:
        account.sandbox.remove("Accounts", id)
    account.sandbox.clock.advance(2000)
    pages = connector.pull("Accounts", ("Account_Name",), cursor)
    next(pages)
    cut = next(pages)
    assert len(cut.records) == 5
    account.sandbox.clock.advance(1)
    again = pull(connector, cut.cursor)
    assert {record.id for record in records(again)} == set(made[:12])


def test_a_cursor_of_an_earlier_version_misses_no_deletion(account: Account) -> None:
    connector = account.connect(deletes_every="900")
    [gone, _] = fill(account, 2)
    since = account.sandbox.clock.now().isoformat()
    account.sandbox.remove("Accounts", gone)
    account.sandbox.clock.advance(60)
    pages = pull(connector, f'{{"since":"{since}"}}')
    assert records(pages) == []
    account.sandbox.clock.advance(1000)
    [found] = records(pull(connector, pages[-1].cursor))
    assert (found.id, found.deleted) == (gone, True)


def test_more_fields_than_one_call_may_name(account: Account, connector: ZohoConnector) -> None:
    module = account.sandbox.store.modules["Accounts"]
    extra = [f"Extra_{n}" for n in range(120)]
    for name in extra:
        account.sandbox.store.add_field(module, make_field(name, "text", custom=True))
    rows = [{"Account_Name": f"n{n}", **{name: f"{name} of {n}" for name in extra},
             "modified_at": OLD} for n in range(230)]  # fmt: skip
    made = account.sandbox.load("Accounts", rows)
    for since in (None, '{"since":"2020-01-01T00:00:00+00:00"}'):
        found = records(pull(connector, since, "Account_Name", *extra))
        assert [record.id for record in found] == made
        for number, record in enumerate(found):
            assert record.values == {
                "Account_Name": f"n{number}", **{name: f"{name} of {number}" for name in extra},
            }  # fmt: skip
    fetched = connector.fetch("Accounts", made[:3], extra)
    assert all(len(record.values) == 120 for record in fetched)


def test_a_change_during_the_pull_comes_in_it_or_in_the_next(
    account: Account, connector: ZohoConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector_read, "COQL_PAGE", 200)
    made = fill(account, 450)
    pages = connector.pull("Accounts", ("Account_Name",), None)
    seen = {record.id: record.values["Account_Name"] for record in next(pages).records}
    account.sandbox.edit("Accounts", made[3], {"Account_Name": "early"})
    account.sandbox.edit("Accounts", made[400], {"Account_Name": "late"})
    [new] = account.sandbox.load("Accounts", [{"Account_Name": "new"}])
    cursor = ""
    for page in pages:
        seen.update((record.id, record.values["Account_Name"]) for record in page.records)
        cursor = page.cursor
    account.sandbox.clock.advance(7200)
    for record in records(pull(connector, cursor)):
        seen[record.id] = record.values["Account_Name"]
    assert (seen[made[3]], seen[made[400]], seen[new]) == ("early", "late", "new")


@pytest.mark.parametrize("seed", range(4))
def test_a_mirror_fed_by_pulls_alone_equals_the_account(
    account: Account, connector: ZohoConnector, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Random edits, creations, deletions, merges and crashes in the middle of a pull."""
    monkeypatch.setattr(connector_read, "COQL_PAGE", 7)
    monkeypatch.setattr(connector_read, "DELETED_PAGE", 7)
    chance = random.Random(seed)
    live = fill(account, 20)
    mirror: dict[str, object] = {}
    cursor: str | None = None
    for _ in range(40):
        for page in connector.pull("Accounts", ("Account_Name",), cursor):
            for record in page.records:
                if record.deleted:
                    mirror.pop(record.id, None)
                else:
                    mirror[record.id] = record.values["Account_Name"]
            cursor = page.cursor
            for _ in range(chance.randrange(3)):
                move = chance.choice(("edit", "edit", "create", "remove", "merge", "wait"))
                if move == "create" or len(live) < 3:
                    live += account.sandbox.load(
                        "Accounts", [{"Account_Name": str(chance.random())}]
                    )
                elif move == "edit":
                    name = {"Account_Name": str(chance.random())}
                    account.sandbox.edit("Accounts", chance.choice(live), name)
                elif move == "wait":
                    account.sandbox.clock.advance(chance.choice((0.4, 1, 200)))
                else:
                    gone = live.pop(chance.randrange(len(live)))
                    if move == "remove":
                        account.sandbox.remove("Accounts", gone)
                    else:
                        account.sandbox.merge("Accounts", chance.choice(live), gone)
            if chance.random() < 0.2:
                break
    for page in connector.pull("Accounts", ("Account_Name",), cursor):
        for record in page.records:
            if record.deleted:
                mirror.pop(record.id, None)
            else:
                mirror[record.id] = record.values["Account_Name"]
    truth = account.sandbox.state("Accounts")
    assert mirror == {row["id"]: row["Account_Name"] for row in truth if not row["deleted"]}


def test_a_field_renamed_while_the_hub_runs(account: Account, connector: ZohoConnector) -> None:
    [id] = fill(account, 1)
    since = '{"since":"2020-01-01T00:00:00+00:00"}'
    names = ("Account_Name", "Phone")
    assert set(records(pull(connector, since, *names))[0].values) == set(names)
    account.sandbox.hide("Accounts", "Phone")
    assert set(records(pull(connector, since, *names))[0].values) == {"Account_Name"}
    [found] = connector.find("Accounts", "Account_Name", ["n0"], names)
    assert (found.id, set(found.values)) == (id, {"Account_Name"})


def test_fetch_of_ids_that_zoho_does_not_know(account: Account, connector: ZohoConnector) -> None:
    made = fill(account, 250)
    account.sandbox.remove("Accounts", made[5])
    asked = [*made, "1", made[0]]
    found = {record.id: record for record in connector.fetch("Accounts", asked, ("Phone",))}
    assert set(found) == {*made, "1"}
    assert {id for id, record in found.items() if record.deleted} == {made[5], "1"}
    assert found[made[0]].values == {"Phone": None}
    assert found[made[0]].modified_at == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_find_is_immediate_and_takes_any_text(account: Account, connector: ZohoConnector) -> None:
    account.sandbox.index_lag = 10**6
    names = ["O'Neil \\ Söhne", "สมชาย (ประเทศไทย)", 'say "hi"', "plain", "a,b"]
    made = account.sandbox.load("Accounts", [{"Account_Name": name} for name in names])
    found = connector.find("Accounts", "Account_Name", [*names, *map(str, range(120))], ())
    assert sorted(record.id for record in found) == made
    assert connector.find("Accounts", "id", [made[2], "5"], ())[0].id == made[2]
    assert connector.find("Accounts", "Account_Name", [""], ()) == []
    account.sandbox.edit("Accounts", made[0], {"Employees": 12})
    [match] = connector.find("Accounts", "Employees", ["12", "12) or (id > 0"], ("Employees",))
    assert match.values == {"Employees": 12}
    with pytest.raises(Misconfigured, match="no field Nothing"):
        connector.find("Accounts", "Nothing", ["x"], ())


@pytest.mark.parametrize("text", ["", "{}", "[]", "x", '{"after":[]}', "null"])
def test_a_cursor_of_somebody_else(connector: ZohoConnector, text: str) -> None:
    with pytest.raises(Bug, match="cursor"):
        list(connector.pull("Accounts", (), text))
