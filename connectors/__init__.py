"""Connectors: each speaks to one CRM in its own words. See `connectors.base`."""

from __future__ import annotations

import importlib

from connectors.base import Access, Connector

#: The vendors that can be connected.
VENDORS: tuple[str, ...] = ("salesforce", "hubspot", "zoho", "memory")


def connect(vendor: str, access: Access) -> Connector:
    """A connector for the account; nothing is sent before its first method is called.

    Each vendor's package has a `connect(access)` of its own; the package is imported here,
    so that a hub pays only for the SDKs it uses.

    Raises:
        ValueError: no such vendor.
        connectors.errors.Misconfigured: `access` lacks something or is unsafe.
    """
    if vendor not in VENDORS:
        raise ValueError(f"no such vendor: {vendor!r}; there are {', '.join(VENDORS)}")
    package = importlib.import_module(f"connectors.{vendor}")
    connector: Connector = package.connect(access)
    return connector
