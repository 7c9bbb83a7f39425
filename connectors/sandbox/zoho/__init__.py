"""A sandbox that speaks Zoho CRM's REST protocol, v8 and v2. See `Sandbox`."""

from __future__ import annotations

from connectors.sandbox.zoho.sandbox import Sandbox

__all__ = ["Sandbox"]
