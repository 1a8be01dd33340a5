"""How long a model may think, in words and in tokens."""

import pytest

from keyturn.dialects.canonical import Effort
from keyturn.dialects.effort import BUDGETS, WORDS, common_effort_for, effort_for


@pytest.mark.parametrize(("effort", "budget"), BUDGETS.items())
def test_a_budget_comes_back_as_the_effort_it_was_made_of(effort: Effort, budget: int) -> None:
    """A client's request means the same whichever way it goes."""
    assert effort_for(budget) is effort


def test_every_effort_has_a_budget_and_they_rise() -> None:
    """The least effort that suffices is the first in the table."""
    assert list(BUDGETS) == list(Effort)
    assert list(BUDGETS.values()) == sorted(BUDGETS.values())


def test_a_budget_between_two_efforts_is_the_larger() -> None:
    """Thought that was paid for is not taken away; beyond the highest there is nothing."""
    assert effort_for(1) is Effort.MINIMAL
    assert effort_for(10_000) is Effort.HIGH
    assert effort_for(100_000) is Effort.HIGHEST


def test_a_budget_in_words_that_all_models_know_is_neither_the_least_nor_the_highest() -> None:
    """Some know no ``minimal``, others no ``xhigh``; no thought at all stays none."""
    found = [common_effort_for(tokens) for tokens in (0, 1, 2_048, 8_192, 8_193, 100_000)]

    assert found == [Effort.NONE, Effort.LOW, Effort.LOW, Effort.MEDIUM, Effort.HIGH, Effort.HIGH]


def test_every_effort_is_a_word_of_its_own() -> None:
    """And the highest has two."""
    assert [WORDS[effort.value] for effort in Effort] == list(Effort)
    assert WORDS["max"] is Effort.HIGHEST
