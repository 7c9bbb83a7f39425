"""How many records a second are translated: ``python -m tests.bench translate``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from connectors.base import Record, Value
from mapping.document import catalog
from mapping.translate import compile
from mapping.values import Context

RECORDS = 50_000

_SALESFORCE: Mapping[str, Value] = {
    "Email": "Somchai.{n}@acme.example", "FirstName": "สมชาย", "LastName": "ใจดี {n}",
    "Phone": "+66 81 234 {n}", "MobilePhone": None, "Title": "Head of purchasing",
    "Birthdate": "1980-02-29", "Interests__c": "Analytics;Pricing",
    "HasOptedOutOfEmail": False, "MailingStreet": "99/1 Rama IV Road", "MailingCity": "Bangkok",
    "MailingState": "Bangkok", "MailingPostalCode": "10110", "MailingCountry": "Thailand",
    "AccountId": "001000000000{n}", "OwnerId": "005000000000001",
    "CreatedDate": "2025-12-02T18:22:42.000+0000",
}  # fmt: skip
_HUBSPOT: Mapping[str, Value] = {
    "dealname": "Order {n}", "amount": "12500.50", "deal_currency_code": "THB",
    "dealstage": "qualifiedtobuy", "hs_deal_stage_probability": "0.4",
    "closedate": "2026-01-31T08:00:00Z", "dealtype": "newbusiness", "description": "A deal",
    "associations.companies": "{n}", "associations.contacts": ("1", "2"),
    "hubspot_owner_id": "77", "createdate": "2025-12-02T18:22:42.123Z",
}  # fmt: skip


def _record(template: Mapping[str, Value], number: int) -> Record:
    values = {
        name: value.replace("{n}", str(number)) if isinstance(value, str) else value
        for name, value in template.items()
    }
    stamp = datetime(2026, 1, 1, tzinfo=UTC)
    return Record("Contact", str(number), values, str(number), stamp)


def measure(vendor: str, object: str, template: Mapping[str, Value]) -> None:
    """Print records a second in both directions."""
    translator = compile(catalog(vendor, object), Context("TH", "THB", "Asia/Bangkok"))
    records = [_record(template, number) for number in range(RECORDS)]
    start = time.perf_counter()
    every = [translator.to_fields(record) for record in records]
    reading = time.perf_counter() - start
    assert not any(problems for _, problems in every)
    start = time.perf_counter()
    for fields, _ in every:
        translator.to_native(fields, False)
    writing = time.perf_counter() - start
    print(
        f"{vendor:<10} {object:<8} {len(every[0][0])} fields"
        f"  to fields {Decimal(RECORDS / reading):>9,.0f}/s"
        f"  to native {Decimal(RECORDS / writing):>9,.0f}/s"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    measure("salesforce", "contact", _SALESFORCE)
    measure("hubspot", "deal", _HUBSPOT)
