"""The settings file that `concord init` writes and the demo starts from."""

from __future__ import annotations

from importlib.resources import files

#: The text of the settings.yaml of the source tree.
STARTER: str = files("sync").joinpath("starter.yaml").read_text(encoding="utf-8")
