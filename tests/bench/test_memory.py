"""The measurement of memory itself: it measures what was done, and fails where it must."""

from __future__ import annotations

import json

import pytest

from tests.bench import memory
from tests.bench.__main__ import main
from tests.bench.memory import HUB, Peak


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """No processes are started: MiB for each thousand records, beside a hundred."""
    slope = {"zoho": 0.1, HUB: 0.2}

    def measured(who: str, records: int) -> list[Peak]:
        return [Peak(who, "first load", records, 100 + slope[who] * records / 1000, 1.0)]

    monkeypatch.setattr(memory, "measured", measured)
    return slope


def test_it_fails_where_many_records_take_much_more_than_few(
    made_up: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["memory", "--who", "zoho", "--who", HUB]
    main(chosen)
    assert "+38" in capsys.readouterr().out
    made_up[HUB] = 0.3
    with pytest.raises(SystemExit, match=r"50 MiB.*hub \(first load\)$"):
        main([*chosen, "--json"])
    lines = json.loads(capsys.readouterr().out)
    assert [line["growth"] for line in lines] == [19.0, 57.0]
    main([*chosen, "--records", "100000"])


def test_a_peak_is_of_memory_that_was_taken() -> None:
    before = memory.peak()
    taken = bytearray(64 * 2**20)
    taken[::4096] = b"x" * len(taken[::4096])
    assert 60 < memory.peak() - before < 80 or before > 1_000
    assert len(taken)


def test_the_hub_is_measured_in_a_process_of_its_own() -> None:
    """Three accounts with the same people: the child itself proves that it read all of them."""
    looking, deciding = memory.measured(HUB, 40)
    assert (looking.what, deciding.what) == ("looking", "deciding")
    assert looking.records == deciding.records == 120
    assert 40 < looking.mib <= deciding.mib < 400
