"""Which target is asked, and what comes after a failure."""

from collections import Counter
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from keyturn.domain.routing import (
    ALWAYS,
    COUNTED,
    FALLBACK,
    GIVE_UP,
    PROBE_S,
    RENEW,
    WELL,
    Asked,
    Course,
    Failure,
    Health,
    Retry,
    Rules,
    Step,
    Terms,
    When,
    failed,
    failure_of,
    may_try,
    next_step,
    order_targets,
    succeeded,
    takes,
    tried,
    wait,
)

ASKED = Asked(stream=True, operation="chat", input_tokens=100, project_id="proj_1", environment="production")
RULES = Rules()
ILL = Health(3, 1, until=50.0)
PATIENT = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""For a machine that has other work."""


def order(
    *targets: Terms, health: list[Health] | None = None, draws: tuple[float, ...] = (0.5,)
) -> list[int]:
    """Order targets at second 10."""
    lots = cycle(draws)
    return order_targets(targets, ASKED, health or [WELL] * len(targets), 10.0, lambda: next(lots))


# ── conditions ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when", "taken"),
    [
        (ALWAYS, True),
        (When(stream=True), True),
        (When(stream=False), False),
        (When(operations=("chat", "responses")), True),
        (When(operations=("embeddings",)), False),
        (When(min_input_tokens=100), True),
        (When(min_input_tokens=101), False),
        (When(max_input_tokens=100), True),
        (When(max_input_tokens=99), False),
        (When(projects=("proj_1",)), True),
        (When(projects=("proj_2",)), False),
        (When(environments=("production",)), True),
        (When(environments=("test",)), False),
        (When(stream=True, operations=("chat",), max_input_tokens=99), False),
    ],
)
def test_a_target_takes_what_meets_all_its_conditions(when: When, *, taken: bool) -> None:
    """One condition that is not met is enough."""
    assert takes(when, ASKED) is taken


# ── order ───────────────────────────────────────────────────────────────────


def test_priority_goes_before_weight() -> None:
    """The dear spare must not get the traffic because it is large."""
    assert order(Terms(1, 1000), Terms(0, 1)) == [1, 0]


def test_what_does_not_take_a_request_is_not_among_its_targets() -> None:
    """Nor when there is no other."""
    assert order(Terms(when=When(stream=False)), Terms(1), Terms(2)) == [1, 2]
    assert order(Terms(when=When(stream=False))) == []


def test_who_cools_down_comes_last_the_soonest_first() -> None:
    """The error of a provider says more than one of ours."""
    health = [Health(3, 1, 60.0), Health(3, 1, 55.0), WELL]

    assert order(Terms(0), Terms(0), Terms(9), health=health) == [2, 1, 0]


@PATIENT
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=8),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8),
)
def test_an_order_has_every_target_once_by_priority(terms: list[tuple[int, int]], draws: list[float]) -> None:
    """Whatever the lot says: a target that is left out would never be asked."""
    targets = [Terms(priority, weight) for priority, weight in terms]

    found = order(*targets, draws=tuple(draws))

    assert sorted(found) == list(range(len(targets)))
    assert [targets[index].priority for index in found] == sorted(one.priority for one in targets)


def test_shares_follow_weights() -> None:
    """Three quarters of the traffic is what the operator has asked for."""
    steps = 97
    draws = [(first / steps, second / steps) for first in range(steps) for second in range(steps)]

    firsts = Counter(order(Terms(0, 3), Terms(0, 1), draws=pair)[0] for pair in draws)

    assert 0.73 < firsts[0] / len(draws) < 0.77


def test_a_target_without_weight_is_a_spare() -> None:
    """It is asked when the others have failed."""
    assert order(Terms(0, 0), Terms(0, 1), draws=(0.999,)) == [1, 0]
    assert order(Terms(0, 0), Terms(0, 1), draws=(0.0, 0.999)) == [1, 0]


# ── the next step ───────────────────────────────────────────────────────────


def step(
    failure: Failure, course: Course, *, left_s: float = 20.0, retry_after_s: float | None = None
) -> Step:
    """Decide with the lot at the middle."""
    return next_step(failure, course, RULES, left_s=left_s, retry_after_s=retry_after_s, draw=0.5)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (200, None),
        (302, None),
        (400, None),
        (401, Failure.CREDENTIAL),
        (403, Failure.CREDENTIAL),
        (404, Failure.MISSING),
        (408, Failure.PASSING),
        (409, Failure.CONFLICT),
        (413, None),
        (422, None),
        (429, Failure.LIMITED),
        (500, Failure.PASSING),
        (503, Failure.PASSING),
        (529, Failure.PASSING),
    ],
)
def test_a_status_says_what_has_failed(status: int, failure: Failure | None) -> None:
    """What the client did wrong is wrong everywhere."""
    assert failure_of(status) is failure


@pytest.mark.parametrize(
    ("failure", "course", "expected"),
    [
        (Failure.PASSING, Course(1), Retry(0.1875)),
        (Failure.PASSING, Course(2), GIVE_UP),
        (Failure.PASSING, Course(1, targets_left=1), Retry(0.1875)),
        (Failure.PASSING, Course(2, targets_left=1), FALLBACK),
        (Failure.PASSING, Course(1, targets_left=1, cooling=True), FALLBACK),
        (Failure.PASSING, Course(1, cooling=True), GIVE_UP),
        (Failure.CONFLICT, Course(1), Retry(0.1875)),
        (Failure.LIMITED, Course(1), Retry(0.1875)),
        (Failure.LIMITED, Course(1, targets_left=1), FALLBACK),
        (Failure.LIMITED, Course(1, targets_left=1, credentials_left=1), RENEW),
        (Failure.CREDENTIAL, Course(1, credentials_left=1), RENEW),
        (Failure.CREDENTIAL, Course(1, targets_left=1), FALLBACK),
        (Failure.CREDENTIAL, Course(1), GIVE_UP),
        (Failure.MISSING, Course(1), GIVE_UP),
        (Failure.MISSING, Course(1, targets_left=1, credentials_left=1), FALLBACK),
        (Failure.BUSY, Course(1, targets_left=1), FALLBACK),
        (Failure.BUSY, Course(9), Retry(3.75)),
    ],
)
def test_the_table_of_the_module_holds(failure: Failure, course: Course, expected: Step) -> None:
    """Row by row."""
    assert step(failure, course) == expected


def test_a_provider_is_taken_at_its_word() -> None:
    """A retry before that is another refusal, and many at the very moment are a flood."""
    assert step(Failure.LIMITED, Course(1), retry_after_s=2.0) == Retry(2.125)
    assert step(Failure.PASSING, Course(1), retry_after_s=0.0) == Retry(0.1875)


def test_what_takes_too_long_is_not_waited_for() -> None:
    """The client can wait by itself, and knows how long."""
    assert step(Failure.LIMITED, Course(1), retry_after_s=60.0) is GIVE_UP
    assert step(Failure.PASSING, Course(1, targets_left=1), retry_after_s=60.0) is FALLBACK
    assert step(Failure.LIMITED, Course(1), retry_after_s=2.0, left_s=1.0) is GIVE_UP


@pytest.mark.parametrize("failure", list(Failure))
def test_nothing_begins_after_the_deadline(failure: Failure) -> None:
    """However much there would be to try."""
    assert step(failure, Course(1, 5, 5), left_s=0.0) is GIVE_UP


@PATIENT
@given(
    st.sampled_from(Failure),
    st.builds(Course, st.integers(1, 40), st.integers(0, 9), st.integers(0, 4)),
    st.none() | st.floats(0, 1e5),
    st.floats(0, 1, exclude_max=True),
)
def test_every_course_comes_to_an_end(
    failure: Failure, course: Course, retry_after_s: float | None, draw: float
) -> None:
    """Each step uses something up: a try, a target, a credential, or time."""
    found = next_step(
        failure,
        course,
        RULES,
        left_s=9.0,
        retry_after_s=retry_after_s,
        draw=draw,
    )

    if isinstance(found, Retry):
        assert 0 < found.after_s <= RULES.longest_wait_s
        assert course.tries <= RULES.retries or failure is Failure.BUSY
    assert found is not FALLBACK or course.targets_left
    assert found is not RENEW or course.credentials_left


@PATIENT
@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_a_most(tries: int, draw: float) -> None:
    """Without overflow."""
    assert 0 < wait(tries, RULES, None, draw) <= RULES.longest_wait_s


# ── health ──────────────────────────────────────────────────────────────────


def fail(health: Health, now: float, retry_after_s: float | None = None) -> Health:
    """Note a failure."""
    return failed(health, RULES, now=now, retry_after_s=retry_after_s, draw=0.0)


def test_failures_in_a_row_make_a_target_cool_down() -> None:
    """One may be an accident."""
    second = fail(fail(WELL, 1.0), 2.0)
    third = fail(second, 3.0)

    assert may_try(second, 2.0)
    assert third == Health(3, 1, 3.0 + RULES.cool_down_s)
    assert not may_try(third, 7.9)
    assert may_try(third, 8.0)


def test_a_success_between_failures_starts_the_count_again() -> None:
    """A provider that fails one time in three is not down."""
    assert succeeded(fail(fail(WELL, 1.0), 2.0), 3.0) is WELL


def test_a_provider_that_says_how_long_is_left_alone_so_long() -> None:
    """From its first word on, but not for ever."""
    assert fail(WELL, 1.0, 2.5) == Health(1, 1, 3.5)
    assert fail(WELL, 1.0, 1e9).until == 1.0 + RULES.longest_cool_down_s
    assert fail(WELL, 1.0, 0.0) == Health(1)


def test_one_request_tries_a_target_that_has_cooled_down() -> None:
    """A provider that comes up again must not be hit by everybody at once."""
    ready = ILL.until + 1

    probing = tried(ILL, ready)

    assert not may_try(probing, ready)
    assert tried(probing, ready) is probing
    assert tried(WELL, ready) is WELL
    assert tried(ILL, ILL.until - 1) is ILL
    assert succeeded(probing, ready) is WELL


def test_a_request_that_was_to_try_and_never_came_back_is_not_waited_for() -> None:
    """Its client may have left."""
    probing = tried(ILL, 60.0)

    assert may_try(probing, 60.0 + PROBE_S)
    assert tried(probing, 60.0 + PROBE_S).probed_at == 60.0 + PROBE_S


def test_a_failed_trial_cools_down_for_longer() -> None:
    """Up to the most."""
    health, spans = ILL, []
    for _ in range(9):
        now = health.until
        health = fail(tried(health, now), now)
        spans.append(health.until - now)

    assert spans[:3] == [10.0, 20.0, 40.0]
    assert spans[-1] == RULES.longest_cool_down_s


def test_late_news_changes_nothing() -> None:
    """What was under way when a target began to cool down fails, or not, as it was."""
    assert fail(ILL, 49.0) is ILL
    assert succeeded(ILL, 49.0) is ILL


def test_what_is_not_the_targets_doing_is_not_counted_against_it() -> None:
    """Our own limits, a name it does not know, a conflict."""
    assert {Failure.PASSING, Failure.LIMITED, Failure.CREDENTIAL} == COUNTED
