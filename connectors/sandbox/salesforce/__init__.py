"""A Salesforce org on this machine: REST, SOQL, OAuth and SOAP login over an in-memory database."""

from __future__ import annotations

from connectors.sandbox.salesforce.sandbox import Sandbox

__all__ = ["Sandbox"]
