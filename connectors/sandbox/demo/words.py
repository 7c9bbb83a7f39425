"""Common names and values in each vendor's own words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from connectors.sandbox.demo.chance import Chance

#: vendor -> common object -> native object.
NATIVE: dict[str, dict[str, str]] = {
    "salesforce": {"user": "User", "company": "Account", "contact": "Contact",
                   "deal": "Opportunity", "ticket": "Case"},
    "hubspot": {"user": "owners", "company": "companies", "contact": "contacts",
                "deal": "deals", "ticket": "tickets"},
    "zoho": {"user": "users", "company": "Accounts", "contact": "Contacts",
             "deal": "Deals", "ticket": "Cases"},
}  # fmt: skip

_INDUSTRIES: dict[str, tuple[str, str, str]] = {
    "agriculture": ("Agriculture", "FARMING", "Agriculture"),
    "construction": ("Construction", "CONSTRUCTION", "Construction"),
    "education": ("Education", "EDUCATION_MANAGEMENT", "Education"),
    "finance": ("Finance", "FINANCIAL_SERVICES", "Financial Services"),
    "healthcare": ("Healthcare", "HOSPITAL_HEALTH_CARE", "Healthcare"),
    "hospitality": ("Hospitality", "HOSPITALITY", "Hospitality"),
    "logistics": ("Transportation", "LOGISTICS_AND_SUPPLY_CHAIN", "Logistics"),
    "manufacturing": ("Manufacturing", "MACHINERY", "Manufacturing"),
    "retail": ("Retail", "RETAIL", "Retail"),
    "technology": ("Technology", "COMPUTER_SOFTWARE", "Technology"),
    "other": ("Other", "OTHER", "Other"),
}

#: Stages of each vendor's pipeline with their probability in percent.
_STAGES: dict[str, dict[str, tuple[tuple[str, int], ...]]] = {
    "salesforce": {
        "qualification": (("Qualification", 10), ("Prospecting", 10)),
        "needs_analysis": (
            ("Needs Analysis", 20), ("Value Proposition", 50), ("Id. Decision Makers", 60),
            ("Perception Analysis", 70),
        ),
        "proposal": (("Proposal/Price Quote", 75),),
        "negotiation": (("Negotiation/Review", 90),),
        "won": (("Closed Won", 100),),
        "lost": (("Closed Lost", 0),),
    },
    "hubspot": {
        "qualification": (("appointmentscheduled", 20),),
        "needs_analysis": (("qualifiedtobuy", 40),),
        "proposal": (("presentationscheduled", 60),),
        "negotiation": (("decisionmakerboughtin", 80), ("contractsent", 90)),
        "won": (("closedwon", 100),),
        "lost": (("closedlost", 0),),
    },
    "zoho": {
        "qualification": (("Qualification", 10),),
        "needs_analysis": (
            ("Needs Analysis", 20), ("Value Proposition", 40), ("Identify Decision Makers", 60),
        ),
        "proposal": (("Proposal/Price Quote", 75),),
        "negotiation": (("Negotiation/Review", 90),),
        "won": (("Closed Won", 100),),
        "lost": (("Closed Lost", 0), ("Closed Lost to Competition", 0)),
    },
}  # fmt: skip

_STATUSES: dict[str, dict[str, tuple[str, ...]]] = {
    "salesforce": {
        "new": ("New",), "waiting": ("On Hold",), "in_progress": ("Working", "Escalated"),
        "closed": ("Closed",),
    },
    "hubspot": {"new": ("1",), "waiting": ("2",), "in_progress": ("3",), "closed": ("4",)},
    "zoho": {
        "new": ("New",), "waiting": ("On Hold",), "in_progress": ("Escalated",),
        "closed": ("Closed",),
    },
}  # fmt: skip


def industry(vendor: str, common: str) -> str | None:
    """The vendor's option for an industry, None for ''."""
    if not common:
        return None
    return _INDUSTRIES[common][("salesforce", "hubspot", "zoho").index(vendor)]


def stage(chance: Chance, vendor: str, common: str) -> tuple[str, int]:
    """One of the vendor's stages for a common one (mostly the first), and its percentage."""
    options = _STAGES[vendor][common]
    return options[0] if chance.sometimes(0.6) else chance.choice(options)


def status(chance: Chance, vendor: str, common: str) -> str:
    """One of the vendor's ticket statuses for a common one."""
    return chance.choice(_STATUSES[vendor][common])


def priority(vendor: str, common: str) -> str | None:
    """The vendor's option for a priority; only HubSpot has one for ``urgent``."""
    if not common:
        return None
    if vendor == "hubspot":
        return common.upper()
    return "High" if common == "urgent" else common.capitalize()


def deal_type(vendor: str, common: str) -> str | None:
    """The vendor's option for a deal's type, None for ''."""
    if not common:
        return None
    return common.replace("_", "") if vendor == "hubspot" else common.replace("_", " ").title()


def text(value: bool | int | Decimal | None) -> str | None:
    """A value as HubSpot keeps it: everything is text."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def share(percent: int) -> str:
    """A percentage as HubSpot writes a probability: 20 -> ``0.2``."""
    return str(percent / 100)


def instant(at: datetime) -> str:
    """ISO text in UTC with milliseconds."""
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")


def address(prefix: str, parts: Sequence[str]) -> dict[str, str | None]:
    """Street, city, region, postal code and country under the vendor's field names, which
    follow from the prefix: ``""`` HubSpot, ``Billing`` Salesforce, ``Billing_`` Zoho."""
    if prefix == "":
        names = ["address", "city", "state", "zip", "country"]
    else:
        postal = {"Billing_": "Code", "Mailing_": "Zip"}.get(prefix, "PostalCode")
        names = [f"{prefix}{part}" for part in ("Street", "City", "State", postal, "Country")]
    return {name: part or None for name, part in zip(names, parts, strict=True)}


def history(field: str, past: Sequence[tuple[datetime, str]]) -> list[dict[str, str]]:
    """What a field was since when, oldest first."""
    return [{"at": instant(at), "field": field, "value": value} for at, value in past]
