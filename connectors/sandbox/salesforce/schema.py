"""The metadata of a sandbox org: objects, their fields, and who points to whom.

Types, lengths and flags are those that describes of real orgs show for the same fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, Unpack

#: Field types stored as text with a length.
TEXTUAL = frozenset({"string", "textarea", "phone", "url", "email", "picklist", "multipicklist"})
#: Field types with a fraction; kept in the database as integers, scaled.
SCALED = frozenset({"double", "currency", "percent"})

STAGES: tuple[tuple[str, int, bool, bool], ...] = (
    ("Prospecting", 10, False, False),
    ("Qualification", 10, False, False),
    ("Needs Analysis", 20, False, False),
    ("Value Proposition", 50, False, False),
    ("Id. Decision Makers", 60, False, False),
    ("Perception Analysis", 70, False, False),
    ("Proposal/Price Quote", 75, False, False),
    ("Negotiation/Review", 90, False, False),
    ("Closed Won", 100, True, True),
    ("Closed Lost", 0, True, False),
)
"""Name, probability in percent, closed, won."""

STATUSES: tuple[tuple[str, bool], ...] = (
    ("New", False),
    ("Working", False),
    ("On Hold", False),
    ("Escalated", False),
    ("Closed", True),
)
"""Name, closed."""

CURRENCIES: tuple[tuple[str, str], ...] = (
    ("USD", "1"),
    ("EUR", "0.85"),
    ("GBP", "0.75"),
    ("THB", "33.5"),
    ("JPY", "150"),
    ("IRR", "42000"),
)
"""ISO code, conversion rate from the corporate currency."""

INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications",
    "Construction", "Consulting", "Education", "Electronics", "Energy", "Engineering",
    "Entertainment", "Environmental", "Finance", "Food & Beverage", "Government", "Healthcare",
    "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media", "Not For Profit",
    "Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation",
    "Utilities", "Other",
)  # fmt: skip
INTERESTS = ("Analytics", "Events", "Integration", "Pricing", "Support", "Training")
TIME_ZONES = ("America/Los_Angeles", "Asia/Bangkok", "Asia/Tehran", "Europe/Berlin", "GMT")


@dataclass(slots=True)
class Field:
    """One field; the names are those of a describe, shortened."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted: bool = False
    default: str | bool | None = None
    custom: bool = False
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False
    case_sensitive: bool = False
    choices: tuple[str, ...] = ()
    restricted: bool = False
    targets: tuple[str, ...] = ()
    relationship: str | None = None
    name_field: bool = False
    hidden: bool = False
    """Field-level security keeps it from the integration user."""

    @property
    def filterable(self) -> bool:
        """Long text cannot stand in a WHERE clause."""
        return not (self.type == "textarea" and self.length > 255)

    @property
    def required(self) -> bool:
        """No record can be created without it."""
        return not self.nillable and self.createable and not self.defaulted


@dataclass(slots=True)
class Child:
    """A relationship seen from the parent: ``(SELECT … FROM <relationship>)``."""

    relationship: str
    object: str
    field: str
    cascades: bool = False
    restricts: bool = False


@dataclass(slots=True)
class Object:
    """One object type of the org."""

    name: str
    label: str
    plural: str
    prefix: str
    fields: dict[str, Field]
    children: tuple[Child, ...] = ()
    writable: bool = True
    mergeable: bool = False
    undeletable: bool = True
    names: dict[str, str] = field(default_factory=dict)
    """Lower-case field name -> field name; Salesforce ignores the case of names."""

    def __post_init__(self) -> None:
        self.names = {name.lower(): name for name in self.fields}

    def add(self, made: Field) -> None:
        """Give the object one field more."""
        self.fields[made.name] = made
        self.names[made.name.lower()] = made.name

    def find(self, name: str) -> Field | None:
        """The field of that name in any case, if the integration user may see it."""
        found = self.fields.get(self.names.get(name.lower(), ""))
        return None if found is None or found.hidden else found

    def parent(self, relationship: str) -> Field | None:
        """The lookup whose relationship has that name, e.g. ``Owner``."""
        for made in self.fields.values():
            if made.relationship and made.relationship.lower() == relationship.lower():
                return None if made.hidden else made
        return None


class _Rights(TypedDict, total=False):
    """Who may set a `Field`, and when."""

    createable: bool
    updateable: bool


class _Traits(_Rights, total=False):
    """Traits of a `Field` of any type."""

    nillable: bool
    defaulted: bool
    default: str | bool | None
    id_lookup: bool
    restricted: bool
    name_field: bool


def _text(name: str, label: str, length: int, **rest: Unpack[_Traits]) -> Field:
    return Field(name, label, "string", length, **rest)


def _lookup(name: str, label: str, *targets: str, **rest: Unpack[_Traits]) -> Field:
    relationship = name.removesuffix("Id")
    return Field(name, label, "reference", 18, targets=targets, relationship=relationship, **rest)


def _picklist(
    name: str, label: str, choices: tuple[str, ...], length: int = 255, **rest: Unpack[_Traits]
) -> Field:
    return Field(name, label, "picklist", length, choices=choices, **rest)


def _flag(name: str, label: str, **rest: Unpack[_Traits]) -> Field:
    traits: _Traits = {"nillable": False, "defaulted": True, "default": False}
    traits.update(rest)
    return Field(name, label, "boolean", **traits)


def _address(kind: str) -> list[Field]:
    return [
        Field(f"{kind}Street", f"{kind} Street", "textarea", 255),
        _text(f"{kind}City", f"{kind} City", 40),
        _text(f"{kind}State", f"{kind} State/Province", 80),
        _text(f"{kind}PostalCode", f"{kind} Zip/Postal Code", 20),
        _text(f"{kind}Country", f"{kind} Country", 80),
    ]


_FIXED: _Rights = {"createable": False, "updateable": False}


def _stamps() -> list[Field]:
    by: _Traits = {
        "createable": False, "updateable": False, "nillable": False, "defaulted": True
    }  # fmt: skip
    return [
        Field("CreatedDate", "Created Date", "datetime", **by),
        _lookup("CreatedById", "Created By ID", "User", **by),
        Field("LastModifiedDate", "Last Modified Date", "datetime", **by),
        _lookup("LastModifiedById", "Last Modified By ID", "User", **by),
        Field("SystemModstamp", "System Modstamp", "datetime", **by),
    ]


def _object(
    name: str,
    label: str,
    plural: str,
    prefix: str,
    *fields: Field,
    children: tuple[Child, ...] = (),
    mergeable: bool = False,
    writable: bool = True,
    deletes: bool = True,
    undeletable: bool = True,
) -> Object:
    own_id = Field(
        "Id", f"{label} ID", "id", 18, nillable=False, defaulted=True, id_lookup=True, **_FIXED
    )
    all_fields = [own_id]
    if deletes:
        all_fields.append(_flag("IsDeleted", "Deleted", **_FIXED))
    if mergeable:
        all_fields.append(_lookup("MasterRecordId", "Master Record ID", name, **_FIXED))
    all_fields += [*fields, *_stamps()]
    return Object(
        name,
        label,
        plural,
        prefix,
        {made.name: made for made in all_fields},
        children,
        writable,
        mergeable,
        undeletable,
    )


def _owner(*targets: str) -> Field:
    return _lookup("OwnerId", "Owner ID", *(targets or ("User",)), nillable=False, defaulted=True)


def _currency() -> Field:
    codes = tuple(code for code, _ in CURRENCIES)
    return _picklist(
        "CurrencyIsoCode", "Currency ISO Code", codes, length=3, restricted=True, default="USD",
        defaulted=True,
    )  # fmt: skip


def _people() -> list[Object]:
    user = _object(
        "User", "User", "Users", "005",
        _text("Username", "Username", 80, nillable=False, id_lookup=True),
        _text("LastName", "Last Name", 80, nillable=False),
        _text("FirstName", "First Name", 40),
        _text("Name", "Full Name", 121, nillable=False, name_field=True, **_FIXED),
        Field("Email", "Email", "email", 128, nillable=False, id_lookup=True),
        _flag("IsActive", "Active", default=True),
        _picklist("UserType", "User Type", ("Standard", "AutomatedProcess", "Guest"), length=40,
                  default="Standard", **_FIXED),
        _picklist("TimeZoneSidKey", "Time Zone", TIME_ZONES, length=40, restricted=True,
                  nillable=False, default="America/Los_Angeles", defaulted=True),
        writable=False, deletes=False,
    )  # fmt: skip
    group = _object(
        "Group", "Group", "Groups", "00G",
        _text("Name", "Name", 40, nillable=False, name_field=True),
        _text("DeveloperName", "Developer Name", 80),
        _picklist("Type", "Type", ("Regular", "Queue"), length=40, default="Queue"),
        Field("Email", "Email", "email", 255),
        writable=False, deletes=False,
    )  # fmt: skip
    # What a polymorphic owner shows of itself: rows of User and Group under one roof.
    name = _object(
        "Name", "Name", "Names", "000",
        _text("Name", "Name", 255, name_field=True),
        Field("Email", "Email", "email", 128),
        _flag("IsActive", "Active"),
        _picklist("Type", "Type", ("User", "Queue"), length=40),
        writable=False, deletes=False,
    )  # fmt: skip
    return [user, group, name]


def _settings() -> list[Object]:
    organization = _object(
        "Organization", "Organization", "Organizations", "00D",
        _text("Name", "Name", 80, nillable=False, name_field=True),
        _text("OrganizationType", "Edition", 40),
        _flag("IsSandbox", "Is Sandbox"),
        _text("InstanceName", "Instance Name", 5),
        _picklist("TimeZoneSidKey", "Time Zone", TIME_ZONES, length=40),
        _picklist("LanguageLocaleKey", "Language", ("en_US", "th", "fa"), length=40),
        _picklist("DefaultLocaleSidKey", "Locale", ("en_US", "th_TH", "fa_IR"), length=40),
        writable=False, deletes=False,
    )  # fmt: skip
    stage = _object(
        "OpportunityStage", "Opportunity Stage", "Opportunity Stages", "01J",
        _text("ApiName", "API Name", 255, nillable=False, name_field=True),
        _text("MasterLabel", "Master Label", 255),
        Field("SortOrder", "Sort Order", "int", digits=9),
        _flag("IsActive", "Is Active"),
        _flag("IsClosed", "Closed"),
        _flag("IsWon", "Won"),
        Field("DefaultProbability", "Probability (%)", "percent", precision=3),
        _text("ForecastCategoryName", "Forecast Category Name", 40),
        writable=False, deletes=False,
    )  # fmt: skip
    status = _object(
        "CaseStatus", "Case Status Value", "Case Status Values", "01J",
        _text("ApiName", "API Name", 255, nillable=False, name_field=True),
        _text("MasterLabel", "Master Label", 255),
        Field("SortOrder", "Sort Order", "int", digits=9),
        _flag("IsDefault", "Is Default"),
        _flag("IsClosed", "Closed"),
        writable=False, deletes=False,
    )  # fmt: skip
    currency = _object(
        "CurrencyType", "Currency Type", "Currency Types", "01L",
        _text("IsoCode", "Currency ISO Code", 3, nillable=False, name_field=True),
        Field("ConversionRate", "Conversion Rate", "double", precision=18, scale=6),
        Field("DecimalPlaces", "Decimal Places", "int", digits=2),
        _flag("IsActive", "Active"),
        _flag("IsCorporate", "Corporate Currency"),
        writable=False, deletes=False,
    )  # fmt: skip
    return [organization, stage, status, currency]


def _records() -> list[Object]:
    account = _object(
        "Account", "Account", "Accounts", "001",
        _text("Name", "Account Name", 255, nillable=False, name_field=True),
        _picklist("Type", "Account Type", ("Prospect", "Customer", "Partner", "Other")),
        _lookup("ParentId", "Parent Account ID", "Account"),
        *_address("Billing"),
        *_address("Shipping"),
        Field("Phone", "Account Phone", "phone", 40),
        Field("Website", "Website", "url", 255),
        _text("AccountNumber", "Account Number", 40),
        _picklist("Industry", "Industry", INDUSTRIES),
        Field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
        Field("NumberOfEmployees", "Employees", "int", digits=8),
        Field("Description", "Account Description", "textarea", 32000),
        _currency(),
        _owner(),
        mergeable=True,
        children=(
            Child("ChildAccounts", "Account", "ParentId"),
            Child("Contacts", "Contact", "AccountId", cascades=True),
            Child("Opportunities", "Opportunity", "AccountId", cascades=True),
            Child("Cases", "Case", "AccountId", restricts=True),
        ),
    )  # fmt: skip
    contact = _object(
        "Contact", "Contact", "Contacts", "003",
        _lookup("AccountId", "Account ID", "Account"),
        _text("LastName", "Last Name", 80, nillable=False),
        _text("FirstName", "First Name", 40),
        _picklist("Salutation", "Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof."), length=40),
        _text("Name", "Full Name", 121, nillable=False, name_field=True, **_FIXED),
        *_address("Mailing"),
        Field("Phone", "Business Phone", "phone", 40),
        Field("MobilePhone", "Mobile Phone", "phone", 40),
        Field("Email", "Email", "email", 80, id_lookup=True),
        _text("Title", "Title", 128),
        _text("Department", "Department", 80),
        _picklist("LeadSource", "Lead Source", ("Web", "Phone Inquiry", "Other")),
        Field("Birthdate", "Birthdate", "date"),
        Field("Description", "Contact Description", "textarea", 32000),
        _flag("HasOptedOutOfEmail", "Email Opt Out"),
        Field("Interests__c", "Interests", "multipicklist", 4099, custom=True, choices=INTERESTS,
              restricted=True),
        _currency(),
        _owner(),
        mergeable=True,
        children=(
            Child("Cases", "Case", "ContactId", restricts=True),
            Child("OpportunityContactRoles", "OpportunityContactRole", "ContactId", cascades=True),
        ),
    )  # fmt: skip
    opportunity = _object(
        "Opportunity", "Opportunity", "Opportunities", "006",
        _lookup("AccountId", "Account ID", "Account"),
        _text("Name", "Name", 120, nillable=False, name_field=True),
        Field("Description", "Description", "textarea", 32000),
        _picklist("StageName", "Stage", tuple(stage[0] for stage in STAGES), nillable=False,
                  restricted=True),
        Field("Amount", "Amount", "currency", precision=18, scale=2),
        Field("Probability", "Probability (%)", "percent", precision=3, defaulted=True),
        Field("CloseDate", "Close Date", "date", nillable=False),
        _picklist("Type", "Opportunity Type", ("Existing Business", "New Business")),
        _text("NextStep", "Next Step", 255),
        _picklist("LeadSource", "Lead Source", ("Web", "Phone Inquiry", "Other")),
        _flag("IsClosed", "Closed", **_FIXED),
        _flag("IsWon", "Won", **_FIXED),
        _currency(),
        _owner(),
        children=(
            Child("OpportunityContactRoles", "OpportunityContactRole", "OpportunityId",
                  cascades=True),
        ),
    )  # fmt: skip
    case = _object(
        "Case", "Case", "Cases", "500",
        _text("CaseNumber", "Case Number", 30, nillable=False, defaulted=True, name_field=True,
              id_lookup=True, **_FIXED),
        _lookup("ContactId", "Contact ID", "Contact"),
        _lookup("AccountId", "Account ID", "Account"),
        _picklist("Status", "Status", tuple(s[0] for s in STATUSES), length=40, restricted=True,
                  default="New", defaulted=True),
        _picklist("Origin", "Case Origin", ("Phone", "Email", "Web"), length=40),
        _text("Subject", "Subject", 255),
        _picklist("Priority", "Priority", ("High", "Medium", "Low"), length=40, restricted=True,
                  default="Medium", defaulted=True),
        Field("Description", "Description", "textarea", 32000),
        _flag("IsClosed", "Closed", **_FIXED),
        Field("ClosedDate", "Closed Date", "datetime", **_FIXED),
        Field("Rating__c", "Rating", "double", precision=1, custom=True),
        _owner("Group", "User"),
        mergeable=True,
    )  # fmt: skip
    role = _object(
        "OpportunityContactRole", "Opportunity Contact Role", "Opportunity Contact Role", "00K",
        _lookup("OpportunityId", "Opportunity ID", "Opportunity", nillable=False, updateable=False),
        _lookup("ContactId", "Contact ID", "Contact", nillable=False),
        _picklist("Role", "Role", ("Business User", "Decision Maker", "Evaluator", "Other"),
                  length=40),
        _flag("IsPrimary", "Primary"),
        undeletable=False,
    )  # fmt: skip
    role.fields["Id"].label = "Contact Role ID"
    return [account, contact, opportunity, case, role]


def standard() -> dict[str, Object]:
    """A fresh copy of the metadata every sandbox org starts with, by object name."""
    return {made.name: made for made in (*_people(), *_settings(), *_records())}
