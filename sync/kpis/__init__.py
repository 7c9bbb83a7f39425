"""KPIs over the merged rows, in which a deal that lives in two CRMs counts once."""

from __future__ import annotations

from sync.kpis.definitions import BY_ID, DEFINITIONS, Definition, compute
from sync.kpis.kpi import Excluded, Kpi, Status, Unit, judge, trend, with_previous
from sync.kpis.options import Options, Target
from sync.kpis.period import Period, periods

__all__ = [
    "BY_ID",
    "DEFINITIONS",
    "Definition",
    "Excluded",
    "Kpi",
    "Options",
    "Period",
    "Status",
    "Target",
    "Unit",
    "compute",
    "judge",
    "periods",
    "trend",
    "with_previous",
]
