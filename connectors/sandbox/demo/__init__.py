"""Demo data: a company's customers as its three CRM accounts know them, with the truth.

Real people, companies, deals and tickets are made once and dealt out to the accounts with
what real accounts have: other spellings, missing and stale values, duplicates, namesakes.
"""

from __future__ import annotations

from connectors.sandbox.demo.dataset import generate
from connectors.sandbox.demo.truth import Dataset, Truth, pairs, read_truth, write_truth

__all__ = ["Dataset", "Truth", "generate", "pairs", "read_truth", "write_truth"]
