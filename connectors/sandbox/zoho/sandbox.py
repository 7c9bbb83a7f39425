"""The sandbox itself: routes, the credit count, and the `Vendor` side of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connectors.sandbox.rates import Rate, changed
from connectors.sandbox.server import Clock
from connectors.sandbox.zoho import credits, settings, show, trouble
from connectors.sandbox.zoho.bulk_read import BulkRead
from connectors.sandbox.zoho.bulk_write import BulkWrite
from connectors.sandbox.zoho.metadata import FieldSpec, ModuleSpec
from connectors.sandbox.zoho.read import Reader
from connectors.sandbox.zoho.related import Related
from connectors.sandbox.zoho.settings import Settings
from connectors.sandbox.zoho.store import ADMIN_USER, API_USER, Store
from connectors.sandbox.zoho.tokens import Tokens
from connectors.sandbox.zoho.wire import ApiError, reply, stamp
from connectors.sandbox.zoho.write import Writer

_VERSIONS = ("v8", "v2")
_NO_RECORDS = ("coql", "settings", "upload")


class Sandbox:
    """One Zoho CRM account: USD with several currencies, in Bangkok's time zone.

    Attributes:
        tokens: the accounts server; ``tokens.life`` is how long access tokens live.
        credits: API credits of the day; each call costs what Zoho's would.
        bulk_read, bulk_write: the jobs; their ``polls`` is how long they take.
    """

    name = "zoho"

    def __init__(self, clock: Clock | None = None, seed: int = 0) -> None:
        self.clock = (clock or Clock()).copy()
        self.lock = threading.RLock()
        self.store = Store(self.clock)
        self.traps = self.store.traps
        self.changes = self.store.changes
        self.rates: Sequence[Rate] = trouble.RATES
        self.tokens = Tokens(self.clock, seed)
        self.credits = 100_000
        self.credits_used = 0
        self._reader = Reader(self.store)
        self._writer = Writer(self.store)
        self._settings = Settings(self.store)
        self._related = Related(self.store)
        self.bulk_read = BulkRead(self.store)
        self.bulk_write = BulkWrite(self.store, self._writer)

    @property
    def index_lag(self) -> float:
        """Seconds the search index is behind the records."""
        return self._reader.index_lag

    @index_lag.setter
    def index_lag(self, seconds: float) -> None:
        self._reader.index_lag = seconds

    # -- HTTP ------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer one request. The ``Date`` header is the sandbox's own time."""
        request.get_data()
        try:
            response = self._answer(request)
        except ApiError as error:
            response = error.response()
        return self._stamped(response)

    def _stamped(self, response: Response) -> Response:
        response.headers["Date"] = http_date(self.clock.now())
        if self.credits_used * 2 >= self.credits:
            left = max(0, self.credits - self.credits_used)
            response.headers["X-API-CREDITS-REMAINING"] = str(left)
        return response

    def is_write(self, request: Request) -> bool:
        """Whether records are created, changed, linked or deleted."""
        if request.method not in ("POST", "PUT", "PATCH", "DELETE"):
            return False
        parts = request.path.strip("/").split("/")
        if parts[:2] == ["crm", "bulk"]:
            return parts[3:] == ["write"]
        return len(parts) > 2 and parts[0] == "crm" and parts[2] not in _NO_RECORDS

    def _answer(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if parts[:3] == ["oauth", "v2", "token"] and request.method == "POST":
            return self.tokens.answer(request)
        bulk = parts[:2] == ["crm", "bulk"]
        version = parts[2 if bulk else 1] if len(parts) > 2 else ""
        if parts[0] != "crm" or version not in _VERSIONS or (bulk and len(parts) < 4):
            raise ApiError("INVALID_URL_PATTERN", "Please check if the URL trying to access is "
                           "a correct one", 404)  # fmt: skip
        self.tokens.require(request)
        self._run_jobs()
        rest = ["bulk", *parts[3:]] if bulk else parts[2:]
        self._charge(request, rest)
        if bulk:
            return self._bulk(request, rest[1:])
        if rest == ["upload"] and request.method == "POST":
            return self.bulk_write.upload(request)
        if rest[0] == "coql" and request.method == "POST":
            return self._reader.coql(request)
        if rest[0] in ("org", "users", "settings") or rest == ["Contacts", "roles"]:
            return self._account(request, version, rest)
        module = self.store.modules.get(rest[0])
        if module is None:
            raise ApiError("INVALID_MODULE", "the module name given seems to be invalid", 400)
        return self._records(request, version, module, rest[1:])

    def _charge(self, request: Request, rest: list[str]) -> None:
        cost = credits.cost(request, rest)
        if self.credits_used + cost > self.credits:
            raise ApiError("TOO_MANY_REQUESTS", "You have exceeded your daily API credits limit.",
                           429)  # fmt: skip
        self.credits_used += cost

    def _run_jobs(self) -> None:
        self._writer.run_jobs()
        self.bulk_write.run_jobs()

    def _bulk(self, request: Request, rest: list[str]) -> Response:
        match (request.method, *rest):
            case ("POST", "read"):
                return self.bulk_read.create(request)
            case ("GET", "read", id):
                return self.bulk_read.show(id)
            case ("GET", "read", id, "result"):
                return self.bulk_read.download(id)
            case ("POST", "write"):
                return self.bulk_write.create(request)
            case ("GET", "write", id):
                return self.bulk_write.show(request, id)
            case ("GET", "write", id, "result"):
                return self.bulk_write.download(id)
        raise self._no_such_call()

    def _account(self, request: Request, version: str, rest: list[str]) -> Response:
        made, method = self._settings, request.method
        match (method, *rest):
            case ("GET", "org"):
                return settings.org()
            case ("GET", "org", "currencies"):
                return settings.currencies()
            case ("GET", "users"):
                return made.users(request)
            case ("GET", "users", id):
                return made.user(id)
            case ("GET", "Contacts", "roles"):
                return reply({"contact_roles": settings.contact_roles()})
            case ("GET", "settings", "modules"):
                return made.modules()
            case ("GET", "settings", "modules", name):
                return made.modules(name)
            case ("GET", "settings", "fields"):
                return made.fields(request, version)
            case ("GET", "settings", "fields", id):
                return made.field(request, id, version)
            case ("POST", "settings", "fields"):
                return made.create_fields(request)
            case ("GET", "settings", "layouts"):
                return made.layouts(request, version)
            case ("GET", "settings", "related_lists"):
                return made.related_lists(request)
            case ("GET", "settings", "pipeline"):
                return made.pipelines(request)
        raise self._no_such_call()

    @staticmethod
    def _no_such_call() -> ApiError:
        return ApiError("INVALID_REQUEST_METHOD", "The http request method type is not a valid "
                        "one", 400)  # fmt: skip

    def _records(
        self, request: Request, version: str, module: ModuleSpec, rest: list[str]
    ) -> Response:
        read, write, related = self._reader, self._writer, self._related
        match (request.method, *rest):
            case ("GET",):
                return read.page(request, module, version)
            case ("POST",):
                return write.create(request, module)
            case ("PUT",):
                return write.update(request, module)
            case ("DELETE",):
                return write.delete(request, module)
            case ("GET", "deleted"):
                return read.deleted(request, module)
            case ("GET", "search"):
                return read.search(request, module)
            case ("GET", "actions", "count"):
                return read.count(module)
            case ("POST", "upsert"):
                return write.upsert(request, module)
            case ("GET", id):
                return read.get(request, module, id)
            case ("PUT", id):
                return write.update(request, module, id)
            case ("DELETE", id):
                return write.delete(request, module, id)
            case ("POST", id, "actions", "merge"):
                return write.schedule(request, module, id)
            case ("GET", _, "actions", "merge"):
                return write.job(request)
            case ("GET", id, name):
                return related.list(request, module, id, name)
            case ("PUT", id, name, other):
                return related.put(request, module, id, name, other)
            case ("DELETE", id, name, other):
                return related.delete(module, id, name, other)
        raise self._no_such_call()

    # -- what goes wrong on demand ---------------------------------------------------

    def refuse(self, kind: str, request: Request) -> Response:
        """Zoho's refusal of a call; see `connectors.sandbox.server.Vendor`."""
        if kind == "unauthorized":
            self.tokens.end(request)
        return self._stamped(ApiError(*trouble.REFUSALS[kind]).response())

    def set_fault(self, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
        """Change the account; see `connectors.sandbox.server.Vendor`."""
        if kind == "quota":
            return self._put(self, "credits_used", max(0, self.credits - int(options["left"])))
        if kind == "rates":
            return self._put(self, "rates", changed(self.name, self.rates, options))
        if kind == "search_lag":
            return self._put(self, "index_lag", float(options["seconds"]))
        if kind == "clock_skew":
            return self._put(self.clock, "skew", float(options["seconds"]))
        return trouble.change(self._module(options["object"]), kind, options)

    @staticmethod
    def _put(target: object, name: str, value: object) -> Callable[[], None]:
        before = getattr(target, name)
        setattr(target, name, value)
        return lambda: setattr(target, name, before)

    # -- the true state --------------------------------------------------------------

    def objects(self) -> list[str]:
        """The modules, and ``users``."""
        return [*self.store.modules, "users"]

    def _module(self, object: str) -> ModuleSpec:
        module = self.store.module(object)
        if module is None:
            raise KeyError(object)
        return module

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Put records in as they are. See `connectors.sandbox.server.Vendor.load`."""
        module = self._module(object)
        made = [self._loaded(module, row) for row in rows]
        self.store.put(module, made)
        if object == "Deals":
            self.store.db.executemany(
                "INSERT OR IGNORE INTO contact_roles VALUES (?, ?, NULL)",
                [(row["id"], row["Contact_Name"]) for row in made if row.get("Contact_Name")],
            )
        return [row["id"] for row in made]

    def _loaded(self, module: ModuleSpec, row: Mapping[str, Any]) -> dict[str, Any]:
        values = self._stored(module, row)
        for spec in module.fields.values():
            if spec.data_type == "boolean":
                values.setdefault(spec.api_name, False)
        if module is self.store.users:
            values.setdefault("status", "active")
        else:
            self.store.derive(module, {}, values)
        now = stamp(self.clock.now())
        created = row.get("created_at") or values.get("Created_Time") or row.get("modified_at")
        modified = row.get("modified_at") or values.get("Modified_Time") or created
        values["Created_Time"] = _instant(created) if created else now
        values["Modified_Time"] = _instant(modified) if modified else now
        values["Modified_By"] = row.get("modified_by") or values.get("Modified_By") or ADMIN_USER
        values["Created_By"] = values.get("Created_By") or ADMIN_USER
        values["Owner"] = values.get("Owner") or ADMIN_USER
        values["id"] = str(row.get("id") or self.store.new_id())
        return values

    @staticmethod
    def _stored(module: ModuleSpec, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: _stored(module.fields[name], value)
            for name, value in row.items()
            if name in module.fields and name != "id"
        }

    def state(self, object: str, ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """The true records. See `connectors.sandbox.server.Vendor.state`."""
        self._run_jobs()
        module = self._module(object)
        where = f"id IN ({', '.join('?' * len(ids))})" if ids else "1"
        rows = self.store.select(module, where, list(ids), deleted=True)
        return [show.flat(module, row) for row in rows]

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as the account's administrator does on the screen."""
        module = self._module(object)
        before = self.store.get(module, id)
        if before is None:
            raise KeyError(id)
        stored = self._stored(module, values)
        if module is self.store.users:
            self.store.set(module, id, {**stored, "Modified_Time": stamp(self.clock.now())})
        else:
            self._writer.change(module, before, stored, ADMIN_USER)

    def remove(self, object: str, id: str) -> None:
        """Delete a record as the account's administrator does on the screen."""
        module = self._module(object)
        if self.store.get(module, id) is None:
            raise KeyError(id)
        self.store.delete(module, id, ADMIN_USER)

    def restore(self, object: str, id: str) -> None:
        """Take a record out of the recycle bin as the account's administrator does."""
        module = self._module(object)
        row = self.store.get(module, id, deleted=True)
        if row is None or row["deleted_time"] is None:
            raise KeyError(id)
        self.store.restore(module, id, ADMIN_USER)

    def merge(self, object: str, winner: str, loser: str) -> str:
        """Merge two records as the account's administrator does; the id of the survivor."""
        self._writer.merge(self._module(object), winner, loser, ADMIN_USER)
        return winner

    def credentials(self) -> dict[str, Any]:
        """The `auth` block that opens this sandbox."""
        return {
            "kind": "self_client",
            "client_id": self.tokens.client_id,
            "client_secret": self.tokens.client_secret,
            "refresh_token": self.tokens.refresh_token,
        }

    def hide(self, object: str, field: str) -> None:
        """Take the permission on a field from the API user."""
        self._module(object).fields[field].hidden = True

    @property
    def api_user(self) -> str:
        """Id of the user the API acts as."""
        return API_USER


def _instant(value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"an instant needs an offset: {value}")
    return stamp(moment)


def _stored(spec: FieldSpec, value: Any) -> Any:
    """A value in the flattened convention as its stored form."""
    if value is None or value == "":
        return None
    if spec.is_lookup:
        return str(value["id"] if isinstance(value, Mapping) else value)
    if spec.data_type in ("currency", "double"):
        return Decimal(str(value))
    if spec.data_type == "integer":
        return int(value)
    if spec.data_type == "boolean":
        return bool(value)
    if spec.data_type == "multiselectpicklist":
        return list(value) or None
    if spec.data_type == "datetime":
        return _instant(value)
    return str(value)
