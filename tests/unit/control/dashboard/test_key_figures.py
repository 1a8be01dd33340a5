"""Figures of one key."""

from keyturn.control.dashboard.key_figures import gauges
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window
from keyturn.services.limits import Held, Stand

KEY_ID = "key_VbXhUyUBKUlzDND0IYtt"


def test_a_gauge_says_how_much_is_used_of_how_much() -> None:
    """Money in dollars; a limit of nothing is full; one that has ended is gone."""
    month = Limit(Metric.COST, Window.MONTH, 2_000_000_000, "gpt-*")
    nothing = Limit(Metric.REQUESTS, Window.DAY, 0, shadow=True)
    raised = Limit(Metric.TOKENS, Window.MINUTE, 10, raised_max=1_000, raised_until=1e11)
    over = Limit(Metric.TOKENS, Window.DAY, 10, until=1.0)
    held = [
        Held(Bound(KEY_ID, Scope.KEY, month), Stand(500_000_000, 1_000.0)),
        Held(Bound(KEY_ID, Scope.KEY, nothing), Stand(0, None)),
        Held(Bound(KEY_ID, Scope.PLAN, raised), None),
        Held(Bound(KEY_ID, Scope.KEY, over), None),
    ]

    found = gauges(held)

    assert [(one.name, one.used, one.most, one.share) for one in found] == [
        ("cost_usd/month:gpt-*", "$0.50", "$2.00", 0.25),
        ("requests/day", "0", "0", 1.0),
        ("tokens/minute", "0", "1k", 0.0),
    ]
    assert [one.resets_at for one in found] == [1_000_000, None, None]
    assert [one.raised_until is None for one in found] == [True, True, False]
