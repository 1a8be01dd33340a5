from zoneinfo import ZoneInfo

from keyturn.control.dashboard.pages import prices
from keyturn.domain.refusals import Refused
from keyturn.services.rerate import Portion, Repriced, RerateOrder


def test_portions_of_a_walk_come_to_one_sum() -> None:
    """The operator decides by what it all comes to, the greatest change first."""
    order = RerateOrder("rrt_1", 0)
    portions = [
        Portion(10, [Repriced("acct_1", "key_1", "a", 2, 5, 6)], 100, ("x", "y")),
        Portion(
            5,
            [Repriced("acct_1", "key_1", "a", 1, 5, 1), Repriced("acct_1", "key_2", "b", 1, 0, 90)],
            200,
            None,
        ),
    ]

    walk = prices.summed(portions, order)
    begun = prices.summed(portions[:1], order)

    assert [(row.key_id, row.requests, row.before, row.after) for row in walk.rows] == [
        ("key_2", 1, 0, 90),
        ("key_1", 3, 10, 7),
    ]
    assert (walk.total.requests, walk.total.before, walk.total.after) == (4, 10, 97)
    assert (walk.scanned, walk.reached_ms, walk.cursor) == (15, 200, "")
    assert begun.cursor == "x.y"


def test_a_walk_needs_a_time_to_begin_at() -> None:
    """All that there ever was is rarely meant."""
    zone = ZoneInfo("UTC")
    order = prices.order_of("2026-11-20T00:00", "fast", zone)

    assert not isinstance(order, Refused)
    assert order.since_ms == 1_795_132_800_000
    assert not order.apply
    assert isinstance(prices.order_of("", "", zone), Refused)
    assert isinstance(prices.order_of("then", "", zone), Refused)
