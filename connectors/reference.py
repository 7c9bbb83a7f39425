"""docs/capabilities.md, written from what the connectors declare.

`python -m connectors.reference` writes it; a test holds the page to the code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from connectors import connect
from connectors.base import Access, Capabilities
from connectors.hubspot import connector as hubspot
from connectors.hubspot import words as hubspot_words
from connectors.salesforce import batch as salesforce_batch
from connectors.salesforce import bulk_write as salesforce_bulk
from connectors.salesforce import client as salesforce_client
from connectors.salesforce import read as salesforce_read
from connectors.salesforce import sweep as salesforce_sweep
from connectors.salesforce.describe import ROLES
from connectors.zoho import bulk_write as zoho_bulk
from connectors.zoho import client as zoho_client
from connectors.zoho import connector as zoho_connector
from connectors.zoho import read as zoho

#: The page.
PAGE = Path(__file__).resolve().parent.parent / "docs" / "capabilities.md"

_NOTE = "<!-- Written by `python -m connectors.reference` from the code; edit there. -->\n"

#: The vendors of the page, in the order of its columns, and how they are written.
NAMES: Mapping[str, str] = {"salesforce": "Salesforce", "hubspot": "HubSpot", "zoho": "Zoho CRM"}

#: Enough to make a connector; it is never used.
_AUTH: Mapping[str, Mapping[str, str]] = {
    "salesforce": {"kind": "client_credentials", "client_id": "-", "client_secret": "-"},
    "hubspot": {"kind": "private_app", "access_token": "-"},
    "zoho": {"kind": "self_client", "client_id": "-", "client_secret": "-", "refresh_token": "-"},
}


def _said(value: bool) -> str:
    return "yes" if value else "no"


def _seconds(value: float) -> str:
    return f"{value:g} seconds" if value else "none"


#: Each declared capability: what it means, and how its value is written.
MEANINGS: Mapping[str, tuple[str, Callable[..., str]]] = {
    "write_batch": ("records in one call that writes", "{:,}".format),
    "bulk_write": ("records in one job of the bulk API, 0 without one", "{:,}".format),
    "fetch_batch": ("records in one call that reads by id", "{:,}".format),
    "page_size": ("records on one page of a listing", "{:,}".format),
    "upsert": ("a create that is sent twice makes one record", _said),
    "reports_deletes": ("deleted records are seen without a full run", _said),
    "reports_merges": ("a merged record is known with the one it went into", _said),
    "field_times": ("when single fields changed is known", _said),
    "checks_version": ("the vendor refuses a write that was planned on an older state", _said),
    "stamp_precision": ("precision of the modified stamp", str),
    "read_lag": ("a change may take this long to show", _seconds),
    "deletes_lag": ("a deletion may take this long to show", _seconds),
}


def declared(vendor: str) -> Capabilities:
    """What a connector without options says of itself; nothing is sent."""
    access = Access(
        connection=vendor,
        url="https://example.my.salesforce.com" if vendor == "salesforce" else "",
        auth=_AUTH[vendor],
    )
    connector = connect(vendor, access)
    try:
        return connector.capabilities
    finally:
        connector.close()


def capabilities_page() -> str:
    """docs/capabilities.md."""
    parts = [
        "# Capabilities\n",
        _NOTE,
        "What the connectors support, and where it ends. How to connect an account, and what a run "
        "costs there: " + ", ".join(f"[{NAMES[v]}](connecting-{v}.md)" for v in NAMES) + ".\n",
        "All three read and write companies, contacts, deals and tickets, read users and "
        "pipelines, add the field for the hub's own id, keep up with changes from where they "
        "stopped, and write in batches in which a bad record fails alone.\n",
        "## At a glance\n",
        _table({vendor: declared(vendor) for vendor in NAMES}),
    ]
    for vendor, name in NAMES.items():
        parts += [f"## {name}\n", "\n".join(f"- {line}" for line in _LIMITS[vendor]()) + "\n"]
    return "\n".join(parts)


def _table(found: Mapping[str, Capabilities]) -> str:
    rows = ["| | " + " | ".join(NAMES[vendor] for vendor in found) + " |"]
    rows.append("| --- |" + " --- |" * len(found))
    for field in dataclasses.fields(Capabilities):
        meaning, written = MEANINGS[field.name]
        cells = [written(getattr(one, field.name)) for one in found.values()]
        rows.append(f"| {meaning} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _salesforce() -> Sequence[str]:
    overlap = salesforce_read.OVERLAP.total_seconds()
    return (
        f"API version {salesforce_client.VERSION}; another one by `options.api_version`. Sign-in "
        "by client credentials, JWT bearer or password.",
        "Changes are read by one query (SOQL on `SystemModstamp`, recycle bin included), "
        f"{declared('salesforce').page_size:,} records a call, each run reaching "
        f"{overlap:g} seconds back (`options.overlap_seconds`). There is no upper limit.",
        f"First loads of more than {salesforce_read.BULK_FROM:,} records (`options.bulk_from`) go "
        f"through the Bulk API, {salesforce_sweep.ROWS:,} rows a call, where the account and the "
        "object have it.",
        f"Writes go through sObject Collections, {salesforce_batch.BATCH} records a call; creates "
        "as upserts on the external id. More than "
        f"{salesforce_bulk.BULK_WRITE_FROM:,} writes of one kind (`options.bulk_write_from`) go "
        "through it too.",
        f"`{ROLES}` of an opportunity are read and written as a list of contacts; their changes "
        "are seen although they do not touch the opportunity. What role a contact has is left as "
        "it is.",
        "Deletes and merges are seen while the record is in the recycle bin. What was purged "
        "between two runs is found by the next full run.",
        "Not used: change events, person accounts, record types, queues as owners.",
    )


def _hubspot() -> Sequence[str]:
    fields = {name for known in hubspot_words.ASSOCIATIONS.values() for name in known}
    return (
        "API v3 (v4 for associations); dated versions such as `2026-09` by `options.api_version`. "
        "Sign-in by a static token (service key, private app) or OAuth.",
        "Changes are found by search and then read by id: "
        f"{hubspot_words.SEARCH_PAGE} ids a search, {hubspot_words.BATCH} records a read. The "
        "search goes on by id, so HubSpot's limit of 10,000 results is never met. Each run reaches "
        f"{hubspot.OVERLAP:g} seconds back (`options.overlap`), because search trails behind.",
        f"A full read lists {hubspot_words.LIST_PAGE} records a call, associations included; "
        f"{hubspot_words.HISTORY_BATCH} with `options.history`, which also tells when single "
        "properties changed.",
        f"Writes go in batches of {hubspot_words.BATCH}, new records together with their "
        "associations; associations of known records in batches of "
        f"{hubspot_words.LINKS_WRITE:,}, read by {hubspot_words.LINKS_READ:,}.",
        "Associations are "
        + ", ".join(f"`{name}`" for name in sorted(fields))
        + ": the primary company, and the contacts of deals and tickets. Labels are left as they "
        "are. Their changes move no stamp: they are seen when the record changes, and because "
        f"everything is read once more in {hubspot.ASSOCIATIONS_EVERY / 3600:g} hours "
        "(`options.associations_every`), spread over the runs: "
        f"{100_000 // hubspot_words.LIST_PAGE:,} calls for 100,000 records.",
        "Deletes are found by listing the recycling bin, all of it, "
        f"{hubspot_words.LIST_PAGE} records a call, every {hubspot.DELETES_EVERY / 60:g} minutes "
        "(`options.deletes_every`).",
        "Merges are seen at once, whether HubSpot makes a new id or keeps the primary record's.",
        "Not used: webhooks, exports and imports, custom objects, subscription types.",
    )


def _zoho() -> Sequence[str]:
    overlap = zoho.OVERLAP.total_seconds()
    return (
        f"API {zoho_client.API_VERSION}. Sign-in by a self client.",
        f"Changes are read by COQL, {zoho.COQL_PAGE:,} records a call, each page going on after "
        f"the last (stamp, id); each run reaches {overlap:g} seconds back.",
        f"A full read goes by COQL in the order of the ids, {zoho.COQL_PAGE:,} records a call.",
        f"First loads of more than {zoho_connector.BULK_FROM:,} records (`options.bulk_from`) go "
        "through Bulk Read, and more than "
        f"{zoho_connector.BULK_WRITE_FROM:,} writes of one kind (`options.bulk_write_from`) "
        f"through Bulk Write, {zoho_bulk.ROWS:,} rows a job; where Zoho declines them, by the "
        "record APIs.",
        f"Fields are asked for in groups of at most 50; a further group costs a call for each "
        f"{zoho.IDS} records.",
        f"Writes go in batches of {declared('zoho').write_batch}; creates as upserts on the "
        "external id. Workflows, blueprints and approvals run as on a person's edit.",
        "Deletes are looked for in a list of their own, every "
        f"{zoho_connector.DELETES_EVERY} seconds (`options.deletes_every`; with 0 in every run), "
        "and missed by none. A record that was merged away is seen as deleted; Zoho does not say "
        "into which one it went.",
        "A deal and a case hold one contact.",
        "Not used: notifications, subforms, contact roles, custom modules.",
    )


_LIMITS: Mapping[str, Callable[[], Sequence[str]]] = {
    "salesforce": _salesforce,
    "hubspot": _hubspot,
    "zoho": _zoho,
}


def main() -> None:
    """Write the page."""
    PAGE.write_text(capabilities_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
