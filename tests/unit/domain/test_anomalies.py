"""Rules about keys that are used as they never were."""

import pytest
from hypothesis import example, given, strategies as st

from keyturn.domain import anomalies
from keyturn.domain.anomalies import (
    ALERTS,
    DAY_S,
    FAILING_REQUESTS,
    GUESSES,
    HOUR_S,
    IDLE_S,
    KINDS,
    PROBES,
    PROBING_S,
    SPIKE_FACTOR,
    SPIKE_WINDOW_S,
    Outcomes,
    Rule,
    Use,
)
from keyturn.domain.events import EventKind
from keyturn.domain.key_text import Kind
from keyturn.domain.refusals import Reason

USD = 10**9
FLOOR = Use(500_000, USD)
NOW_S = 1_800_000_000 // DAY_S * DAY_S + 10 * HOUR_S + 1_200
"""Twenty past ten: the window lies across two hours."""

amounts = st.integers(0, 10**12)
uses = st.builds(Use, amounts, amounts)


def test_every_rule_is_told_as_an_alert() -> None:
    """A rule that nobody hears of is none."""
    assert set(KINDS) == set(Rule)
    assert {*KINDS.values(), EventKind.LIMIT_REACHED, EventKind.SIGN_UP_WAITS} == ALERTS


@pytest.mark.parametrize(
    ("kind", "marked", "told"),
    [
        (Kind.SECRET, True, True),
        (Kind.SECRET, False, False),
        (Kind.PUBLISHABLE, True, False),
        (Kind.MANAGEMENT, True, False),
    ],
)
def test_only_a_secret_key_does_not_belong_in_a_browser(kind: Kind, *, marked: bool, told: bool) -> None:
    """A publishable key is made for it, and the dashboard may send a management key."""
    assert anomalies.key_in_browser(kind, marked=marked) is told


def test_a_key_is_dead_when_its_time_is_over_and_not_when_it_rests() -> None:
    """A disabled key may work again tomorrow."""
    ended = {Reason.REVOKED_API_KEY, Reason.EXPIRED_API_KEY, Reason.ROTATED_API_KEY}

    assert {reason for reason in Reason if anomalies.dead_key_used(reason)} == ended


def test_guessing_is_said_once_at_the_number() -> None:
    """The twenty-first bad key is no news."""
    assert [n for n in range(3 * GUESSES) if anomalies.guessing(n)] == [GUESSES]


# ── usage_spike ─────────────────────────────────────────────────────────────


def test_the_bill_of_47_dollars_is_told_of() -> None:
    """17.5 million tokens in half an hour from a key that used less than a million a day."""
    usual = [Use(60_000, USD // 5)] * 14

    told = anomalies.usage_spike(Use(17_500_000, 47_180_000_000), usual, FLOOR)

    assert told is not None
    assert (told["tokens"], told["usual_tokens"]) == ("17500000", "60000")
    assert (told["cost_usd"], told["usual_cost_usd"]) == ("47.18", "0.2")


@given(uses, st.lists(uses, max_size=14))
def test_nothing_below_the_floor_is_a_spike(window: Use, usual: list[Use]) -> None:
    """Otherwise every small key screams."""
    small = Use(min(window.tokens, FLOOR.tokens), min(window.cost_nano_usd, FLOOR.cost_nano_usd))

    assert anomalies.usage_spike(small, usual, FLOOR) is None


@given(uses, st.integers(3, 14))
def test_a_steady_key_is_no_spike_however_large_it_is(use: Use, days: int) -> None:
    """What is usual is no news, up to eight times of it."""
    eightfold = Use(use.tokens * SPIKE_FACTOR, use.cost_nano_usd * SPIKE_FACTOR)

    assert anomalies.usage_spike(eightfold, [use] * days, FLOOR) is None
    if use.tokens * SPIKE_FACTOR >= FLOOR.tokens:
        more = Use(use.tokens * SPIKE_FACTOR + 1, 0)
        assert anomalies.usage_spike(more, [use] * days, FLOOR) is not None


@given(st.lists(uses, max_size=2))
def test_a_key_of_two_days_has_no_usual_use(usual: list[Use]) -> None:
    """The first load of a new program is its first load."""
    assert anomalies.usage_spike(Use(10**15, 10**15), usual, FLOOR) is None


def test_one_wild_day_does_not_make_wild_days_usual() -> None:
    """The median forgets it; a mean would not."""
    usual = [*[Use(1_000, 0)] * 13, Use(10**12, 0)]

    assert anomalies.usage_spike(Use(600_000, 0), usual, FLOOR) is not None


def test_usual_is_the_same_time_of_the_days_before_by_the_share_of_each_hour() -> None:
    """From ten to ten to twenty past ten: a sixth of nine o'clock's hour and a third of ten o'clock's."""
    ten = NOW_S // HOUR_S * HOUR_S
    hours = {
        ten - DAY_S - HOUR_S: Use(6_000, 600),
        ten - DAY_S: Use(3_000, 300),
        ten - 2 * DAY_S: Use(300, 30),
        ten: Use(10**9, 10**9),
    }

    usual = anomalies.usual_use(hours, NOW_S, 3)

    assert usual == [Use(2_000, 200), Use(100, 10), Use(0, 0)]


@given(st.integers(0, DAY_S), st.integers(0, 10**9))
def test_an_even_hour_gives_half_an_hours_share_at_any_minute(second: int, tokens: int) -> None:
    """No minute of the hour is more suspicious than another."""
    end = NOW_S - NOW_S % DAY_S + second
    hours = {hour: Use(tokens, 0) for hour in range(end - 2 * DAY_S - end % HOUR_S, end, HOUR_S)}

    (usual,) = anomalies.usual_use(hours, end, 1)

    assert usual.tokens == tokens * SPIKE_WINDOW_S // HOUR_S


# ── the others ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "known", "told"),
    [
        ("opus", ["sonnet", "haiku"], True),
        ("haiku", ["sonnet"], False),
        ("sonnet-too", ["sonnet"], False),
        ("free-for-all", ["sonnet"], False),
        ("opus", ["free-for-all"], False),
        ("opus", [], False),
    ],
)
def test_a_new_model_is_told_of_when_it_is_dearer_than_all_before(
    model: str, known: list[str], *, told: bool
) -> None:
    """Opus from a key that only used Sonnet; a cheaper or an unpriced one, or the first of a key, is no sign."""
    prices = {"opus": 90 * USD, "sonnet": 18 * USD, "sonnet-too": 18 * USD, "haiku": 6 * USD}

    found = anomalies.dearer_model(model, prices, known)

    assert (found is not None) is told
    if found is not None:
        assert (found["usd_per_million"], found["dearest_before"]) == ("90", "sonnet")


@pytest.mark.parametrize(("idle_s", "told"), [(IDLE_S, True), (IDLE_S - 1, False), (-5, False)])
def test_thirty_days_of_rest_are_long(idle_s: int, *, told: bool) -> None:
    """Who uses a key again after a month should be who had it."""
    assert (anomalies.wake_up(idle_s) is not None) is told


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(600, 1_000)), max_size=40))
@example([(name, 990.0) for name in "abcde"])
@example([(name, 990.0) for name in "abcd"])
def test_probing_is_as_many_different_operations_within_the_time(tried: list[tuple[str, float]]) -> None:
    """The same question again and again is a program that does not read answers."""
    operations = dict(sorted(tried, key=lambda one: one[1]))
    recent = {name for name, at in operations.items() if 1_000 - at < PROBING_S}

    told = anomalies.scope_probing(operations, 1_000)

    assert (told is not None) is (len(recent) >= PROBES)
    if told is not None:
        assert set(told["operations"].split(", ")) == recent


@pytest.mark.parametrize(
    ("recent", "before", "told"),
    [
        (Outcomes(2, 28), Outcomes(900, 10), True),
        (Outcomes(15, 15), Outcomes(900, 10), False),
        (Outcomes(2, 28), Outcomes(80, 20), False),
        (Outcomes(2, FAILING_REQUESTS - 3), Outcomes(900, 10), False),
        (Outcomes(0, 500), Outcomes(FAILING_REQUESTS - 1, 0), False),
        (Outcomes(0, FAILING_REQUESTS), Outcomes(FAILING_REQUESTS, 0), True),
    ],
)
def test_success_has_collapsed_when_most_fails_that_did_not(
    recent: Outcomes, before: Outcomes, *, told: bool
) -> None:
    """A key that always fails, or has hardly been used, tells nothing by failing."""
    assert (anomalies.failing(recent, before) is not None) is told


@pytest.mark.parametrize(
    ("hours", "rate"),
    [([], 10), ([30], 10), ([6_000], 100), ([600] * 99 + [60_000], 10), ([60] * 10 + [3_601] * 10, 61)],
)
def test_a_throttle_leaves_what_a_key_makes_in_all_but_its_busiest_hours(hours: list[int], rate: int) -> None:
    """A program that works as always goes on working, whatever else uses its key."""
    assert anomalies.throttle_rate(hours, 10) == rate
