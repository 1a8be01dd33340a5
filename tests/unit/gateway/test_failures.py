"""Refused requests, counted."""

import pytest

from keyturn.gateway import failures
from keyturn.gateway.failures import LOOKUPS_PER_S, WINDOW_S, Failures


def test_whoever_is_over_the_limit_waits_until_the_window_ends() -> None:
    """And no longer: refusals meanwhile do not prolong it."""
    counted = Failures(2)
    for at in (100.0, 110.0, 159.0):
        counted.count("a", at)

    assert counted.wait_s("a", 110.5) == 50
    assert counted.wait_s("a", 100.0 + WINDOW_S - 0.5) == 1
    assert counted.wait_s("a", 100.0 + WINDOW_S) == 0
    assert counted.wait_s("b", 110.5) == 0


def test_a_new_window_begins_from_nothing() -> None:
    """An address that has calmed down hears reasons again."""
    counted = Failures(2)
    counted.count("a", 100.0)
    counted.count("a", 100.0)

    counted.count("a", 100.0 + WINDOW_S)

    assert counted.wait_s("a", 100.0 + WINDOW_S) == 0


def test_few_look_ups_a_second_are_left_to_an_address_over_the_limit() -> None:
    """Guesses that pass the checksum must not load the store; a good key that is new here still gets in."""
    counted = Failures(1)
    counted.count("a", 100.0)

    within = [counted.may_look("a", 101.0) for _ in range(LOOKUPS_PER_S + 5)]

    assert within == [True] * LOOKUPS_PER_S + [False] * 5
    assert counted.may_look("a", 102.0)
    assert all(counted.may_look("b", 101.0) for _ in range(100))


def test_what_is_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood from many addresses fills no memory; the oldest gives way."""
    monkeypatch.setattr(failures, "TRACKED", 2)
    counted = Failures(1)

    for who in ("a", "b", "c"):
        counted.count(who, 100.0)

    assert counted.wait_s("a", 100.0) == 0
    assert counted.wait_s("c", 100.0) == 60 + 1
