"""Clients of another make and language work on the sandboxes: jsforce, @hubspot/api-client.

They are installed by npm into the user's cache once for each content of
``node/package.json``; without node, npm or the registry the tests are skipped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.contract.rig import OLD, START, Rig

HERE = Path(__file__).with_name("node")
pytestmark = pytest.mark.node


def _cache() -> Path:
    """Where the packages of this very package.json live."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    mark = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()[:12]
    return Path(base) / "concord" / f"node-{mark}"


@pytest.fixture(scope="module")
def modules() -> Path:
    """A folder with node_modules."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js with npm is not installed")
    folder = _cache()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Installed aside and moved as a whole: no test run sees half of it.
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            made = Path(aside) / "made"
            made.mkdir()
            shutil.copy(HERE / "package.json", made)
            install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            try:
                got = subprocess.run(
                    install, cwd=made, capture_output=True, text=True, timeout=240, check=False
                )
            except subprocess.TimeoutExpired:
                pytest.skip("npm did not install the clients within four minutes")
            if got.returncode:
                pytest.skip(f"npm could not install the clients: {got.stderr.strip()[-200:]}")
            with contextlib.suppress(OSError):  # another run was first
                made.rename(folder)
    return folder


def _run(modules: Path, script: str, task: dict[str, Any]) -> dict[str, Any]:
    """What the script saw. It is copied beside node_modules, where imports look."""
    place = modules / script
    place.write_bytes((HERE / script).read_bytes())
    done = subprocess.run(
        ["node", str(place)],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.timeout(400)
class TestHubSpotClient:
    @pytest.fixture
    def setup(self) -> str:
        return "hubspot"

    def test_it_reads_and_writes(self, rig: Rig, modules: Path) -> None:
        made = rig.fill(rig.words.company, 205, at=OLD)
        rig.clock.advance(60)
        token = rig.sandbox.credentials()["access_token"]
        seen = _run(modules, "hubspot.mjs", {"url": rig.server.url, "token": token})
        assert seen["created"] == "ทดสอบ رضایی 🎉"
        assert seen["read"]["phone"] == "+66 2"
        assert seen["read"]["email"] is None
        assert seen["createdAt"][:4] == str(START.year)
        assert sorted(seen["companies"]) == sorted(made)
        assert seen["found"] == ["row 3"]
        assert seen["links"] == [seen["companies"][0]]
        assert seen["refused"] == {"code": 400, "category": "VALIDATION_ERROR"}
        assert seen["after"] == 404
        assert "closedwon" in seen["stages"]
        [truth] = [r for r in rig.sandbox.state("contacts") if r["id"] == seen["id"]]
        assert truth["deleted"]
        assert truth["lastname"] == "ทดสอบ رضایی 🎉"


@pytest.mark.timeout(400)
class TestJsforce:
    @pytest.fixture
    def setup(self) -> str:
        return "salesforce"

    def test_it_reads_and_writes(self, rig: Rig, modules: Path) -> None:
        made = rig.fill(rig.words.company, 2103, at=OLD)
        auth = rig.sandbox.credentials()
        seen = _run(
            modules,
            "salesforce.mjs",
            {
                "url": rig.server.url,
                "clientId": auth["client_id"],
                "clientSecret": auth["client_secret"],
            },
        )
        assert seen["success"] is True
        assert seen["read"] == {"LastName": "ทดสอบ رضایی 🎉", "Phone": "+66 2", "Email": None}
        assert seen["companies"] == sorted(made)
        assert seen["found"] == ["row 3"]
        assert seen["batch"] == [True, False]
        assert seen["refused"] == "REQUIRED_FIELD_MISSING"
        assert seen["after"] in ("NOT_FOUND", "ENTITY_IS_DELETED")
        assert "Closed Won" in seen["stages"]
        [truth] = [r for r in rig.sandbox.state("Contact") if r["id"] == seen["id"]]
        assert truth["deleted"]
        assert truth["LastName"] == "ทดสอบ رضایی 🎉"
