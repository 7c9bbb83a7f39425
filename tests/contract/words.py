"""What each vendor calls the things the suite speaks of, and the ways of connecting to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


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
    crowd: int = 2060
    """Some more records than one page of changes holds."""

    @property
    def things(self) -> tuple[Thing, ...]:
        """All four objects."""
        return (self.company, self.contact, self.deal, self.ticket)


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
    tried again; ``tokens`` that end; ``late commits``, changes stamped before they show."""


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
    ),
    "zoho": Setup("zoho", options={"deletes_every": "0"}),
    "memory": Setup(
        "memory",
        options={"batch": "40", "page": "200"},
        lacks=frozenset({"wire", "tokens", "late commits"}),
    ),
}
