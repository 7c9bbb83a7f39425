"""Salesforce: contacts, accounts, opportunities and cases over REST, with simple-salesforce."""

from __future__ import annotations

from connectors.base import Access, Connector
from connectors.salesforce.connector import SalesforceConnector

__all__ = ["SalesforceConnector", "connect"]


def connect(access: Access) -> Connector:
    """A connector for the account; see `connectors.connect`."""
    return SalesforceConnector(access)
