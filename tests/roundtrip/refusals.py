"""Texts that no vendor holds, among good ones: refused one by one, and never sent."""

from __future__ import annotations

import random
from typing import Any

from werkzeug.wrappers import Request

from connectors.base import Value, Write
from connectors.errors import Invalid
from mapping.schema import Fields
from tests.roundtrip.account import Account
from tests.roundtrip.draw import bad_text

#: Contacts' fields of every kind that is text.
_FIELDS = ("last_name", "email", "phone", "page", "street", "job_title")
_MARK = "never sent "


def refused(account: Account, count: int, seed: int = 0) -> int:
    """Offer so many bad texts to the mapping and to the connector, every second record a good
    one; how many were refused, which is all of them.

    Raises:
        AssertionError: one was not refused, not named, or was sent; or a neighbour suffered.
    """
    dice = random.Random(seed)
    bodies = _listen(account)
    translator = account.translators["contact"]
    writes, blamed = [], {}
    for number in range(count):
        key = _FIELDS[number % len(_FIELDS)]
        bad = _MARK + bad_text(dice)
        fields: Fields = {"last_name": "good", "email": f"bad.{number}@example.com", key: bad}
        values, problems = translator.to_native(fields, creating=True)
        assert [problem.field for problem in problems] == [key]
        native = translator.document.fields[key].native
        assert problems[0].native == native
        assert problems[0].reason
        assert _MARK not in str(values.get(native)), "the field is left out"
        raw: dict[str, Value] = {**values, native: bad}
        writes.append(Write(f"bad {number}", "create", raw, external=_key(account, f"b-{number}")))
        blamed[f"bad {number}"] = native
        good: Fields = {"last_name": f"good {number}", "email": f"good.{number}@example.com"}
        values, problems = translator.to_native(good, creating=True)
        assert not problems
        writes.append(
            Write(f"good {number}", "create", values, external=_key(account, f"g-{number}"))
        )
    results = account.connector.push(translator.native, writes)
    for result in results:
        if result.key in blamed:
            assert isinstance(result.error, Invalid), result
            assert result.error.fields == (blamed[result.key],)
            assert result.key in str(result.error)
        else:
            assert result.error is None, result.error
    stored = account.sandbox.state(translator.native)
    key = translator.external_id
    assert {row[key] for row in stored if row[key]} == {f"g-{number}" for number in range(count)}
    assert not any(_MARK.encode() in body for body in bodies)
    assert any(b"good 0" in body for body in bodies)
    return sum(result.error is not None for result in results)


def _key(account: Account, text: str) -> tuple[str, str]:
    return account.translators["contact"].external_id, text


def _listen(account: Account) -> list[bytes]:
    """The bodies of all requests the sandbox is sent from now on."""
    heard: list[bytes] = []
    handle: Any = account.sandbox.handle

    def kept(request: Request) -> Any:
        heard.append(request.get_data())
        return handle(request)

    account.sandbox.handle = kept
    return heard
