"""settings.yaml: all faults at once with their lines, references, and literal secrets refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.match_rules import DEFAULT_MATCH
from sync.settings import SettingsError, access, load, parse, resolve

GOOD = """\
connections:
  crm:
    vendor: hubspot
    auth: {kind: private_app, access_token: "${env:TOKEN}"}
objects:
  contact:
    match: [email, full_name+company, {keys: [any_phone], near: [{field: last_name, similar: 0.7}]}]
    fields: {owner: priority, job_title: {policy: newest, priority: [crm]}}
    create_in: [crm, {connection: crm, when: {email_opt_out: false}}]
"""


def _problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return list(caught.value.problems)


def test_short_forms_mean_the_long_ones() -> None:
    contact = parse(GOOD).object("contact")
    assert contact.match is not None
    assert [rule.keys for rule in contact.match] == [
        ("email",),
        ("full_name", "company"),
        ("any_phone",),
    ]
    assert contact.match[2].near[0].similar == 0.7
    assert contact.fields["owner"].policy == "priority"
    assert contact.fields["job_title"].priority == ("crm",)
    assert [target.when for target in contact.create_in] == [{}, {"email_opt_out": False}]


def test_an_object_without_rules_has_the_shipped_ones() -> None:
    settings = parse(GOOD)
    assert settings.rules("deal") == DEFAULT_MATCH["deal"]
    assert settings.rules("contact") == settings.object("contact").match


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    text = """\
hub:
  time_zone: Asia/Bankok
  currency: dollars
connections:
  crm:
    vendor: pipedrive
    auth: {}
objects:
  contact:
    delets: archive
schedule:
  reconcile_minutes: 0
"""
    problems = _problems(text)
    told = {problem.split(": ")[0]: problem for problem in problems}
    assert set(told) == {f"settings.yaml:{line}" for line in (2, 3, 6, 10, 12)}
    assert "Asia/Bangkok" in told["settings.yaml:2"]
    assert "objects.contact.delets" in told["settings.yaml:10"]


def test_names_that_do_not_exist_are_all_told() -> None:
    text = GOOD.replace("owner: priority", "ownr: priority").replace(
        "create_in: [crm,", "create_in: [crn,"
    )
    problems = _problems(text + "  lead: {}\n")
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["settings.yaml:9", "objects.contact.create_in.0"],
        ["settings.yaml:8", "objects.contact.fields.ownr"],
        ["settings.yaml:10", "objects.lead"],
    ]
    assert "'crn'" in problems[0]


DECIDES = """\
connections:
  crm: {vendor: hubspot, auth: {kind: private_app, access_token: "${env:TOKEN}"}}
  erp: {vendor: zoho, auth: {kind: x}}
objects:
  contact:
    decides: [crm, nobody]
    fields:
      phone: {decides: [erq]}
      email_opt_out: {decides: [erp]}
      street: {decides: [crm]}
      city: {decides: [erp]}
"""


def test_who_decides_is_checked_with_its_lines() -> None:
    told = dict(problem.split(": ", 1) for problem in _problems(DECIDES))
    assert "'nobody'" in told["settings.yaml:6"]
    assert "'erq'" in told["settings.yaml:8"]
    assert "restrictive" in told["settings.yaml:9"]
    assert "together with city" in told["settings.yaml:10"]
    assert "together with street" in told["settings.yaml:11"]


@pytest.mark.parametrize(
    "key",
    [
        "access_token",
        "client_secret",
        "password",
        "private_key",
        "refresh_token",
        "security_token",
    ],
)
def test_a_literal_secret_is_refused_with_advice_and_never_repeated(key: str) -> None:
    secret = "do-not-print-me"
    [problem] = _problems(
        f"connections: {{crm: {{vendor: zoho, auth: {{kind: x, {key}: {secret}}}}}}}\n"
    )
    assert f"auth.{key}" in problem
    assert "${env:" in problem
    assert secret not in problem


def test_a_sandbox_may_hold_literal_secrets_but_only_on_this_machine() -> None:
    block = "{{vendor: zoho, url: {url}, sandbox: true, auth: {{client_secret: plain}}}}"
    parse(f"connections: {{crm: {block.format(url='http://127.0.0.1:1')}}}\n")
    [problem] = _problems(f"connections: {{crm: {block.format(url='https://zoho.com')}}}\n")
    assert "this machine" in problem


@pytest.mark.parametrize("text", ["", "connections: {}\n", "- a list\n", "just words\n"])
def test_a_file_that_says_nothing_is_told_so(text: str) -> None:
    assert _problems(text)


def test_yaml_that_does_not_parse_is_told_with_its_line() -> None:
    [problem] = _problems("hub:\n  store: [\nconnections: }\n")
    assert problem.startswith("settings.yaml:3")


def test_no_is_norway() -> None:
    text = GOOD.replace("when: {email_opt_out: false}", "when: {country: NO}")
    assert text != GOOD
    [_, target] = parse(text).object("contact").create_in
    assert target.when == {"country": "NO"}


def test_a_key_that_appears_twice_is_told_with_its_line() -> None:
    [problem] = _problems(GOOD + "connections: {}\n")
    assert problem.startswith(f"settings.yaml:{GOOD.count(chr(10)) + 1}: ")
    assert "'connections' appears twice" in problem


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="concord init"):
        load(tmp_path / "settings.yaml")


def test_references_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    found = resolve("a ${env:NAME} b ${file:token}", tmp_path, {"NAME": "from-env"})
    assert found == "a from-env b from-file"


@pytest.mark.parametrize("reference", ["${env:NO_SUCH}", "${file:no-such}"])
def test_a_reference_to_nothing_is_an_error(reference: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"(?i)no[_-]such"):
        resolve(reference, tmp_path, {})


def test_secrets_are_resolved_for_the_connector_and_not_shown(tmp_path: Path) -> None:
    settings = parse(GOOD)
    found = access(settings, "crm", tmp_path, {"TOKEN": "top-secret"})
    assert found.auth["access_token"] == "top-secret"
    assert "top-secret" not in repr(found)
    assert "top-secret" not in repr(settings)
