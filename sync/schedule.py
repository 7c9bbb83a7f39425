"""`concord serve`: the jobs of settings.yaml on APScheduler, until asked to stop.

=========== ============================================== ===============================
job         when                                           what
=========== ============================================== ===============================
reconcile   at once, then every `reconcile_minutes`        one run over what changed
full        cron `full`                                    one run that re-reads everything
kpis        cron `kpis`                                    KPIs and a snapshot of the deals
=========== ============================================== ===============================

Two runs are never at work at once: not in this process, where a lock keeps them apart, and
not between processes, where the store's lease does. A job that comes while another one works
is skipped; what it would have done, the next one does. Missed jobs are coalesced into one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.engine import Engine

from connectors.transport import redact
from sync.engine.report import Report
from sync.engine.run import Options, run
from sync.kpis import record
from sync.settings import Settings
from sync.store.books import LeaseHeld

log = logging.getLogger("concord.serve")

#: Seconds a missed job may be late and still be done.
GRACE = 3600

Runner = Callable[[Engine, Settings, Path, Options], Report]


class Redacting(logging.Filter):
    """Takes credentials out of every line."""

    def filter(self, line: logging.LogRecord) -> bool:
        """Always lets the line pass, redacted."""
        line.msg, line.args = redact(line.getMessage()), None
        if line.exc_info and line.exc_info[0] is not None:
            # A trace shows values of the program; the log gets the error's own words.
            line.msg += f" ({line.exc_info[0].__name__}: {redact(str(line.exc_info[1]))})"
            line.exc_info = None
        return True


def log_to_stderr() -> logging.Handler:
    """Send this process's log to stderr, a line an event, times in UTC; the handler."""
    handler = logging.StreamHandler()
    form = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    handler.addFilter(Redacting())
    root = logging.getLogger()
    root.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    return handler


@dataclass
class Service:
    """The jobs, and what they share.

    Attributes:
        stop: set to end: the run at work finishes its batches in flight.
        runner: carries out one run; replaced in tests.
    """

    engine: Engine
    settings: Settings
    base: Path
    stop: threading.Event = field(default_factory=threading.Event)
    runner: Runner = run
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _working: threading.Lock = field(default_factory=threading.Lock)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the crons."""
        return ZoneInfo(self.settings.schedule.time_zone or self.settings.hub.time_zone)

    def scheduler(self) -> BackgroundScheduler:
        """A scheduler with the jobs, not started.

        Raises:
            ValueError: a cron expression is none.
        """
        chosen, zone = self.settings.schedule, self.zone
        made = BackgroundScheduler(
            timezone=zone,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE},
        )
        made.add_job(
            self.reconcile,
            IntervalTrigger(seconds=round(chosen.reconcile_minutes * 60), timezone=zone),
            id="reconcile",
            next_run_time=datetime.now(zone),
        )
        made.add_job(self.full, cron(chosen.full, zone), id="full")
        made.add_job(self.kpis, cron(chosen.kpis, zone), id="kpis")
        return made

    def serve(self) -> None:
        """Run the jobs until `stop` is set; returns when the job at work has ended."""
        scheduler = self.scheduler()
        scheduler.start()
        for job in scheduler.get_jobs():
            log.info("%s: next at %s", job.id, job.next_run_time.isoformat(timespec="seconds"))
        try:
            self.stop.wait()
        finally:
            self.stop.set()
            log.info("stopping: the batch in flight is finished first")
            scheduler.shutdown(wait=True)
            log.info("stopped")

    def reconcile(self) -> None:
        """One run over what changed."""
        self._one("reconcile", full=False)

    def full(self) -> None:
        """One run that re-reads everything; waits for a run at work, as it comes seldom."""
        self._one("full", full=True)

    def kpis(self) -> None:
        """Compute and keep the KPIs, and today's state of every deal."""
        if self.stop.is_set():
            return
        started = time.monotonic()
        try:
            found = record.record(self.engine, self.settings, self.clock())
            deals = record.snapshot(self.engine, self.settings, self.clock())
        except Exception:
            log.exception("kpis: failed; the next one tries again")
            return
        seconds = time.monotonic() - started
        log.info("kpis: %d values, %d deals kept, %.1f s", len(found), deals, seconds)

    def _one(self, job: str, full: bool) -> None:
        """One run and one line about it. Whatever goes wrong, the service goes on."""
        if self.stop.is_set():
            return
        # A full run waits its turn; a run over changes has another turn soon.
        if not self._working.acquire(blocking=full):
            log.info("%s: skipped, another run is at work", job)
            return
        try:
            if self.stop.is_set():
                return
            options = Options(full=full, stop=self.stop)
            report = self.runner(self.engine, self.settings, self.base, options)
        except LeaseHeld as error:
            log.info("%s: skipped, %s", job, error)
        except Exception:
            log.exception("%s: failed; the next one tries again", job)
        else:
            _tell(job, report)
        finally:
            self._working.release()


def cron(expression: str, zone: ZoneInfo) -> CronTrigger:
    """A trigger for five parts: minute hour day month weekday (0 or 7 is Sunday).

    Raises:
        ValueError: it is none.
    """
    parts = expression.split()
    if len(parts) == 5:
        # APScheduler counts weekdays from Monday, cron from Sunday.
        parts[4] = _weekdays(parts[4])
    return CronTrigger.from_crontab(" ".join(parts), timezone=zone)


_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _weekdays(part: str) -> str:
    """Cron's numbers of weekdays as names; `*`, steps and names are left as they are."""

    def named(item: str) -> str:
        days, slash, step = item.partition("/")
        first, dash, last = days.partition("-")
        if first.isdigit() and last.isdigit() and dash:
            start, end = int(first), int(last)
            if not (0 <= start <= end < len(_DAYS)):
                raise ValueError(f"{item!r} is no range of weekdays; write 1-5 or mon-fri")
            return ",".join(_DAYS[day] for day in range(start, end + 1, int(step or 1)))
        if first.isdigit() and not dash:
            if int(first) >= len(_DAYS):
                raise ValueError(f"{item!r} is no weekday; write 0 to 7 or sun to sat")
            return _DAYS[int(first)] + slash + step
        return item

    return ",".join(named(item) for item in part.split(","))


def _tell(job: str, report: Report) -> None:
    body = report.as_json()
    line = (
        f"{job}: run {report.run} {report.status}, {report.writes} written, "
        f"{report.conflicts} conflicts, {report.problems} problems, {body['calls']} calls, "
        f"{report.seconds:.1f} s"
    )
    for connection, error in report.errors.items():
        line += f"; {connection}: {error}"
    if report.held:
        line += f"; {report.held}"
    level = logging.INFO if report.status in ("done", "stopped") else logging.WARNING
    log.log(level, "%s", line)
