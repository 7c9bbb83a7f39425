"""What each vendor calls the things the suite speaks of, and the ways of connecting to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.base import FieldInfo, NativeType
from connectors.sandbox.hubspot.schema import Property
from connectors.sandbox.salesforce.schema import Field as SalesforceField
from connectors.sandbox.zoho.metadata import make_field


@dataclass(frozen=True, slots=True)
class Thing:
    """One native object: its name, the text field that titles it, the least row it takes."""

    object: str
    title: str
    least: Mapping[str, Any] = field(default_factory=dict)

    def row(self, title: str, **more: Any) -> dict[str, Any]:
        """The smallest valid row with that title."""
        return {**self.least, self.title: title, **more}


@dataclass(frozen=True, slots=True)
class Words:
    """A vendor's native names for what the suite writes and reads."""

    company: Thing
    contact: Thing
    deal: Thing
    ticket: Thing
    external: str
    """Name of the external-id field."""
    token_path: str
    """Regular expression of the path where access tokens are asked for."""
    # company
    text: str
    money: str
    whole: str
    # contact
    email: str
    date: str
    options: str
    flag: str
    employer: str
    # deal
    stage: str
    amount: str
    close: str
    deal_company: str
    deal_contacts: str
    # users
    user: Callable[[str, str, bool], Mapping[str, Any]]
    """(name, email, active) -> row of the users' object."""
    users: str
    add_field: Callable[[Any, str, str], None]
    """(sandbox, object, name): make a text field."""
    custom: tuple[str, str] = ("", "")
    """How the names of made fields begin and end."""
    denied: tuple[int, Any] = (0, None)
    """Status and body of the refusal of a call that our credentials are not allowed."""
    crowd: int = 2060
    """Some more records than one page of changes holds."""

    @property
    def things(self) -> tuple[Thing, ...]:
        """All four objects."""
        return (self.company, self.contact, self.deal, self.ticket)


def _add_to_salesforce(sandbox: Any, object: str, name: str) -> None:
    made = SalesforceField(name, name, "string", 80, custom=True)
    sandbox.store.add_field(sandbox.store.objects[object], made)


def _add_to_hubspot(sandbox: Any, object: str, name: str) -> None:
    made = Property(name, name, custom=True, group="information")
    sandbox._records.properties[object][name] = made


def _add_to_zoho(sandbox: Any, object: str, name: str) -> None:
    sandbox.store.add_field(sandbox.store.modules[object], make_field(name, "text", custom=True))


def _add_to_memory(sandbox: Any, object: str, name: str) -> None:
    info = sandbox.account.objects[object]
    made = FieldInfo(name, name, NativeType.TEXT)
    sandbox.account.objects[object] = replace(info, fields={**info.fields, name: made})


WORDS: dict[str, Words] = {
    "salesforce": Words(
        company=Thing("Account", "Name"),
        contact=Thing("Contact", "LastName"),
        deal=Thing(
            "Opportunity", "Name", {"StageName": "Prospecting", "CloseDate": "2026-03-31"}
        ),
        ticket=Thing("Case", "Subject", {"Status": "New"}),
        external="Concord_Id__c",
        token_path=r"/services/(oauth2/token|Soap/u/.*)",
        text="Description", money="AnnualRevenue", whole="NumberOfEmployees",
        email="Email", date="Birthdate", options="Interests__c", flag="HasOptedOutOfEmail",
        employer="AccountId",
        stage="StageName", amount="Amount", close="CloseDate",
        deal_company="AccountId", deal_contacts="OpportunityContactRoles",
        user=lambda name, email, on: {"Name": name, "Email": email, "IsActive": on},
        users="User",
        add_field=_add_to_salesforce,
        custom=("A_Field_With_Rather_A_Long_Name_", "__c"),
        denied=(403, [{"message": "You cannot", "errorCode": "INSUFFICIENT_ACCESS"}]),
    ),
    "hubspot": Words(
        company=Thing("companies", "name"),
        contact=Thing("contacts", "lastname"),
        deal=Thing(
            "deals", "dealname", {"pipeline": "default", "dealstage": "appointmentscheduled"}
        ),
        ticket=Thing("tickets", "subject", {"hs_pipeline": "0", "hs_pipeline_stage": "1"}),
        external="concord_id",
        token_path=r"/oauth/.*token",
        text="description", money="annualrevenue", whole="numberofemployees",
        email="email", date="birth_date", options="interests", flag="email_opt_out",
        employer="associations.companies",
        stage="dealstage", amount="amount", close="closedate",
        deal_company="associations.companies", deal_contacts="associations.contacts",
        user=lambda name, email, on: {
            "firstName": name.partition(" ")[0],
            "lastName": name.partition(" ")[2],
            "email": email,
            "archived": not on,
        },
        users="owners",
        add_field=_add_to_hubspot,
        custom=("a_property_with_rather_a_long_name_", ""),
        denied=(
            403,
            {"status": "error", "message": "This app hasn't been granted all required scopes",
             "category": "MISSING_SCOPES"},
        ),
        crowd=260,
    ),
    "zoho": Words(
        company=Thing("Accounts", "Account_Name"),
        contact=Thing("Contacts", "Last_Name"),
        deal=Thing(
            "Deals", "Deal_Name", {"Pipeline": "Standard (Standard)", "Stage": "Qualification"}
        ),
        ticket=Thing("Cases", "Subject", {"Status": "New", "Case_Origin": "Email"}),
        external="Concord_Id",
        token_path=r"/oauth/v2/token",
        text="Description", money="Annual_Revenue", whole="Employees",
        email="Email", date="Date_of_Birth", options="Interests", flag="Email_Opt_Out",
        employer="Account_Name",
        stage="Stage", amount="Amount", close="Closing_Date",
        deal_company="Account_Name", deal_contacts="Contact_Name",
        user=lambda name, email, on: {
            "full_name": name,
            "email": email,
            "status": "active" if on else "inactive",
        },
        users="users",
        add_field=_add_to_zoho,
        custom=("A_Field_With_Rather_A_Long_Name_", ""),
        denied=(
            401,
            {"code": "OAUTH_SCOPE_MISMATCH", "details": {}, "message": "invalid oauth scope",
             "status": "error"},
        ),
    ),
    "memory": Words(
        company=Thing("company", "name"),
        contact=Thing("contact", "last_name"),
        deal=Thing("deal", "name", {"stage": "qualification"}),
        ticket=Thing("ticket", "subject", {"status": "new"}),
        external="concord_id",
        token_path=r"(?!)",
        text="description", money="annual_revenue", whole="employees",
        email="email", date="birth_date", options="interests", flag="email_opt_out",
        employer="company",
        stage="stage", amount="amount", close="close_date",
        deal_company="company", deal_contacts="contacts",
        user=lambda name, email, on: {"name": name, "email": email, "active": on},
        users="user",
        add_field=_add_to_memory,
        custom=("a_field_", ""),
        crowd=260,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setup:
    """One way of connecting to a vendor."""

    vendor: str
    credentials: str = "credentials"
    """Name of the sandbox's method that gives the `auth` block."""
    options: Mapping[str, str] = field(default_factory=dict)
    sandbox: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the sandbox."""
    modules: tuple[str, ...] = ()
    """The test modules that run on it; all of them if empty."""
    lacks: frozenset[str] = frozenset()
    """What tests marked with ``needs`` look for in vain: ``wire``, an HTTP API whose calls are
    tried again; ``tokens`` that end; ``late commits``, changes stamped before they show;
    ``time``: it is enough that a long test runs on the vendor's other setups."""


SETUPS: dict[str, Setup] = {
    "salesforce": Setup("salesforce", sandbox={"token_lifetime": 7200.0}),
    "salesforce-password": Setup(
        "salesforce",
        "password_credentials",
        sandbox={"token_lifetime": 7200.0},
        modules=("test_account", "test_trouble"),
    ),
    "hubspot": Setup("hubspot", options={"deletes_every": "0"}),
    "hubspot-dated": Setup(
        "hubspot",
        "oauth_credentials",
        {"api_version": "2026-09", "history": "true", "deletes_every": "0"},
        lacks=frozenset({"time"}),
    ),
    "zoho": Setup("zoho", options={"deletes_every": "0"}),
    "memory": Setup(
        "memory",
        options={"batch": "40", "page": "200"},
        lacks=frozenset({"wire", "tokens", "late commits"}),
    ),
}
