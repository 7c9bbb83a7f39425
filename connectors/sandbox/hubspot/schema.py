"""The sandbox account's metadata: object types, properties, pipelines, association types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.sandbox.hubspot.replies import Json

#: Object name -> (type id, singular in API texts, prefix of legacy association types).
TYPES: dict[str, tuple[str, str]] = {
    "contacts": ("0-1", "contact"),
    "companies": ("0-2", "company"),
    "deals": ("0-3", "deal"),
    "tickets": ("0-5", "ticket"),
}

#: The property that holds the modified stamp.
MODIFIED = dict.fromkeys(TYPES, "hs_lastmodifieddate") | {"contacts": "lastmodifieddate"}

#: Properties given when a request names none.
DEFAULTS: dict[str, tuple[str, ...]] = {
    "contacts": (
        "createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname",
    ),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": (
        "amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate",
        "hs_object_id", "pipeline",
    ),
    "tickets": (
        "content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline",
        "hs_pipeline_stage", "hs_ticket_priority", "subject",
    ),
}  # fmt: skip

#: Properties a record cannot be created without.
REQUIRED: dict[str, tuple[str, ...]] = {
    "contacts": (),
    "companies": (),
    "deals": ("dealname", "dealstage"),
    "tickets": ("subject", "hs_pipeline_stage"),
}

#: Properties that full-text `query` looks into.
SEARCHABLE: dict[str, tuple[str, ...]] = {
    "contacts": ("firstname", "lastname", "email", "phone", "hs_additional_emails"),
    "companies": ("name", "domain", "phone", "website"),
    "deals": ("dealname", "description"),
    "tickets": ("subject", "content"),
}


def object_name(text: str) -> str | None:
    """The object a path or body names: plural, singular, any case, or type id."""
    folded = text.lower()
    for name, (type_id, singular) in TYPES.items():
        if folded in (name, singular, type_id):
            return name
    return None


@dataclass(frozen=True, slots=True)
class Property:
    """One property definition."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    options: tuple[tuple[str, str], ...] = ()
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    custom: bool = False
    owner: bool = False
    currency: bool = False
    group: str = ""

    def json(self, created: str) -> Json:
        """As the properties API shows it."""
        made: Json = {
            "updatedAt": created,
            "createdAt": created,
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": "",
            "groupName": self.group,
            "options": [
                {"label": label, "value": value, "displayOrder": order, "hidden": False}
                for order, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.owner,
            "archived": False,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": not self.custom,
            "modificationMetadata": {
                "archivable": self.custom,
                "readOnlyDefinition": not self.custom,
                "readOnlyValue": self.read_only or self.calculated,
            },
            "formField": not (self.read_only or self.calculated),
        }
        if self.owner:
            made["referencedObjectType"] = "OWNER"
        if self.currency:
            made["showCurrencySymbol"] = True
        return made


def _labels(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value.replace("_", " ").capitalize()) for value in values)


_TRUE_FALSE = (("true", "Yes"), ("false", "No"))
_INDUSTRIES = _labels(
    "ACCOUNTING", "AUTOMOTIVE", "BANKING", "COMPUTER_SOFTWARE", "CONSTRUCTION",
    "CONSUMER_GOODS", "EDUCATION_MANAGEMENT", "FARMING", "FINANCIAL_SERVICES", "FOOD_BEVERAGES",
    "GOVERNMENT_ADMINISTRATION", "HOSPITAL_HEALTH_CARE", "HOSPITALITY",
    "INFORMATION_TECHNOLOGY_AND_SERVICES", "INTERNET", "LAW_PRACTICE",
    "LOGISTICS_AND_SUPPLY_CHAIN", "MACHINERY", "REAL_ESTATE", "RETAIL", "TELECOMMUNICATIONS",
    "TEXTILES", "OTHER",
)  # fmt: skip
_INTERESTS = _labels("analytics", "events", "integration", "pricing", "support", "training")
_CURRENCIES = tuple((code, code) for code in ("USD", "EUR", "GBP", "THB", "JPY", "IRR", "CHF"))


def _address() -> list[Property]:
    return [
        Property("address", "Street Address"),
        Property("city", "City"),
        Property("state", "State/Region"),
        Property("zip", "Postal Code"),
        Property("country", "Country/Region"),
    ]


def _system(modified: str, created_read_only: bool) -> list[Property]:
    return [
        Property("hubspot_owner_id", "Owner", "enumeration", "select", owner=True),
        Property("createdate", "Create Date", "datetime", "date", read_only=created_read_only),
        Property(modified, "Last Modified Date", "datetime", "date", read_only=True),
        Property("hs_object_id", "Record ID", "number", "number", read_only=True),
        Property("hs_updated_by_user_id", "Updated by user ID", "number", "number", read_only=True),
        Property("hs_created_by_user_id", "Created by user ID", "number", "number", read_only=True),
        Property(
            "hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", read_only=True
        ),
    ]


def _contacts() -> list[Property]:
    return [
        Property("email", "Email", unique=True),
        Property("firstname", "First Name"),
        Property("lastname", "Last Name"),
        Property("phone", "Phone Number", field_type="phonenumber"),
        Property("mobilephone", "Mobile Phone Number", field_type="phonenumber"),
        Property("jobtitle", "Job Title"),
        Property("company", "Company Name"),
        Property("website", "Website URL"),
        Property("birth_date", "Birth date", "date", "date", custom=True),
        Property("interests", "Interests", "enumeration", "checkbox", _INTERESTS, custom=True),
        Property(
            "email_opt_out", "E-mail opt-out", "bool", "booleancheckbox", _TRUE_FALSE, custom=True
        ),
        *_address(),
        *_system("lastmodifieddate", created_read_only=True),
        Property("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox"),
        Property(
            "hs_all_contact_vids", "All vids for a contact", "enumeration", "checkbox",
            read_only=True,
        ),
        Property(
            "hs_calculated_merged_vids", "Merged vids with timestamps", calculated=True
        ),
        Property("hs_email_domain", "Email Domain", calculated=True),
    ]  # fmt: skip


def _companies() -> list[Property]:
    return [
        Property("name", "Company name"),
        Property("domain", "Company Domain Name"),
        Property("website", "Website URL"),
        Property("phone", "Phone Number", field_type="phonenumber"),
        Property("industry", "Industry", "enumeration", "select", _INDUSTRIES),
        Property("numberofemployees", "Number of Employees", "number", "number"),
        Property("annualrevenue", "Annual Revenue", "number", "number", currency=True),
        Property("description", "Description", field_type="textarea"),
        *_address(),
        *_system("hs_lastmodifieddate", created_read_only=True),
    ]


def _deals() -> list[Property]:
    return [
        Property("dealname", "Deal Name"),
        Property("amount", "Amount", "number", "number", currency=True),
        Property("deal_currency_code", "Currency", "enumeration", "select", _CURRENCIES),
        Property("pipeline", "Pipeline", "enumeration", "select"),
        Property("dealstage", "Deal Stage", "enumeration", "radio"),
        Property(
            "hs_deal_stage_probability", "Deal probability", "number", "number", calculated=True
        ),
        Property("hs_is_closed", "Is Deal Closed?", "bool", "booleancheckbox", calculated=True),
        Property("hs_is_closed_won", "Is Closed Won", "bool", "booleancheckbox", calculated=True),
        Property("closedate", "Close Date", "datetime", "date"),
        Property(
            "dealtype", "Deal Type", "enumeration", "radio",
            (("newbusiness", "New Business"), ("existingbusiness", "Existing Business")),
        ),
        Property("description", "Deal Description", field_type="textarea"),
        *_system("hs_lastmodifieddate", created_read_only=False),
    ]  # fmt: skip


def _tickets() -> list[Property]:
    return [
        Property("subject", "Ticket name"),
        Property("content", "Ticket description", field_type="textarea"),
        Property("hs_pipeline", "Pipeline", "enumeration", "select"),
        Property("hs_pipeline_stage", "Ticket status", "enumeration", "select"),
        Property(
            "hs_ticket_priority", "Priority", "enumeration", "select",
            _labels("LOW", "MEDIUM", "HIGH", "URGENT"),
        ),
        Property("satisfaction_rating", "Satisfaction rating", "number", "number", custom=True),
        Property("closed_date", "Close date", "datetime", "date"),
        *_system("hs_lastmodifieddate", created_read_only=False),
    ]  # fmt: skip


_GROUPS = {
    "contacts": "contactinformation",
    "companies": "companyinformation",
    "deals": "dealinformation",
    "tickets": "ticketinformation",
}


def properties() -> dict[str, dict[str, Property]]:
    """A fresh account's properties: object -> name -> definition."""
    made: dict[str, Iterable[Property]] = {
        "contacts": _contacts(),
        "companies": _companies(),
        "deals": _deals(),
        "tickets": _tickets(),
    }
    return {
        object: {p.name: replace(p, group=_GROUPS[object]) for p in listed}
        for object, listed in made.items()
    }


@dataclass(frozen=True, slots=True)
class Stage:
    """A pipeline stage; `probability` is '' for tickets."""

    id: str
    label: str
    closed: bool
    probability: str = ""

    def json(self, order: int) -> Json:
        """As the pipelines API shows it: metadata values are strings."""
        closed = "true" if self.closed else "false"
        metadata = (
            {"isClosed": closed, "probability": self.probability}
            if self.probability
            else {"ticketState": "CLOSED" if self.closed else "OPEN", "isClosed": closed}
        )
        return {
            "label": self.label,
            "displayOrder": order,
            "metadata": metadata,
            "id": self.id,
            "createdAt": "1970-01-01T00:00:00Z",
            "updatedAt": "1970-01-01T00:00:00Z",
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": False,
        }


#: Object -> pipeline id -> (label, stages).
PIPELINES: dict[str, dict[str, tuple[str, tuple[Stage, ...]]]] = {
    "deals": {
        "default": (
            "Sales Pipeline",
            (
                Stage("appointmentscheduled", "Appointment Scheduled", False, "0.2"),
                Stage("qualifiedtobuy", "Qualified To Buy", False, "0.4"),
                Stage("presentationscheduled", "Presentation Scheduled", False, "0.6"),
                Stage("decisionmakerboughtin", "Decision Maker Bought-In", False, "0.8"),
                Stage("contractsent", "Contract Sent", False, "0.9"),
                Stage("closedwon", "Closed Won", True, "1.0"),
                Stage("closedlost", "Closed Lost", True, "0.0"),
            ),
        )
    },
    "tickets": {
        "0": (
            "Support Pipeline",
            (
                Stage("1", "New", False),
                Stage("2", "Waiting on contact", False),
                Stage("3", "Waiting on us", False),
                Stage("4", "Closed", True),
            ),
        )
    },
}

#: Object -> (pipeline property, stage property, default pipeline, property stamped on close).
STAGED: dict[str, tuple[str, str, str, str]] = {
    "deals": ("pipeline", "dealstage", "default", "closedate"),
    "tickets": ("hs_pipeline", "hs_pipeline_stage", "0", "closed_date"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """One association type, in one direction. `label` is None for the unlabeled one."""

    type_id: int
    from_object: str
    to_object: str
    inverse: int
    label: str | None = None


def _pair(a: str, b: str, there: int, back: int, label: str | None = None) -> list[Link]:
    return [Link(there, a, b, back, label), Link(back, b, a, there, label)]


#: HubSpot's own association types, by type id; every type has its inverse.
LINKS: dict[int, Link] = {
    link.type_id: link
    for link in (
        *_pair("contacts", "companies", 279, 280),
        *_pair("contacts", "companies", 1, 2, "Primary"),
        *_pair("deals", "contacts", 3, 4),
        *_pair("deals", "companies", 341, 342),
        *_pair("deals", "companies", 5, 6, "Primary"),
        *_pair("contacts", "tickets", 15, 16),
        *_pair("tickets", "companies", 339, 340),
        *_pair("tickets", "companies", 26, 25, "Primary"),
        *_pair("deals", "tickets", 27, 28),
    )
}


def links_between(from_object: str, to_object: str) -> list[Link]:
    """The types from one object to another, unlabeled first."""
    return [k for k in LINKS.values() if (k.from_object, k.to_object) == (from_object, to_object)]


def unlabeled(from_object: str, to_object: str) -> Link | None:
    """The default type between two objects, if they can be associated at all."""
    return next((k for k in links_between(from_object, to_object) if k.label is None), None)
