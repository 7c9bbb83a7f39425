"""`concord serve`: when jobs are due, that two runs never meet, and how it ends."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Engine

from connectors.errors import Throttled
from connectors.sandbox.fleet import Fleet
from sync import schedule
from sync.demo import demo_settings
from sync.engine.report import Report
from sync.engine.run import LEASE, Options
from sync.schedule import Redacting, Service, cron
from sync.settings import parse
from sync.store import books, tables
from sync.store.database import session

BANGKOK = ZoneInfo("Asia/Bangkok")
SETTINGS = """\
hub: {{time_zone: Asia/Bangkok}}
connections:
  crm: {{vendor: memory, url: "memory://crm", auth: {{}}}}
schedule: {{reconcile_minutes: 5, {schedule}}}
"""


class Runner:
    """Stands for the engine: notes what it was asked, and does what a test wants meanwhile."""

    def __init__(self) -> None:
        self.asked: list[Options] = []
        self.meanwhile: Callable[[Options], object] = lambda options: None

    def __call__(self, engine: Engine, settings: Any, base: Path, options: Options) -> Report:
        self.asked.append(options)
        self.meanwhile(options)
        return Report(run=len(self.asked), kind="reconcile", status="done")


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def service(sqlite_store: Callable[[], Engine], tmp_path: Path, runner: Runner) -> Service:
    settings = parse(SETTINGS.format(schedule="full: '0 2 * * 0', kpis: '30 6 1 * *'"))
    return Service(sqlite_store(), settings, tmp_path, runner=runner)


def _due(expression: str, after: datetime) -> datetime:
    due: datetime = cron(expression, BANGKOK).get_next_fire_time(None, after)
    return due


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("0 2 * * 0", datetime(2026, 11, 22, 2, 0, tzinfo=BANGKOK)),
        ("0 2 * * 7", datetime(2026, 11, 22, 2, 0, tzinfo=BANGKOK)),
        ("0 2 * * sun", datetime(2026, 11, 22, 2, 0, tzinfo=BANGKOK)),
        ("0 2 * * 1-5", datetime(2026, 11, 23, 2, 0, tzinfo=BANGKOK)),
        ("0 2 * * 2,4", datetime(2026, 11, 24, 2, 0, tzinfo=BANGKOK)),
        ("30 6 1 * *", datetime(2026, 12, 1, 6, 30, tzinfo=BANGKOK)),
        ("*/15 * * * *", datetime(2026, 11, 21, 12, 15, tzinfo=BANGKOK)),
    ],
)
def test_crons_mean_what_cron_means_in_the_zone_of_the_settings(
    expression: str, due: datetime
) -> None:
    saturday_noon = datetime(2026, 11, 21, 12, 1, tzinfo=BANGKOK)
    assert _due(expression, saturday_noon) == due


@pytest.mark.parametrize("expression", ["", "0 2 * *", "61 * * * *", "0 2 * * 8", "0 2 * * 5-2"])
def test_what_is_no_cron_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cron(expression, BANGKOK)


def test_jobs_are_due_as_settings_say_one_at_a_time_and_coalesced(service: Service) -> None:
    scheduler = service.scheduler()
    scheduler.start(paused=True)
    try:
        jobs = {job.id: job for job in scheduler.get_jobs()}
        assert set(jobs) == {"reconcile", "full", "kpis"}
        for job in jobs.values():
            assert job.max_instances == 1
            assert job.coalesce
            assert job.misfire_grace_time
            assert job.trigger.timezone == BANGKOK
        assert jobs["reconcile"].next_run_time <= datetime.now(UTC)
        assert jobs["reconcile"].trigger.interval.total_seconds() == 300
    finally:
        scheduler.shutdown()


def test_the_zone_of_the_schedule_comes_before_the_hubs(service: Service) -> None:
    service.settings = parse(SETTINGS.format(schedule="time_zone: Europe/Berlin"))
    assert service.zone == ZoneInfo("Europe/Berlin")


def test_a_run_over_changes_is_skipped_while_another_works(
    service: Service, runner: Runner
) -> None:
    runner.meanwhile = lambda options: service.reconcile()
    service.reconcile()
    assert [options.full for options in runner.asked] == [False]


def test_a_full_run_waits_for_the_run_at_work(service: Service, runner: Runner) -> None:
    threads: list[threading.Thread] = []

    def start_full(options: Options) -> None:
        runner.meanwhile = lambda options: None
        threads.append(threading.Thread(target=service.full))
        threads[0].start()

    runner.meanwhile = start_full
    service.reconcile()
    threads[0].join(timeout=30)
    assert [options.full for options in runner.asked] == [False, True]


def test_a_lease_held_elsewhere_skips_the_run(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service.runner = schedule.run
    with session(service.engine) as opened:
        opened.upsert(
            tables.lease,
            [{"name": LEASE, "holder": "elsewhere:1", "until": datetime(2999, 1, 1, tzinfo=UTC)}],
        )
        opened.commit()
    service.reconcile()
    assert "skipped" in caplog.text
    with session(service.engine) as opened:
        assert books.runs(opened) == []


@pytest.mark.parametrize("error", [Throttled("slow down"), RuntimeError("anything")])
def test_an_error_does_not_end_the_service(
    service: Service, runner: Runner, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(options: Options) -> None:
        raise error

    runner.meanwhile = fail
    service.reconcile()
    assert "failed" in caplog.text
    runner.meanwhile = lambda options: None
    service.reconcile()
    assert len(runner.asked) == 2


def test_stopping_lets_the_run_at_work_end_and_starts_no_other(
    service: Service, runner: Runner
) -> None:
    ended: list[bool] = []

    def stop(options: Options) -> None:
        service.stop.set()
        assert options.stop.is_set()
        ended.append(True)

    runner.meanwhile = stop
    service.serve()  # the first run is due at once
    assert ended == [True]
    service.reconcile()
    service.full()
    service.kpis()
    assert len(runner.asked) == 1


def test_kpis_are_kept_with_a_snapshot_of_the_deals_once_a_day(service: Service) -> None:
    moments = iter(datetime(2026, 11, day, 23, 30, tzinfo=UTC) for day in (1, 1, 1, 1, 2, 2))
    service.clock = lambda: next(moments)
    with session(service.engine) as opened:
        opened.execute(
            tables.entity["deal"].insert().values(
                entity_id="d1", stage="proposal", status="open", currency="USD",
                archived=False, merged_into="", updated_at=datetime(2026, 11, 1, tzinfo=UTC),
            )
        )  # fmt: skip
        opened.commit()
    for _ in range(3):
        service.kpis()
    with session(service.engine) as opened:
        days = [str(row.day) for row in opened.rows(tables.deal_snapshot.select())]
        values = opened.rows(
            tables.kpi_value.select().where(tables.kpi_value.c.kpi == "open_deals")
        )
    # Days are those of Bangkok, seven hours ahead.
    assert days == ["2026-11-02", "2026-11-03"]
    assert [row.value for row in values] == [1, 1, 1]


def test_the_log_holds_no_secrets() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redacting())
    log = logging.getLogger("concord.test")
    log.addHandler(handler)
    log.propagate = False
    try:
        log.error("refused: %s", "Authorization: Bearer abc.def")
        try:
            raise RuntimeError("refresh_token=1000.secretsecret")
        except RuntimeError:
            log.exception("failed")
    finally:
        log.removeHandler(handler)
    assert "abc.def" not in stream.getvalue()
    assert "secretsecret" not in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_serving_process_ends_cleanly_on_a_signal(number: int, tmp_path: Path) -> None:
    with Fleet(contacts=0, search_lag=0) as fleet:
        path = tmp_path / "settings.yaml"
        path.write_text(demo_settings(fleet.describe()), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "sync.cli", "--settings", str(path), "serve"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stderr is not None
        told = []
        try:
            for line in process.stderr:
                told.append(line)
                if "reconcile: run 1" in line:
                    process.send_signal(number)
                    break
            told += process.stderr.readlines()
            assert process.wait(timeout=60) == 0, "".join(told)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
    assert any("run 1 done" in line for line in told)
    assert told[-1].endswith("stopped\n")
