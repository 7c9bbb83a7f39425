"""HubSpot's own names: modified stamps, association types, what describes no column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Always asked for: without them a record's editor and merges are not known.
EDITOR = "hs_updated_by_user_id"
MERGED = "hs_merged_object_ids"

#: Records in one batch call, properties' history included or not.
BATCH = 100
HISTORY_BATCH = 50
LIST_PAGE = 100
SEARCH_PAGE = 200
#: Inputs of one association batch.
LINKS_READ = 1000
LINKS_WRITE = 1000


def modified_property(object: str) -> str:
    """The property that holds the modified stamp."""
    return "lastmodifieddate" if object == "contacts" else "hs_lastmodifieddate"


@dataclass(frozen=True, slots=True)
class Association:
    """A pseudo-field: the records of `target` that a record is associated with.

    `single` ones hold the primary record's id, others a tuple of ids. `type_id` is the type
    that writing it sets: the primary one for single fields.
    """

    name: str
    target: str
    single: bool
    type_id: int


_COMPANIES, _CONTACTS = "associations.companies", "associations.contacts"

#: Object -> pseudo-fields. Type ids: hubspot/crm/association_type.py of hubspot-api-client.
ASSOCIATIONS: Mapping[str, Mapping[str, Association]] = {
    "contacts": {_COMPANIES: Association(_COMPANIES, "companies", True, 1)},
    "deals": {
        _COMPANIES: Association(_COMPANIES, "companies", True, 5),
        _CONTACTS: Association(_CONTACTS, "contacts", False, 3),
    },
    "tickets": {
        _COMPANIES: Association(_COMPANIES, "companies", True, 26),
        _CONTACTS: Association(_CONTACTS, "contacts", False, 16),
    },
}


def asked_associations(object: str, fields: tuple[str, ...] | list[str]) -> list[Association]:
    """The pseudo-fields among `fields`."""
    known = ASSOCIATIONS.get(object, {})
    return [known[name] for name in dict.fromkeys(fields) if name in known]


def asked_properties(object: str, fields: tuple[str, ...] | list[str]) -> list[str]:
    """The properties to ask for: those among `fields`, and what every record needs."""
    plain = [name for name in fields if not name.startswith("associations.")]
    return list(dict.fromkeys([*plain, modified_property(object), "createdate", EDITOR, MERGED]))
