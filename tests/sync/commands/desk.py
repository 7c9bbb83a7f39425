"""Somebody at a terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from connectors.sandbox.client import ControlClient
from sync.cli import app


@dataclass
class Desk:
    """Somebody at a terminal, in a folder with a settings file."""

    folder: Path
    control: ControlClient

    def run(self, *arguments: str, code: int = 0, quiet: bool = False) -> Result:
        """A command that must end with `code`."""
        options = ["--settings", str(self.folder / "settings.yaml"), *(["-q"] if quiet else [])]
        result = CliRunner().invoke(app, [*options, *arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The one JSON object that a command prints."""
        body = json.loads(self.run(*arguments, "--json", code=code).stdout)
        assert isinstance(body, dict)
        return body

    def change(self, **blocks: Any) -> None:
        """Edit the settings: dotted paths by keyword, ``objects__contact__limits={...}``."""
        path = self.folder / "settings.yaml"
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        for way, value in blocks.items():
            *parents, last = way.split("__")
            place = body
            for name in parents:
                place = place.setdefault(name, {})
            place[last] = value
        path.write_text(yaml.safe_dump(body, allow_unicode=True), encoding="utf-8")

    def contact(self, **values: str) -> str:
        """A new contact in Salesforce, brought in by nobody yet; its e-mail address."""
        number = len(self.control.state("salesforce", "Contact"))
        email = f"new.person{number}@fresh{number}.example"
        names = {"FirstName": f"Nadia{number}", "LastName": f"Okafor{number}", "Email": email}
        self.control.create("salesforce", "Contact", {**names, **values})
        self.control.advance(60)
        return email
