"""The pages about connecting an account, held to the code and to the sandboxes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from sqlalchemy.engine import Engine

import connectors
from connectors.base import Access, Capabilities
from connectors.errors import AuthenticationFailed, ConnectorError
from connectors.hubspot import errors as hubspot
from connectors.reference import MEANINGS, NAMES, PAGE, capabilities_page, declared
from connectors.salesforce import errors as salesforce
from connectors.sandbox.faults import Fault
from connectors.sandbox.fleet import Fleet
from connectors.zoho import errors as zoho
from connectors.zoho.tokens import DATA_CENTERS, ENVIRONMENTS
from mapping.document import catalog
from mapping.schema import Fields
from mapping.translate import compile
from mapping.values import Context
from sync.accounts import Checked, check_all, connect_all
from sync.engine.run import run
from sync.settings import SECRET_KEYS, SYNCED, Settings, access, parse
from sync.store.database import session

ROOT = Path(__file__).resolve().parent.parent
VENDORS = tuple(NAMES)

#: Kinds of sign-in that each connector takes, and what each needs.
KINDS = {
    ("salesforce", "client_credentials"): {"client_id", "client_secret"},
    ("salesforce", "jwt"): {"client_id", "username", "private_key"},
    ("salesforce", "password"): {"username", "password", "security_token"},
    ("hubspot", "private_app"): {"access_token"},
    ("hubspot", "oauth"): {"client_id", "client_secret", "refresh_token"},
    ("zoho", "self_client"): {"client_id", "client_secret", "refresh_token"},
}

#: What no account of the vendor has from the start: native object -> fields.
OWN_FIELDS = {
    "salesforce": {"Contact": ["Interests__c"], "Case": ["Rating__c"],
                   "Opportunity": ["CurrencyIsoCode"]},
    "hubspot": {"contacts": ["birth_date", "interests", "email_opt_out"],
                "tickets": ["satisfaction_rating"]},
    "zoho": {"Contacts": ["Interests"], "Cases": ["Satisfaction_Rating", "Closed_At"],
             "Deals": ["Currency"]},
}  # fmt: skip

#: Calls for access tokens, which the pages count apart.
TOKENS = r"/services/oauth2/token|/oauth/v[12]/token"


def page(vendor: str) -> str:
    """The vendor's page."""
    return (ROOT / "docs" / f"connecting-{vendor}.md").read_text(encoding="utf-8")


def section(vendor: str, heading: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    level = heading.split(" ")[0]
    end = rf"^#{{2,{len(level)}}} "
    found = page(vendor).split(f"\n{heading}", 1)
    assert len(found) == 2, f"{vendor}: no heading {heading!r}"
    return re.split(end, found[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row in a text, headings left out."""
    found = [
        [cell.strip() for cell in line.strip()[1:-1].split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return [cells for cells in found if set(cells[-1]) != {"-"}]


def blocks(vendor: str) -> list[str]:
    """Every YAML block of a page."""
    return re.findall(r"^```yaml\n(.*?)^```", page(vendor), re.MULTILINE | re.DOTALL)


# -- settings


@pytest.mark.parametrize(
    ("vendor", "text"), [(vendor, text) for vendor in VENDORS for text in blocks(vendor)]
)
def test_each_settings_block_can_be_used_as_it_stands(
    vendor: str, text: str, tmp_path: Path
) -> None:
    settings = parse(text)
    (name,) = settings.connections
    chosen = settings.connections[name]
    assert chosen.vendor == vendor
    assert not chosen.sandbox
    for key in SECRET_KEYS & chosen.auth.keys():
        assert re.fullmatch(r"\$\{(env:[A-Z_]+|file:[a-z./]+)\}", chosen.auth[key])
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "salesforce.pem").write_text("a key", encoding="utf-8")
    environment = dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), "value")
    connectors.connect(vendor, access(settings, name, tmp_path, environment)).close()


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_kind_of_sign_in_has_its_block(vendor: str) -> None:
    shown: dict[tuple[str, str], set[str]] = {}
    for text in blocks(vendor):
        for chosen in parse(text).connections.values():
            shown[vendor, chosen.auth["kind"]] = chosen.auth.keys() - {"kind"}
    assert shown == {kind: keys for kind, keys in KINDS.items() if kind[0] == vendor}


@pytest.mark.parametrize(("vendor", "kind"), KINDS)
def test_a_kind_of_sign_in_needs_what_its_block_gives(vendor: str, kind: str) -> None:
    for left_out in KINDS[vendor, kind]:
        auth = dict.fromkeys(KINDS[vendor, kind] - {left_out}, "value") | {"kind": kind}
        url = "https://example.my.salesforce.com" if vendor == "salesforce" else ""
        with pytest.raises(ConnectorError, match=left_out):
            connectors.connect(vendor, Access("mine", url, auth))


def test_every_data_centre_of_zoho_is_named() -> None:
    text = section("zoho", "## 2. A self client")
    for word in (*DATA_CENTERS, *ENVIRONMENTS):
        assert f"`{word}`" in text


# -- fields and scopes


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_page_names_every_field_that_is_read_or_written(vendor: str) -> None:
    heading = "### Properties" if vendor == "hubspot" else "### Fields"
    table = {cells[0]: cells for cells in rows(section(vendor, heading))}
    for object in SYNCED:
        document = catalog(vendor, object)
        named = [set(re.findall(r"`([^`]+)`", cell)) for cell in table[object]]
        writable = {f.native for f in document.fields.values() if f.writable}
        assert named[1] == {document.native}
        assert named[2] == writable | {document.external_id}
        assert named[3] == {f.native for f in document.fields.values() if not f.writable}
        if len(named) > 4:
            assert named[4] == set(document.constants)
        else:
            assert not document.constants


def test_hubspot_scopes_cover_every_object() -> None:
    named = {cells[0]: cells[2] for cells in rows(section("hubspot", "## 1. Scopes"))[:6]}
    for object in ("company", "contact", "deal"):
        native = catalog("hubspot", object).native
        for area in ("objects", "schemas"):
            for way in ("read", "write"):
                assert f"`crm.{area}.{native}.{way}`" in named[object]
    assert "`tickets`" in named["ticket"]
    assert "`crm.objects.owners.read`" in named["user"]


def test_zoho_scopes_are_explained_one_by_one() -> None:
    text = section("zoho", "## 2. A self client")
    (line,) = re.findall(r"```text\n\s*(.*)\n", text)
    explained = {
        scope
        for cells in rows(text)
        for scope in re.findall(r"`(Zoho[A-Z]\w+\.[\w.]+)`", cells[0])
    }  # fmt: skip
    assert set(line.split(",")) == explained
    for object in SYNCED:
        assert f"ZohoCRM.modules.{catalog('zoho', object).native.lower()}.ALL" in explained


# -- on the sandboxes


@dataclass
class Bench:
    """Three empty accounts, a store, and settings that name them."""

    fleet: Fleet
    engine: Engine
    settings: Settings
    base: Path

    def connect(self) -> dict[str, Checked]:
        """`concord connect`."""
        with session(self.engine) as opened:
            now = self.fleet.clock.now()
            found = connect_all(self.settings, self.base, opened, now)
        return {checked.connection: checked for checked in found}

    def check(self) -> dict[str, Checked]:
        """`concord check`."""
        found = check_all(self.settings, self.base, self.engine)
        return {checked.connection: checked for checked in found}

    def calls(self, work: Callable[[], object]) -> dict[str, int]:
        """Calls that some work makes in each account, sign-ins left out."""
        logs = {vendor: self.fleet.servers[vendor].log for vendor in VENDORS}
        before = {vendor: len(log.calls) for vendor, log in logs.items()}
        work()
        return {
            vendor: sum(not re.fullmatch(TOKENS, call.path) for call in log.calls[before[vendor] :])
            for vendor, log in logs.items()
        }

    def fault(self, vendor: str, kind: str, object: str, **options: str) -> None:
        """Order a fault of a sandbox."""
        faults = self.fleet.servers[vendor].faults
        faults.add(Fault(vendor, kind, object=object, times=None, options=options))


@pytest.fixture
def bench(sqlite_store: Callable[[], Engine], tmp_path: Path) -> Iterator[Bench]:
    with Fleet(contacts=0, search_lag=0) as fleet:
        found = {
            vendor: {
                "vendor": vendor,
                "url": server.url,
                "sandbox": True,
                "auth": dict(server.vendor.credentials()),
            }
            for vendor, server in fleet.servers.items()
        }
        settings = parse(yaml.safe_dump({"connections": found}))
        yield Bench(fleet, sqlite_store(), settings, tmp_path)


def test_calls_are_as_many_as_the_pages_say(bench: Bench) -> None:
    def work() -> None:
        assert run(bench.engine, bench.settings, bench.base).errors == {}

    measured = {
        "`concord check`": bench.calls(bench.check),
        "`concord connect`, the first time": bench.calls(bench.connect),
    }
    work()
    bench.fleet.clock.advance(600)
    quiet = bench.calls(work)
    measured["a run with no change anywhere"] = quiet
    bench.fleet.clock.advance(900)
    looking = bench.calls(work)
    measured["the same when the recycling bins are due"] = looking
    for vendor in VENDORS:
        told = {cells[0]: cells[1] for cells in rows(section(vendor, "## What a run costs"))}
        for what, calls in measured.items():
            if what in told or calls is not looking:
                assert told[what] == f"{calls[vendor]:,}", f"{vendor}: {what}"
            else:
                assert looking[vendor] == quiet[vendor]
        day = quiet[vendor] * 288 + (looking[vendor] - quiet[vendor]) * 96
        assert told["such runs for a day, one every 5 minutes"] == f"{day:,}"


def test_what_a_bare_account_lacks_is_named_and_can_be_left_out(bench: Bench) -> None:
    for vendor, objects in OWN_FIELDS.items():
        for object, names in objects.items():
            for name in names:
                bench.fault(vendor, "remove_field", object, field=name)
    for vendor, checked in bench.check().items():
        lacking = {f"{object}.{name}" for object in OWN_FIELDS[vendor]
                   for name in OWN_FIELDS[vendor][object]}  # fmt: skip
        assert {problem.split(":")[0] for problem in checked.problems} == lacking
        told = section(vendor, "### What a bare")
        for name in lacking:
            assert name.split(".")[1] in told, name
    # The way out that the pages give: the shipped document without those lines.
    for vendor, objects in OWN_FIELDS.items():
        (bench.base / "mappings" / vendor).mkdir(parents=True)
        for object in SYNCED:
            document = catalog(vendor, object)
            text = Path(document.path).read_text(encoding="utf-8")
            body = yaml.safe_load(text)
            unwanted = objects.get(document.native, [])
            body["fields"] = {
                name: field
                for name, field in body["fields"].items()
                if document.fields[name].native not in unwanted
            }
            place = bench.base / "mappings" / vendor / f"{object}.yaml"
            place.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
    hub = bench.settings.hub.model_copy(update={"mappings": "mappings"})
    bench.settings = bench.settings.model_copy(update={"hub": hub})
    for checked in bench.check().values():
        assert checked.problems == []


def test_connect_adds_the_fields_that_the_pages_name(bench: Bench) -> None:
    for vendor, checked in bench.connect().items():
        field = catalog(vendor, "company").external_id
        assert checked.added == [f"{catalog(vendor, o).native}.{field}" for o in SYNCED]
        assert f"`{field}`" in section(vendor, "## 4. Connect")
    for checked in bench.connect().values():
        assert checked.added == []
        assert not any("Concord" in line or "concord" in line for line in checked.advice)


def test_salesforce_hides_a_new_field_until_it_is_shown(bench: Bench) -> None:
    bench.connect()
    bench.fault("salesforce", "hide_field", "Account", field="Concord_Id__c")
    (advice,) = (
        line.removeprefix("Account.Concord_Id__c: ")
        for line in bench.connect()["salesforce"].advice
        if "Concord_Id__c" in line
    )
    quoted = " ".join(section("salesforce", "## 4. Connect").replace("\n> ", " ").split())
    assert advice in quoted


def test_hubspot_says_what_stands_in_the_way_of_its_property(bench: Bench) -> None:
    connector = connectors.connect(
        "hubspot", access(bench.settings, "hubspot", bench.base, environment={})
    )
    # `name` stands for a property that somebody made without unique values.
    advice = connector.provision("companies", "name").advice
    connector.close()
    quoted = " ".join(section("hubspot", "## 4. Connect").replace("\n> ", " ").split())
    assert advice.replace("property name", "property concord_id") in quoted


# -- currencies and time zones


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_its_currency_an_amount_is_a_bare_number_unless_it_is_read_only(
    vendor: str,
) -> None:
    document = catalog(vendor, "deal")
    kept = {name: field for name, field in document.fields.items() if name != "currency"}
    amount = document.fields["amount"]
    assert f"`amount: {{native: {amount.native}, direction: in}}`" in page(vendor)
    for direction, written in (("both", {amount.native: Decimal(100)}), ("in", {})):
        kept["amount"] = amount.model_copy(update={"direction": direction})
        translator = compile(document.model_copy(update={"fields": kept}), Context())
        deal: Fields = {"amount": "100", "currency": "THB"}
        assert translator.to_native(deal, creating=False) == (written, [])


def test_a_close_date_in_hubspot_is_midnight_of_the_account() -> None:
    translator = compile(catalog("hubspot", "deal"), Context(time_zone="Asia/Bangkok"))
    values, _ = translator.to_native({"close_date": "2026-01-31"}, creating=False)
    assert values == {"closedate": "2026-01-30T17:00:00.000Z"}


# -- errors


def _signing_in(vendor: str, status: int, code: str, words: str) -> ConnectorError:
    if vendor == "salesforce":
        return salesforce.translate(SalesforceAuthenticationFailed(code, words), "mine")
    if vendor == "zoho":
        described = {} if words == code else {"error_description": words}
        return zoho.of_token("mine", status, {"error": code, **described})
    return _whole(vendor, status, code, words)


def _whole(vendor: str, status: int, code: str, words: str) -> ConnectorError:
    if vendor == "salesforce":
        return salesforce.from_reply("mine", status, [{"errorCode": code, "message": words}])
    if vendor == "zoho":
        return zoho.of_request("mine", status, {"code": code, "message": words})
    return hubspot.of_reply(status, {"category": code, "message": words}, "mine")


def _single(vendor: str, status: int, code: str, words: str) -> ConnectorError:
    entry = {"statusCode": code, "code": code, "message": words, "details": {}}
    if vendor == "salesforce":
        return salesforce.from_item("mine", "record", [entry], status)
    if vendor == "zoho":
        return zoho.of_item("mine", "Contacts", "1", entry)
    return hubspot.of_reply(status, {"category": code, "message": words}, "mine")


SITUATIONS = {
    "### When signing in": _signing_in,
    "### Of a whole call": _whole,
    "### Of a single record": _single,
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("heading", SITUATIONS)
def test_each_error_has_the_cause_that_the_page_gives(vendor: str, heading: str) -> None:
    told = rows(section(vendor, heading))[1:]
    assert told
    for status, code, words, cause, way_out in told:
        assert way_out
        if code == "`BAD_REFRESH_TOKEN`":
            continue  # below: only the call it answers tells what it means
        given = "" if words.startswith("(") else words
        error = SITUATIONS[heading](vendor, int(status), code.strip("`"), given)
        assert error.cause == cause.strip("`"), (status, code, words)
        assert error.code == code.strip("`"), (status, code, words)


def test_a_refresh_token_that_hubspot_does_not_take(bench: Bench) -> None:
    server = bench.fleet.servers["hubspot"]
    auth = {**server.vendor.oauth_credentials(), "refresh_token": "na1-made-up"}
    connector = connectors.connect("hubspot", Access("mine", server.url, auth, sandbox=True))
    with pytest.raises(AuthenticationFailed) as met:
        connector.check()
    connector.close()
    (row,) = [c for c in rows(section("hubspot", "### When signing in")) if "REFRESH" in c[1]]
    assert row[:4] == [str(met.value.status), f"`{met.value.code}`", met.value.words, "`auth`"]


# -- what the pages own up to


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_could_not_be_tried_is_said_and_marks_are_explained(vendor: str) -> None:
    text = page(vendor)
    start = " ".join(text.split("\n## ", 1)[0].split())
    assert "could not be tried" in start
    assert "cannot be tried without" in " ".join(section(vendor, "## 2.").split())
    for mark in set(re.findall(r"\[([A-Z0-9?])\]", text)):
        assert f"**[{mark}]**" in start


# -- capabilities


def test_the_capabilities_page_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == capabilities_page(), "run `python -m connectors.reference`"


def test_every_declared_capability_has_its_meaning() -> None:
    assert set(MEANINGS) == {field.name for field in fields(Capabilities)}


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_capabilities_page_says_what_the_connector_declares(vendor: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = rows(text.split("## At a glance", 1)[1].split("\n## ", 1)[0])
    column = table[0].index(NAMES[vendor])
    told = {cells[0]: cells[column] for cells in table[1:]}
    for field in fields(Capabilities):
        meaning, written = MEANINGS[field.name]
        assert told[meaning] == written(getattr(declared(vendor), field.name))
