"""Objects as arguments of commands: only these names are taken."""

from __future__ import annotations

from enum import StrEnum

from mapping.schema import OBJECTS
from sync.scores.features import BLOCKS
from sync.settings import SYNCED

# mypy wants the members of an enumeration spelled; these are the schema's.
Known = StrEnum("Known", list(OBJECTS))  # type: ignore[misc]  # above
Synced = StrEnum("Synced", list(SYNCED))  # type: ignore[misc]  # above
Scored = StrEnum("Scored", list(BLOCKS))  # type: ignore[misc]  # above
