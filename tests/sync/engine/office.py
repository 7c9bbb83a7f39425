"""Three in-memory accounts and the contact Ann, whom all of them know."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Engine

from connectors.memory import Quirks
from tests.stateful.world import World


class Office(World):
    """Three accounts and the contact Ann, whom all of them know."""

    def __init__(self, store: Engine, **quirks: Quirks) -> None:
        super().__init__(store, quirks)
        self.objects = ("company", "contact", "deal")
        company = self.accounts["left"].create(
            "company", {"name": "Acme", "domain": "acme.example"}
        )
        self.accounts["left"].create(
            "contact",
            {"last_name": "Ann", "email": "ann@acme.example", "job_title": "Buyer",
             "street": "1 High St", "city": "Leeds", "company": company,
             "interests": ("events",)},
        )  # fmt: skip
        self.settle()
        [self.ann] = self.links("contact").values()
        [self.entity] = self.links("contact")

    def edit(self, account: str, **values: Any) -> None:
        self.pass_time(1)
        self.accounts[account].edit("contact", self.ann[account], values)

    def choose(self, **values: Any) -> None:
        """Other settings for contacts."""
        objects = self.settings.objects
        contact = objects["contact"].model_copy(update=values)
        chosen = {"objects": {**objects, "contact": contact}}
        self.settings = self.settings.model_copy(update=chosen)

    def held(self, name: str) -> dict[str, Any]:
        """What each account holds in a field of Ann's."""
        return {
            account: self.accounts[account].live("contact")[record].values.get(name)
            for account, record in self.ann.items()
        }

    def agreed(self, name: str) -> Any:
        return self.merged("contact")[self.entity].fields[name]

    def kept(self, report: Any) -> set[tuple[str, str]]:
        return {(item["connection"], item["field"]) for item in report.kept}
