"""What a worker may let through without asking."""

import pytest

from fakes.lease_line import MODEL, Call, Line, key_with, needs
from keyturn import bus
from keyturn.domain.leases import Return
from keyturn.domain.limits import Metric, Window
from keyturn.gateway.leases import DENIED_FOR_S, LATE_S, RETURN_AFTER_S
from support.asking import bound

MINUTE = bound(Window.MINUTE, 1_000)
TOKENS = bound(Window.MINUTE, 100_000, Metric.TOKENS)
DAY = bound(Window.DAY, 1_000, owner="acc_1")
BUDGET = bound(Window.MONTH, 10**12, Metric.COST)


@pytest.fixture
def line() -> Line:
    """A worker that holds nothing."""
    return Line()


def test_one_question_covers_every_limit_and_the_requests_to_come(line: Line) -> None:
    """A round trip for each request and each limit would cost more than all else."""
    key = key_with(MINUTE, TOKENS, DAY)

    first = Call(line, key).begin()
    take = line.asked()
    line.grant(take)
    rest = [Call(line, key).begin() for _ in range(5)]

    assert [(ask.bound, ask.need) for ask in take.asks] == [(MINUTE, 1), (TOKENS, 100), (DAY, 1)]
    assert all(ask.extra >= 8 * ask.need for ask in take.asks)
    assert first.heard == ["granted", "taken"]
    assert [one.heard for one in rest] == [["taken"]] * 5
    assert line.takes() == []


def test_only_what_is_lacking_is_asked_for(line: Line) -> None:
    """And nothing is taken from the others meanwhile."""
    key = key_with(MINUTE, TOKENS)
    Call(line, key).begin()
    line.grant(line.asked(), 10, 150)

    second = Call(line, key).begin()
    take = line.asked()
    minute, tokens = line.leases.of(key, MODEL).leases
    held = minute.left, tokens.left
    line.grant(take, 400)

    assert [ask.bound for ask in take.asks] == [TOKENS]
    assert held == (9, 0)
    assert second.heard == ["granted", "taken"]
    assert (minute.left, tokens.left) == (8, 300)


def test_what_is_not_enough_goes_back_before_more_is_asked_for(line: Line) -> None:
    """It may be the very part that is missing: a limit could never be used up to its end."""
    key = key_with(TOKENS)
    Call(line, key).begin()
    line.grant(line.asked(), 150)

    Call(line, key).begin()

    give, take = line.sent
    assert give == bus.Give([Return(TOKENS.counter, 5, 50, 0)])
    assert isinstance(take, bus.Take)


def test_a_debt_is_known_before_more_is_asked_for(line: Line) -> None:
    """A request that used more than it took is counted first: else each of the next would pay a part of it and ask again."""
    key = key_with(TOKENS)
    call = Call(line, key).begin()
    line.grant(line.asked(), 150)
    call.end(400)

    late = Call(line, key).begin()
    returned, take = line.returns(), line.asked()
    line.grant(take, 100)

    assert returned == [Return(TOKENS.counter, 5, -250, 0)]
    assert late.heard == ["granted", "taken"]


def test_what_needs_nothing_of_a_limit_is_let_in_with_nothing_of_it(line: Line) -> None:
    """Embeddings make no output, and a model of one's own costs nothing: without an end nobody would be let in."""
    key = key_with(MINUTE, bound(Window.MINUTE, 5, Metric.OUTPUT_TOKENS), BUDGET)
    free = needs(tokens=9, input_tokens=9)

    call = Call(line, key, free).begin()
    take = line.asked()
    line.grant(take, 10, 0, 0)

    assert [ask.need for ask in take.asks] == [1, 0, 0]
    assert call.heard == ["granted", "taken"]
    assert Call(line, key, free).begin().heard == ["taken"]


def test_limits_of_other_models_do_not_count(line: Line) -> None:
    """A pattern names the models that share a counter."""
    own, other = bound(Window.DAY, 5, model="demo-*"), bound(Window.DAY, 5, model="gpt-*")
    key = key_with(own, other, MINUTE)

    assert [one.bound for one in line.leases.of(key, MODEL).leases] == [own, MINUTE]
    assert [one.bound for one in line.leases.of(key, "gpt-5").leases] == [other, MINUTE]


def test_keys_of_an_account_share_its_leases(line: Line) -> None:
    """Two leases on one counter would each take a part and leave the other idle."""
    one, two = key_with(MINUTE, DAY), key_with(DAY, key_id="key_2")

    assert line.leases.of(one, MODEL).leases[1] is line.leases.of(two, MODEL).leases[0]
    assert line.leases.of(one, MODEL) is line.leases.of(one, MODEL)


# ── the end of a lease ──────────────────────────────────────────────────────


def test_a_lease_that_has_run_out_is_not_spent_and_goes_back(line: Line) -> None:
    """In its cell nothing may be used any more."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked(), 10)

    line.pass_time(1.0)
    late = Call(line, key).begin()

    assert late.heard == []
    assert line.returns() == [Return(MINUTE.counter, 5, 9, 0)]
    line.grant(line.asked())
    assert late.heard == ["granted", "taken"]


def test_a_lease_that_nobody_needs_goes_back_by_itself(line: Line) -> None:
    """Others wait for it."""
    Call(line, key_with(MINUTE)).begin()
    line.grant(line.asked(), 10)

    line.leases.sweep()
    too_soon = line.returns()
    line.pass_time(1.0)
    line.leases.sweep()
    line.leases.sweep()
    line.pass_time(RETURN_AFTER_S)

    assert too_soon == []
    assert line.returns() == [Return(MINUTE.counter, 5, 9, 0)]


def test_a_lease_counts_from_when_it_was_asked_for(line: Line) -> None:
    """The answer may have taken its time: the authority's clock has gone on meanwhile."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.pass_time(0.9)
    line.grant(line.asked(), 10)

    line.pass_time(0.1)

    assert Call(line, key).begin().heard == []


def test_a_grant_that_came_too_late_goes_back_and_is_asked_for_again(line: Line) -> None:
    """But not at once: the cell may have a moment left, and the tries would be used up within it."""
    key = key_with(MINUTE)
    call = Call(line, key).begin()

    line.pass_time(0.5)
    line.grant(line.asked(), 10, ttl_s=0.5)
    at_once = list(call.heard), line.takes()
    line.pass_time(LATE_S)

    assert at_once == ([], [])
    assert call.heard == ["granted"]
    assert line.returns() == [Return(MINUTE.counter, 5, 10, 0)]
    line.grant(line.asked(), 1, stamp=6)
    assert call.heard == ["granted", "granted", "taken"]


def test_a_grant_of_another_cell_does_not_mix_with_what_is_left(line: Line) -> None:
    """What is left goes back to the cell it was counted in."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked(), 4)
    for _ in range(3):
        Call(line, key).begin()
    refill = line.asked()

    line.grant(refill, 20, stamp=6)
    line.pass_time(RETURN_AFTER_S)

    (lease,) = line.leases.of(key, MODEL).leases
    assert (lease.stamp, lease.left) == (6, 20)
    assert line.returns() == []


def test_a_changed_limit_is_not_served_from_what_was_leased_before(line: Line) -> None:
    """Lowered, it counts from the next request on."""
    Call(line, key_with(MINUTE)).begin()
    line.grant(line.asked(), 10)
    lower = bound(Window.MINUTE, 2)

    call = Call(line, key_with(lower)).begin()

    assert call.heard == []
    assert line.returns() == [Return(MINUTE.counter, 5, 9, 0)]
    assert line.asked().asks[0].bound == lower


# ── refill ──────────────────────────────────────────────────────────────────


def test_a_lease_that_runs_low_is_refilled_while_it_lasts(line: Line) -> None:
    """No request waits for it, and only one question is under way."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked(), 8)

    calls = [Call(line, key).begin() for _ in range(7)]
    take = line.asked()
    line.grant(take, 30)

    assert [one.heard for one in calls] == [["taken"]] * 7
    assert [(ask.need, ask.extra > 0) for ask in take.asks] == [(0, True)]
    assert line.leases.of(key, MODEL).leases[0].left == 30


def test_a_lease_grows_with_what_is_spent(line: Line) -> None:
    """A key that does a thousand requests a second asks as seldom as one that does ten."""
    key, questions = key_with(bound(Window.MINUTE, 10**9)), []
    for stamp in range(5, 10):
        asked = 0
        for _ in range(1_000):
            Call(line, key).begin()
            for take in line.takes():
                asked += 1
                line.grant(take, stamp=stamp)
        questions.append(asked)
        line.pass_time(1.0)

    assert questions[0] < 10
    assert questions[-1] <= 2


def test_only_the_first_who_asks_asks_for_those_to_come(line: Line) -> None:
    """A hundred that come at once would each lease for a hundred."""
    key = key_with(MINUTE)

    for _ in range(3):
        Call(line, key).begin()

    assert [take.asks[0].extra > 0 for take in line.takes()] == [True, False, False]


def test_a_wide_lease_is_waited_for_by_those_who_come_meanwhile(line: Line) -> None:
    """When a busy key's lease has run out, one question is enough for all its requests."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked())
    line.pass_time(5)

    calls = [Call(line, key).begin() for _ in range(5)]
    line.grant(line.asked())

    assert [call.heard[-1] for call in calls] == ["taken"] * 5
    assert line.takes() == []


def test_those_who_need_nothing_of_a_lease_wait_for_the_question_about_it(line: Line) -> None:
    """What has no price costs nothing, so a budget's lease is for nothing: a busy second must not ask for it each time."""
    key = key_with(bound(Window.MONTH, 10**12, Metric.COST))

    calls = [Call(line, key, needs(cost=0)).begin() for _ in range(5)]
    line.grant(line.asked(), 0)

    assert [call.heard[-1] for call in calls] == ["taken"] * 5
    assert line.takes() == []


def test_who_waited_in_vain_asks_for_itself(line: Line) -> None:
    """A limit that is nearly used up is shared out one by one."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked())
    line.pass_time(5)
    first, second, third = (Call(line, key).begin() for _ in range(3))

    line.grant(line.asked(), 1)
    take, other = line.takes()
    line.grant(take)
    line.deny(other)

    assert first.heard[-1] == second.heard[-1] == "taken"
    assert third.heard[-1] == "denied"
    assert [ask.need for ask in (*take.asks, *other.asks)] == [1, 1]


def test_a_denial_of_one_lets_the_others_ask(line: Line) -> None:
    """They may need less."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked())
    line.pass_time(5)
    first, second = (Call(line, key).begin() for _ in range(2))

    line.deny(line.asked())

    assert first.heard[-1] == "denied"
    assert second.heard[-1] == "denied"


# ── no ──────────────────────────────────────────────────────────────────────


def test_a_denial_answers_for_a_moment(line: Line) -> None:
    """A flood of refused requests must not flood the authority; and nobody is refused for longer than that."""
    key = key_with(MINUTE)
    first = Call(line, key).begin()
    line.deny(line.asked())

    second = Call(line, key).begin()
    line.pass_time(DENIED_FOR_S)
    third = Call(line, key).begin()

    assert (first.heard, second.heard, third.heard) == (["denied"], ["denied"], [])
    assert second.denial == first.denial
    assert len(line.takes()) == 1


def test_a_denial_does_not_answer_for_who_needs_less(line: Line) -> None:
    """A small request fits where a large one does not."""
    key = key_with(TOKENS)
    Call(line, key).begin()
    line.deny(line.asked())

    small = Call(line, key, needs(tokens=99)).begin()

    assert small.heard == []
    assert line.asked().asks[0].need == 99


def test_a_denial_names_the_limit_that_was_in_the_way(line: Line) -> None:
    """Who is refused wants to know by which."""
    key = key_with(MINUTE, DAY, TOKENS)
    call = Call(line, key).begin()
    line.deny(line.asked(), 2)

    assert call.denial is not None
    assert call.denial[0].bound == TOKENS
    assert [one.left for one in line.leases.of(key, MODEL).leases] == [0, 0, 0]
