"""What the tests that speak to the sandbox over raw HTTP share."""

from __future__ import annotations

import json
from typing import Any

CONTACTS = "/crm/v3/objects/contacts"


def problems(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The list inside the message."""
    head, _, text = str(body["message"]).partition(": ")
    assert head == "Property values were not valid"
    made: list[dict[str, Any]] = json.loads(text)
    return made
