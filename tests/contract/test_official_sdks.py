"""The vendors' official Python SDKs work on the sandboxes; only their base URL is changed.

Whatever the sandboxes get wrong on the wire in the same way as our connectors shows here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from tests.contract.rig import OLD, START, Rig


class _ToSandbox(HTTPAdapter):
    """simple-salesforce has https and salesforce.com built in: this is its base URL."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)

    def send(self, request: Any, *args: Any, **rest: Any) -> requests.Response:
        parts = urlsplit(request.url)
        request.url = parts._replace(scheme=self._to.scheme, netloc=self._to.netloc).geturl()
        return super().send(request, *args, **rest)


class TestSimpleSalesforce:
    """simple-salesforce: login, rows, queries, deleted rows, collections, limits."""

    @pytest.fixture
    def setup(self) -> str:
        return "salesforce"

    @pytest.fixture
    def session(self, rig: Rig) -> Iterator[requests.Session]:
        made = requests.Session()
        made.trust_env = False
        made.mount("https://", _ToSandbox(rig.server.url))
        yield made
        made.close()

    @pytest.fixture
    def client(self, rig: Rig, session: requests.Session) -> Salesforce:
        auth = rig.sandbox.credentials()
        return Salesforce(
            consumer_key=auth["client_id"],
            consumer_secret=auth["client_secret"],
            domain="acme.my",
            session=session,
        )

    def test_wrong_secret(self, rig: Rig, session: requests.Session) -> None:
        auth = rig.sandbox.credentials()
        with pytest.raises(SalesforceAuthenticationFailed):
            Salesforce(
                consumer_key=auth["client_id"],
                consumer_secret="wrong",
                domain="acme.my",
                session=session,
            )

    def test_rows(self, rig: Rig, client: Salesforce) -> None:
        made = client.Contact.create({"LastName": "ทดสอบ رضایی 🎉", "Email": "sdk@example.com"})
        assert made["success"] is True
        assert made["errors"] == []
        row = client.Contact.get(made["id"])
        assert row["LastName"] == "ทดสอบ رضایی 🎉"
        assert row["attributes"]["type"] == "Contact"
        assert datetime.fromisoformat(row["SystemModstamp"]) == START
        assert client.Contact.update(made["id"], {"Phone": "+66 2", "Email": None}) == 204
        assert client.Contact.get(made["id"])["Email"] is None
        assert client.Contact.delete(made["id"]) == 204
        with pytest.raises(SalesforceResourceNotFound):
            client.Contact.get(made["id"])

    def test_errors_are_recognised(self, client: Salesforce) -> None:
        with pytest.raises(SalesforceMalformedRequest) as caught:
            client.Contact.create({"FirstName": "nobody"})
        assert caught.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
        assert caught.value.content[0]["fields"] == ["LastName"]
        with pytest.raises(SalesforceMalformedRequest) as caught:
            client.query("SELECT Nope FROM Contact")
        assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"

    def test_query_goes_through_all_pages(self, rig: Rig, client: Salesforce) -> None:
        made = rig.fill(rig.words.contact, 2103, at=OLD)
        found = client.query_all("SELECT Id, LastName, Account.Name FROM Contact ORDER BY Id")
        assert found["totalSize"] == len(made)
        assert [row["Id"] for row in found["records"]] == sorted(made)
        assert client.query("SELECT count() FROM Contact")["totalSize"] == len(made)

    def test_query_all_shows_deleted_rows(self, rig: Rig, client: Salesforce) -> None:
        made = rig.fill(rig.words.contact, 2, at=OLD)
        rig.remove(rig.words.contact, made[0])
        text = "SELECT Id, IsDeleted FROM Contact"
        assert [r["Id"] for r in client.query_all(text)["records"]] == [made[1]]
        every = client.query_all(text, include_deleted=True)["records"]
        assert {r["Id"]: r["IsDeleted"] for r in every} == {made[0]: True, made[1]: False}

    def test_describe(self, client: Salesforce) -> None:
        names = {thing["name"] for thing in client.describe()["sobjects"]}
        assert {"Account", "Contact", "Opportunity", "Case", "User"} <= names
        fields = {field["name"]: field for field in client.Opportunity.describe()["fields"]}
        assert fields["AccountId"]["referenceTo"] == ["Account"]
        assert fields["StageName"]["type"] == "picklist"

    def test_upsert_by_external_id(self, rig: Rig, client: Salesforce) -> None:
        rig.connector.provision("Contact", "Concord_Id__c")
        assert client.Contact.upsert("Concord_Id__c/e-1", {"LastName": "a"}) == 201
        assert client.Contact.upsert("Concord_Id__c/e-1", {"LastName": "b"}) in (200, 204)
        assert client.Contact.get_by_custom_id("Concord_Id__c", "e-1")["LastName"] == "b"

    def test_collections(self, client: Salesforce) -> None:
        rows = [
            {"attributes": {"type": "Contact"}, "LastName": "ok"},
            {"attributes": {"type": "Contact"}, "LastName": "no", "Email": "broken@"},
        ]
        good, bad = client.restful(
            "composite/sobjects",
            method="POST",
            data=json.dumps({"allOrNone": False, "records": rows}),
        )
        assert good["success"] is True
        assert bad["success"] is False
        assert "id" not in bad
        assert bad["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"

    def test_limits(self, client: Salesforce) -> None:
        daily = client.limits()["DailyApiRequests"]
        assert 0 < daily["Remaining"] <= daily["Max"]
        client.query("SELECT Id FROM Contact LIMIT 1")
        assert client.api_usage["api-usage"].total == daily["Max"]


class TestHubSpot:
    """hubspot-api-client: rows, pages, batches, search, associations, metadata."""

    @pytest.fixture
    def setup(self) -> str:
        return "hubspot"

    @pytest.fixture
    def client(self, rig: Rig) -> Any:
        from hubspot import HubSpot

        token = rig.sandbox.credentials()["access_token"]
        return HubSpot(access_token=token, host=rig.server.url)

    def test_wrong_token(self, rig: Rig) -> None:
        from hubspot import HubSpot
        from hubspot.crm.contacts.exceptions import ApiException

        client = HubSpot(access_token="pat-na1-wrong", host=rig.server.url)
        with pytest.raises(ApiException) as caught:
            client.crm.contacts.basic_api.get_page()
        assert caught.value.status == 401
        assert json.loads(caught.value.body)["category"] == "INVALID_AUTHENTICATION"

    def test_rows(self, client: Any) -> None:
        from hubspot.crm.contacts import SimplePublicObjectInput, SimplePublicObjectInputForCreate
        from hubspot.crm.contacts.exceptions import ApiException

        api = client.crm.contacts.basic_api
        values = {"lastname": "ทดสอบ رضایی 🎉", "email": "sdk@example.com"}
        made = api.create(SimplePublicObjectInputForCreate(properties=values, associations=[]))
        read = api.get_by_id(made.id, properties=["lastname", "email", "phone"])
        assert read.properties["lastname"] == "ทดสอบ رضایی 🎉"
        assert read.properties["phone"] is None
        assert read.created_at == START
        api.update(made.id, SimplePublicObjectInput(properties={"phone": "+66 2", "email": ""}))
        again = api.get_by_id(made.id, properties=["phone", "email"])
        assert (again.properties["phone"], again.properties["email"]) == ("+66 2", None)
        api.archive(made.id)
        with pytest.raises(ApiException) as caught:
            api.get_by_id(made.id)
        assert caught.value.status == 404
        assert api.get_by_id(made.id, archived=True).archived

    def test_errors_are_recognised(self, rig: Rig, client: Any) -> None:
        from hubspot.crm.contacts import SimplePublicObjectInputForCreate
        from hubspot.crm.contacts.exceptions import ApiException

        api = client.crm.contacts.basic_api
        [id] = rig.load(rig.words.contact, [{"lastname": "a", "email": "a@example.com"}])
        with pytest.raises(ApiException) as caught:
            api.create(
                SimplePublicObjectInputForCreate(
                    properties={"email": "a@example.com"}, associations=[]
                )
            )
        assert caught.value.status == 409
        assert id in json.loads(caught.value.body)["message"]
        with pytest.raises(ApiException) as caught:
            api.create(SimplePublicObjectInputForCreate(properties={"foo": "x"}, associations=[]))
        assert caught.value.status == 400
        assert "PROPERTY_DOESNT_EXIST" in caught.value.body

    def test_pages(self, rig: Rig, client: Any) -> None:
        made = rig.fill(rig.words.deal, 205, at=OLD)
        found = client.crm.deals.get_all(properties=["dealname"])
        assert sorted(row.id for row in found) == sorted(made)
        rig.remove(rig.words.deal, made[0])
        assert [row.id for row in client.crm.deals.get_all(archived=True)] == [made[0]]

    def test_search(self, rig: Rig, client: Any) -> None:
        from hubspot.crm.companies import PublicObjectSearchRequest

        made = rig.fill(rig.words.company, 12, at=OLD)
        rig.clock.advance(60)
        found = client.crm.companies.search_api.do_search(
            PublicObjectSearchRequest(
                filter_groups=[
                    {"filters": [{"propertyName": "name", "operator": "EQ", "value": "row 7"}]}
                ],
                sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                properties=["name"],
                limit=10,
                after="0",
            )
        )
        assert found.total == 1
        assert found.results[0].id == made[7]

    def test_batches(self, rig: Rig, client: Any) -> None:
        from hubspot.crm.contacts import (
            BatchInputSimplePublicObjectBatchInputForCreate,
            BatchReadInputSimplePublicObjectId,
            SimplePublicObjectInputForCreate,
        )

        api = client.crm.contacts.batch_api
        made = api.create(
            BatchInputSimplePublicObjectBatchInputForCreate(
                inputs=[
                    SimplePublicObjectInputForCreate(
                        properties={"email": f"n{n}@example.com"}, associations=[]
                    )
                    for n in range(3)
                ]
            )
        )
        assert made.status == "COMPLETE"
        read = api.read(
            BatchReadInputSimplePublicObjectId(
                id_property="email",
                properties=["email"],
                properties_with_history=[],
                inputs=[{"id": "n1@example.com"}, {"id": "nobody@example.com"}],
            )
        )
        assert [row.properties["email"] for row in read.results] == ["n1@example.com"]
        assert read.num_errors == 1
        assert len(rig.truth(rig.words.contact)) == 3

    def test_associations(self, rig: Rig, client: Any) -> None:
        [contact] = rig.fill(rig.words.contact, 1)
        [company] = rig.fill(rig.words.company, 1)
        api = client.crm.associations.v4.basic_api
        api.create(
            "contacts",
            contact,
            "companies",
            company,
            [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}],
        )
        [found] = api.get_page("contacts", contact, "companies").results
        assert str(found.to_object_id) == company
        assert {each.type_id for each in found.association_types} == {1, 279}
        api.archive("contacts", contact, "companies", company)
        assert api.get_page("contacts", contact, "companies").results == []

    def test_metadata(self, client: Any) -> None:
        names = {p.name for p in client.crm.properties.core_api.get_all("contacts").results}
        assert {"email", "lastname", "hs_object_id", "lastmodifieddate"} <= names
        [pipeline] = client.crm.pipelines.pipelines_api.get_all("deals").results
        assert pipeline.id == "default"
        assert {stage.id: stage.metadata["probability"] for stage in pipeline.stages}[
            "appointmentscheduled"
        ] == "0.2"
        owners = client.crm.owners.owners_api.get_page().results
        assert any(owner.first_name == "Concord" for owner in owners)


class TestZoho:
    """zcrmsdk, in a process of its own."""

    @pytest.fixture
    def setup(self) -> str:
        return "zoho"

    def test_sdk(self, rig: Rig, tmp_path: Path) -> None:
        rig.load(
            rig.words.contact,
            [rig.words.contact.row(f"old {n}", Email=f"o{n}@example.com") for n in range(3)],
            at=OLD,
        )
        rig.clock.advance(60)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("zoho_sdk.py"))],
            input=json.dumps(
                {
                    "url": rig.server.url,
                    "auth": rig.sandbox.credentials(),
                    "folder": str(tmp_path),
                }
            ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        log = tmp_path / "sdk.log"
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
        seen = json.loads(done.stdout)
        [created] = seen["created"]
        id = created["details"]["id"]
        assert (created["status"], created["code"]) == ("success", "SUCCESS")
        assert seen["bad"][0]["code"] == "INVALID_DATA"
        assert seen["bad"][0]["details"]["api_name"] == "Email"
        assert seen["duplicate"][0]["code"] == "DUPLICATE_DATA"
        [read] = seen["read"]
        assert str(read["id"]) == id
        assert read["name"] == "ทดสอบ رضایی 🎉"
        assert read["born"] == "1988-02-29"
        assert read["out"] is True
        assert set(read["interests"]) == {"Pricing", "Support"}
        assert read["owner"] == "Concord Integration"
        assert (datetime.fromisoformat(read["modified"]) - START).total_seconds() == 60
        assert seen["updated"][0]["code"] == "SUCCESS"
        assert len(seen["listed"]) == 2
        assert seen["more"] is True
        assert [str(row["id"]) for row in seen["found"]] == [id]
        assert seen["found"][0]["Phone"] == "+66 2 123 4567"
        assert "Concord Integration" in seen["users"]
        assert seen["deleted"][0]["code"] == "SUCCESS"
        assert seen["status_after"] == 204
        [truth] = [row for row in rig.sandbox.state("Contacts") if row["id"] == id]
        assert truth["deleted"]
        assert truth["Phone"] == "+66 2 123 4567"
