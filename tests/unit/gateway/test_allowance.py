"""What is taken from leases at once, and what the headers of the answer tell of them."""

import re

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from fakes.lease_line import needs
from keyturn.domain.leases import Denial, Grant
from keyturn.domain.limits import CREDIT, LARGEST, LARGEST_NANO_USD, Bound, Metric, Scope, Window
from keyturn.domain.overuse import refused_by_limit
from keyturn.gateway.allowance import MUCH_LEFT, STILL_S, Allowance, Epoch, Lease, duration
from support.asking import bound, concurrency
from support.structured_fields import Item, read_list

NOW = 1_000.0
GRANT = Grant(10, 1.0, 5, 30, 100, 12.25, 60)
EPOCH = Epoch()
"""No test changes a lease that another looks at."""
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600}


def leased(of: Bound, **members: object) -> Lease:
    """Return a lease of 10 on a limit of 100, of which 30 are counted."""
    lease = Lease(of, EPOCH)
    grant = msgspec.structs.replace(GRANT, allowed=of.limit.max, **members)
    lease.take(grant, NOW + grant.ttl_s, NOW)
    return lease


def together(leases: list[Lease]) -> Allowance:
    """Return what a request takes from all of them."""
    return Allowance(leases, EPOCH)


def read(lines: bytes) -> dict[str, str]:
    """Return header lines by name; each of them ends."""
    assert not lines or lines.endswith(b"\r\n")
    pairs = [line.split(": ", 1) for line in lines.decode().split("\r\n")[:-1]]
    assert len({name for name, _ in pairs}) == len(pairs)
    return {pair[0]: pair[1] for pair in pairs}


def standing(allowance: Allowance, now: float = NOW) -> tuple[list[Item], list[Item]]:
    """Return the items of both fields."""
    found = read(allowance.lines(now))
    return read_list(found["ratelimit-policy"]), read_list(found["ratelimit"])


def seconds(text: str) -> float:
    """Read a duration as OpenAI's clients do."""
    assert re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?|\d+ms", text)
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)", text))


# ── taking ──────────────────────────────────────────────────────────────────


def test_all_leases_are_taken_from_or_none() -> None:
    """A request that is refused by one limit uses up no other."""
    minute, tokens = leased(bound(most=100)), leased(bound(Window.DAY, 100, Metric.TOKENS), amount=50)
    allowance = together([minute, tokens])

    taken = [allowance.take(needs(tokens=30), NOW) for _ in range(2)]

    assert taken == [[], None]
    assert (minute.left, tokens.left) == (9, 20)


def test_nothing_is_taken_from_a_lease_that_has_run_out() -> None:
    """To the very moment."""
    allowance = together([leased(bound(most=100)), leased(bound(Window.DAY, 100), ttl_s=0.5)])

    assert allowance.take(needs(), NOW + 0.5) is None
    assert allowance.take(needs(), NOW + 0.499) == []


def test_what_a_request_does_not_need_may_be_used_up() -> None:
    """There is no money left where a model costs nothing."""
    money = leased(bound(Window.MONTH, 10, Metric.COST), amount=0)
    allowance = together([money, leased(bound(most=100))])

    assert allowance.take(needs(), NOW) == []
    assert allowance.take(needs(cost=1), NOW) is None


def test_leases_that_run_low_are_named() -> None:
    """Somebody has to ask for more before they are empty."""
    minute, tokens = (
        leased(bound(most=100), amount=4),
        leased(bound(Window.DAY, 100, Metric.TOKENS), amount=50),
    )
    allowance = together([minute, tokens])

    assert [allowance.take(needs(tokens=20), NOW) for _ in range(2)] == [[], [tokens]]


def test_requests_under_way_are_counted_where_they_are_limited() -> None:
    """However they end."""
    slots, minute = leased(concurrency(9)), leased(bound(most=100))
    allowance = together([slots, minute])
    for _ in range(3):
        allowance.take(needs(), NOW)
    stamps = allowance.stamps

    allowance.put_back(needs(requests=0), stamps, NOW)
    minute.lapse()
    too_late = allowance.put_back(needs(requests=0), stamps, NOW)

    assert not too_late
    assert (slots.under_way, slots.left, minute.under_way) == (1, 8, 0)


def test_what_comes_back_is_there_again_while_the_leases_are_the_same() -> None:
    """For all of them, or for none: one that has changed counts elsewhere."""
    tokens, minute = leased(bound(Window.DAY, 100, Metric.TOKENS), amount=50), leased(bound(most=100))
    allowance = together([tokens, minute])
    allowance.take(needs(tokens=40), NOW)
    stamps, backs = allowance.stamps, needs(requests=0, tokens=30)

    assert allowance.put_back(backs, stamps, NOW)
    assert not allowance.put_back(backs, stamps, NOW + 1.0)
    tokens.take(msgspec.structs.replace(GRANT, stamp=6), NOW + 1, NOW)
    assert not allowance.put_back(backs, stamps, NOW)
    assert tokens.left == 50 - 40 + 30 + 10


def test_a_request_on_no_limits_is_free() -> None:
    """And its answer has no lines about them."""
    allowance = together([])

    assert allowance.take(needs(), NOW) == []
    assert allowance.lines(NOW) == b""


# ── what headers tell ───────────────────────────────────────────────────────


def test_headers_tell_of_every_limit_as_structured_fields() -> None:
    """Clients of any maker can read them."""
    allowance = together(
        [
            leased(bound(most=100)),
            leased(bound(Window.MINUTE, 1_000, Metric.TOKENS, owner="acc_1", model="gpt-*")),
            leased(bound(Window.MONTH, 5 * 10**9, Metric.COST), used=10**9, amount=0, window_s=2_678_400),
            leased(concurrency(40), window_s=0, frees_s=1.0),
        ]
    )

    policies, left = standing(allowance, NOW + 0.5)

    assert policies == [
        ("key requests/minute", {"q": 100, "w": 60}),
        ("account tokens/minute gpt-*", {"q": 1_000, "w": 60, "unit": "tokens"}),
        ("key cost_usd/month", {"q": 5_000_000, "w": 2_678_400, "unit": "micro-usd"}),
        ("key concurrency", {"q": 40, "qu": "concurrent-requests"}),
    ]
    assert left == [
        ("key requests/minute", {"r": 80, "t": 12}),
        ("account tokens/minute gpt-*", {"r": 980, "t": 12}),
        ("key cost_usd/month", {"r": 4_000_000, "t": 12}),
        ("key concurrency", {"r": 20, "t": 1}),
    ]


def test_openai_clients_read_of_the_tightest_rate() -> None:
    """They know one limit of requests and one of tokens."""
    allowance = together(
        [
            leased(bound(Window.MINUTE, 100)),
            leased(bound(Window.HOUR, 35), frees_s=3_723.0),
            leased(bound(Window.MINUTE, 50_000, Metric.TOKENS), frees_s=0.0125),
            leased(bound(Window.MINUTE, 9_000, Metric.OUTPUT_TOKENS), frees_s=61.0),
            leased(bound(Window.DAY, 1)),
        ]
    )

    found = read(allowance.lines(NOW))

    assert {name: value for name, value in found.items() if name.startswith("x-")} == {
        "x-ratelimit-limit-requests": "35",
        "x-ratelimit-remaining-requests": "15",
        "x-ratelimit-reset-requests": "1h2m3s",
        "x-ratelimit-limit-tokens": "9000",
        "x-ratelimit-remaining-tokens": "8980",
        "x-ratelimit-reset-tokens": "1m1s",
    }


def test_a_quota_has_no_lines_of_openais() -> None:
    """What is left of a month is nothing a client should pace itself by."""
    assert "x-ratelimit-limit-requests" not in read(together([leased(bound(Window.DAY, 100))]).lines(NOW))


def test_a_shadow_is_not_told() -> None:
    """Clients would slow down for a limit that does not exist."""
    assert together([leased(bound(most=100, shadow=True))]).lines(NOW) == b""


def test_credit_is_told_by_its_name() -> None:
    """In millionths of a dollar, with no window."""
    credit = leased(Bound("acc_1", Scope.ACCOUNT, CREDIT), used=0, amount=0, frees_s=-1.0, window_s=0)
    credit.take(Grant(0, 1.0, 0, 2_500_000_000, 9_000_000_000, -1.0, 0), NOW + 1, NOW)

    assert standing(together([credit])) == (
        [("credit", {"q": 9_000_000, "unit": "micro-usd"})],
        [("credit", {"r": 6_500_000})],
    )


def test_a_limit_that_was_never_granted_is_told_as_it_is_written_down() -> None:
    """The first answer of a worker may be a refusal."""
    assert standing(together([Lease(bound(most=100), EPOCH)])) == (
        [("key requests/minute", {"q": 100, "w": 60})],
        [("key requests/minute", {"r": 100})],
    )


def test_more_was_used_than_is_allowed_is_told_as_nothing_left() -> None:
    """A field has no debts."""
    lease = leased(bound(most=100), used=150, amount=0)

    lease.left -= 20

    assert standing(together([lease]))[1] == [("key requests/minute", {"r": 0, "t": 13})]


def test_a_lease_that_has_run_out_leaves_what_it_did_not_use() -> None:
    """And a debt stays one."""
    lease, debtor = leased(bound(most=100)), leased(bound(most=100))
    debtor.left = -10

    for one in (lease, debtor):
        one.lapse()

    assert (lease.remaining, debtor.remaining) == (80, 60)


def test_a_denial_tells_what_the_authority_counts() -> None:
    """Also where the limit is another one by now: a raise has ended."""
    lease = leased(bound(Window.DAY, 100))

    lease.deny(Denial(0, 50, 40, 7_200.5), 1, NOW, NOW + 1)

    assert standing(together([lease])) == (
        [("key requests/day", {"q": 40, "w": 60})],
        [("key requests/day", {"r": 0, "t": 7_201})],
    )


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    window=st.sampled_from([Window.SECOND, Window.MINUTE, Window.HOUR, Window.DAY, Window.NONE]),
    wait_s=st.floats(0.0001, 4_000),
    frees_s=st.floats(0, 4_000),
    delay_s=st.floats(0, 0.02),
)
def test_nobody_is_told_to_come_back_before_something_is_free(
    window: Window, wait_s: float, frees_s: float, delay_s: float
) -> None:
    """``Retry-After`` is never earlier than the ``t`` beside it, whatever an earlier grant said of that."""
    metric = Metric.REQUESTS if window else Metric.CONCURRENCY
    of = bound(window, 100, metric)
    length = {Window.SECOND: 1, Window.MINUTE: 60, Window.HOUR: 3_600}.get(window)
    wait_s = wait_s if length is None else min(wait_s, length * 61 / 60)
    lease = leased(of, frees_s=frees_s, window_s=length or 0)
    denial = Denial(0, 100, 100, wait_s)

    lease.deny(denial, 1, NOW, NOW + 0.02)
    refused = refused_by_limit(of, denial, 1, NOW + delay_s)
    ((_, told),) = standing(together([lease]), NOW + delay_s)[1]

    assert refused.retry_after_s is not None
    assert int(told.get("t", 0)) <= refused.retry_after_s


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    metric=st.sampled_from(Metric),
    most=st.integers(0, LARGEST_NANO_USD),
    counted=st.tuples(st.integers(0, 2 * LARGEST_NANO_USD), st.integers(-LARGEST, LARGEST_NANO_USD)),
    frees_s=st.floats(-10, 3_000_000),
    model=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40),
)
def test_whatever_is_counted_fits_the_fields(
    metric: Metric, most: int, counted: tuple[int, int], frees_s: float, model: str
) -> None:
    """Integers of fifteen digits at most, names as strings: anything else has a client throw the whole field away."""
    window = Window.NONE if metric is Metric.CONCURRENCY else Window.HOUR
    most = most if metric is Metric.COST else min(most, LARGEST)
    used, left = counted
    amount = max(0, min(left, used))
    lease = leased(bound(window, most, metric, model=model), used=used, amount=amount, frees_s=frees_s)
    lease.left -= max(0, -left)

    policies, items = standing(together([lease, leased(bound(most=100))]))

    name = f"key {metric}" + ("/hour" if window else "") + (f" {model}" if model else "")
    assert [one for one, _ in policies] == [one for one, _ in items] == [name, "key requests/minute"]
    assert 0 <= int(items[0][1]["r"]) <= 10**15 - 1


@pytest.mark.parametrize(
    ("given_s", "text"),
    [
        (-1.0, b"0s"),
        (0.0, b"0s"),
        (0.0001, b"1ms"),
        (0.012, b"12ms"),
        (0.9995, b"1000ms"),
        (1.0, b"1s"),
        (59.01, b"1m0s"),
        (360.0, b"6m0s"),
        (3_599.5, b"1h0m0s"),
        (3_723.0, b"1h2m3s"),
        (90_061.0, b"25h1m1s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(given_s: float, text: bytes) -> None:
    """Clients have parsers for it."""
    assert duration(given_s) == text


@given(given_s=st.floats(0, 10**7))
def test_a_duration_is_never_shorter_than_it_is(given_s: float) -> None:
    """Nor longer by more than its last digit."""
    told = seconds(duration(given_s).decode())

    assert given_s <= told + 1e-9
    assert told <= given_s + (1 if given_s >= 1 else 0.001 + 1e-9)


@pytest.mark.parametrize(
    "text", ["", "a", '"a" "b"', '"a";', '"a";r', '"a";R=1', '"a\u00e9"', '"a";r=1234567890123456']
)
def test_the_reader_of_fields_is_strict(text: str) -> None:
    """A reader that takes anything proves nothing."""
    with pytest.raises(ValueError, match="at"):
        read_list(text)


@pytest.mark.parametrize(("spare", "still"), [(MUCH_LEFT - 11, False), (MUCH_LEFT, True)])
def test_what_is_told_may_stand_still_for_a_moment_where_much_is_left(spare: int, *, still: bool) -> None:
    """A program that counts down to its last requests must be told each of them; one with millions need not be."""
    lease = leased(bound(most=LARGEST))
    allowance = together([lease])
    lease.spare = spare

    before = allowance.lines(NOW)
    lease.left -= 1
    at_once = allowance.lines(NOW + STILL_S / 2)
    exactly = allowance.lines(NOW + STILL_S / 2, exactly=True)

    assert (at_once == before) is still
    assert exactly != before


def test_what_stood_still_moves_on_after_its_moment() -> None:
    """Twenty milliseconds, and never into the next second."""
    lease = leased(bound(most=LARGEST))
    lease.spare = MUCH_LEFT
    allowance = together([lease])

    before = allowance.lines(NOW)
    lease.left -= 1

    assert allowance.lines(NOW + STILL_S * 1.5) != before


def test_what_stood_still_does_not_outlive_a_changed_limit() -> None:
    """Whoever has just lowered a limit must see it."""
    lease = leased(bound(most=LARGEST))
    lease.spare = MUCH_LEFT
    allowance = together([lease])
    allowance.lines(NOW)

    lease.change(bound(most=50_000))

    assert b"50000" in allowance.lines(NOW)
