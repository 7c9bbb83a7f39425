"""The errors a connector raises or returns, grouped by what the caller does next.

::

    ConnectorError
    ├── Stop                    a person must act before this connection works again
    │   ├── AuthenticationFailed    wrong, expired or revoked credentials
    │   ├── PermissionDenied        the credentials lack a scope, an object or a feature
    │   └── Misconfigured           wrong URL, unknown object or field, API switched off
    ├── Wait                    the same call will work later
    │   ├── Throttled               too fast; `retry_after` seconds if the vendor says
    │   ├── QuotaExhausted          no calls left; `until` when they return, if known
    │   └── Unavailable             5xx, time-out, connection cut: the outcome is unknown
    ├── ItemError               this record only; its neighbours go on
    │   ├── Invalid                 validation, picklist, required, length, type
    │   ├── Duplicate               another record holds the key; `of` is its id
    │   ├── Gone                    deleted; `merged_into` is the survivor's id, if known
    │   ├── Locked                  somebody else holds the record; try it again soon
    │   ├── Refused                 permission on this record or field
    │   └── Stale                   the record is newer than the version the write was planned on
    └── Bug                     a reply or a state we do not understand: report it
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack


class Facts(TypedDict, total=False):
    """What is known of any error besides its message; see `ConnectorError`."""

    connection: str
    words: str
    code: str
    status: int | None


class ItemFacts(Facts, total=False):
    """What is known of the error of one record; see `ItemError`."""

    fields: tuple[str, ...]


class ConnectorError(Exception):
    """The root. `str(error)` is one sentence fit for a person, free of secrets.

    Attributes:
        connection: name of the connection in settings.yaml ('' where not known yet).
        words: the vendor's own message, verbatim and redacted ('' if there is none).
        code: the vendor's own code, e.g. ``DUPLICATE_VALUE``, or ''.
        status: the HTTP status, or None.
    """

    cause = "error"
    advice = "Read the vendor's words; run again when the cause is gone."

    def __init__(
        self,
        message: str,
        *,
        connection: str = "",
        words: str = "",
        code: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.connection = connection
        self.words = words
        self.code = code
        self.status = status


class Stop(ConnectorError):
    """Nothing more can be done on this connection until a person acts."""


class AuthenticationFailed(Stop):
    cause = "auth"
    advice = "Renew the credentials in the secret store, then run `concord check`."


class PermissionDenied(Stop):
    cause = "permission"
    advice = "Grant the scope or permission to the integration user, then run `concord check`."


class Misconfigured(Stop):
    cause = "configuration"
    advice = "Compare settings.yaml and the mapping with the account: `concord check`."


class Wait(ConnectorError):
    """The same call is expected to work later."""


class Throttled(Wait):
    """Too many calls in a short time; `retry_after` is in seconds, None if the vendor is silent."""

    cause = "throttled"
    advice = "Nothing to do: the hub slows down by itself."

    def __init__(
        self, message: str, *, retry_after: float | None = None, **rest: Unpack[Facts]
    ) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class QuotaExhausted(Wait):
    """No calls left in the vendor's period; `until` is aware UTC, None if unknown."""

    cause = "quota"
    advice = "Nothing to do: the hub goes on when calls come back; `budget` sets its share of them."

    def __init__(
        self, message: str, *, until: datetime | None = None, **rest: Unpack[Facts]
    ) -> None:
        super().__init__(message, **rest)
        self.until = until


class Unavailable(Wait):
    """The vendor or the way to it failed. A write may or may not have been applied.

    `retry_after` is in seconds, None if the vendor is silent.
    """

    cause = "unavailable"
    advice = "Nothing to do: the hub tries again."

    def __init__(
        self, message: str, *, retry_after: float | None = None, **rest: Unpack[Facts]
    ) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class ItemError(ConnectorError):
    """One record failed; the rest of its batch is not affected.

    Attributes:
        fields: native field names the vendor blames, possibly empty.
    """

    def __init__(
        self, message: str, *, fields: tuple[str, ...] = (), **rest: Unpack[Facts]
    ) -> None:
        super().__init__(message, **rest)
        self.fields = fields


class Invalid(ItemError):
    cause = "validation"
    advice = "Correct the value in the CRM it comes from, or change the mapping."


class Duplicate(ItemError):
    """Another record holds the same unique value; `of` is its id, '' if the vendor hides it."""

    cause = "duplicate"
    advice = "Link the two, or merge them in the CRM."

    def __init__(self, message: str, *, of: str = "", **rest: Unpack[ItemFacts]) -> None:
        super().__init__(message, **rest)
        self.of = of


class Gone(ItemError):
    """The record was deleted, or merged into `merged_into` ('' if not known)."""

    cause = "gone"
    advice = "Nothing to do: one of the next runs sees the deletion."

    def __init__(self, message: str, *, merged_into: str = "", **rest: Unpack[ItemFacts]) -> None:
        super().__init__(message, **rest)
        self.merged_into = merged_into


class Locked(ItemError):
    cause = "locked"
    advice = "Nothing to do: it is tried again in the next run."


class Refused(ItemError):
    cause = "permission"
    advice = "Give the integration user access to this record or field, or unmap the field."


class Stale(ItemError):
    cause = "stale"
    advice = "Nothing to do: the next run reads the newer version first."


class Bug(ConnectorError):
    cause = "bug"
    advice = "Please report it with the words above; nothing was lost."


def describe(error: ConnectorError) -> Mapping[str, str]:
    """An error as plain text fields for the `problem` table and for JSON output."""
    return {
        "cause": error.cause,
        "message": str(error),
        "words": error.words,
        "code": error.code,
        "advice": error.advice,
    }
