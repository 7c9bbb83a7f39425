"""The account itself: whose it is, who works in it, its pipelines, and its external-id field."""

from __future__ import annotations

import re
from decimal import Decimal
from xml.sax.saxutils import unescape

from connectors.base import Account, Pipeline, Provisioned, Stage, User
from connectors.errors import Misconfigured, PermissionDenied
from connectors.salesforce.client import Client
from connectors.salesforce.describe import Schema
from connectors.salesforce.values import instant as parse_instant
from connectors.salesforce.values import soql_instant, to18

#: A common entity id is 36 characters; some room is left for other schemes.
_KEY_LENGTH = 64


class AccountReader:
    """Reads one account's settings."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._identity: dict[str, str] = {}

    def identity(self) -> dict[str, str]:
        """What SOAP ``getUserInfo`` says of our own user; asked once.

        It is the one call that tells user, account and currency in every account, however
        one signed in.
        """
        if not self._identity:
            text = self._client.soap("getUserInfo")
            found = re.findall(r"<(?:\w+:)?(\w+)>([^<]*)</", text)
            self._identity = {name: unescape(value) for name, value in found}
        return self._identity

    def user_id(self) -> str:
        """Our own user."""
        return to18(self.identity().get("userId", ""))

    def check(self) -> Account:
        """See `connectors.base.Connector.check`."""
        self._identity = {}
        identity = self.identity()
        rows = self._client.query_all("SELECT Id, Name, TimeZoneSidKey FROM Organization")
        if not rows:
            raise PermissionDenied(
                f"{self._client.connection}: the integration user may not read Organization",
                connection=self._client.connection,
            )
        multi = identity.get("organizationMultiCurrency") == "true"
        currency = identity.get("orgDefaultCurrencyIsoCode", "")
        currencies: tuple[str, ...] = (currency,) if currency else ()
        if multi:
            types = self._client.query_all(
                "SELECT IsoCode, IsCorporate FROM CurrencyType WHERE IsActive = true"
            )
            currencies = tuple(sorted(str(row["IsoCode"]) for row in types))
            corporate = [str(row["IsoCode"]) for row in types if row["IsCorporate"]]
            currency = corporate[0] if corporate else currency
        left, limit = self._quota()
        return Account(
            id=to18(rows[0]["Id"]),
            name=str(rows[0]["Name"]),
            currency=currency,
            time_zone=str(rows[0]["TimeZoneSidKey"]),
            user_id=self.user_id(),
            multi_currency=multi,
            currencies=currencies,
            api_version=self._client.version,
            quota_left=left,
            quota_limit=limit,
        )

    def _quota(self) -> tuple[int | None, int | None]:
        try:
            daily = (self._client.get("limits") or {}).get("DailyApiRequests") or {}
            left, limit = int(daily["Remaining"]), int(daily["Max"])
            self._client.hear(left, limit)
            return left, limit
        except (PermissionDenied, Misconfigured, KeyError):
            # Every reply tells the use of the day as well.
            if self._client.usage is None:
                return None, None
            used, limit = self._client.usage
            return max(0, limit - used), limit

    def users(self) -> list[User]:
        """See `connectors.base.Connector.users`. Queues are no users and are left out."""
        rows = self._client.query_all(
            "SELECT Id, Name, Email, IsActive, SystemModstamp FROM User "
            "WHERE UserType NOT IN ('AutomatedProcess', 'Guest') ORDER BY Id"
        )
        return [
            User(
                id=to18(row["Id"]),
                name=str(row["Name"] or ""),
                email=str(row["Email"] or ""),
                active=bool(row["IsActive"]),
                version=soql_instant(parse_instant(row["SystemModstamp"])),
            )
            for row in rows
        ]

    def pipelines(self, object: str) -> list[Pipeline]:
        """See `connectors.base.Connector.pipelines`: one unnamed pipeline, or none."""
        if object == "Opportunity":
            return [Pipeline("", "Opportunity stages", self._stages())]
        if object == "Case":
            return [Pipeline("", "Case statuses", self._statuses())]
        return []

    def _stages(self) -> tuple[Stage, ...]:
        rows = self._client.query_all(
            "SELECT ApiName, MasterLabel, SortOrder, IsClosed, IsWon, DefaultProbability "
            "FROM OpportunityStage WHERE IsActive = true ORDER BY SortOrder"
        )
        return tuple(
            Stage(
                id=str(row["ApiName"]),
                label=str(row["MasterLabel"] or row["ApiName"]),
                order=order,
                status="won" if row["IsWon"] else "lost" if row["IsClosed"] else "open",
                probability=None
                if row["DefaultProbability"] is None
                else Decimal(row["DefaultProbability"]) / 100,
            )
            for order, row in enumerate(rows)
        )

    def _statuses(self) -> tuple[Stage, ...]:
        rows = self._client.query_all(
            "SELECT ApiName, MasterLabel, SortOrder, IsClosed FROM CaseStatus ORDER BY SortOrder"
        )
        return tuple(
            Stage(
                id=str(row["ApiName"]),
                label=str(row["MasterLabel"] or row["ApiName"]),
                order=order,
                status="closed" if row["IsClosed"] else "open",
            )
            for order, row in enumerate(rows)
        )

    def provision(self, object: str, field: str) -> Provisioned:
        """See `connectors.base.Connector.provision`.

        Raises:
            Misconfigured: no such object, or a name no custom field can have.
            PermissionDenied: the integration user may not change the account's metadata.
        """
        connection = self._client.connection
        info = self._schema.refresh(object)
        if field in info.fields:
            if field in self._schema.keys(object):
                return Provisioned(object, field, created=False)
            return Provisioned(
                object, field, False,
                f"{object}.{field} exists; mark it as external id and as unique in Setup.",
            )  # fmt: skip
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*__c", field):
            raise Misconfigured(
                f"{connection}: a custom field of Salesforce ends in __c, {field!r} does not",
                connection=connection,
            )
        label = field.removesuffix("__c").replace("_", " ")
        created = True
        try:
            self._client.write(
                "POST",
                "tooling/sobjects/CustomField",
                {
                    "FullName": f"{object}.{field}",
                    "Metadata": {
                        "type": "Text",
                        "label": label,
                        "length": _KEY_LENGTH,
                        "externalId": True,
                        "unique": True,
                        "caseSensitive": False,
                        "description": "The record's id in Concord. Do not change it.",
                    },
                },
            )
        except Misconfigured:
            raise
        except Exception as error:
            # It is there: made by a try whose reply was lost, or nobody granted our user sight
            # of it.
            if getattr(error, "code", "") not in ("DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"):
                raise
            created = False
        if field in self._schema.refresh(object).fields:
            return Provisioned(object, field, created)
        # A new field is hidden from everybody until field-level security shows it.
        return Provisioned(
            object,
            field,
            created,
            f"Give the integration user read and edit access to {object}.{field} "
            "(a permission set with this field, assigned to the user).",
        )
