"""Bad keys by who sent them."""

import pytest

from keyturn.domain.anomalies import GUESSES, GUESSING_S, guessing
from keyturn.gateway import guesses
from keyturn.gateway.guesses import Guesses


def key(number: int) -> bytes:
    """Return a bad key."""
    return f"sk-{number}".encode()


def test_the_number_is_reached_once_by_different_keys() -> None:
    """The operator hears of it once, however long it goes on."""
    seen = Guesses()

    told = [guessing(seen.count("a", key(number), 100.0)) for number in range(3 * GUESSES)]

    assert told.index(True) == GUESSES - 1
    assert told.count(True) == 1


def test_the_same_bad_key_is_one_guess_however_often_it_comes() -> None:
    """A program with an old key in its settings is not an attack."""
    seen = Guesses()

    counts = [seen.count("a", key(1), 100.0 + number) for number in range(1_000)]

    assert counts == [1] + [0] * 999


def test_slow_typos_of_many_people_behind_one_address_are_no_guesses() -> None:
    """Only what comes within the time counts."""
    seen = Guesses()

    counts = [seen.count("a", key(number), number * GUESSING_S / (GUESSES - 2)) for number in range(500)]

    assert max(counts) < GUESSES


def test_addresses_do_not_count_for_each_other() -> None:
    """Otherwise a busy day looks like one attacker."""
    seen = Guesses()

    counts = [seen.count(str(number), key(number), 100.0) for number in range(GUESSES)]

    assert set(counts) == {1}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood from many addresses fills no memory; the oldest gives way."""
    monkeypatch.setattr(guesses, "TRACKED", 2)
    seen = Guesses()
    for address in ("a", "b", "c"):
        seen.count(address, key(1), 100.0)

    assert [seen.count("a", key(2), 100.0), seen.count("c", key(2), 100.0)] == [1, 2]
