"""One vendor's account on the way: its sandbox, its connector, its mappings."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.base import Access, Connector, Write
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from connectors.sandbox.hubspot.schema import Property
from connectors.sandbox.salesforce.schema import Field as SalesforceField
from connectors.sandbox.server import Clock, Server
from connectors.sandbox.zoho.metadata import make_field
from connectors.transport import Retrier
from connectors.zoho.connector import ZohoConnector
from mapping.document import Document, FieldMapping, catalog
from mapping.schema import OBJECTS, Field, Fields, FieldValue, Kind, ObjectSchema
from mapping.translate import Translator, compile
from mapping.values import Context
from tests.contract.words import WORDS

VENDORS = ("salesforce", "hubspot", "zoho")
NAMES = ("company", "contact", "deal", "ticket")

#: Kinds that no standard field has in all vendors, in custom fields of the contact.
CUSTOM: Mapping[str, tuple[Kind, Mapping[str, str]]] = {
    "page": (Kind.URL, {"salesforce": "Page__c", "hubspot": "page", "zoho": "Page"}),
    "seen_at": (
        Kind.INSTANT,
        {"salesforce": "Seen_At__c", "hubspot": "seen_at", "zoho": "Seen_At"},
    ),
    "score": (Kind.DECIMAL, {"salesforce": "Score__c", "hubspot": "score", "zoho": "Score"}),
}  # fmt: skip

_CONTACT = OBJECTS["contact"]
#: The common schema with those fields.
SCHEMA: Mapping[str, ObjectSchema] = {
    **OBJECTS,
    "contact": replace(
        _CONTACT,
        fields={**_CONTACT.fields, **{n: Field(n, kind, n) for n, (kind, _) in CUSTOM.items()}},
    ),
}

#: How many users, companies and contacts there are to refer to.
POOL = 40


class Account:
    """A fresh sandbox in a time zone and a connector to it.

    Args:
        bulk: everything goes through the vendor's bulk APIs, where there are any.
    """

    def __init__(self, vendor: str, zone: str = "UTC", *, bulk: bool = False) -> None:
        self.vendor = vendor
        self.clock = Clock(now=lambda: datetime(2026, 6, 1, tzinfo=UTC))
        package = importlib.import_module(f"connectors.sandbox.{vendor}")
        rest = {"time_zone": zone} if vendor == "hubspot" else {}
        self.sandbox = package.Sandbox(clock=self.clock, **rest)
        self._settle(zone)
        self.server = Server(self.sandbox)
        least = {"bulk_from": "5", "bulk_write_from": "5"} if bulk and vendor != "hubspot" else {}
        access = Access(
            vendor, self.server.url, self.sandbox.credentials(), sandbox=True, options=least
        )
        self.connector = self._connected(access)
        account = self.connector.check()
        # Zoho's sandbox lives in Bangkok; its dates have no zone, whatever the hub believes.
        self.context = Context("TH", account.currency, zone)
        self.translators = {name: self._translator(name) for name in NAMES}
        for translator in self.translators.values():
            self.connector.provision(translator.native, translator.external_id)
        self.pool = self._load()
        self._names = {
            target: {id: str(n) for n, id in enumerate(ids)} for target, ids in self.pool.items()
        }

    def close(self) -> None:
        """Release the sockets."""
        self.connector.close()
        self.server.close()

    def _connected(self, access: Access) -> Connector:
        """A connector whose pauses pass on the sandbox's clock."""
        if self.vendor == "hubspot":
            return HubSpotConnector(access, sleep=self.clock.advance)
        kind: Any = SalesforceConnector if self.vendor == "salesforce" else ZohoConnector
        made: Connector = kind(access, Retrier(sleep=self.clock.advance))
        return made

    def _settle(self, zone: str) -> None:
        """The account's zone and its custom fields."""
        sandbox = self.sandbox
        if self.vendor == "salesforce":
            sandbox.edit("Organization", sandbox.store.organization, {"TimeZoneSidKey": zone})
            contact = sandbox.store.objects["Contact"]
            for made in (
                SalesforceField("Page__c", "Page", "url", 255, custom=True),
                SalesforceField("Seen_At__c", "Seen at", "datetime", custom=True),
                SalesforceField("Score__c", "Score", "double", precision=18, scale=6, custom=True),
            ):
                sandbox.store.add_field(contact, made)
        elif self.vendor == "hubspot":
            for name, type, shown in (
                ("page", "string", "text"), ("seen_at", "datetime", "date"),
                ("score", "number", "number"),
            ):  # fmt: skip
                sandbox._records.properties["contacts"][name] = Property(
                    name, name, type, shown, custom=True, group="contactinformation"
                )
        else:
            contacts = sandbox.store.modules["Contacts"]
            for name, type in (("Page", "website"), ("Seen_At", "datetime"), ("Score", "double")):
                sandbox.store.add_field(contacts, make_field(name, type, custom=True))

    def _document(self, name: str) -> Document:
        document = catalog(self.vendor, name)
        if name != "contact":
            return document
        more = {n: FieldMapping(native=natives[self.vendor]) for n, (_, natives) in CUSTOM.items()}
        return document.model_copy(update={"fields": {**document.fields, **more}})

    def _translator(self, name: str) -> Translator:
        return compile(self._document(name), self.context, SCHEMA)

    def _load(self) -> dict[str, list[str]]:
        """target object -> native ids of the records that references name by their number."""
        words = WORDS[self.vendor]
        users = [words.user(f"User {n}", f"u{n}@example.com", True) for n in range(POOL)]
        companies = [words.company.row(f"pool {n}") for n in range(POOL)]
        contacts = [words.contact.row(f"pool {n}") for n in range(POOL)]
        return {
            "user": self.sandbox.load(words.users, users),
            "company": self.sandbox.load(words.company.object, companies),
            "contact": self.sandbox.load(words.contact.object, contacts),
        }

    # -- there and back

    def write(self, name: str, number: int, fields: Fields) -> Write:
        """The create of the `number`-th record; references are numbers of the pool.

        Raises:
            AssertionError: a value has no native form.
        """
        translator = self.translators[name]
        named = {key: self._native(name, key, value) for key, value in fields.items()}
        values, problems = translator.to_native(named, creating=True)
        assert not problems, (self.vendor, name, number, problems)
        return Write(
            f"{number}", "create", values, external=(translator.external_id, f"e-{number}")
        )

    def push(self, name: str, rows: Mapping[int, Fields]) -> None:
        """Create the records.

        Raises:
            AssertionError: one of them was not written whole.
        """
        writes = [self.write(name, number, fields) for number, fields in rows.items()]
        for result in self.connector.push(self.translators[name].native, writes):
            assert result.error is None, (self.vendor, name, rows[int(result.key)], result.error)
            assert not result.field_errors, (self.vendor, name, result.key, result.field_errors)
            assert result.created

    def pull(self, name: str) -> dict[int, Fields]:
        """The records by their numbers, references as numbers of the pool.

        Raises:
            AssertionError: a value could not be read.
        """
        translator = self.translators[name]
        asked = [*translator.native_fields, translator.external_id]
        found: dict[int, Fields] = {}
        for page in self.connector.pull(translator.native, asked, None):
            for record in page.records:
                key = record.values[translator.external_id]
                if key is None:
                    continue
                fields, problems = translator.to_fields(record)
                assert not problems, (self.vendor, name, key, problems)
                number = int(str(key).removeprefix("e-"))
                found[number] = {n: self._common(name, n, v) for n, v in fields.items()}
        return found

    def _native(self, object: str, field: str, value: FieldValue) -> FieldValue:
        target = SCHEMA[object].fields[field].target
        if isinstance(value, list) and target:
            return [self.pool[target][int(number)] for number in value]
        return self.pool[target][int(str(value))] if target and value is not None else value

    def _common(self, object: str, field: str, value: FieldValue) -> FieldValue:
        names = self._names.get(SCHEMA[object].fields[field].target, {})
        if isinstance(value, list):
            return sorted(names.get(item, item) for item in value)
        return names.get(value, value) if isinstance(value, str) else value


def zones(every: bool) -> Sequence[str]:
    """Time zones from -12 to +14; `every` whole hour of them, and odd ones besides."""
    few = ("Etc/GMT+12", "America/St_Johns", "UTC", "Asia/Kathmandu", "Etc/GMT-14")
    if not every:
        return few
    whole: Iterable[str] = (f"Etc/GMT{-hours:+d}" for hours in range(-12, 15))
    odd = (
        "America/Los_Angeles", "America/Sao_Paulo", "Asia/Tehran", "Asia/Bangkok", "Asia/Beirut",
        "Africa/Cairo", "Pacific/Chatham", "Pacific/Kiritimati", "Europe/Berlin",
    )  # fmt: skip
    return (*whole, *few, *odd)
