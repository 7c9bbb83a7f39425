"""The sandbox itself: routes requests, and lets tests and demos in by the back door."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from connectors.sandbox.hubspot import trouble
from connectors.sandbox.hubspot.associations import Associations
from connectors.sandbox.hubspot.auth import Tokens
from connectors.sandbox.hubspot.backdoor import Backdoor
from connectors.sandbox.hubspot.definitions import Definitions
from connectors.sandbox.hubspot.links import Links
from connectors.sandbox.hubspot.objects import Objects
from connectors.sandbox.hubspot.owners import Owners
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.replies import (
    TIME_ZONE,
    Allowance,
    Failure,
    Json,
    bad_request,
    epoch_ms,
    not_found,
)
from connectors.sandbox.hubspot.schema import TYPES, object_name
from connectors.sandbox.hubspot.search import Search
from connectors.sandbox.hubspot.store import Store
from connectors.sandbox.rates import Rate, changed
from connectors.sandbox.server import Clock, json_response

PORTAL = 62_515
_DATED = re.compile(r"\d{4}-\d{2}(-beta)?")
_Answer = tuple[int, Any]


class Sandbox:
    """One HubSpot account.

    Args:
        clock: the time it lives in.
        seed: decides tokens and correlation ids.
        search_lag: seconds until a change shows in search.
        keep_primary_id: merges keep the primary's id (HubSpot's public beta) instead of
            making a new record.
        numeric_association_ids: v4 associations give ``toObjectId`` as a JSON number, as
            older replies did.
        time_zone: IANA name of the account's.
    """

    name = "hubspot"

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 0,
        *,
        search_lag: float = 5.0,
        keep_primary_id: bool = False,
        numeric_association_ids: bool = False,
        time_zone: str = TIME_ZONE,
    ) -> None:
        self.clock = (clock or Clock()).copy()
        self.lock = threading.RLock()
        self._store = Store(self.clock.now)
        self.changes = self._store.changes
        self._allowance = Allowance(seed, time_zone)
        self._owners = Owners(self._store, self._now)
        api = self._owners.save(
            {
                "firstName": "Concord",
                "lastName": "Integration",
                "email": "concord.integration@example.com",
            }
        )
        self.api_user = str(9_000_000 + int(api))
        self.tokens = Tokens(seed, self._now, PORTAL, self.api_user)
        associations = Associations(self._store)
        self._records = Records(self._store, associations, self._now, PORTAL, keep_primary_id)
        self.traps = self._records.traps
        self.rates: Sequence[Rate] = trouble.RATES
        self._objects = Objects(self._records, associations, self._now, self.api_user)
        self._links = Links(self._records, associations, self._now, numeric_association_ids)
        self._definitions = Definitions(self._records, PORTAL, time_zone)
        self._search = Search(
            self._store, self._objects, self._records.visible, self._now, search_lag
        )
        self._backdoor = Backdoor(self._records, associations, self._owners, self._now)

    def _now(self) -> int:
        return epoch_ms(self.clock.now())

    # -- the back door

    def objects(self) -> list[str]:
        """contacts, companies, deals, tickets, owners."""
        return [*TYPES, "owners"]

    def load(self, object: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Put records in as they are; see `connectors.sandbox.server.Vendor.load`."""
        return self._backdoor.load(object, rows)

    def state(self, object: str, ids: Collection[str] = ()) -> list[dict[str, Any]]:
        """The true records, by id."""
        return self._backdoor.state(object, ids)

    def edit(self, object: str, id: str, values: Mapping[str, Any]) -> None:
        """Change a record as a person does."""
        self._backdoor.edit(object, id, values)

    def remove(self, object: str, id: str) -> None:
        """Archive a record as a person does."""
        self._backdoor.remove(object, id)

    def restore(self, object: str, id: str) -> None:
        """Take a record out of the recycling bin as a person does."""
        self._backdoor.restore(object, id)

    def merge(self, object: str, primary: str, other: str) -> str:
        """Merge two records as a person does; the survivor's id."""
        return self._backdoor.merge(object, primary, other)

    def hide(self, object: str, field: str) -> None:
        """Take the permission to see a property from the API's user."""
        self._records.hidden.add((object, field))

    def credentials(self) -> dict[str, Any]:
        """The private app's `auth` block."""
        return {"kind": "private_app", "access_token": self.tokens.private}

    def oauth_credentials(self) -> dict[str, Any]:
        """An OAuth app's `auth` block; its access tokens live half an hour."""
        return {
            "kind": "oauth",
            "client_id": self.tokens.client_id,
            "client_secret": self.tokens.client_secret,
            "refresh_token": self.tokens.refresh_token,
        }

    # -- the API

    def is_write(self, request: Request) -> bool:
        """Whether the request creates, changes, links or deletes records."""
        parts = request.path.strip("/").split("/")
        if parts[0] != "crm" or "properties" in parts[:3] or request.method == "GET":
            return False
        return not (parts[-1] == "search" or parts[-2:] == ["batch", "read"])

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        return self._reply(request, self._answer)

    def _reply(self, request: Request, answer: Callable[[Request], _Answer]) -> Response:
        search = request.path.rstrip("/").endswith("/search")
        correlation = self._allowance.correlation()
        now = self.clock.now()
        headers = {
            "Date": format_datetime(now.replace(microsecond=0), usegmt=True),
            "X-HubSpot-Correlation-Id": correlation,
        }
        counted = not request.path.startswith("/oauth/")
        if counted:
            headers |= self._allowance.headers(epoch_ms(now), search)
        try:
            if counted:
                self._allowance.require(correlation)
            status, body = answer(request)
        except Failure as failure:
            status, body = failure.status, failure.body(correlation)
            headers |= failure.headers
            if request.path.startswith("/oauth/") and request.path.endswith("/token"):
                body["status"] = failure.category
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            status = 400
            body = bad_request(f"Invalid input JSON: {error}").body(correlation)
        if body is None:
            return Response(status=status, headers=headers)
        return json_response(body, status, headers)

    # -- what goes wrong on demand

    def refuse(self, kind: str, request: Request) -> Response:
        """HubSpot's refusal of a call; see `connectors.sandbox.server.Vendor`."""
        if kind == "unauthorized":
            self.tokens.expire(request.headers.get("Authorization"))

        def fail(request: Request) -> _Answer:
            limited = kind in {rate.refusal for rate in self.rates} - {"throttle"}
            more = {"errorType": "RATE_LIMIT", "policyName": kind} if limited else {}
            raise Failure(*trouble.REFUSALS[kind], more=more)

        return self._reply(request, fail)

    def set_fault(self, kind: str, options: Mapping[str, Any]) -> Callable[[], None]:
        """Change the account; see `connectors.sandbox.server.Vendor`."""
        if kind == "quota":
            return self._allowance.leave(int(options["left"]), self._now())
        if kind == "rates":
            return self._set_rates(options)
        if kind == "search_lag":
            return self._put(self._search, "lag", float(options["seconds"]))
        if kind == "clock_skew":
            return self._put(self.clock, "skew", float(options["seconds"]))
        return trouble.change(self._records, kind, options)

    def _set_rates(self, options: Mapping[str, Any]) -> Callable[[], None]:
        rates = changed(self.name, self.rates, options)
        [calls] = [rate.most for rate in rates if rate.option == "calls"]
        undo = [
            self._put(self, "rates", rates),
            self._put(self._allowance, "per_ten_seconds", calls),
            self._put(self._allowance, "per_second", max(1, calls // 10)),
        ]

        def back() -> None:
            for each in undo:
                each()

        return back

    @staticmethod
    def _put(target: object, name: str, value: object) -> Callable[[], None]:
        before = getattr(target, name)
        setattr(target, name, value)
        return lambda: setattr(target, name, before)

    @staticmethod
    def _json(request: Request) -> Any:
        try:
            return json.loads(request.get_data() or b"{}")
        except ValueError as error:
            raise bad_request("Invalid input JSON") from error

    def _answer(self, request: Request) -> _Answer:
        parts = request.path.strip("/").split("/")
        if parts[0] == "oauth":
            return self._oauth(request, parts[1:])
        self.tokens.check(request.headers.get("Authorization"))
        if parts[0] == "account-info" and parts[-1] == "details":
            return 200, self._definitions.account()
        if parts[0] == "crm-object-schemas" and len(parts) >= 3 and parts[2] == "schemas":
            if len(parts) == 3:
                return 200, self._definitions.schemas()
            return 200, self._definitions.schema(self._object(parts[3]))
        if parts[0] != "crm" or len(parts) < 3:
            raise not_found()
        dated = _DATED.fullmatch(parts[2]) is not None
        area, version, rest = (
            (parts[1], "dated", parts[3:]) if dated else (parts[2], parts[1], parts[3:])
        )
        if parts[1:3] == ["associations", "v4"]:
            area, version = "associations", "v4"
        if area == "objects":
            return self._object_call(request, version, rest)
        if area == "associations":
            return self._association_call(request, version, rest)
        if area == "owners" and request.method == "GET":
            if rest:
                return 200, self._owners.get(rest[0], request.args)
            return 200, self._owners.page(request.args)
        if area == "pipelines" and request.method == "GET" and rest:
            return self._pipelines(rest)
        if area == "properties" and rest:
            return self._property_call(request, rest)
        raise not_found()

    def _oauth(self, request: Request, parts: list[str]) -> _Answer:
        if parts[-1] == "token" and request.method == "POST":
            return 200, self.tokens.grant(request.form)
        if parts[:2] == ["v1", "access-tokens"] and len(parts) == 3:
            return 200, self.tokens.describe(parts[2])
        if parts == ["v2", "private-apps", "get", "access-token-info"]:
            return 200, self.tokens.describe_private(self._json(request))
        raise not_found()

    @staticmethod
    def _object(text: str) -> str:
        object = object_name(text)
        if object is None:
            raise bad_request(f"Unable to infer object type from: {text}")
        return object

    def _object_call(self, request: Request, version: str, rest: list[str]) -> _Answer:
        object, rest = self._object(rest[0]), rest[1:]
        method = request.method
        if len(rest) >= 3 and rest[1] == "associations":
            return self._single_association(request, object, rest)
        if method == "POST":
            body = self._json(request)
            if rest == ["search"]:
                return 200, self._search(object, body)
            if rest == ["merge"]:
                return 200, self._objects.merge(object, body)
            if rest == ["gdpr-delete"]:
                self._objects.erase(object, body)
                return 204, None
            if rest[:1] == ["batch"] and len(rest) == 2:
                return self._objects.batch(object, rest[1], request.args, body)
            if not rest:
                return 201, self._objects.create(object, body)
        elif method == "GET" and not rest:
            return 200, self._objects.page(object, request.args)
        elif len(rest) == 1:
            if method == "GET":
                return 200, self._objects.get(object, rest[0], request.args)
            if method == "PATCH":
                by = request.args.get("idProperty")
                return 200, self._objects.update(object, rest[0], by, self._json(request))
            if method == "DELETE":
                self._objects.archive(object, rest[0])
                return 204, None
        raise not_found()

    def _single_association(self, request: Request, object: str, rest: list[str]) -> _Answer:
        id, rest = rest[0], rest[2:]
        if rest[0] == "default" and len(rest) == 3 and request.method == "PUT":
            to_object = self._object(rest[1])
            made = self._links.put(object, id, to_object, rest[2], None)
            return 200, {"status": "COMPLETE", "results": [made]}
        to_object = self._object(rest[0])
        if len(rest) == 1 and request.method == "GET":
            return 200, self._links.page(object, id, to_object, request.args)
        if len(rest) == 2 and request.method == "PUT":
            return 201, self._links.put(object, id, to_object, rest[1], self._json(request))
        if len(rest) == 2 and request.method == "DELETE":
            self._links.delete(object, id, to_object, rest[1])
            return 204, None
        raise not_found()

    def _association_call(self, request: Request, version: str, rest: list[str]) -> _Answer:
        from_object, to_object, rest = self._object(rest[0]), self._object(rest[1]), rest[2:]
        if rest[:1] == ["batch"] and request.method == "POST":
            action, body = "/".join(rest[1:]), self._json(request)
            if version == "v3":
                return self._links.batch_v3(from_object, to_object, action, body)
            return self._links.batch(from_object, to_object, action, body, version == "dated")
        if rest == ["labels"] and request.method == "GET":
            return 200, self._links.labels(from_object, to_object)
        if rest == ["types"] and request.method == "GET":
            return 200, self._links.types_v3(from_object, to_object)
        raise not_found()

    def _pipelines(self, rest: list[str]) -> _Answer:
        object = self._object(rest[0])
        if len(rest) == 1:
            return 200, self._definitions.pipelines(object)
        pipeline: Json = self._definitions.pipeline(object, rest[1])
        if rest[2:] == ["stages"]:
            return 200, {"results": pipeline["stages"]}
        return 200, pipeline

    def _property_call(self, request: Request, rest: list[str]) -> _Answer:
        object, rest = self._object(rest[0]), rest[1:]
        if not rest and request.method == "GET":
            return 200, self._definitions.properties(object, request.args)
        if not rest and request.method == "POST":
            return 201, self._definitions.add_property(object, self._json(request))
        if len(rest) == 1 and request.method == "GET":
            return 200, self._definitions.property(object, rest[0])
        if len(rest) == 1 and request.method == "DELETE":
            self._definitions.remove_property(object, rest[0])
            return 204, None
        raise not_found()
