"""How long a model may think, in words and in tokens."""

import pytest

from keyturn.dialects.canonical import Effort
from keyturn.dialects.effort import BUDGETS, effort_for


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
