"""Kinds of events in words."""

from keyturn.control.dashboard.event_words import WORDS, words_of
from keyturn.domain.events import EventKind


def test_every_kind_of_event_has_words() -> None:
    """Nobody has to know what we call them."""
    assert set(WORDS) == set(EventKind)


def test_a_kind_that_is_unknown_stands_as_it_is() -> None:
    """The store may hold events of a newer version."""
    assert words_of("limit.reached") == "Much of a limit is used"
    assert words_of("limit.reached", {"percent": "80"}) == "Much of a limit is used"
    assert words_of("limit.reached", {"percent": "100"}) == "A limit is used up"
    assert words_of("key.new_kind") == "key.new_kind"
