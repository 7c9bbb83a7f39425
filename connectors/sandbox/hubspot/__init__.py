"""HubSpot's sandbox: the CRM API at v3, v4 and 2026-09 paths, on an in-memory database.

Facts and their sources are in docs/; what HubSpot leaves unclear is a constructor switch of
`Sandbox`.
"""

from __future__ import annotations

from connectors.sandbox.hubspot.vendor import Sandbox

__all__ = ["Sandbox"]
