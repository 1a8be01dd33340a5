"""Charts as pages show them: a table, which a script draws (``static/charts.js``)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from keyturn.control.dashboard import figures
from keyturn.domain.money import format_usd
from keyturn.domain.periods import Interval
from keyturn.services.quantiles import UNKNOWN, quantiles
from keyturn.services.usage_plans import Plan
from keyturn.services.usage_reports import Line
from keyturn.store.usage_rows import COUNTS, UsageRow

MOST_SERIES = 8
MOST_POINTS = 62
"""Of more, several are drawn as one: nobody sees them, and each is a row of a table that is sent."""
_TO_MS = 1_000


class Unit(StrEnum):
    """What the numbers of a chart are."""

    COUNT = "count"
    USD = "usd"
    MS = "ms"


class Cell(msgspec.Struct, frozen=True):
    """A value of a series."""

    value: str
    """The plain number; empty: nothing is known."""
    text: str
    """As people read it."""


class Row(msgspec.Struct, frozen=True):
    """One moment, with a value of each series."""

    at: str
    """RFC 3339."""
    label: str
    """Short, below the chart."""
    full: str
    cells: list[Cell]


class Chart(msgspec.Struct, frozen=True):
    """A chart."""

    title: str
    kind: str
    """``line`` or ``bars``."""
    unit: Unit
    heads: list[str]
    """The names of the series."""
    rows: list[Row]


def cell(number: float | None, unit: Unit) -> Cell:
    """Return a value: a count, nano-dollars or microseconds, as the unit says."""
    if number is None:
        return Cell("", "\N{EN DASH}")
    if unit is Unit.USD:
        return Cell(format_usd(int(number)), figures.usd(int(number)))
    if unit is Unit.MS:
        return Cell(f"{number / _TO_MS:.3f}".rstrip("0").rstrip("."), figures.took(int(number)))
    return Cell(str(int(number)), figures.count(int(number)))


class Plot(msgspec.Struct, frozen=True):
    """Figures to draw over time."""

    title: str
    unit: Unit
    """Of all of them."""
    series: Mapping[str, Callable[[Line], float | None]]
    """The name of each series, and what it takes from a line."""
    kind: str = "bars"
    """``bars`` or ``line``."""


def plot(plan: Plan, lines: Iterable[Line], plots: Iterable[Plot]) -> list[Chart]:
    """Return a chart of each over the steps of a plan without a dimension.

    Args:
        plan: What was asked; has an interval.
        lines: Of its report; a step in which nothing happened has none.
        plots: What to draw.
    """
    plots, steps = list(plots), _steps(plan)
    found = _merged(steps, lines, timed=any(one.unit is Unit.MS for one in plots))
    moments = [
        (
            _when(plan, steps, since_s),
            found.get((since_s, ""), Line(since_s, "", UsageRow(), (None, None), (None, None))),
        )
        for since_s in steps.starts
    ]

    def rows(one: Plot) -> list[Row]:
        takes = one.series.values()
        return [Row(*when, [cell(figure(line), one.unit) for figure in takes]) for when, line in moments]

    return [Chart(one.title, one.kind, one.unit, list(one.series), rows(one)) for one in plots]


def grouped(
    plan: Plan,
    lines: Sequence[Line],
    totals: Sequence[Line],
    *,
    title: str,
    unit: Unit,
    figure: Callable[[Line], float | None],
    names: Mapping[str, str],
) -> Chart:
    """Return the course of one figure for each group of a report, and for all others together.

    Args:
        plan: What was asked; has an interval and a dimension.
        lines: Of the groups that have a series of their own.
        totals: The same time without groups; empty: there is no telling what all others come to.
        title: Of the chart.
        unit: Of the figure.
        figure: What it takes from a line.
        names: What each of these groups is called, in their order.
    """
    steps, timed = _steps(plan), unit is Unit.MS
    values = {place: figure(line) for place, line in _merged(steps, lines, timed=timed).items()}
    whole = {since_s: figure(line) or 0 for (since_s, _), line in _merged(steps, totals, timed=timed).items()}
    nothing = None if unit is Unit.MS else 0
    others = {
        since_s: whole.get(since_s, 0) - sum(values.get((since_s, group)) or 0 for group in names)
        for since_s in (steps.starts if totals else ())
    }
    with_others = any(others.values())
    rows = []
    for since_s in steps.starts:
        cells = [cell(values.get((since_s, group), nothing), unit) for group in names]
        cells += [cell(others[since_s], unit)] if with_others else []
        rows.append(Row(*_when(plan, steps, since_s), cells))
    heads = list(names.values()) + (["All others"] if with_others else [])
    return Chart(title, "line" if unit is Unit.MS else "bars", unit, heads, rows)


class _Steps(msgspec.Struct, frozen=True):
    """The steps of a chart: of a plan with very many, some together are one."""

    starts: list[int]
    start_of: dict[int, int]
    """Of each of the plan's own."""
    size: int
    """How many are one."""


def _steps(plan: Plan) -> _Steps:
    own = [step.since_s for step in plan.steps()]
    size = max(1, -(-len(own) // MOST_POINTS))
    return _Steps(own[::size], {since_s: own[n // size * size] for n, since_s in enumerate(own)}, size)


def _merged(steps: _Steps, lines: Iterable[Line], *, timed: bool) -> dict[tuple[int, str], Line]:
    """Return what lines come to in each step of a chart, by when it begins and group; if ``timed``, how long that took too."""
    found: dict[tuple[int, str], list[Line]] = {}
    for line in lines:
        found.setdefault((steps.start_of[line.since_s], line.usage.group), []).append(line)
    return {
        place: some[0] if len(some) == 1 else _sum(place[0], some, timed=timed)
        for place, some in found.items()
    }


def _sum(since_s: int, lines: Sequence[Line], *, timed: bool) -> Line:
    rows = [line.usage for line in lines]
    counts = {name: sum(getattr(row, name) for row in rows) for name in COUNTS}
    took = quantiles(b"".join(row.durations for row in rows)) if timed else UNKNOWN
    # No chart shows how long it was until an answer began.
    return Line(since_s, lines[0].name, UsageRow(group=rows[0].group, **counts), took, UNKNOWN)


def _when(plan: Plan, steps: _Steps, since_s: int) -> tuple[str, str, str]:
    """Return when a step begins, as the first members of a row say it: in the zone of the plan."""
    at = datetime.fromtimestamp(since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    label, full = written(plan, since_s)
    if steps.size > 1 and plan.interval is not None:
        full = f"{full}, {steps.size} {plan.interval.value}s from then"
    return at, label, full


def written(plan: Plan, since_s: int) -> tuple[str, str]:
    """Return when a step begins, briefly and in full."""
    local = datetime.fromtimestamp(since_s, plan.zone)
    day = f"{local:%b} {local.day}"
    if plan.interval is Interval.DAY:
        return day, f"{local:%a}, {day} {local.year}"
    longer_than_a_day = plan.until_s - plan.since_s > 90_000
    return f"{day} {local:%H:%M}" if longer_than_a_day else f"{local:%H:%M}", f"{day}, {local:%H:%M %Z}"
