"""Zoho's own Python SDK (zcrmsdk 3.1) at work on one address; run as a process of its own.

The SDK keeps its settings in global state and writes files beside itself, so the test
starts this script, gives it a JSON object on standard input (`url`, `auth`, `folder`) and
reads what it saw as JSON from standard output.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from zcrmsdk.src.com.zoho.api.authenticator.oauth_token import OAuthToken, TokenType
from zcrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zcrmsdk.src.com.zoho.api.logger import Logger
from zcrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zcrmsdk.src.com.zoho.crm.api.initializer import Initializer
from zcrmsdk.src.com.zoho.crm.api.parameter_map import ParameterMap
from zcrmsdk.src.com.zoho.crm.api.record import (
    BodyWrapper,
    DeleteRecordParam,
    GetRecordsParam,
    RecordOperations,
    SearchRecordsParam,
)
from zcrmsdk.src.com.zoho.crm.api.record import Record as ZohoRecord
from zcrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zcrmsdk.src.com.zoho.crm.api.user_signature import UserSignature
from zcrmsdk.src.com.zoho.crm.api.users import UsersOperations
from zcrmsdk.src.com.zoho.crm.api.util import Choice


def body(id: int | None = None, **values: Any) -> BodyWrapper:
    """A request that carries one record."""
    record = ZohoRecord()
    if id is not None:
        record.set_id(id)
    for name, value in values.items():
        record.add_key_value(name, value)
    wrapped = BodyWrapper()
    wrapped.set_data([record])
    return wrapped


def outcome(response: Any) -> list[dict[str, Any]]:
    """What the SDK says of each record of a write."""
    return [
        {
            "status": item.get_status().get_value(),
            "code": item.get_code().get_value(),
            "details": {key: str(value) for key, value in item.get_details().items()},
        }
        for item in response.get_object().get_data()
    ]


def rows(response: Any, *names: str) -> list[dict[str, Any]]:
    """The records of a read."""
    return [
        {"id": record.get_id(), **{name: record.get_key_value(name) for name in names}}
        for record in response.get_object().get_data()
    ]


def main() -> None:
    """Create, read, change, list, search and delete."""
    task = json.load(sys.stdin)
    url, auth, folder = task["url"], task["auth"], Path(task["folder"])
    Initializer.initialize(
        user=UserSignature("admin@example.com"),
        environment=DataCenter.Environment(url, f"{url}/oauth/v2/token", url),
        token=OAuthToken(
            client_id=auth["client_id"],
            client_secret=auth["client_secret"],
            token=auth["refresh_token"],
            token_type=TokenType.REFRESH,
        ),
        store=FileStore(file_path=str(folder / "tokens.csv")),
        sdk_config=SDKConfig(auto_refresh_fields=False, pick_list_validation=False),
        resource_path=str(folder),
        logger=Logger.get_instance(level=Logger.Levels.WARNING, file_path=str(folder / "sdk.log")),
    )
    records = RecordOperations()
    seen: dict[str, Any] = {}

    made = outcome(
        records.create_records(
            "Contacts",
            body(
                Last_Name="ทดสอบ رضایی 🎉",
                Email="sdk@example.com",
                Date_of_Birth=date(1988, 2, 29),
                Email_Opt_Out=True,
                Interests=[Choice("Pricing"), Choice("Support")],
            ),
        )
    )
    seen["created"] = made
    id = int(made[0]["details"]["id"])
    seen["bad"] = outcome(
        records.create_records("Contacts", body(Last_Name="x", Email="not an email"))
    )
    seen["duplicate"] = outcome(
        records.create_records("Contacts", body(Last_Name="x", Email="sdk@example.com"))
    )
    seen["read"] = [
        {
            "id": record.get_id(),
            "name": record.get_key_value("Last_Name"),
            "born": record.get_key_value("Date_of_Birth").isoformat(),
            "out": record.get_key_value("Email_Opt_Out"),
            "interests": [choice.get_value() for choice in record.get_key_value("Interests")],
            "owner": record.get_key_value("Owner").get_name(),
            "modified": record.get_modified_time().isoformat(),
        }
        for record in records.get_record(id, "Contacts").get_object().get_data()
    ]
    seen["updated"] = outcome(records.update_record(id, "Contacts", body(Phone="+66 2 123 4567")))
    listing = ParameterMap()
    listing.add(GetRecordsParam.per_page, 2)
    listing.add(GetRecordsParam.page, 1)
    page = records.get_records("Contacts", listing)
    seen["listed"] = rows(page, "Last_Name", "Phone")
    seen["more"] = page.get_object().get_info().get_more_records()
    search = ParameterMap()
    search.add(SearchRecordsParam.criteria, "(Email:equals:sdk@example.com)")
    seen["found"] = rows(records.search_records("Contacts", search), "Phone")
    seen["users"] = [
        user.get_full_name() for user in UsersOperations().get_users().get_object().get_users()
    ]
    away = ParameterMap()
    away.add(DeleteRecordParam.wf_trigger, "false")
    seen["deleted"] = outcome(records.delete_record(id, "Contacts", away))
    seen["status_after"] = records.get_record(id, "Contacts").get_status_code()
    json.dump(seen, sys.stdout, default=str)


if __name__ == "__main__":
    main()
