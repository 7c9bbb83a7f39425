"""What waits for a person, and why a value is what it is: explain, conflicts, problems."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sync.model import Place
from sync.store import problems, replicas, versions
from sync.store.database import Session, open_engine, session
from sync.store.problems import Problem
from tests.sync.commands.desk import Desk


def test_explain_names_origin_rule_and_writes_of_every_field(desk: Desk) -> None:
    email = desk.contact(Title="Pilot")
    desk.run("sync")
    body = desk.json("explain", "contact", email.upper())
    field = body["fields"]["job_title"]
    assert (field["value"], field["connection"]) == ("Pilot", "salesforce")
    assert field["rule"]
    assert field["at"]
    assert {link["connection"] for link in body["links"]} == {"salesforce", "hubspot", "zoho"}
    assert [write["kind"] for write in body["writes"]] == ["create", "create"]
    [record] = [link["record"] for link in body["links"] if link["connection"] == "zoho"]
    assert desk.json("explain", "contact", record)["entity"] == body["entity"]
    assert "Pilot" in desk.run("explain", "contact", body["entity"]).stdout
    assert "no contact" in desk.run("explain", "contact", "nobody@nowhere.example", code=2).stderr


def test_a_manual_conflict_waits_and_is_resolved_by_a_person(desk: Desk) -> None:
    desk.change(objects__contact__fields={"job_title": "manual"})
    email = desk.contact(Title="Pilot")
    desk.run("sync")
    desk.control.advance(60)
    links = {
        link["connection"]: link["record"]
        for link in desk.json("explain", "contact", email)["links"]
    }
    desk.control.edit("salesforce", "Contact", links["salesforce"], {"Title": "Captain"})
    desk.control.edit("zoho", "Contacts", links["zoho"], {"Title": "Flight Captain"})
    desk.control.advance(60)
    report = desk.json("sync")
    assert report["conflicts"] == 1
    assert report["writes"] == 0
    [conflict] = desk.json("conflicts", "--status", "waiting")["conflicts"]
    assert {value for _, _, value in conflict["candidates"]} == {"Captain", "Flight Captain"}
    id = str(conflict["id"])
    desk.run("conflicts", "resolve", id, code=2)
    desk.run("conflicts", "resolve", id, "Captain", "--from", "zoho", code=2)
    desk.run("conflicts", "resolve", id, "--from", "hubspotty", code=2)
    desk.run("conflicts", "resolve", id, "--from", "zoho")
    desk.run("sync")
    held = {row["id"]: row["Title"] for row in desk.control.state("salesforce", "Contact")}
    assert held[links["salesforce"]] == "Flight Captain"
    assert desk.json("conflicts", "--status", "waiting")["conflicts"] == []


def test_problems_can_be_ignored_and_tried_again(desk: Desk) -> None:
    email = desk.contact()
    # The same address in another record of HubSpot that no rule links: a create is refused.
    desk.control.create("hubspot", "contacts", {"email": email, "lastname": "ThirdPerson"})
    desk.change(objects__contact__match=["full_name+birth_date"])
    desk.json("sync", code=1)
    found = desk.json("problems")["problems"]
    assert {problem["cause"] for problem in found} == {"duplicate"}
    ids = [str(problem["id"]) for problem in found]
    assert "Link the two" in desk.run("problems").stdout
    desk.run("problems", "ignore", *ids)
    assert desk.json("problems")["problems"] == []
    assert len(desk.json("problems", "--ignored")["problems"]) == len(ids)
    desk.run("problems", "retry", *ids)
    desk.run("problems", "retry", "999999", code=2)
    desk.json("sync", code=1)
    assert {str(problem["id"]) for problem in desk.json("problems")["problems"]} == set(ids)
    desk.run("problems", "ignore", *ids)


def _store(desk: Desk) -> AbstractContextManager[Session]:
    """The hub's store."""
    return session(open_engine(f"sqlite:///{desk.folder / 'concord.db'}"))


def _aside(desk: Desk, email: str, stage: str, cause: str) -> tuple[int, Place]:
    """A problem with a contact of Salesforce's, put into the store; its number."""
    rows = desk.control.state("salesforce", "Contact")
    [record] = [row["id"] for row in rows if row["Email"] == email]
    found = Problem("salesforce", "contact", record, "", "", stage, cause, "m", fingerprint=cause)
    with _store(desk) as store:
        problems.report(store, [found], 1, datetime.now(UTC))
        store.commit()
        return int(problems.load(store)[-1]["id"]), Place("salesforce", record)


def test_a_person_says_that_a_hidden_record_was_deleted(desk: Desk) -> None:
    email = desk.contact()
    desk.json("sync")
    id, place = _aside(desk, email, "read", "validation")
    assert "no record that is hidden" in desk.run("problems", "gone", str(id), code=2).output
    id, place = _aside(desk, email, "read", "hidden")
    assert "taken for deleted" in desk.run("problems", "gone", str(id)).stdout
    assert desk.json("problems")["problems"] == []
    with _store(desk) as store:
        [known] = replicas.load(store, "contact", [place]).values()
    assert known.deleted
    assert known.waiting, "the next run decides what that means for the others"
    desk.json("sync")


def test_check_lets_go_what_other_options_may_end(desk: Desk) -> None:
    email = desk.contact()
    desk.json("sync")
    desk.run("check")
    id, _ = _aside(desk, email, "write", "validation")
    desk.run("check")
    assert "tried again" not in desk.run("problems").stdout, "nothing has changed"
    with _store(desk) as store:
        versions.save_metadata(store, "salesforce", "contact", "before", datetime.now(UTC))
        store.commit()
    desk.run("check")
    assert "tried again in the next run" in desk.run("problems").stdout
    desk.run("problems", "ignore", str(id))
