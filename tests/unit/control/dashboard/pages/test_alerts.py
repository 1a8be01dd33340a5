"""Shares as they are typed, and what an event was about."""

from keyturn.control.dashboard.pages.alerts import percents, summary
from keyturn.domain.refusals import Refused


def test_shares_are_read_as_people_write_them() -> None:
    """Whether they make sense, the use case says."""
    assert percents("50, 80 %,100") == [50, 80, 100]
    assert percents(" ") == []
    assert isinstance(percents("half"), Refused)


def test_an_event_is_put_in_a_line() -> None:
    """The figures of a limit first; what was done before why."""
    limit = {"limit": "requests/day", "percent": "80", "used": "8", "max": "10"}

    assert summary(limit) == "80 % of requests/day: 8 of 10"
    assert (
        summary({"origin": "https://a", "effect": "quarantined", "to_do": "x"})
        == "quarantined, origin https://a"
    )
    assert summary({"amount_usd": "8", "grant": "grnt_1", "source": "plan"}) == "$8, by plan"
    assert summary({"available_usd": "-0.5"}) == "\N{MINUS SIGN}$0.5 left"
    assert summary({"issued_at": "2026-12-01"}) == "issued at 2026-12-01"
