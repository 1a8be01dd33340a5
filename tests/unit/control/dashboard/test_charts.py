"""Tables that become charts."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from keyturn.control.dashboard import charts
from keyturn.control.dashboard.charts import Plot, Unit
from keyturn.domain import latency
from keyturn.domain.periods import DAY_S, HOUR_S, Interval
from keyturn.services.usage_plans import Plan
from keyturn.services.usage_reports import Line
from keyturn.store.usage_rows import Dimension, Rank, UsageFilter, UsageRow

SINCE_S = 1_795_651_200  # 2026-11-26 00:00 UTC


def plan(interval: Interval, steps_s: int, by: Dimension | None = None, *, zone: str = "UTC") -> Plan:
    """Return a question."""
    return Plan(by, interval, ZoneInfo(zone), SINCE_S, SINCE_S + steps_s, UsageFilter(), Rank.REQUESTS, None)


def line(since_s: int, group: str = "", **figures: Any) -> Line:
    """Return a row of a report."""
    return Line(
        since_s,
        "",
        msgspec.structs.replace(UsageRow(group=group), **figures),
        (1_500, 2_000_000),
        (None, None),
    )


def test_a_step_without_requests_has_zeros_and_no_latency() -> None:
    """A gap that is drawn as a line would tell of requests that never were."""
    asked = plan(Interval.HOUR, 3 * HOUR_S, zone="Europe/Berlin")

    requests, latency = charts.plot(
        asked,
        [line(SINCE_S + HOUR_S, requests=7)],
        [
            Plot("Requests", Unit.COUNT, {"All": lambda one: one.usage.requests}),
            Plot("Latency", Unit.MS, {"95 %": lambda one: one.took_us[1]}),
        ],
    )

    assert [row.cells[0].value for row in requests.rows] == ["0", "7", "0"]
    assert [row.cells[0].value for row in latency.rows] == ["", "2000", ""]
    assert latency.rows[1].cells[0].text == "2.0 s"
    assert [row.label for row in requests.rows] == ["01:00", "02:00", "03:00"]
    assert requests.rows[0].at == "2026-11-26T00:00:00Z"


def test_groups_without_a_series_are_all_others_together() -> None:
    """The stack must be as high as the total says."""
    asked = plan(Interval.DAY, 2 * DAY_S, Dimension.KEY)
    lines = [line(SINCE_S, "a", cost_nano_usd=5), line(SINCE_S + DAY_S, "b", cost_nano_usd=2)]
    totals = [line(SINCE_S, cost_nano_usd=9), line(SINCE_S + DAY_S, cost_nano_usd=2)]

    chart = charts.grouped(
        asked,
        lines,
        totals,
        title="Spend",
        unit=Unit.USD,
        figure=lambda one: one.usage.cost_nano_usd,
        names={"a": "first", "b": "second"},
    )

    assert chart.heads == ["first", "second", "All others"]
    shown = [[cell.value for cell in row.cells] for row in chart.rows]
    assert shown == [["0.000000005", "0", "0.000000004"], ["0", "0.000000002", "0"]]
    assert chart.kind == "bars"


def test_quantiles_have_no_others() -> None:
    """What 95 % of several groups took can't be added up."""
    asked = plan(Interval.DAY, DAY_S, Dimension.MODEL)

    chart = charts.grouped(
        asked,
        [],
        (),
        title="Latency",
        unit=Unit.MS,
        figure=lambda one: one.took_us[1],
        names={"gpt-4o": "gpt-4o"},
    )

    assert chart.heads == ["gpt-4o"]
    assert chart.kind == "line"
    assert chart.rows[0].cells[0].value == ""


def test_many_steps_are_drawn_as_fewer_and_nothing_is_lost() -> None:
    """A week by the hour is more than anybody sees; its sums and quantiles stay what they are."""
    hours = 7 * 24
    lines = [
        Line(
            SINCE_S + number * HOUR_S,
            "",
            UsageRow(requests=1, durations=latency.single(1_000 * (number + 1))),
            (0, 0),
            (None, None),
        )
        for number in range(hours)
    ]

    def chart(unit: Unit, figure: Callable[[Line], float | None]) -> charts.Chart:
        asked = plan(Interval.HOUR, hours * HOUR_S)
        return charts.plot(asked, lines, [Plot("x", unit, {"x": figure})])[0]

    requests = chart(Unit.COUNT, lambda one: one.usage.requests)
    slowest = chart(Unit.MS, lambda one: one.took_us[1])

    assert len(requests.rows) == hours / 3 <= charts.MOST_POINTS
    assert {row.cells[0].value for row in requests.rows} == {"3"}
    assert abs(float(slowest.rows[-1].cells[0].value) - hours) < hours * 0.05
    assert requests.rows[0].full == "Nov 26, 00:00 UTC, 3 hours from then"
