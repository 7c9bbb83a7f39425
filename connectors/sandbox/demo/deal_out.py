"""What the accounts know, dealt out as each vendor's native rows.

Rows are what `Sandbox.load` takes: native fields, lookups as ids, and the neutral keys
``id``, ``created_at``, ``modified_at``, ``modified_by`` and ``history``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.demo import words
from connectors.sandbox.demo.chance import Chance
from connectors.sandbox.demo.companies import CompanyView
from connectors.sandbox.demo.deals import DealView
from connectors.sandbox.demo.ids import Mint
from connectors.sandbox.demo.people import ContactView
from connectors.sandbox.demo.tickets import TicketView
from connectors.sandbox.demo.truth import Row
from connectors.sandbox.demo.users import User


@dataclass(slots=True)
class Account:
    """One vendor's account while it is being filled.

    Attributes:
        ids: (object, key) -> the first record's id.
        rows: native object -> rows.
        truth: object -> record id -> key.
        emails: contact addresses taken, in lower case; HubSpot and Zoho keep them unique.
    """

    vendor: str
    seed: int
    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    truth: dict[str, dict[str, str]] = field(default_factory=dict)
    emails: set[str] = field(default_factory=set)
    _mint: Mint = field(init=False)
    _chance: Chance = field(init=False)
    _owners: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mint = Mint(self.vendor)
        self._chance = Chance(self.seed, f"rows/{self.vendor}")

    def _issue(self, object: str, key: str) -> str:
        made = self._mint.next(object)
        self.ids.setdefault((object, key), made)
        self.truth.setdefault(object, {})[made] = key
        return made

    def _ref(self, object: str, key: str) -> str | None:
        return self.ids.get((object, key))

    def _owner(self, key: str) -> str | None:
        """The owner's seat here; somebody else's (or in HubSpot nobody) without a seat."""
        seat = self._ref("user", key)
        if seat or (self.vendor == "hubspot" and self._chance.sometimes(0.5)):
            return seat
        return self._chance.choice(self._owners)

    def _stamps(self, row: Row, created: datetime, modified: datetime) -> Row:
        milliseconds = self._chance.randint(0, 999) if self.vendor == "hubspot" else 0
        row["created_at"] = words.instant(created)
        row["modified_at"] = words.instant(modified + timedelta(milliseconds=milliseconds))
        row["modified_by"] = self._chance.choice(self._owners)
        return row

    def add_users(self, users: Sequence[User]) -> None:
        """Seats; the account's own users come first because everything refers to them."""
        rows = self.rows.setdefault(words.NATIVE[self.vendor]["user"], [])
        for user in users:
            if self.vendor not in user.vendors:
                continue
            made = self._issue("user", user.key)
            self._owners.append(made)
            name = f"{user.first} {user.last}"
            seat: dict[str, Row] = {
                "salesforce": {"Name": name, "Email": user.email, "IsActive": user.active},
                "hubspot": {
                    "firstName": user.first,
                    "lastName": user.last,
                    "email": user.email,
                    "archived": not user.active,
                },
                "zoho": {
                    "full_name": name,
                    "email": user.email,
                    "status": "active" if user.active else "inactive",
                },
            }
            rows.append({"id": made} | seat[self.vendor])

    def add_companies(self, views: Sequence[CompanyView]) -> None:
        """Company records, oldest first."""
        self._add("company", views, self._company)

    def add_contacts(self, views: Sequence[ContactView]) -> None:
        """Contact records, oldest first."""
        self._add("contact", sorted(views, key=lambda view: view.copy), self._contact)

    def add_deals(self, views: Sequence[DealView]) -> None:
        """Deal records, oldest first."""
        self._add("deal", views, self._deal)

    def add_tickets(self, views: Sequence[TicketView]) -> None:
        """Ticket records, oldest first."""
        self._add("ticket", views, self._ticket)

    def _add(self, object: str, views: Sequence[Any], row: Callable[[Any], Row]) -> None:
        rows = self.rows.setdefault(words.NATIVE[self.vendor][object], [])
        for view in sorted(views, key=lambda view: (view.created, view.key)):
            made = self._issue(object, view.key)
            rows.append(self._stamps({"id": made} | row(view), view.created, view.modified))

    def _company(self, view: CompanyView) -> Row:
        owner = self._owner(view.owner)
        industry = words.industry(self.vendor, view.industry)
        site, revenue, text = view.website or None, view.revenue, view.description or None
        place = (view.street, view.city, view.region, view.postal, view.country)
        if self.vendor == "hubspot":
            return {
                "name": view.name, "domain": view.domain or None, "website": site,
                "phone": view.phone or None, "industry": industry,
                "numberofemployees": words.text(view.employees),
                "annualrevenue": words.text(revenue), "description": text,
                **words.address("", place), "hubspot_owner_id": owner,
            }  # fmt: skip
        if self.vendor == "salesforce":
            return {
                "Name": view.name, "Website": site, "Phone": view.phone or None,
                "Industry": industry, "NumberOfEmployees": view.employees,
                "AnnualRevenue": revenue, "Description": text,
                **words.address("Billing", place), "OwnerId": owner,
            }  # fmt: skip
        return {
            "Account_Name": view.name, "Website": site, "Phone": view.phone or None,
            "Industry": industry, "Employees": view.employees, "Annual_Revenue": revenue,
            "Description": text, **words.address("Billing_", place), "Owner": owner,
        }  # fmt: skip

    def _email(self, address: str) -> str | None:
        """The address, unless another contact of an account that keeps them unique has it."""
        if not address or (self.vendor != "salesforce" and address.lower() in self.emails):
            return None
        self.emails.add(address.lower())
        return address

    def _contact(self, view: ContactView) -> Row:
        owner, company = self._owner(view.owner), self._ref("company", view.company)
        email, first, title = self._email(view.email), view.first or None, view.title or None
        phone, mobile = view.phone or None, view.mobile or None
        birth = view.birth.isoformat() if view.birth else None
        place = (view.street, view.city, view.region, view.postal, view.country)
        if self.vendor == "hubspot":
            return {
                "email": email, "firstname": first, "lastname": view.last, "phone": phone,
                "mobilephone": mobile, "jobtitle": title, "birth_date": birth,
                "interests": ";".join(view.interests) or None,
                "email_opt_out": words.text(view.opt_out), **words.address("", place),
                "associations.companies": company, "hubspot_owner_id": owner,
                "history": words.history("jobtitle", view.titles),
            }  # fmt: skip
        interests = [interest.capitalize() for interest in view.interests]
        if self.vendor == "salesforce":
            return {
                "Email": email, "FirstName": first, "LastName": view.last, "Phone": phone,
                "MobilePhone": mobile, "Title": title, "Birthdate": birth,
                "Interests__c": ";".join(interests) or None,
                "HasOptedOutOfEmail": bool(view.opt_out), **words.address("Mailing", place),
                "AccountId": company, "OwnerId": owner,
            }  # fmt: skip
        return {
            "Email": email, "First_Name": first, "Last_Name": view.last, "Phone": phone,
            "Mobile": mobile, "Title": title, "Date_of_Birth": birth, "Interests": interests,
            "Email_Opt_Out": bool(view.opt_out), **words.address("Mailing_", place),
            "Account_Name": company, "Owner": owner,
        }  # fmt: skip

    def _deal(self, view: DealView) -> Row:
        owner, company = self._owner(view.owner), self._ref("company", view.company)
        contacts = sorted(c for c in (self._ref("contact", key) for key in view.contacts) if c)
        path = [(at, words.stage(self._chance, self.vendor, name)) for at, name in view.stages]
        stage, chance = path[-1][1]
        past = tuple((at, name) for at, (name, _) in path)
        text = view.description or None
        kind = words.deal_type(self.vendor, view.kind)
        if self.vendor == "hubspot":
            return {
                "dealname": view.name, "amount": words.text(view.amount),
                "deal_currency_code": view.currency, "pipeline": "default", "dealstage": stage,
                "hs_deal_stage_probability": words.share(chance),
                # Five in the morning UTC is the same day here and in Bangkok.
                "closedate": f"{view.close.isoformat()}T05:00:00.000Z",
                "dealtype": kind, "description": text, "associations.companies": company,
                "associations.contacts": contacts, "hubspot_owner_id": owner,
                "history": words.history("dealstage", past),
            }  # fmt: skip
        percent = chance if view.probability is None else view.probability
        if self.vendor == "salesforce":
            return {
                "Name": view.name, "Amount": view.amount, "CurrencyIsoCode": view.currency,
                "StageName": stage, "Probability": percent, "CloseDate": view.close.isoformat(),
                "Type": kind, "Description": text, "AccountId": company,
                "OpportunityContactRoles": contacts, "OwnerId": owner,
                "IsClosed": view.stages[-1][1] in ("won", "lost"),
                "IsWon": view.stages[-1][1] == "won",
                "history": words.history("StageName", past),
            }  # fmt: skip
        return {
            "Deal_Name": view.name, "Amount": view.amount, "Currency": view.currency,
            "Pipeline": "Standard (Standard)", "Stage": stage, "Probability": percent,
            "Closing_Date": view.close.isoformat(), "Type": kind, "Description": text,
            "Account_Name": company, "Contact_Name": contacts[0] if contacts else None,
            "Owner": owner, "history": words.history("Stage", past),
        }  # fmt: skip

    def _ticket(self, view: TicketView) -> Row:
        owner, company = self._owner(view.owner), self._ref("company", view.company)
        contact, text = self._ref("contact", view.contact), view.description or None
        path = tuple((at, words.status(self._chance, self.vendor, s)) for at, s in view.statuses)
        status, closed = path[-1][1], words.instant(view.closed) if view.closed else None
        priority = words.priority(self.vendor, view.priority)
        if self.vendor == "hubspot":
            return {
                "subject": view.subject, "content": text, "hs_pipeline": "0",
                "hs_pipeline_stage": status, "hs_ticket_priority": priority,
                "satisfaction_rating": words.text(view.rating), "closed_date": closed,
                "associations.companies": company,
                "associations.contacts": [contact] if contact else [],
                "hubspot_owner_id": owner, "history": words.history("hs_pipeline_stage", path),
            }  # fmt: skip
        if self.vendor == "salesforce":
            return {
                "Subject": view.subject, "Description": text, "Status": status,
                "Priority": priority, "Rating__c": view.rating, "ClosedDate": closed,
                "IsClosed": closed is not None, "AccountId": company, "ContactId": contact,
                "OwnerId": owner, "history": words.history("Status", path),
            }  # fmt: skip
        return {
            "Subject": view.subject, "Status": status, "Case_Origin": view.origin,
            "Priority": priority, "Description": text, "Satisfaction_Rating": view.rating,
            "Closed_At": closed, "Account_Name": company, "Related_To": contact, "Owner": owner,
            "history": words.history("Status", path),
        }  # fmt: skip
