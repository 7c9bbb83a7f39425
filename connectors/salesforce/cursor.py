"""How far an object was read.

Salesforce stamps whole seconds, and a transaction becomes visible some time after the stamp
it carries. A cursor therefore either points between two records far enough in the past
(`id` is set: go on right after it), or at an instant (`id` is ''): go on that much earlier
as a transaction may take, and repeat a few records.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from connectors.errors import Misconfigured
from connectors.salesforce.soql import listed
from connectors.salesforce.values import instant, soql_instant


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order (stamp, id); `roles` is where the junction rows were read to."""

    stamp: datetime
    id: str
    roles: datetime

    def dump(self) -> str:
        """The text a page carries."""
        return json.dumps(
            {
                "stamp": soql_instant(self.stamp),
                "id": self.id,
                "roles": soql_instant(self.roles),
            }
        )

    @staticmethod
    def load(text: str, connection: str) -> Cursor:
        """The cursor in a text.

        Raises:
            Misconfigured: this connector did not make it.
        """
        try:
            body = json.loads(text)
            stamp = instant(body["stamp"])
            return Cursor(stamp, str(body["id"]), instant(body.get("roles") or body["stamp"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Misconfigured(
                f"{connection}: the stored cursor is not one of Salesforce's; read the object "
                "from the start",
                connection=connection,
            ) from None

    def condition(self, stamp_field: str, overlap: timedelta) -> str:
        """The SOQL condition for what lies beyond."""
        at = soql_instant(self.stamp)
        if self.id:
            tie = f"({stamp_field} = {at} AND Id > {listed([self.id])[1:-1]})"
            return f"({stamp_field} > {at} OR {tie})"
        return f"{stamp_field} >= {soql_instant(self.stamp - overlap)}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a first load got that goes through an object by id.

    Attributes:
        began: when the load began; the changes since then come afterwards.
        expected: how many records it will give.
        shape: which fields it selects, see `connectors.salesforce.rows.Plan.shape`.
        job: the bulk job whose result is read, '' to go on with queries.
        locator: the page of the result, '' for its first.
        id: the last record read, '' if none was.
    """

    began: str
    expected: int
    shape: str
    job: str = ""
    locator: str = ""
    id: str = ""

    def dump(self) -> str:
        """The text a page carries."""
        return json.dumps(asdict(self))

    @property
    def end(self) -> str:
        """The text of the last page: changes are read from where the load began."""
        return Cursor(instant(self.began), "", instant(self.began)).dump()

    @property
    def condition(self) -> str:
        """The end of the SOQL query for what is left, in the order of the ids."""
        beyond = f" WHERE Id > {listed([self.id])[1:-1]}" if self.id else ""
        return f"{beyond} ORDER BY Id ASC"


def load(text: str, connection: str) -> Cursor | Sweep:
    """The cursor or sweep in a text.

    Raises:
        Misconfigured: this connector did not make it.
    """
    try:
        body = json.loads(text)
        if "began" in body:
            sweep = Sweep(**body)
            instant(sweep.began)
            return sweep
    except (ValueError, TypeError):
        pass
    return Cursor.load(text, connection)
