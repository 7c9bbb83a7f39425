"""Problems wait, tell what to do, and go by themselves when their cause is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mapping.document import catalog
from sync.engine import release
from sync.settings import Settings
from sync.store import problems, queues
from sync.store.database import session
from tests.sync.engine.world import VENDORS, Known, World

#: The option "training" of a contact's interests, as an edit in each vendor says it.
TRAINING: dict[str, Any] = {"hubspot": "training", "zoho": ["Training"], "salesforce": "Training"}

#: Longer than the hub waits before it asks for the metadata again.
LATER = 20 * 60


def editor_but(vendor: str) -> str:
    """Some other vendor."""
    return "hubspot" if vendor == "zoho" else "zoho"


def own_mapping(world: World, folder: Path, vendor: str, object: str, **changes: Any) -> Settings:
    """Settings with a mapping of the installation's own: `changes` by field, None unmaps it."""
    document = catalog(vendor, object).model_dump(
        mode="json", exclude={"path"}, exclude_defaults=True
    )
    for field, mapped in changes.items():
        document["fields"].pop(field, None)
        if mapped is not None:
            document["fields"][field] = mapped
    path = folder / vendor / f"{object}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    hub = world.settings.hub.model_copy(update={"mappings": str(folder)})
    world.settings = world.settings.model_copy(update={"hub": hub})
    return world.settings


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_option_that_one_vendor_lacks_keeps_back_that_field_alone(
    world: World, known: Known, vendor: str
) -> None:
    editor, ids = editor_but(vendor), known["contact"]
    option = "training" if vendor == "hubspot" else "Training"
    with world.fault(vendor, "remove_option", "contact", "interests", option=option):
        world.edit(editor, "contact", ids[editor], interests=TRAINING[editor], job_title="Teacher")
        assert world.run().status == "problems"
        assert set(world.values("contact", ids, "job_title").values()) == {"Teacher"}
        assert not world.value(vendor, "contact", ids[vendor], "interests")
        assert all(
            world.value(name, "contact", ids[name], "interests")
            for name in VENDORS
            if name != vendor
        )
        [problem] = world.problems()
        assert (problem["field"], problem["cause"]) == ("interests", "validation")
        assert problem["words"]
        world.clock.advance(LATER)
        assert world.written(world.run) == {}, "it is not tried again while nothing has changed"
        assert world.problems() == [problem]
    assert world.written(world.run) == {}, "the metadata is not asked for in every run"
    world.clock.advance(LATER)
    report = world.run()
    assert report.released == {release.METADATA: 1}
    assert world.value(vendor, "contact", ids[vendor], "interests")
    assert world.problems() == []
    [told] = world.journal("released")
    assert (told["connection"], told["detail"]["why"]) == (vendor, release.METADATA)
    assert world.written(world.settle) == {}


def test_another_write_that_goes_well_does_not_close_what_still_waits(
    world: World, known: Known
) -> None:
    ids = known["contact"]
    with world.fault("salesforce", "remove_option", "contact", "interests", option="Training"):
        world.edit("zoho", "contact", ids["zoho"], interests=["Training"])
        world.run()
        [problem] = world.problems()
        world.edit("zoho", "contact", ids["zoho"], job_title="Teacher")
        world.run()
        assert world.value("salesforce", "contact", ids["salesforce"], "job_title") == "Teacher"
        assert world.problems() == [problem]


def test_a_record_is_made_without_an_option_that_the_vendor_lacks(
    world: World, known: Known
) -> None:
    with world.fault("salesforce", "remove_option", "contact", "interests", option="Training"):
        row = {"last_name": "New", "email": "new@x.example", "interests": ["Training"]}
        [id] = world.load("zoho", "contact", {**row, "modified_at": world.clock.now().isoformat()})
        world.run()
        records = world.records("contact", world.entity("contact", "zoho", id))
        assert records.keys() == set(VENDORS)
        assert not world.value("salesforce", "contact", records["salesforce"], "interests")
        [problem] = world.problems()
        assert (problem["connection"], problem["field"]) == ("salesforce", "interests")
        assert world.written(world.run) == {}
    world.clock.advance(LATER)
    world.run()
    assert world.value("salesforce", "contact", records["salesforce"], "interests")
    assert world.problems() == []


def test_a_bad_row_does_not_sink_its_batch(world: World, known: Known) -> None:
    words = "Persons of that name are not welcome."
    names = [f"Person {n}" for n in range(12)]
    now = world.clock.now().isoformat()
    rows = [{"last_name": n, "email": f"{n[7:]}@x.example", "modified_at": now} for n in names]
    rule = {"words": words, "value": names[5]}
    with (
        world.fault("salesforce", "validation_rule", "contact", "last_name", **rule),
        world.fault("hubspot", "validation_rule", "contact", "last_name", **rule),
    ):
        world.load("zoho", "contact", *rows)
        world.run()
        assert world.numbers("contact")["zoho"] == 13
        for vendor in ("salesforce", "hubspot"):
            [problem] = [p for p in world.problems() if p["connection"] == vendor]
            assert words in problem["words"]
        assert world.numbers("contact") == {"zoho": 13, "salesforce": 12, "hubspot": 12}


class TestRecords:
    """What a person does to a record lets its problems go."""

    def test_an_edit_of_the_record_itself_tries_the_write_again(
        self, world: World, known: Known
    ) -> None:
        ids = known["contact"]
        with world.fault("salesforce", "validation_rule", "contact", "job_title", words="Not so."):
            world.edit("zoho", "contact", ids["zoho"], job_title="Chief")
            world.run()
            assert [p["cause"] for p in world.problems()] == ["validation"]
            assert world.written(world.run) == {}
        assert world.written(world.run) == {}, "nothing tells the hub that the rule is gone"
        world.edit("salesforce", "contact", ids["salesforce"], Description="I have seen to it")
        report = world.run()
        assert report.released == {release.RECORD: 1}
        assert set(world.values("contact", ids, "job_title").values()) == {"Chief"}
        assert world.problems() == []

    def test_a_problem_that_nothing_would_repeat_is_over(self, world: World, known: Known) -> None:
        ids = known["contact"]
        with world.fault("salesforce", "validation_rule", "contact", "job_title", words="Not so."):
            world.edit("zoho", "contact", ids["zoho"], job_title="Chief")
            world.run()
            assert len(world.problems()) == 1
            world.edit("zoho", "contact", ids["zoho"], job_title="Buyer")
            world.settle()
            assert world.problems() == []

    def test_what_is_ignored_stays_so_until_its_values_change(
        self, world: World, known: Known
    ) -> None:
        ids = known["contact"]
        with world.fault("salesforce", "validation_rule", "contact", "job_title", words="Not so."):
            world.edit("zoho", "contact", ids["zoho"], job_title="Chief")
            world.run()
            with session(world.engine) as store:
                problems.set_status(store, [p["id"] for p in world.problems()], "ignored")
                store.commit()
            world.edit("salesforce", "contact", ids["salesforce"], Description="Seen to")
            assert world.run().released == {}
            assert world.problems() == []
            world.edit("zoho", "contact", ids["zoho"], job_title="Boss")
            world.run()
            assert [p["cause"] for p in world.problems()] == ["validation"]

    def test_a_duplicate_waits_for_the_record_in_its_way(self, world: World, known: Known) -> None:
        """A contact's e-mail address is taken by another contact of Zoho's, under another name
        that the hub cannot match."""
        [other] = world.load(
            "zoho",
            "contact",
            {"last_name": "Apart", "email": "bob.new@acme.example",
             "modified_at": world.clock.now().isoformat()},
        )  # fmt: skip
        world.settle()
        ids = known["contact"]
        entity = world.entity("contact", "zoho", ids["zoho"])
        with world.fault("zoho", "duplicate_rule", "contact", "email"):
            world.edit("salesforce", "contact", ids["salesforce"], email="bob.new@acme.example")
            world.run()
            found = [p for p in world.problems() if p["connection"] == "zoho"]
            assert [(p["cause"], p["blocker"]) for p in found] == [("duplicate", other)]
            assert found[0]["entity"] == entity
            assert world.written(world.run) == {}
            world.remove("zoho", "contact", other)
            assert world.run().released.get(release.BLOCKER) == 1
        world.settle()
        assert world.value("zoho", "contact", ids["zoho"], "email") == "bob.new@acme.example"
        assert [p for p in world.problems() if p["connection"] == "zoho"] == []


class TestMappings:
    def test_a_field_mapped_newly_is_filled_everywhere(
        self, world: World, known: Known, tmp_path: Path
    ) -> None:
        own_mapping(world, tmp_path, "zoho", "contact", mobile=None)
        world.settle()
        ids = known["contact"]
        world.edit("zoho", "contact", ids["zoho"], mobile="+66 81 234 5678")
        world.edit("hubspot", "contact", ids["hubspot"], job_title="Chief")
        world.settle()
        assert world.value("hubspot", "contact", ids["hubspot"], "mobile") is None
        own_mapping(world, tmp_path, "zoho", "contact", mobile="Mobile")
        world.settle()
        held = world.values("contact", ids, "mobile")
        assert all(held.values()), held
        [told] = world.journal("mapping changed")[-1:]
        assert (told["connection"], told["detail"]["fields"]) == ("zoho", ["mobile"])
        assert world.written(lambda: world.run(full=True)) == {}

    def test_a_field_mapped_newly_is_written_where_it_is_empty(
        self, world: World, known: Known, tmp_path: Path
    ) -> None:
        own_mapping(world, tmp_path, "zoho", "contact", mobile=None)
        ids = known["contact"]
        world.edit("hubspot", "contact", ids["hubspot"], mobile="+66 81 234 5678")
        world.settle()
        assert world.value("zoho", "contact", ids["zoho"], "mobile") is None
        own_mapping(world, tmp_path, "zoho", "contact", mobile={"native": "Mobile"})
        world.settle()
        assert world.value("zoho", "contact", ids["zoho"], "mobile")

    def test_what_waits_to_be_created_is_decided_again(
        self, world: World, known: Known, tmp_path: Path
    ) -> None:
        def approve() -> None:
            with session(world.engine) as store:
                held = queues.outbox(store, status=("held",))
                queues.set_status(store, [queued.id for queued in held], "pending")
                store.commit()

        world.configure({"contact": {"limits": {"create": 0}}})
        own_mapping(world, tmp_path, "zoho", "contact", mobile=None)
        world.run()
        now = {"modified_at": world.clock.now().isoformat()}
        person = {"email": "new@acme.example", "last_name": "New", "mobile": "+66 81 234 5678"}
        [made] = world.load("hubspot", "contact", {**person, **now})
        assert world.run().status == "held"
        own_mapping(world, tmp_path, "zoho", "contact", mobile="Mobile")
        approve()
        assert world.run().status == "held", "what would be written is no longer what was approved"
        approve()
        world.settle()
        records = world.records("contact", world.entity("contact", "hubspot", made))
        assert world.value("zoho", "contact", records["zoho"], "mobile")

    def test_what_could_not_be_translated_is_read_again(
        self, world: World, known: Known, tmp_path: Path
    ) -> None:
        ids = known["contact"]
        choices = dict(catalog("zoho", "contact").fields["interests"].choices)
        without = {name: list(found) for name, found in choices.items() if name != "training"}
        own_mapping(
            world,
            tmp_path,
            "zoho",
            "contact",
            interests={"native": "Interests", "choices": without},
        )
        world.settle()
        world.edit("zoho", "contact", ids["zoho"], interests=["Training"])
        world.run()
        [problem] = world.problems()
        assert (problem["stage"], problem["cause"]) == ("read", "untranslatable")
        assert world.written(world.run) == {}
        whole = catalog("zoho", "contact").fields["interests"]
        mapped = whole.model_dump(mode="json", exclude_defaults=True)
        own_mapping(world, tmp_path, "zoho", "contact", interests=mapped)
        report = world.run()
        assert report.released == {release.MAPPING: 1}
        assert world.problems() == []
        assert all(world.values("contact", ids, "interests").values())

    def test_retry_reads_the_one_record_again(
        self, world: World, known: Known, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = known["contact"]
        world.edit("zoho", "contact", ids["zoho"], interests=["Juggling"])
        world.run()
        [problem] = world.problems()
        with session(world.engine) as store:
            problems.set_status(store, [problem["id"]], "retried")
            store.commit()
        report = world.run()
        assert report.connections["zoho"]["contact"].pulled == 1
        [again] = world.problems()
        assert (again["id"], again["last_run"]) == (problem["id"], report.run)
