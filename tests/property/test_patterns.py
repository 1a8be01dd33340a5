"""Patterns in which `*` stands for any characters."""

import re
import time

from hypothesis import given, strategies as st

from keyturn.domain.restrictions import allows_name

texts = st.text("ab/*-", max_size=12)


@given(texts, texts)
def test_a_pattern_matches_what_the_plain_reading_of_it_does(pattern: str, name: str) -> None:
    """The one that never goes back is the one that people mean."""
    plain = re.escape(pattern).replace(r"\*", ".*")

    assert allows_name((pattern,), name) == (re.fullmatch(plain, name) is not None)


@given(st.lists(texts, min_size=1, max_size=4), texts)
def test_a_list_matches_what_one_of_it_does(patterns: list[str], name: str) -> None:
    """Each pattern stands for itself."""
    assert allows_name(tuple(patterns), name) == any(allows_name((one,), name) for one in patterns)


def test_many_stars_cost_no_time() -> None:
    """Whoever may write a key's list must not be able to stop a worker with it."""
    hostile = "*a" * 99 + "*b"
    begun = time.process_time()

    assert not allows_name((hostile,), "a" * 100_000)
    assert time.process_time() - begun < 1
