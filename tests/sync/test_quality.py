"""Precision and recall of links, on examples that can be counted by hand."""

from __future__ import annotations

from sync.model import Place
from sync.quality import compare

A1, A2 = Place("a", "1"), Place("a", "2")
B1, B2 = Place("b", "1"), Place("b", "2")
C1 = Place("c", "1")
KEYS = {A1: "ann", A2: "ann", B1: "ann", B2: "bo", C1: "bo"}


def test_perfect_links_across_accounts_miss_only_the_duplicate() -> None:
    quality = compare({A1: "e1", B1: "e1", A2: "e2", B2: "e3", C1: "e3"}, KEYS)
    # True pairs: a1-a2, a1-b1, a2-b1, b2-c1; of these, a1-a2 lies within one account.
    assert (quality.found, quality.right, quality.wanted, quality.across) == (2, 2, 4, 3)
    assert quality.precision == 1.0
    assert quality.recall == 0.5


def test_a_false_link_costs_every_pair_it_makes() -> None:
    quality = compare({A1: "e1", B1: "e1", C1: "e1"}, KEYS)
    assert (quality.found, quality.right) == (3, 1)


def test_nothing_to_link_is_no_fault() -> None:
    quality = compare({}, {})
    assert quality.precision == quality.recall == quality.recall_across == 1.0
    assert compare({}, KEYS).recall == 0.0
