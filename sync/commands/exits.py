"""Exit codes, and the one function that turns errors into advice at the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import sqlalchemy as sa

from connectors.errors import ConnectorError, Stop
from connectors.sandbox.client import ControlError
from connectors.sandbox.server import PortTaken
from connectors.transport import redact
from mapping.document import DocumentError
from sync.settings import SettingsError
from sync.store.books import LeaseHeld
from sync.store.database import StoreError


class Disappointed(Exception):
    """A command could not do what it promises; the text says what is missing."""


class Code(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    PROBLEMS = 1
    CONFIGURATION = 2
    HELD = 3
    FAILED = 4


#: Each code in words, for the help and the documentation.
MEANING: dict[Code, str] = {
    Code.DONE: "Done.",
    Code.PROBLEMS: "Finished with problems, or stopped before the end: `concord problems`.",
    Code.CONFIGURATION: "The settings, the command line, the credentials or the store cannot be "
    "used; nothing was done.",
    Code.HELD: "Held: the run would pass its limits and waits for `concord approve`, or another "
    "run is at work. Nothing was written.",
    Code.FAILED: "Failed: no connection answered, or something unforeseen happened.",
}

#: A run's status as an exit code.
OF_STATUS: dict[str, Code] = {
    "done": Code.DONE,
    "problems": Code.PROBLEMS,
    "stopped": Code.PROBLEMS,
    "held": Code.HELD,
    "failed": Code.FAILED,
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What went wrong and what to do, and the exit code. `known`: the error was foreseen."""

    text: str
    code: Code
    known: bool = True


def advise(error: BaseException) -> Advice:
    """Any error as text for a person and an exit code. Secrets are taken out of the text."""
    advice = _advise(error)
    return Advice(redact(advice.text), advice.code, advice.known)


def _advise(error: BaseException) -> Advice:
    match error:
        case SettingsError():
            return Advice("\n".join(error.problems), Code.CONFIGURATION)
        case DocumentError() | StoreError():
            return Advice(str(error), Code.CONFIGURATION)
        case LeaseHeld():
            return Advice(str(error), Code.HELD)
        case ConnectorError():
            words = f"\nThe vendor says: {error.words}" if error.words else ""
            code = Code.CONFIGURATION if isinstance(error, Stop) else Code.FAILED
            return Advice(f"{error}{words}\n{error.advice}", code)
        case sa.exc.OperationalError():
            return Advice(
                f"The store does not answer: {error.orig}\n"
                "Check hub.store in settings.yaml, and that the database runs.",
                Code.CONFIGURATION,
            )
        case PortTaken() | ControlError() | Disappointed():
            return Advice(str(error), Code.FAILED)
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return Advice(f"{place}{error.strerror or error}", Code.FAILED)
        case KeyboardInterrupt():
            return Advice("Interrupted.", Code.FAILED)
    return Advice(
        f"Something unforeseen happened: {type(error).__name__}: {error}\n"
        "`concord --debug …` shows where. Please report it; nothing was lost.",
        Code.FAILED,
        known=False,
    )


def no_such(what: str, name: object, hint: str = "") -> SettingsError:
    """The error for a name on the command line that does not exist."""
    return SettingsError([f"there is no {what} {name}" + (f"; {hint}" if hint else "")])


def readable(path: Path) -> str:
    """The text of a file named on the command line.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([f"{path}: {reason}"]) from error
