"""The exact example of the KPI definitions: eight records in three accounts are seven deals.

One deal is known to two accounts; counted by record, the pipeline would be 24,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from sync.kpis.record import record
from sync.settings import KpiSettings, Rate
from tests.sync.engine.world import VENDORS, World, generic, native

#: (vendor, deal, amount, currency, stage, probability, created, closed)
RECORDS = (
    ("salesforce", "g1", "10000", "USD", "Qualification", 50, "2026-01-10", None),
    ("hubspot", "g1", "10000", "USD", "qualifiedtobuy", None, "2026-01-12", None),
    ("salesforce", "g2", "20000", "USD", "Closed Won", 100, "2026-01-01", "2026-01-31"),
    ("hubspot", "g3", "5000", "EUR", "closedwon", None, "2026-01-05", "2026-02-24"),
    ("zoho", "g4", "360000", "THB", "Closed Lost", 0, "2026-01-02", "2026-02-01"),
    ("zoho", "g5", None, "THB", "Needs Analysis", 25, "2026-02-01", None),
    ("salesforce", "g6", "8000", "USD", "Closed Lost", 0, "2026-01-20", "2026-02-19"),
    ("salesforce", "g7", "4000", "USD", "Negotiation/Review", 90, "2026-02-10", None),
)

#: The right-hand column: counted by entity.
RIGHT = {
    "pipeline": Decimal(14000),
    "weighted_pipeline": Decimal(8600),
    "open_deals": Decimal(3),
    "win_rate": Decimal("0.5"),
    "win_rate_value": Decimal("0.5804"),
    "won_value": Decimal(26000),
    "average_won": Decimal(13000),
    "sales_cycle": Decimal(40),
    "velocity": Decimal("487.50"),
}


@pytest.fixture
def example(world: World) -> World:
    """The example's deals in the three accounts; deals trust Salesforce first."""
    world.configure(
        {"deal": {"policy": "priority", "priority": list(VENDORS), "create_in": list(VENDORS)}}
    )
    companies = {
        vendor: {
            deal: world.load(
                vendor, "company", {"name": f"Firm {deal}", "domain": f"{deal}.example"}
            )[0]
            for deal in sorted({row[1] for row in RECORDS if row[0] == vendor})
        }
        for vendor in VENDORS
    }  # fmt: skip
    for vendor, deal, amount, currency, stage, probability, created, closed in RECORDS:
        row: dict[str, Any] = {
            "name": f"Deal {deal}",
            "amount": Decimal(amount) if amount else None,
            "currency": currency,
            "stage": stage,
            "close_date": closed or "2026-06-30",
            "company": companies[vendor][deal],
            **_extras(vendor, probability),
        }
        if vendor == "hubspot":  # a moment there: noon of the day in the account's zone
            row["close_date"] += "T05:00:00.000Z"
        stamp = f"{created}T03:00:00Z"
        world.servers[vendor].vendor.load(
            native(vendor, "deal"),
            [{**generic(vendor, "deal", row), "created_at": stamp, "modified_at": stamp}],
        )
    world.settle()
    return world


def _extras(vendor: str, probability: int | None) -> Mapping[str, Any]:
    if vendor == "hubspot":
        return {"pipeline": "default"}
    return {"probability": probability}


def test_every_figure_is_that_of_entities_not_of_records(example: World) -> None:
    example.settings = example.settings.model_copy(
        update={
            "rates": (
                Rate(currency="EUR", rate=Decimal("1.2")),
                Rate(currency="THB", rate=Decimal("0.03")),
            ),
            "kpis": KpiSettings(period="all"),
        }
    )
    found = {kpi.id: kpi for kpi in record(example.engine, example.settings, example.clock.now())}
    got = {name: found[name].value for name in RIGHT}
    got["win_rate_value"] = round(got["win_rate_value"] or Decimal(0), 4)
    assert got == RIGHT
    assert sum(excluded.n for excluded in found["pipeline"].excluded) == 1, "no amount: shown"
    assert example.entities("deal") == 7
    assert example.numbers("deal") == dict.fromkeys(VENDORS, 7)
