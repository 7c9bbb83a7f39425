"""The past: an entity as it was after an earlier run, rebuilt from the journal.

The journal has every decision about a field with the value before and after, and every link
that was made or ended. What people decide between two runs belongs to the run before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mapping.schema import OBJECTS, Fields
from sync.engine.decide.decide import compute
from sync.store import books
from sync.store.database import Session


@dataclass(slots=True)
class Past:
    """An entity as it was.

    `links`: connection -> record, with the rule and the run that linked it. `merged_into`: the
    entity it had become an alias of, '' for most.
    """

    fields: Fields
    archived: bool = False
    merged_into: str = ""
    links: dict[str, tuple[str, str, int]] = field(default_factory=dict)


def rebuild(session: Session, object: str, id: str, run: int) -> Past | None:
    """The entity after `run`; None if there was none then."""
    lines = books.journal(session, object, id, until=run)
    if not lines:
        return None
    past = Past(dict.fromkeys(OBJECTS[object].fields))
    for line in lines:
        connection, record, detail = line["connection"], line["record"], line["detail"]
        match line["action"]:
            case "merge":
                past.fields |= {name: said["new"] for name, said in detail.items()}
            case "archived":
                past.archived = detail["archived"]
            case "alias":
                past.merged_into = detail["of"]
            case "link":
                past.links[connection] = (record, detail["rule"], line["run"])
            case "create":
                past.links[connection] = (record, "created", line["run"])
            case "split" if detail["to"] == id:
                past.links[connection] = (record, "split", line["run"])
            case "gone" if detail["policy"] == "ignore" and not detail["merged_into"]:
                pass  # it stays linked
            case "archive" | "unlink" | "gone" | "split":
                if past.links.get(connection, ("",))[0] == record:
                    del past.links[connection]
    compute(object, past.fields)
    return past
