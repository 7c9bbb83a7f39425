"""Zoho CRM: records and metadata through its REST API v8, tokens through zcrmsdk."""

from __future__ import annotations

from connectors.base import Access, Connector
from connectors.zoho.connector import ZohoConnector

__all__ = ["ZohoConnector", "connect"]


def connect(access: Access) -> Connector:
    """A connector for the account; nothing is sent before its first method is called.

    Raises:
        connectors.errors.Misconfigured: `access` lacks something or is unsafe.
    """
    return ZohoConnector(access)
