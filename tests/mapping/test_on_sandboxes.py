"""The shipped documents on whole accounts: metadata, demo data, and values through the wire."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors import connect
from connectors.base import Access, Account, Connector, Write
from connectors.sandbox.demo import generate
from connectors.sandbox.server import Server
from mapping.check import Severity, check
from mapping.document import catalog
from mapping.schema import OBJECTS, Fields
from mapping.translate import Translator, compile
from mapping.values import Context, same

OBJECT_NAMES = ("company", "contact", "deal", "ticket")
NOW = datetime(2026, 6, 1, tzinfo=UTC)

#: Values that go wrong somewhere: scripts, quotes, new lines, exact decimals, ends of months.
TRICKY: dict[str, Fields] = {
    "company": {
        "name": "บริษัท น้ำใจ จำกัด (มหาชน) & “Söhne”", "domain": "acme.example",
        "phone": "+66 2 123 4567", "industry": "logistics", "employees": 12,
        "annual_revenue": "123456789", "description": "two\nlines; 'quoted' \"twice\" \\ %",
        "street": "99/1 ถนนพระราม ๔", "city": "กรุงเทพฯ", "region": "Bangkok",
        "postal_code": "010110", "country": "IR",
    },
    "contact": {
        "email": "ann.o'neil+x@acme.example", "first_name": "علی‌رضا", "last_name": "O'Neil-ใจดี",
        "phone": "๐๒ ๑๒๓ ๔๕๖๗", "mobile": "081-234-5678", "job_title": "Head, R&D",
        "birth_date": "1980-02-29", "interests": ["analytics", "pricing"], "email_opt_out": True,
        "street": "1 Main St", "city": "Zürich", "region": "ZH", "postal_code": "8001",
        "country": "CH",
    },
    "deal": {
        "name": "Cement <b>น้ำใจ</b>", "amount": "12500.55", "currency": "THB",
        "stage": "needs_analysis", "close_date": "2026-01-31", "deal_type": "existing_business",
        "description": "a;b;c",
    },
    "ticket": {
        "subject": "Does not start", "description": "It\ndoes not", "status": "waiting",
        "priority": "high", "rating": 4,
    },
}  # fmt: skip


class _Account:
    """A vendor's sandbox with demo data, a connector to it, and its documents compiled."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        sandbox = importlib.import_module(f"connectors.sandbox.{vendor}").Sandbox()
        for object, rows in generate(1, 40, now=NOW).rows[vendor].items():
            sandbox.load(object, rows)
        self.server = Server(sandbox, 0)
        self.connector: Connector = connect(
            vendor,
            Access(vendor, url=self.server.url, auth=sandbox.credentials(), sandbox=True),
        )
        self.account: Account = self.connector.check()

    def translator(self, object: str) -> Translator:
        context = Context("TH", self.account.currency, self.account.time_zone)
        return compile(catalog(self.vendor, object), context)

    def close(self) -> None:
        self.connector.close()
        self.server.close()


@pytest.fixture(scope="module", params=["salesforce", "hubspot", "zoho"])
def account(request: pytest.FixtureRequest) -> Iterator[_Account]:
    opened = _Account(request.param)
    yield opened
    opened.close()


@pytest.mark.parametrize("object", OBJECT_NAMES)
def test_the_document_fits_the_account(account: _Account, object: str) -> None:
    document = catalog(account.vendor, object)
    account.connector.provision(document.native, document.external_id)
    findings = check(document, account.connector.describe(document.native))
    assert [found for found in findings if found.severity is Severity.ERROR] == []
    expected = {"annual_revenue"} if account.vendor == "salesforce" else set()
    warned = {found.field for found in findings if found.severity is Severity.WARNING}
    assert warned <= expected, findings


@pytest.mark.parametrize("object", OBJECT_NAMES)
def test_every_record_is_understood(account: _Account, object: str) -> None:
    translator = account.translator(object)
    filled: set[str] = set()
    for page in account.connector.pull(translator.native, translator.native_fields, None):
        for record in page.records:
            fields, problems = translator.to_fields(record)
            assert problems == []
            assert set(fields) == translator.readable
            _, problems = translator.to_native(
                {name: value for name, value in fields.items() if value is not None}, False
            )
            assert problems == []
            filled |= {name for name, value in fields.items() if value is not None}
    assert filled == translator.readable


@pytest.mark.parametrize("object", OBJECT_NAMES)
def test_values_arrive_as_they_left(account: _Account, object: str) -> None:
    translator = account.translator(object)
    values, problems = translator.to_native(TRICKY[object], creating=True)
    assert problems == []
    (result,) = account.connector.push(translator.native, [Write("1", "create", values)])
    assert result.error is None
    (record,) = account.connector.fetch(translator.native, [result.id], translator.native_fields)
    back, problems = translator.to_fields(record)
    assert problems == []
    for name, value in TRICKY[object].items():
        kind = OBJECTS[object].fields[name].kind
        assert same(kind, value, back[name], "TH"), (name, value, back[name])

    emptied = {
        name: None for name in TRICKY[object]
        if catalog(account.vendor, object).fields[name].clear
    }  # fmt: skip
    values, problems = translator.to_native(emptied, creating=False)
    assert problems == []
    (result,) = account.connector.push(
        translator.native, [Write("2", "update", values, id=record.id, before=record.values)]
    )
    assert result.error is None
    (record,) = account.connector.fetch(translator.native, [record.id], translator.native_fields)
    back, _ = translator.to_fields(record)
    assert {name: back[name] for name in emptied} == emptied


def test_people_are_understood(account: _Account) -> None:
    translator = account.translator("user")
    for user in account.connector.users():
        assert user.name
        assert user.email
    assert translator.native_fields == ("name", "email", "active")
