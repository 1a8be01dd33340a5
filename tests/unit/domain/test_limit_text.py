"""Limits as people write them."""

import pytest
from hypothesis import given, strategies as st

from keyturn.domain.limit_text import WINDOWS, BadLimitError, format_limit, parse_limit
from keyturn.domain.limits import Limit, Metric, Window

counted = st.builds(
    Limit,
    metric=st.sampled_from([one for one in Metric if one is not Metric.CONCURRENCY]),
    window=st.sampled_from(WINDOWS),
    max=st.integers(0, 10**18),
    model=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
)


@given(counted | st.builds(Limit, st.just(Metric.CONCURRENCY), st.just(Window.NONE), st.integers(0, 99)))
def test_what_is_written_is_read_back(limit: Limit) -> None:
    """Whatever stands in the pattern: it may hold colons and equals signs."""
    assert parse_limit(format_limit(limit)) == limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("requests/minute=60", Limit(Metric.REQUESTS, Window.MINUTE, 60)),
        ("Tokens/Day = 1_000_000", Limit(Metric.TOKENS, Window.DAY, 1_000_000)),
        ("cost_usd/month=20.50", Limit(Metric.COST, Window.MONTH, 20_500_000_000)),
        ("cost_usd/lifetime=$1", Limit(Metric.COST, Window.LIFETIME, 10**9)),
        ("concurrency=5", Limit(Metric.CONCURRENCY, Window.NONE, 5)),
        ("requests/minute:gpt-*=60", Limit(Metric.REQUESTS, Window.MINUTE, 60, "gpt-*")),
        ("concurrency:ft:gpt-4o=0", Limit(Metric.CONCURRENCY, Window.NONE, 0, "ft:gpt-4o")),
    ],
)
def test_a_limit_is_read(text: str, limit: Limit) -> None:
    """Every form that the reference shows."""
    assert parse_limit(text) == limit


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "METRIC/WINDOW=MAX"),
        ("requests/minute", "METRIC/WINDOW=MAX"),
        ("requests=60", "requests needs a window; write requests/WINDOW, one of second, minute"),
        ("requests/week=60", "'week' is no window"),
        ("requests/credit=60", "'credit' is no window"),
        ("calls/minute=60", "a metric is one of requests, tokens"),
        ("concurrency/minute=5", "concurrency has no window"),
        ("requests/minute:=5", "no model behind the colon"),
        ("requests/minute=1.5", "whole number"),
        ("requests/minute=-1", "whole number"),
        ("requests/minute=", "whole number"),
        ("requests/minute=٣", "whole number"),
        ("cost_usd/month=lots", "in dollars"),
        ("cost_usd/month=0.0000000001", "nine decimals"),
        ("cost_usd/month=1,5", "such as 20.50"),
        ("cost_usd/month=1e1", "such as 20.50"),
    ],
)
def test_what_is_no_limit_is_told_what_would_be(text: str, says: str) -> None:
    """One line that names the part at fault."""
    with pytest.raises(BadLimitError) as raised:
        parse_limit(text)

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
