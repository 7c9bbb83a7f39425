"""The modules and fields of the account, as data.

Field and module names are Zoho's API names; types are Zoho's ``data_type`` words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Zoho ids are this prefix and twelve digits; metadata has its own range below the records'.
ID_PREFIX = "4876876"

JSON_TYPES: Mapping[str, str] = {
    "boolean": "boolean",
    "integer": "integer",
    "double": "double",
    "currency": "double",
    "multiselectpicklist": "jsonarray",
    "lookup": "jsonobject",
    "ownerlookup": "jsonobject",
}

STAGES: Mapping[str, int] = {
    "Qualification": 10,
    "Needs Analysis": 20,
    "Value Proposition": 40,
    "Identify Decision Makers": 60,
    "Proposal/Price Quote": 75,
    "Negotiation/Review": 90,
    "Closed Won": 100,
    "Closed Lost": 0,
    "Closed Lost to Competition": 0,
}
PIPELINE = "Standard (Standard)"
CURRENCIES: Mapping[str, str] = {
    "USD": "$", "THB": "฿", "EUR": "€", "GBP": "£", "JPY": "¥", "IRR": "﷼", "SGD": "S$",
}  # fmt: skip
_INDUSTRIES = (
    "Agriculture", "Construction", "Education", "Financial Services", "Healthcare",
    "Hospitality", "Logistics", "Manufacturing", "Retail", "Technology", "Other",
)  # fmt: skip
_INTERESTS = ("Analytics", "Events", "Integration", "Pricing", "Support", "Training")


@dataclass(slots=True)
class FieldSpec:
    """One field. `module` is what a lookup points to; `choices` are actual values."""

    api_name: str
    label: str
    data_type: str
    length: int = 255
    mandatory: bool = False
    read_only: bool = False
    custom: bool = False
    unique: bool = False
    choices: tuple[str, ...] = ()
    module: str = ""
    decimal_place: int | None = None
    id: str = ""
    hidden: bool = False
    """The API user may not see it."""

    @property
    def json_type(self) -> str:
        """Zoho's word for how the value looks in JSON."""
        return JSON_TYPES.get(self.data_type, "string")

    @property
    def is_lookup(self) -> bool:
        """Whether the value is another record's (or a user's) id."""
        return self.data_type in ("lookup", "ownerlookup")


@dataclass(slots=True)
class ModuleSpec:
    """One module; `title` is the field that names a record to people."""

    api_name: str
    singular: str
    title: str
    fields: dict[str, FieldSpec] = field(default_factory=dict)
    id: str = ""
    layout_id: str = ""


_TEXT_LENGTH = 255
_LENGTHS = {"textarea": 32000, "email": 100, "phone": 30, "website": 450, "date": 20,
            "datetime": 120, "boolean": 5, "integer": 9, "currency": 16, "double": 16,
            "lookup": 120, "ownerlookup": 120, "picklist": 120, "multiselectpicklist": 255,
            "bigint": 20}  # fmt: skip


def make_field(name: str, data_type: str, **more: object) -> FieldSpec:
    """A field with the type's usual length; its label is the name without underscores."""
    made = FieldSpec(
        api_name=name,
        label=name.replace("_", " "),
        data_type=data_type,
        length=_LENGTHS.get(data_type, _TEXT_LENGTH),
    )
    if data_type == "currency":
        made.decimal_place = 2
    for key, value in more.items():
        setattr(made, key, value)
    return made


def _system(created_owner: bool = True) -> tuple[FieldSpec, ...]:
    """What every module has."""
    return (
        make_field("id", "bigint", read_only=True, label="Record Id"),
        make_field("Owner", "ownerlookup", module="users"),
        make_field("Created_Time", "datetime", read_only=True),
        make_field("Modified_Time", "datetime", read_only=True),
        make_field("Created_By", "ownerlookup", module="users", read_only=True),
        make_field("Modified_By", "ownerlookup", module="users", read_only=True),
    )


def _address(prefix: str, code: str) -> tuple[FieldSpec, ...]:
    return (
        make_field(f"{prefix}_Street", "text", length=250),
        make_field(f"{prefix}_City", "text", length=100),
        make_field(f"{prefix}_State", "text", length=100),
        make_field(f"{prefix}_{code}", "text", length=30),
        make_field(f"{prefix}_Country", "text", length=100),
    )


def _module(
    api_name: str, singular: str, title: str, *fields: FieldSpec, number: int
) -> ModuleSpec:
    made = ModuleSpec(api_name, singular, title)
    made.id = f"{ID_PREFIX}{2000 + number:012d}"
    made.layout_id = f"{ID_PREFIX}{90_000 + number:012d}"
    for at, spec in enumerate((*_system(), *fields)):
        spec.id = f"{ID_PREFIX}{10_000 + 1000 * number + at:012d}"
        made.fields[spec.api_name] = spec
    return made


def modules() -> dict[str, ModuleSpec]:
    """The account's modules, new each time (fields can be added to them)."""
    made = (
        _module(
            "Accounts", "Account", "Account_Name",
            make_field("Account_Name", "text", mandatory=True, length=200),
            make_field("Website", "website"),
            make_field("Phone", "phone"),
            make_field("Industry", "picklist", choices=_INDUSTRIES),
            make_field("Employees", "integer"),
            make_field("Annual_Revenue", "currency"),
            make_field("Description", "textarea"),
            *_address("Billing", "Code"),
            number=1,
        ),
        _module(
            "Contacts", "Contact", "Last_Name",
            make_field("First_Name", "text", length=40),
            make_field("Last_Name", "text", mandatory=True, length=80),
            make_field("Email", "email", unique=True),
            make_field("Phone", "phone"),
            make_field("Mobile", "phone"),
            make_field("Title", "text", length=100),
            make_field("Date_of_Birth", "date"),
            make_field("Interests", "multiselectpicklist", custom=True, choices=_INTERESTS),
            make_field("Email_Opt_Out", "boolean"),
            *_address("Mailing", "Zip"),
            make_field("Account_Name", "lookup", module="Accounts"),
            number=2,
        ),
        _module(
            "Deals", "Deal", "Deal_Name",
            make_field("Deal_Name", "text", mandatory=True, length=120),
            make_field("Amount", "currency"),
            make_field("Currency", "picklist", choices=tuple(CURRENCIES)),
            make_field("Pipeline", "picklist", choices=(PIPELINE,)),
            make_field("Stage", "picklist", mandatory=True, choices=tuple(STAGES)),
            make_field("Probability", "integer", length=3),
            make_field("Closing_Date", "date"),
            make_field("Type", "picklist", choices=("New Business", "Existing Business")),
            make_field("Description", "textarea"),
            make_field("Account_Name", "lookup", module="Accounts"),
            make_field("Contact_Name", "lookup", module="Contacts"),
            number=3,
        ),
        _module(
            "Cases", "Case", "Subject",
            make_field("Subject", "text", mandatory=True, length=300),
            make_field(
                "Status", "picklist", mandatory=True,
                choices=("New", "On Hold", "Escalated", "Closed"),
            ),
            make_field(
                "Case_Origin", "picklist", mandatory=True, choices=("Email", "Phone", "Web"),
            ),
            make_field("Priority", "picklist", choices=("High", "Medium", "Low")),
            make_field("Description", "textarea"),
            make_field("Satisfaction_Rating", "integer", custom=True),
            make_field("Closed_At", "datetime", custom=True),
            make_field("Account_Name", "lookup", module="Accounts"),
            make_field("Related_To", "lookup", module="Contacts", label="Contact Name"),
            number=4,
        ),
    )  # fmt: skip
    return {module.api_name: module for module in made}


def users_module() -> ModuleSpec:
    """Users, kept like records but served by an endpoint of their own."""
    made = ModuleSpec("users", "User", "full_name")
    for spec in (
        make_field("id", "bigint", read_only=True),
        make_field("full_name", "text"),
        make_field("first_name", "text"),
        make_field("last_name", "text"),
        make_field("email", "email"),
        make_field("status", "text"),
        make_field("Created_Time", "datetime", read_only=True),
        make_field("Modified_Time", "datetime", read_only=True),
    ):
        made.fields[spec.api_name] = spec
    return made
