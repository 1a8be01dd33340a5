"""The implementations that go through the suite, and what they lean on."""

from collections.abc import Callable, Sequence
from typing import Protocol

import pytest

from fakes.exact_books import Books, Clock
from keyturn.authority.memory import MemoryAuthority
from keyturn.authority.port import History, LimitAuthority


class Make(Protocol):
    """Makes an authority that knows nothing but the books."""

    def __call__(
        self,
        history: History,
        *,
        clock: Callable[[], float],
        workers: Callable[[], int] = ...,
        thresholds: Callable[[str], Sequence[int]] = ...,
        fresh: bool = ...,
    ) -> LimitAuthority:
        """Make it; the parameters are those of ``MemoryAuthority``."""
        ...


@pytest.fixture(params=[MemoryAuthority], ids=["memory"])
def make(request: pytest.FixtureRequest) -> Make:
    """Each implementation in turn."""
    found: Make = request.param
    return found


@pytest.fixture
def clock() -> Clock:
    """A clock that a test sets."""
    return Clock()


@pytest.fixture
def books() -> Books:
    """Empty books."""
    return Books()


@pytest.fixture
def authority(make: Make, books: Books, clock: Clock) -> LimitAuthority:
    """An authority for one worker, that takes over from an earlier one."""
    return make(books, clock=clock, fresh=False)
