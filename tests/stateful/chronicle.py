"""What there was after each run, written down at the time and compared with the journal."""

from __future__ import annotations

from typing import Any

from sync.past import rebuild
from sync.store import books
from sync.store.database import reading
from tests.stateful.world import World


class Chronicle:
    """Writes down all entities of a world before each new run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pages: dict[int, dict[tuple[str, str], tuple[Any, ...]]] = {}
        world.before_run = self.write

    def write(self) -> None:
        """All entities as they are after the latest run."""
        with reading(self.world.engine) as store:
            latest = books.runs(store, last=1)
        if not latest:
            return
        page = self.pages[latest[0]["id"]] = {}
        for object in self.world.objects:
            links = self.world.links(object)
            for id, entity in self.world.merged(object).items():
                page[object, id] = (
                    entity.fields, entity.archived, entity.merged_into, links.get(id, {}),
                )  # fmt: skip

    def compare(self) -> None:
        """Rebuild every page from the journal."""
        self.write()
        with reading(self.world.engine) as store:
            for run, page in self.pages.items():
                for (object, id), written in page.items():
                    past = rebuild(store, object, id, run)
                    assert past is not None, f"{object} {id} was there after run {run}"
                    links = {connection: link[0] for connection, link in past.links.items()}
                    rebuilt = (past.fields, past.archived, past.merged_into, links)
                    assert rebuilt == written, f"{object} {id} after run {run}"
                known = {id for object, id in page if object == "contact"}
                later = self.world.merged("contact").keys() - known
                for id in later:
                    assert rebuild(store, "contact", id, run) is None, f"{id} came after {run}"
