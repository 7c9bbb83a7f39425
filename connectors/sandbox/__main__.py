"""``python -m connectors.sandbox``: the three sandboxes with demo data, until interrupted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from connectors.sandbox.fleet import serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exits with 1 and one sentence when the sandboxes cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m connectors.sandbox",
        description="Salesforce, HubSpot and Zoho CRM on this machine, filled with demo data.",
    )
    parser.add_argument(
        "--port", type=int, default=0, metavar="P",
        help="control API on P, Salesforce P+1, HubSpot P+2, Zoho P+3; 0 (default): free ports",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=7, help="which demo data (default 7)")
    parser.add_argument(
        "--contacts", type=int, default=400, metavar="N",
        help="contacts in each account at least; 0: empty accounts (default 400)",
    )  # fmt: skip
    parser.add_argument("--truth", type=Path, metavar="FILE", help="store who is who as JSON")
    parser.add_argument("--json", action="store_true", help="print addresses as one JSON line")
    parser.add_argument(
        "--search-lag", type=float, metavar="S", help="seconds until HubSpot's search sees a change"
    )
    parser.add_argument(
        "--token-lifetime", type=float, metavar="S", help="seconds a Salesforce session lives"
    )
    chosen = parser.parse_args(arguments)
    if not 0 <= chosen.port <= 65532:
        parser.error("--port must be between 0 and 65532")
    if chosen.contacts < 0:
        parser.error("--contacts must not be negative")
    try:
        serve(
            chosen.port,
            chosen.seed,
            chosen.contacts,
            chosen.truth,
            chosen.json,
            search_lag=chosen.search_lag,
            token_lifetime=chosen.token_lifetime,
        )
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        parser.exit(1, f"{parser.prog}: {error.strerror or error}{where}\n")


if __name__ == "__main__":
    main()
