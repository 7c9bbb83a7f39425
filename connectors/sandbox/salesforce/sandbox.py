"""The sandbox as the server, the tests and the demo see it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from werkzeug.wrappers import Request, Response

from connectors.sandbox.rates import Rate, changed
from connectors.sandbox.salesforce import login, trouble
from connectors.sandbox.salesforce.ids import to18
from connectors.sandbox.salesforce.login import Sessions
from connectors.sandbox.salesforce.rest import VERSIONS, Rest, versions
from connectors.sandbox.salesforce.rows import missing, problems
from connectors.sandbox.salesforce.schema import Object
from connectors.sandbox.salesforce.store import ROLES, Store
from connectors.sandbox.salesforce.values import Row, plain, store
from connectors.sandbox.salesforce.wire import Refusal, Refusals, Reply, decode, encode
from connectors.sandbox.server import Clock

#: Longest request target Salesforce takes, in bytes.
LONGEST_URL = 16_384
_NEUTRAL = frozenset({"id", "created_at", "modified_at", "modified_by", "history"})
_READING_POSTS = re.compile(r"/composite/sobjects/\w+/?$|/tooling/")


class Sandbox:
    """A Salesforce org.

    Args:
        clock: the time it lives in.
        seed: makes its tokens repeatable.
        token_lifetime: seconds of the clock after which a token is refused, None for never;
            two hours are what a new org has.
        daily_calls: calls the org may make a day.
    """

    name = "salesforce"

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 0,
        token_lifetime: float | None = 7200.0,
        daily_calls: int = 100_000,
    ) -> None:
        self.clock = (clock or Clock()).copy()
        self.lock = threading.RLock()
        self.store = Store(self.clock)
        self.traps = self.store.traps
        self.changes = self.store.changes
        self.rates: Sequence[Rate] = trouble.RATES
        self.sessions = Sessions(self.store, seed, token_lifetime)
        self.rest = Rest(self.store, daily_calls)

    # What the server asks

    def handle(self, request: Request) -> Response:
        """Answer one request of the vendor's API."""
        return self._response(self._guarded(request))

    def _response(self, reply: Reply) -> Response:
        headers = {"Date": format_datetime(self.clock.now(), usegmt=True), **reply.headers}
        if isinstance(reply.body, str):
            return Response(reply.body, status=reply.status, headers=headers)
        data = b"" if reply.body is None else encode(reply.body)
        made = Response(data, status=reply.status, headers=headers)
        made.content_type = "application/json;charset=UTF-8"
        return made

    def _guarded(self, request: Request) -> Reply:
        try:
            with self.store.undoable():
                return self._route(request)
        except (Refusal, Refusals) as refused:
            found = problems(refused)
            body = [refusal.entry for refusal in found]
            limit = {"Sforce-Limit-Info": self.rest.usage} if found[0].status != 401 else {}
            return Reply(found[0].status, body, limit)

    def _route(self, request: Request) -> Reply:
        # Undecoded: an external id in the path may contain slashes and percent signs.
        path = urlsplit(str(request.environ.get("RAW_URI") or quote(request.path))).path
        host = request.host_url.rstrip("/")
        if len(request.full_path.encode()) > LONGEST_URL:
            html = "<html><head><title>Error 414 URI Too Long</title></head></html>"
            return Reply(414, html, {"Content-Type": "text/html"})
        if path == "/services/oauth2/token" and request.method == "POST":
            return self.sessions.token(request, host)
        soap = re.fullmatch(r"/services/Soap/[uc]/(\d+\.\d)(?:/\w+)?/?", path)
        if soap:
            return self.sessions.soap(request, host, soap[1])
        if path.rstrip("/") == "/services/data":
            return Reply(body=versions())
        self.sessions.require(request)
        if path.rstrip("/") == "/services/oauth2/userinfo" or path.startswith("/id/"):
            return Reply(body=self.sessions.identity())
        found = re.fullmatch(r"(/services/data/v(\d+)\.0)(/.*)?", path)
        if found is None or int(found[2]) not in VERSIONS:
            raise missing()
        self.rest.count()
        bulk = re.fullmatch(r"/jobs(/.*)", found[3] or "")
        if bulk:
            reply = self.rest.jobs(
                request.method, found[1], bulk[1], request.args, request.get_data()
            )
            reply.headers.setdefault("Sforce-Limit-Info", self.rest.usage)
            return reply
        body = decode(request.get_data()) if request.method in ("POST", "PATCH", "PUT") else None
        reply = self.rest.answer(
            request.method,
            found[1],
            found[3] or "",
            request.args,
            body,
            request.headers.get("Sforce-Query-Options", ""),
        )
        if not (found[3] or "").strip("/"):
            org, user = self.store.organization, self.store.api_user
            reply.body["identity"] = f"{host}/id/{org}/{user}"
        reply.headers.setdefault("Sforce-Limit-Info", self.rest.usage)
        return reply

    def is_write(self, request: Request) -> bool:
        """Whether the request is one that creates, changes, links or deletes records."""
        if request.method not in ("POST", "PATCH", "PUT", "DELETE"):
            return False
        if not request.path.startswith("/services/data/") or _READING_POSTS.search(request.path):
            return False
        if "/jobs/" in request.path:
            # A job's rows are written once its upload is complete, and not before.
            return request.method == "PATCH" and b"UploadComplete" in request.get_data()
        if re.search(r"/composite(/batch)?/?$", request.path):
            return bool(re.search(rb'"method"\s*:\s*"(?!GET)', request.get_data()))
        return True

    # What goes wrong on demand

    def refuse(self, kind: str, request: Request) -> Response:
        """Salesforce's refusal of a call; see `connectors.sandbox.server.Vendor`."""
        refusal = Refusal(*trouble.REFUSALS[kind])
        if kind == "unauthorized":
            self.sessions.end(request)
        limit = {} if kind == "unauthorized" else {"Sforce-Limit-Info": self.rest.usage}
        return self._response(Reply(refusal.status, [refusal.entry], limit))

    def set_fault(self, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
        """Change the org; see `connectors.sandbox.server.Vendor`."""
        if kind == "rates":
            before, self.rates = self.rates, changed(self.name, self.rates, options)
            return lambda: setattr(self, "rates", before)
        return trouble.change(self.store, self.rest, kind, options)

    # What the tests and the demo ask

    def objects(self) -> list[str]:
        """Names of the native objects, users included."""
        return [name for name in self.store.objects if name != "Name"]

    def credentials(self) -> dict[str, Any]:
        """The `auth` block of settings.yaml that opens this sandbox."""
        return {
            "kind": "client_credentials",
            "client_id": login.CLIENT_ID,
            "client_secret": login.CLIENT_SECRET,
        }

    def password_credentials(self) -> dict[str, Any]:
        """The same for the SOAP login."""
        return {
            "kind": "password",
            "username": login.USERNAME,
            "password": login.PASSWORD,
            "security_token": login.SECURITY_TOKEN,
        }

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Put records in as they are; see `connectors.sandbox.server.Vendor`."""
        target = self._object(object)
        ids: list[str] = []
        with self.store.undoable():
            for given in rows:
                values, roles = self._stored(target, given)
                actor = to18(str(given.get("modified_by") or self.store.human))
                modified = self.store.instant(given.get("modified_at"))
                id = self.store.insert(
                    target,
                    values,
                    actor,
                    id=str(given.get("id") or given.get("Id") or ""),
                    created=self.store.instant(given.get("created_at")),
                    modified=modified,
                )
                if roles is not None:
                    self.store.set_roles(id, roles, actor, modified)
                ids.append(id)
        return ids

    def state(self, object: str, ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """The true records of an object; see `connectors.sandbox.server.Vendor`."""
        target = self._object(object)
        found = []
        for row in self._rows(target, ids):
            values = {name: plain(field, row[name]) for name, field in target.fields.items()}
            if target.name == "Opportunity":
                values[ROLES] = self.store.roles(str(row["Id"]))
            found.append(
                {
                    **values,
                    "id": row["Id"],
                    "created_at": _iso(row["CreatedDate"]),
                    "modified_at": _iso(row["SystemModstamp"]),
                    "modified_by": row["LastModifiedById"],
                    "deleted": bool(row["IsDeleted"]),
                    "merged_into": row["MasterRecordId"] or "",
                }
            )
        return found

    def _rows(self, object: Object, ids: Collection[str]) -> list[Row]:
        if not ids:
            return self.store.rows(object)
        marks = ", ".join("?" * len(ids))
        return self.store.rows(object, f"Id IN ({marks})", [to18(id) for id in ids])

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as a user of the vendor does in its own screens."""
        target = self._object(object)
        self._live(target, id)
        stored, roles = self._stored(target, values)
        with self.store.undoable():
            if stored or roles is None:
                self.store.update(target, to18(id), stored, self.store.human)
            if roles is not None:
                self.store.set_roles(to18(id), roles, self.store.human)

    def remove(self, object: str, id: str) -> None:
        """Delete a record as a user of the vendor does."""
        target = self._object(object)
        self._live(target, id)
        with self.store.undoable():
            self.store.delete(target, to18(id), self.store.human)

    def restore(self, object: str, id: str) -> None:
        """Take a record out of the recycle bin as a user of the vendor does."""
        target = self._object(object)
        row = self.store.row(target, id)
        if row is None or not row["IsDeleted"]:
            raise KeyError(f"no {object} in the recycle bin: {id}")
        with self.store.undoable():
            self.store.restore(target, to18(id), self.store.human)

    def merge(self, object: str, winner: str, losers: str | Sequence[str]) -> str:
        """Merge records into one as a user of the vendor does; the survivor's id."""
        losers = [losers] if isinstance(losers, str) else losers
        target = self._object(object)
        if not target.mergeable:
            raise ValueError(f"Salesforce does not merge {object}")
        for id in (winner, *losers):
            self._live(target, id)
        with self.store.undoable():
            self.store.merge(target, to18(winner), [to18(id) for id in losers], self.store.human)
        return to18(winner)

    def hide(self, object: str, field: str, hidden: bool = True) -> None:
        """Take the field from the integration user's sight, or give it back."""
        self._object(object).fields[field].hidden = hidden

    def _object(self, name: str) -> Object:
        if name not in self.objects():
            raise KeyError(f"no such object: {name}")
        return self.store.objects[name]

    def _live(self, object: Object, id: str) -> None:
        row = self.store.row(object, id)
        if row is None or row["IsDeleted"]:
            raise KeyError(f"no such {object.name}: {id}")

    def _stored(self, object: Object, given: Mapping[str, Any]) -> tuple[Row, list[str] | None]:
        """The row's fields as they are stored, and its contact roles where it names them."""
        values: Row = {}
        roles: list[str] | None = None
        for name, value in given.items():
            if name in _NEUTRAL or name == "Id":
                continue
            if name == ROLES and object.name == "Opportunity":
                roles = [value] if isinstance(value, str) else list(value or ())
                continue
            if name not in object.fields:
                raise KeyError(f"{object.name} has no field {name}")
            values[name] = store(object.fields[name], value)
        return values, roles


def _iso(stamped: Any) -> str:
    return str(stamped).replace(".000+0000", "+00:00")
