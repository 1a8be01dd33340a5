"""What a worker gives back of its leases, and what becomes of them when the control process does."""

import pytest

from fakes.lease_line import MODEL, NEEDS, Call, Line, key_with
from keyturn.domain.leases import Return
from keyturn.domain.limits import Metric, Window
from keyturn.gateway import leases as leases_module
from keyturn.gateway.leases import RETURN_AFTER_S, TIMEOUT_S
from support.asking import bound, concurrency

MINUTE = bound(Window.MINUTE, 1_000)
TOKENS = bound(Window.MINUTE, 100_000, Metric.TOKENS)
DAY = bound(Window.DAY, 1_000, owner="acc_1")
BUDGET = bound(Window.MONTH, 10**12, Metric.COST)
UNDER_WAY = concurrency(10)


@pytest.fixture
def line() -> Line:
    """A worker that holds nothing."""
    return Line()


def test_what_a_request_did_not_use_serves_the_next(line: Line) -> None:
    """As long as the lease is the same, nobody else has to know."""
    key = key_with(TOKENS)
    call = Call(line, key).begin()
    line.grant(line.asked(), 130)
    call.end(20)

    again = Call(line, key).begin()

    assert again.heard == ["taken"]
    assert line.returns() == []


def test_what_comes_back_late_goes_to_where_it_was_counted(line: Line) -> None:
    """With the place of its end, so that the books and the return are not both believed."""
    key = key_with(TOKENS)
    calls = [Call(line, key).begin()]
    line.grant(line.asked(), 300)
    calls += [Call(line, key).begin() for _ in range(2)]
    line.pass_time(1.0)
    line.leases.sweep()

    calls[0].end(30, position=900)
    calls[1].end(40, position=800)
    calls[2].end(150, position=950)
    line.pass_time(RETURN_AFTER_S)

    assert line.returns() == [Return(TOKENS.counter, 5, 70 + 60 - 50, 800)]


def test_what_no_request_had_is_told_apart_from_what_requests_gave_back(line: Line) -> None:
    """The books know of the one and not of the other: together they would be taken back as if they knew of neither."""
    key = key_with(TOKENS)
    call = Call(line, key).begin()
    line.grant(line.asked(), 150)
    line.pass_time(1.0)

    line.leases.sweep()
    call.end(30, position=900)
    line.pass_time(RETURN_AFTER_S)

    assert line.returns() == [Return(TOKENS.counter, 5, 50, 0), Return(TOKENS.counter, 5, 70, 900)]


def test_a_sum_of_nothing_is_not_sent(line: Line) -> None:
    """What one gave back another has used."""
    key = key_with(TOKENS)
    calls = [Call(line, key).begin()]
    line.grant(line.asked(), 200)
    calls.append(Call(line, key).begin())
    line.pass_time(1.0)
    line.leases.sweep()

    calls[0].end(50)
    calls[1].end(150)
    line.pass_time(RETURN_AFTER_S)

    assert line.returns() == []


def test_requests_under_way_are_counted_until_they_end(line: Line) -> None:
    """Whoever connects anew says how many there are."""
    key = key_with(UNDER_WAY, MINUTE)
    calls = [Call(line, key).begin()]
    line.grant(line.asked(), 4, 10)
    calls += [Call(line, key).begin() for _ in range(2)]

    before = line.leases.under_way()
    calls[0].end(0, 1)
    during = line.leases.under_way()
    for call in calls[1:]:
        call.end(0, 1)

    assert (before, during) == ([(UNDER_WAY, 3)], [(UNDER_WAY, 2)])
    assert line.leases.under_way() == []


def test_what_is_left_is_given_back_when_somebody_else_needs_it(line: Line) -> None:
    """At once, with all that is on its way; and who has nothing says so."""
    key = key_with(TOKENS)
    call = Call(line, key).begin()
    line.grant(line.asked(), 150)
    line.pass_time(1.0)
    line.leases.sweep()
    call.end(30, position=9)

    for counter in (TOKENS.counter, "unknown"):
        line.leases.recall(counter)

    assert line.returns() == [
        Return(TOKENS.counter, 5, 50, 0),
        Return(TOKENS.counter, 5, 70, 9),
        Return(TOKENS.counter, 5, 0, 0),
        Return("unknown", 0, 0, 0),
    ]


def test_a_worker_that_ends_gives_everything_back(line: Line) -> None:
    """A restart of a worker must not cost a part of the month."""
    Call(line, key_with(MINUTE, BUDGET)).begin()
    line.grant(line.asked(), 10, 5_000)

    line.leases.surrender()

    returned = sorted(line.returns(), key=lambda one: one.amount)
    assert returned == [Return(MINUTE.counter, 5, 9, 0), Return(BUDGET.counter, 5, 4_000, 0)]


# ── seconds ─────────────────────────────────────────────────────────────────

SECOND = bound(Window.SECOND, 1_000, Metric.TOKENS)


def test_a_brief_lease_tells_in_which_cell_it_was_used(line: Line) -> None:
    """It counts at its end until then: longer than it should."""
    key = key_with(SECOND)
    Call(line, key).begin()
    line.grant(line.asked(), 500, ttl_s=0.051, stamp=100)
    line.pass_time(0.02)
    Call(line, key).begin()
    line.pass_time(0.02)
    Call(line, key).begin()
    line.pass_time(RETURN_AFTER_S)

    moved = [(one.stamp, one.amount, one.position, one.moved_to) for one in line.returns()]
    assert moved == [(100, 100, 0, 97), (100, 100, 0, 99)]


def test_what_a_brief_request_did_not_use_leaves_the_cell_it_was_moved_to(line: Line) -> None:
    """Taken from the lease's end instead, it would make room where the next request is counted."""
    key = key_with(SECOND)
    call = Call(line, key).begin()
    line.grant(line.asked(), 100, ttl_s=0.051, stamp=100)

    call.end(30, position=9)
    line.pass_time(RETURN_AFTER_S)

    assert line.leases.of(key, MODEL).leases[0].left == 0
    assert line.returns() == [Return(SECOND.counter, 100, 100, 0, 97), Return(SECOND.counter, 97, 70, 9)]


# ── the control process ─────────────────────────────────────────────────────


def test_questions_wait_while_nobody_can_be_asked(line: Line) -> None:
    """A restart of the control process takes less than a request waits."""
    key = key_with(MINUTE)
    line.up = False
    call = Call(line, key).begin()
    line.pass_time(1.0)
    line.leases.sweep()

    line.up = True
    line.leases.ask_again()
    line.grant(line.asked())

    assert call.heard == ["granted", "taken"]


@pytest.mark.parametrize("up", [True, False])
def test_nobody_waits_for_ever(line: Line, up: bool) -> None:  # noqa: FBT001 -- a case
    """Whoever can't be counted is not let in, and hears of it."""
    line.up = up
    call = Call(line, key_with(MINUTE)).begin()

    line.pass_time(TIMEOUT_S)
    line.leases.sweep()
    in_time = list(call.heard)
    line.pass_time(0.5)
    line.leases.sweep()
    line.leases.sweep()

    assert (in_time, call.heard) == ([], ["unanswered"])


def test_what_is_granted_after_everybody_has_gone_comes_back(line: Line) -> None:
    """It was counted; kept by nobody, it would be lost to all."""
    call = Call(line, key_with(MINUTE)).begin()
    take = line.asked()
    line.pass_time(TIMEOUT_S + 0.5)
    line.leases.sweep()

    line.grant(take, 9, ttl_s=60.0)
    line.pass_time(60.0)
    line.leases.sweep()
    line.pass_time(RETURN_AFTER_S)

    assert call.heard == ["unanswered"]
    assert line.returns() == [Return(MINUTE.counter, 5, 9, 0)]


def test_questions_that_nobody_waits_for_are_not_repeated(line: Line) -> None:
    """A control process that comes back has enough to do; and the lease can be refilled again."""
    key = key_with(MINUTE)
    Call(line, key).begin()
    line.grant(line.asked(), 4)
    for _ in range(3):
        Call(line, key).begin()
    old = line.asked()

    line.leases.forfeit()
    line.leases.ask_again()
    line.grant(old, 50)

    (lease,) = line.leases.of(key, MODEL).leases
    assert line.takes() == []
    assert (lease.left, lease.asking) == (0, 0)


def test_an_authority_that_fails_is_told_apart_from_one_that_says_no(line: Line) -> None:
    """The one is our fault, the other is the client's limit."""
    call = Call(line, key_with(MINUTE)).begin()

    line.leases.denied(line.asked().call, None)
    line.leases.denied(99, None)

    assert call.heard == ["unanswered"]


def test_a_new_connection_voids_every_lease(line: Line) -> None:
    """The authority behind it may be a new one, that goes by the journals: nothing is given back to it."""
    key = key_with(MINUTE, TOKENS)
    call = Call(line, key).begin()
    line.grant(line.asked(), 10, 500)
    line.pass_time(0.5)
    call.end(1, 500)

    line.leases.forfeit()
    late = Call(line, key).begin()
    line.pass_time(1.0)

    assert late.heard == []
    assert line.returns() == []


def test_quotas_that_are_counted_anew_are_let_go_and_all_else_is_given_back(line: Line) -> None:
    """The authority reads the quotas from the books and keeps the rest: what is not given back is lost there.

    Requests under way, lost with each purchase of credit, would in the end let nobody in.
    """
    other = bound(Window.DAY, 1_000, owner="key_2")
    key = key_with(MINUTE, BUDGET, UNDER_WAY, DAY, other)
    Call(line, key).begin()
    line.grant(line.asked(), 10, 5_000, 4, 10, 10)

    line.leases.forfeit(["key_1", "acc_1"])

    left = [one.left for one in line.leases.of(key, MODEL).leases]
    assert left == [0, 0, 0, 0, 9]
    assert line.returns() == [Return(MINUTE.counter, 5, 9, 0), Return(UNDER_WAY.counter, 5, 3, 0)]


def test_what_is_on_its_way_back_is_sent_before_quotas_are_counted_anew(line: Line) -> None:
    """Said after it, it would be taken from what was counted anew, where it never was."""
    Call(line, key_with(BUDGET)).begin()
    line.grant(line.asked(), 5_000)
    line.pass_time(1.0)
    line.leases.sweep()

    line.leases.forfeit(["key_1"])
    at_once = line.returns()
    line.pass_time(RETURN_AFTER_S)

    assert at_once == [Return(BUDGET.counter, 5, 4_000, 0)]
    assert line.returns() == []


def test_a_denial_is_forgotten_where_counters_are_counted_anew(line: Line) -> None:
    """Credit that was bought lets the next request in."""
    key = key_with(BUDGET)
    Call(line, key).begin()
    line.deny(line.asked())

    line.leases.forfeit(["key_1"])

    assert Call(line, key).begin().heard == []


def test_keys_that_came_once_are_forgotten(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what is leased, and for requests under way where these are limited."""
    monkeypatch.setattr(leases_module, "REMEMBERED", 5)
    busy = key_with(UNDER_WAY, key_id="key_busy")
    Call(line, busy, NEEDS).begin()
    line.grant(line.asked(), 1)
    line.pass_time(1.0)
    line.leases.sweep()

    for number in range(40):
        key = key_with(bound(Window.DAY, 10, owner=f"key_{number}"), key_id=f"key_{number}")
        line.leases.of(key, MODEL)
        for model in range(20):
            line.leases.of(key, f"model-{model}")

    assert len(line.leases._leases) <= 6
    assert line.leases.of(busy, MODEL).leases[0].under_way == 1
