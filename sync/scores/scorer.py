"""Pairs scored, and numbers trained, by Splink on DuckDB: an extra, `concord-crm[match]`."""

from __future__ import annotations

import importlib.util
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from sync.engine.matching.candidates import Pair, Scored
from sync.model import Place
from sync.scores.features import LISTS, Features
from sync.scores.levels import DIFFERS, RESPECTS, Respect
from sync.scores.numbers import Numbers, Rarity, guess, shipped

#: What to do where scores are asked for and Splink is not there.
ADVICE = "scores need Splink: pip install 'concord-crm[match]'"

#: Part of the true pairs that the rules are taken to find, where a model is trained.
RULES_FIND = 0.7

#: Fewer records are not enough to train on.
LEAST = 500

#: Weight of what the records at hand show of true pairs, against what was known before.
PRESENT = 0.95

#: Names that fewer records have are not written into a file of numbers.
COMMON = 5

#: Random pairs looked at to learn how often different records agree.
SAMPLE = 2_000_000

#: What pairs have in common from which the numbers of the other respects are learnt.
_LEARN_FROM = {
    "contact": (("first", "last"), ("email",), ("birth",), ("street",)),
    "company": (("name",), ("domain",), ("phone",), ("street", "city")),
}


class Unavailable(Exception):
    """Splink is not installed, or there is too little to train on; the text says what to do."""


def available() -> bool:
    """Whether Splink is installed."""
    return importlib.util.find_spec("splink") is not None


class Scorer:
    """Scores pairs of one object's records.

    Raises:
        Unavailable: Splink is not installed.
    """

    def __init__(self, object: str, numbers: Numbers | None = None) -> None:
        if not available():
            raise Unavailable(ADVICE)
        self._object = object
        self._numbers = numbers or shipped(object)

    @property
    def numbers(self) -> Numbers:
        """What each agreement counts."""
        return self._numbers

    def score(
        self, features: Mapping[Place, Features], pairs: Sequence[Pair]
    ) -> dict[Pair, Scored]:
        """How likely each pair is the same thing, and how many bits each respect adds to that
        or takes away. One call for all pairs is cheap, one for each is not."""
        if not pairs:
            return {}
        places = sorted({place for pair in pairs for place in pair})
        at = {place: number for number, place in enumerate(places)}
        with _Bench(self._object, self._numbers, [features[place] for place in places]) as bench:
            rows = bench.predict([(at[one], at[two]) for one, two in pairs])
        found: dict[Pair, Scored] = {}
        for row in rows:
            weights = {
                respect.field: round(
                    row[f"mw_{respect.field}"] + (row.get(f"mw_tf_adj_{respect.field}") or 0.0), 2
                )
                for respect in RESPECTS[self._object]
            }
            pair = places[row["unique_id_l"]], places[row["unique_id_r"]]
            found[pair] = Scored(row["match_probability"], weights)
        return found


def train(object: str, features: Sequence[Features], matches: int, base: Numbers | None) -> Numbers:
    """Numbers learnt from records, without being told who is who.

    Args:
        object: company or contact.
        features: of every record.
        matches: pairs that the rules have linked.
        base: numbers of the levels that these records tell nothing about.

    Raises:
        Unavailable: Splink is not installed, or there are too few records.
    """
    if not available():
        raise Unavailable(ADVICE)
    if len(features) < LEAST or not matches:
        raise Unavailable(
            f"{len(features)} records, of which the rules linked {matches} pairs, are too few to "
            f"train on; it takes {LEAST} records and some links. The shipped ones do meanwhile"
        )
    count = len(features)
    prior = min(matches / RULES_FIND / (count * (count - 1) / 2), 0.01)
    start = (base or guess(object)).model_copy(update={"prior": prior, "rarity": {}})
    with _Bench(object, start, features, plain=True) as bench:
        learnt = bench.learn([on for on in _LEARN_FROM[object] if _tells(features, on)])
    levels = {
        respect.field: _mixed(start.levels[respect.field], learnt[respect.field])
        for respect in RESPECTS[object]
    }
    return Numbers(
        object=object,
        prior=prior,
        levels=levels,
        rarity={column: _rarity(features, column) for column in _rare(object)},
        records=count,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _tells(features: Sequence[Features], columns: Sequence[str]) -> bool:
    """Whether enough records agree in these columns to learn from those that do."""
    seen = Counter(
        tuple(str(one[column]) for column in columns)
        for one in features
        if all(one[column] is not None for column in columns)
    )
    return sum(count - 1 for count in seen.values()) >= LEAST // 10


def _mixed(
    known: Mapping[str, tuple[float, float]],
    learnt: Mapping[str, tuple[float | None, float | None]],
) -> dict[str, tuple[float, float]]:
    """Shares of a respect's levels that add up to one, where what was learnt has its part.

    A level that no true pair among these records showed is rare, not impossible.
    """
    m, u = {}, {}
    for label, (known_m, known_u) in known.items():
        new_m, new_u = learnt[label]
        m[label] = known_m if new_m is None else PRESENT * new_m + (1 - PRESENT) * known_m
        u[label] = known_u if new_u is None else new_u
    total_m, total_u = sum(m.values()), sum(u.values())
    return {label: (m[label] / total_m, u[label] / total_u) for label in known}


def _rarity(features: Sequence[Features], column: str) -> Rarity:
    seen = Counter(str(one[column]) for one in features if one[column] is not None)
    total = max(sum(seen.values()), 1)
    shares = {value: count / total for value, count in seen.items() if count >= COMMON}
    return Rarity(shares=shares, other=1 / total)


def _rare(object: str) -> list[str]:
    return [level.rare for respect in RESPECTS[object] for level in respect.levels if level.rare]


class _Bench:
    """A DuckDB in memory with the records in it, and Splink at work on them.

    `plain`: rarity is not looked at, as in training.
    """

    def __init__(
        self, object: str, numbers: Numbers, features: Sequence[Features], plain: bool = False
    ) -> None:
        from splink import DuckDBAPI, Linker

        logging.getLogger("splink").setLevel(logging.ERROR)
        self._object = object
        self._connection = duckdb.connect()
        self._api = DuckDBAPI(self._connection)
        columns = list(features[0])
        rows = [{"unique_id": number, **one} for number, one in enumerate(features)]
        schema = pa.schema(
            [("unique_id", pa.int64())]
            + [(c, pa.list_(pa.string()) if c in LISTS else pa.string()) for c in columns]
        )
        table = self._api.register(pa.Table.from_pylist(rows, schema))
        self._linker: Any = Linker(table, _settings(object, numbers, plain), log_level=None)
        if not plain:
            for column in _rare(object):
                self._rate(column, numbers.rarity.get(column), features)

    def __enter__(self) -> _Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _rate(self, column: str, rarity: Rarity | None, features: Sequence[Features]) -> None:
        """Tell how common the values at hand are; nothing is said without numbers."""
        values = {str(one[column]) for one in features if one[column] is not None}
        shares = (
            {value: rarity.shares.get(value, rarity.other) for value in sorted(values)}
            if rarity
            else {}
        )
        table = pa.table(
            {
                column: pa.array(list(shares), pa.string()),
                f"tf_{column}": pa.array(list(shares.values()), pa.float64()),
            }
        )
        self._linker.table_management.register_term_frequency_lookup(
            self._api.register(table), column
        )

    def predict(self, pairs: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        """One row a pair, with probability and weights."""
        table = pa.table(
            {
                "match_key": pa.array(["0"] * len(pairs)),
                "join_key_l": pa.array([min(pair) for pair in pairs], pa.int64()),
                "join_key_r": pa.array([max(pair) for pair in pairs], pa.int64()),
            }
        )
        self._linker.table_management.register_blocked_pairs_for_predict(self._api.register(table))
        found = self._linker.inference.predict(warning_mode="never")
        rows: list[dict[str, Any]] = found.as_pyarrow_table().to_pylist()
        return rows

    def learn(
        self, learn_from: Sequence[Sequence[str]]
    ) -> dict[str, dict[str, tuple[float | None, float | None]]]:
        """respect -> level -> (m, u), None for what the records do not show."""
        from splink import block_on

        training = self._linker.training
        training.estimate_u_using_random_sampling(max_pairs=SAMPLE, seed=1)
        for columns in learn_from:
            training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
        found = self._linker.misc.save_model_to_json(out_path=None)
        return {
            comparison["output_column_name"]: {
                level["label_for_charts"]: (level.get("m_probability"), level.get("u_probability"))
                for level in comparison["comparison_levels"]
                if not level.get("is_null_level")
            }
            for comparison in found["comparisons"]
        }


def _settings(object: str, numbers: Numbers, plain: bool) -> dict[str, Any]:
    """The model as Splink takes it."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": numbers.prior,
        "blocking_rules_to_generate_predictions": [],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": False,
        "comparisons": [
            _comparison(respect, numbers, plain) for respect in RESPECTS[object]
        ],
    }  # fmt: skip


def _comparison(respect: Respect, numbers: Numbers, plain: bool) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": " AND ".join(
                f"({column}_l IS NULL OR {column}_r IS NULL)" for column in respect.columns
            ),
            "label_for_charts": "missing",
            "is_null_level": True,
        }
    ]
    conditions = [(level.label, level.sql, level.rare) for level in respect.levels]
    for label, sql, rare in (*conditions, (DIFFERS, "ELSE", "")):
        level: dict[str, Any] = {"sql_condition": sql, "label_for_charts": label}
        if not plain:
            level["m_probability"], level["u_probability"] = numbers.of(respect, label)
        if rare and not plain:
            level |= {"tf_adjustment_column": rare, "tf_adjustment_weight": 1.0}
        levels.append(level)
    return {"output_column_name": respect.field, "comparison_levels": levels}
