"""What belongs to what, changed where no stamp tells of it."""

from __future__ import annotations

from tests.sync.engine.world import Known, World

#: Seconds in which HubSpot's associations are read once more by default.
ROUND = 21_600


def second_company(world: World) -> dict[str, str]:
    """One more company in every vendor: vendor -> record."""
    row = {"name": "Bolt Works", "domain": "bolt.example"}
    [id] = world.load("hubspot", "company", {**row, "modified_at": world.clock.now().isoformat()})
    world.settle()
    return world.records("company", world.entity("company", "hubspot", id))


def test_an_association_changed_alone_in_hubspot_reaches_the_others(
    world: World, known: Known
) -> None:
    bolt = second_company(world)
    world.edit("hubspot", "contact", known["contact"]["hubspot"], company=bolt["hubspot"])
    assert world.written(world.run) == {}, "no stamp moved: nothing is known of it yet"
    world.clock.advance(ROUND)
    assert world.written(world.settle).keys() == {"salesforce", "zoho"}
    assert world.values("contact", known["contact"], "company") == bolt
    assert world.written(world.run) == {}
    world.clock.advance(ROUND)
    assert world.written(world.run) == {}
    assert world.values("contact", known["contact"], "company") == bolt


def test_an_association_taken_away_alone_in_hubspot_is_cleared(world: World, known: Known) -> None:
    world.edit("hubspot", "deal", known["deal"]["hubspot"], company=None)
    world.clock.advance(ROUND)
    world.settle()
    assert set(world.values("deal", known["deal"], "company").values()) == {None}


def test_what_the_hub_associated_itself_comes_back_unchanged(world: World, known: Known) -> None:
    """An association written to HubSpot moves no stamp there; the round that reads it again
    finds what was agreed. A later change beside a moved stamp is a change as ever."""
    bolt = second_company(world)
    world.edit("zoho", "contact", known["contact"]["zoho"], company=bolt["zoho"])
    world.settle()
    world.clock.advance(ROUND)
    assert world.written(world.run) == {}
    world.edit("hubspot", "contact", known["contact"]["hubspot"], company=None)
    world.edit("hubspot", "contact", known["contact"]["hubspot"], job_title="Chief")
    world.settle()
    assert set(world.values("contact", known["contact"], "company").values()) == {None}
