"""The mapping document: how one vendor's records of one object become fields, and back.

A document is YAML. ``fields`` names, for each common field, the native field; where more
must be said, a block with the keys of `FieldMapping`. Documents for the vendors' standard
objects are shipped in ``mapping/catalog``; an installation replaces single ones by files of
its own under the same names (``<folder>/<vendor>/<object>.yaml``).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mapping.positions import Flaw, Located, Way, read_yaml, spot
from mapping.rules import flaws_of
from mapping.schema import OBJECTS, ObjectSchema

#: A value written as it stands.
Constant: TypeAlias = bool | int | Decimal | str


def _spelled(value: Any) -> Any:
    """Numbers and truth values that were meant as names."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | Decimal) else value


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Name = Annotated[str, BeforeValidator(_spelled), Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_several), Field(min_length=1)]


class FieldMapping(BaseModel):
    """One common field in one vendor's words.

    Attributes:
        native: the native field.
        direction: ``in`` is only read, ``out`` only written.
        choices: native options by common choice. Where several are given all are read, and
            the first is written. An option under two choices is read as the first of them.
        unmapped: what becomes of a native option that no choice names: ``report`` it and
            leave the field unread, ``ignore`` it silently, ``keep`` it as it is (open
            choices only), or a common choice to read it as.
        scale: the native number is the common one times this power of ten (percent: 100).
        native_type: how the vendor holds it, where that differs: a date as an ``instant``,
            a decimal as an ``integer``.
        holds: ``one`` where a references field is kept in a slot for a single record.
        on_create: written when a record is created and the field is empty: values or
            templates (``{email}``, ``{today+30}``), the first that gives anything.
        clear: false where the vendor refuses an empty value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    native: Name
    direction: Literal["both", "in", "out"] = "both"
    choices: dict[str, Names] = {}
    unmapped: Name = "report"
    scale: Decimal | None = None
    native_type: Literal["instant", "integer"] | None = None
    holds: Literal["one"] | None = None
    on_create: Annotated[tuple[Constant, ...], BeforeValidator(_several)] = ()
    clear: bool = True

    @property
    def readable(self) -> bool:
        """Whether the native field is read."""
        return self.direction != "out"

    @property
    def writable(self) -> bool:
        """Whether the native field is written."""
        return self.direction != "in"


class Document(BaseModel):
    """A whole mapping document.

    Attributes:
        native: the native object.
        external_id: the native field that holds the entity id; '' where there is none.
        fields: by common field, in the order of the file.
        constants: native fields written when a record is created, and never after.
        path: the file it came from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    vendor: Name
    object: Name
    native: Name
    external_id: Annotated[str, BeforeValidator(_spelled)] = ""
    fields: dict[str, FieldMapping] = Field(min_length=1)
    constants: dict[str, Constant] = {}
    path: str = ""


class DocumentError(ValueError):
    """A document that cannot be used; `flaws` holds all that is wrong, `str()` one a line."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__("\n".join(map(str, flaws)))
        self.flaws = flaws


def parse_document(
    text: str, file: str = "<text>", objects: Mapping[str, ObjectSchema] = OBJECTS
) -> Document:
    """A document from its text.

    Args:
        file: the name that problems are told with.
        objects: the common schema, where an installation has fields of its own.

    Raises:
        DocumentError: with everything that is wrong, by line.
    """
    source = read_yaml(text, file)
    flaws = list(source.flaws)
    document: Document | None = None
    if not flaws or source.data is not None:
        document = _validated(source, objects, flaws)
    if flaws or document is None:
        raise DocumentError(sorted(flaws, key=lambda flaw: flaw.line))
    return document


def load_document(path: Path, objects: Mapping[str, ObjectSchema] = OBJECTS) -> Document:
    """A document from a file.

    Raises:
        DocumentError: with everything that is wrong, by line.
        OSError: the file cannot be read.
    """
    return parse_document(path.read_text(encoding="utf-8"), str(path), objects)


def catalog(vendor: str, object: str, folder: Path | None = None) -> Document:
    """The document for a vendor's object: the one in `folder`, or the one we ship.

    Raises:
        DocumentError: the installation's own document is wrong.
        LookupError: there is none.
    """
    if folder is not None and (own := folder / vendor / f"{object}.yaml").is_file():
        document = load_document(own)
        if (document.vendor, document.object) != (vendor, object):
            place = f"it says {document.vendor}/{document.object}"
            raise DocumentError([Flaw(str(own), 1, "", f"{place}; it lies in {vendor}/{object}")])
        return document
    return _shipped(vendor, object)


@lru_cache(maxsize=64)
def _shipped(vendor: str, object: str) -> Document:
    source = files("mapping").joinpath("catalog", vendor, f"{object}.yaml")
    if not source.is_file():
        raise LookupError(f"no mapping is shipped for {object} in {vendor}")
    return parse_document(source.read_text(encoding="utf-8"), str(source))


def _validated(
    source: Located, objects: Mapping[str, ObjectSchema], flaws: list[Flaw]
) -> Document | None:
    """The model, part by part, so that one bad field does not hide another."""
    data = source.data
    if not isinstance(data, dict):
        flaws.append(source.flaw((), "a mapping document is a block of keys and values"))
        return None
    blocks, constants = data.get("fields"), data.get("constants")
    fields: dict[str, FieldMapping] = {}
    for name, block in blocks.items() if isinstance(blocks, dict) else ():
        found = block if isinstance(block, dict) else {"native": block}
        try:
            fields[name] = FieldMapping.model_validate(found)
        except ValidationError as error:
            flaws += _told(source, ("fields", name), error)
    schema = objects.get(str(data.get("object")))
    if schema is not None:
        fixed = frozenset(constants) if isinstance(constants, dict) else frozenset()
        flaws += [source.flaw(way, words) for way, words in flaws_of(fields, fixed, schema)]
    elif "object" in data:
        known = ", ".join(objects)
        flaws.append(source.flaw(("object",), f"no such object; there are {known}"))
    whole: dict[str, object] = {**data, "path": source.file}
    if isinstance(blocks, dict) and blocks:  # told already, one by one
        whole["fields"] = fields or {"": FieldMapping(native="?")}
    try:
        return Document.model_validate(whole)
    except ValidationError as error:
        flaws += _told(source, (), error)
        return None


def _told(source: Located, way: Way, error: ValidationError) -> list[Flaw]:
    """pydantic's errors in our words, each at its line, once for each place."""
    found: dict[Way, Flaw] = {}
    for item in error.errors():
        place: Way = (*way, *item["loc"])
        words = item["msg"]
        if item["type"] == "missing":
            words = "this key is missing"
        elif item["type"] == "extra_forbidden":
            words = "no such key"
        elif item["type"] in ("too_short", "string_too_short"):
            words = "this must not be empty"
        else:
            if item["loc"][-1] in ("bool", "int", "decimal", "str"):  # members of a union
                words = "neither text nor a number nor true or false"
        if item["type"] != "missing":
            place = spot(source.root, place).way
        found.setdefault(place, source.flaw(place, words))
    return list(found.values())
