"""Pairs scored by Splink, and numbers trained and kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mapping.schema import Fields
from sync.engine.matching.keys import Reading
from sync.model import Place
from sync.scores import scorer
from sync.scores.features import BLOCKS, Features, features_of
from sync.scores.levels import DIFFERS, RESPECTS
from sync.scores.numbers import Numbers, NumbersError, guess, read, shipped
from sync.scores.scorer import Scorer, Unavailable, train

ANN: Fields = {
    "first_name": "Annabel", "last_name": "Rockwell", "email": "annabel.rockwell@firm.example",
    "mobile": "081 234 5678", "phone": "02 123 4567", "birth_date": "1980-02-29",
    "street": "99/1 Rama IV Road", "city": "Bangkok", "postal_code": "10110", "company": "com_1",
}  # fmt: skip


def features(fields: Fields, shared: frozenset[str] = frozenset()) -> Features:
    return features_of("contact", fields, Reading("TH"), shared)


def probability(one: Fields, two: Fields) -> float:
    places = Place("a", "1"), Place("b", "1")
    found = Scorer("contact").score(
        {places[0]: features(one), places[1]: features(two)}, [(places[0], places[1])]
    )
    return found[places].probability


splink = pytest.mark.skipif(not scorer.available(), reason="Splink is not installed")


# -- what is compared --------------------------------------------------------------------


def test_mobile_phones_are_persons_and_lines_are_offices() -> None:
    found = features(ANN)
    assert (found["mobiles"], found["lines"]) == (["+66812345678"], ["+6621234567"])
    american = features({"phone": "+1 415 555 0132", "mobile": "+1 415 555 0199"})
    assert (american["mobiles"], american["lines"]) == (["+14155550199"], ["+14155550132"])


def test_a_phone_that_many_share_is_not_compared() -> None:
    assert features(ANN, frozenset({"~any_phone+6621234567"}))["lines"] is None


def test_what_says_nothing_is_missing() -> None:
    found = features({"first_name": "n/a", "last_name": "Unknown", "email": "info@firm.example",
                      "birth_date": "1900-01-01", "city": None})  # fmt: skip
    assert {name: value for name, value in found.items() if value} == {"workplace": "firm.example"}


@pytest.mark.parametrize("object", sorted(BLOCKS))
def test_every_object_has_numbers_for_every_level(object: str) -> None:
    assert shipped(object).fits()
    assert guess(object).fits()
    columns = set(features_of(object, {}, Reading()))
    for respect in RESPECTS[object]:
        assert set(respect.columns) <= columns
        for side in (0, 1):
            shares = [pair[side] for pair in shipped(object).levels[respect.field].values()]
            assert sum(shares) == pytest.approx(1)


# -- scores ------------------------------------------------------------------------------


@splink
def test_the_more_agrees_the_likelier() -> None:
    other = {**ANN, "email": "annabel@home.example", "mobile": None}
    typo = {**other, "last_name": "Rockwel", "birth_date": None}
    stranger: Fields = {
        "first_name": "Bob", "last_name": "Stone", "email": "bob@else.example", "city": "Bangkok",
        "birth_date": "1971-11-03",
    }  # fmt: skip
    found = [probability(ANN, one) for one in (other, typo, stranger)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.999
    assert found[1] > 0.5
    assert found[2] < 0.001


@splink
def test_a_colleague_of_the_same_first_name_is_somebody_else() -> None:
    colleague = {
        **ANN, "last_name": "Stonebridge", "email": "annabel.stonebridge@firm.example",
        "mobile": "089 765 4321", "birth_date": None,
    }  # fmt: skip
    assert probability(ANN, colleague) < 0.5


@splink
def test_a_swapped_name_is_the_same_name() -> None:
    swapped = {
        **ANN,
        "first_name": "Rockwell",
        "last_name": "Annabel",
        "email": None,
        "mobile": None,
    }
    differs = {**swapped, "first_name": "Bob", "last_name": "Stone"}
    assert probability(ANN, swapped) > 0.9 > 0.5 > probability(ANN, differs)


@splink
def test_weights_add_up_to_the_probability() -> None:
    one, two = Place("a", "1"), Place("b", "1")
    bodies = {one: features(ANN), two: features({**ANN, "email": "ann@home.example"})}
    scored = Scorer("contact").score(bodies, [(one, two)])[one, two]
    prior = shipped("contact").prior
    odds = prior / (1 - prior) * 2 ** sum(scored.weights.values())
    assert scored.probability == pytest.approx(odds / (1 + odds), rel=1e-2)
    assert set(scored.weights) == {respect.field for respect in RESPECTS["contact"]}


@splink
def test_a_batch_gives_what_single_pairs_give() -> None:
    places = [Place(name, "1") for name in "abc"]
    bodies = [ANN, {**ANN, "email": None, "mobile": None}, {**ANN, "first_name": "Bob"}]
    known = {place: features(body) for place, body in zip(places, bodies, strict=True)}
    pairs = [(places[0], places[1]), (places[0], places[2]), (places[1], places[2])]
    together = Scorer("contact").score(known, pairs)
    assert set(together) == set(pairs)
    for pair in pairs:
        assert Scorer("contact").score(known, [pair])[pair] == together[pair]
    assert Scorer("contact").score(known, []) == {}


# -- training ----------------------------------------------------------------------------

FIRST = ["Annabel", "Bernard", "Cecilia", "Dominic", "Eleanor", "Frederic", "Gabriela", "Humphrey"]
LAST = ["Rockwell", "Stonebridge", "Underwood", "Vandermeer", "Whitfield", "Yarborough"]


@pytest.fixture(scope="module")
def crowd() -> list[Features]:
    chance = random.Random(3)
    made = []
    for n in range(400):
        person: Fields = {
            "first_name": chance.choice(FIRST), "last_name": f"{chance.choice(LAST)}{n % 40}",
            "birth_date": f"19{chance.randint(40, 99)}-{chance.randint(1, 12):02}-11",
            "email": f"somebody{n}@firm{n % 30}.example", "city": f"City {n % 9}",
        }  # fmt: skip
        made.append(features(person))
        if n % 2:
            moved = {**person, "city": f"City {chance.randint(0, 8)}"}
            if chance.random() < 0.3:
                moved["email"] = f"other{n}@home.example"
            if chance.random() < 0.2:
                moved["first_name"] = str(moved["first_name"])[:-1]
            made.append(features(moved))
    return made


@pytest.fixture(scope="module")
def numbers(crowd: list[Features]) -> Numbers:
    return train("contact", crowd, 150, shipped("contact"))


@splink
def test_training_learns_from_the_records_and_the_file_gives_it_back(
    tmp_path: Path, crowd: list[Features], numbers: Numbers
) -> None:
    path = tmp_path / "contact.json"
    numbers.write(path)
    assert read(path, "contact") == numbers
    assert numbers.records == len(crowd)
    assert numbers.prior == pytest.approx(150 / 0.7 / (600 * 599 / 2))
    agree, _ = numbers.levels["birth_date"]["equal"]
    differ, _ = numbers.levels["birth_date"][DIFFERS]
    assert agree > 0.8 > 0.2 > differ
    assert set(numbers.rarity["first"].shares) >= {name.lower() for name in FIRST}
    shares = [share for rarity in numbers.rarity.values() for share in rarity.shares.values()]
    assert min(shares) >= 5 / len(crowd)


@splink
def test_a_rare_name_counts_more_than_a_common_one(numbers: Numbers) -> None:
    one, two = Place("a", "1"), Place("b", "1")

    def weight(name: str) -> float:
        body = features({"first_name": name, "last_name": "Rockwell"})
        return (
            Scorer("contact", numbers)
            .score({one: body, two: body}, [(one, two)])[one, two]
            .weights["first_name"]
        )

    assert weight("Zenobia") > weight("Annabel")


@splink
def test_too_little_to_train_on_is_said(crowd: list[Features]) -> None:
    with pytest.raises(Unavailable, match="too few to train on"):
        train("contact", crowd[:20], 10, None)
    with pytest.raises(Unavailable, match="linked 0 pairs"):
        train("contact", crowd, 0, None)


# -- what can go wrong -------------------------------------------------------------------


def test_without_splink_the_advice_is_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "available", lambda: False)
    with pytest.raises(Unavailable, match=r"pip install 'concord-crm\[match\]'"):
        Scorer("contact")
    with pytest.raises(Unavailable, match="pip install"):
        train("contact", [], 0, None)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"object": "contact", "prior": 2, "levels": {}}']
)
def test_a_file_that_holds_no_numbers_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "numbers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NumbersError, match="concord train contact"):
        read(path, "contact")


def test_numbers_of_another_object_or_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    shipped("company").write(path)
    with pytest.raises(NumbersError, match="another object"):
        read(path, "contact")
    levels = {**shipped("contact").levels, "email": {"equal": (0.5, 0.5)}}
    shipped("contact").model_copy(update={"levels": levels}).write(path)
    with pytest.raises(NumbersError, match="another version"):
        read(path, "contact")
    with pytest.raises(NumbersError, match="No such file"):
        read(tmp_path / "none.json", "contact")
