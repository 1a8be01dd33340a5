"""What only the authority in memory has to mind: its memory."""

import pytest

from fakes.exact_books import Books, Clock
from keyturn.authority import memory
from keyturn.authority.memory import MemoryAuthority
from keyturn.domain.leases import Ask
from keyturn.domain.limits import Window
from support.asking import bound as limit, concurrency, granted, take


@pytest.fixture
def authority() -> MemoryAuthority:
    """A new authority."""
    return MemoryAuthority(Books(), clock=Clock())


async def test_counters_that_are_made_for_one_request_do_not_drive_each_other_out(
    authority: MemoryAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all places taken by counters in use, making room for the second must not cost the first, for ever."""
    monkeypatch.setattr(memory, "MOST_COUNTERS", 3)
    for number in range(3):
        await take(authority, limit(Window.DAY, owner=f"key_{number}"))

    grants = await granted(authority, Ask(concurrency(5), 1, 0), Ask(limit(Window.MINUTE), 1, 0))

    assert [one.used for one in grants] == [1, 1]


async def test_room_is_made_when_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that come once and never again."""
    monkeypatch.setattr(memory, "MOST_COUNTERS", 3)
    clock = Clock()
    authority = MemoryAuthority(Books(), clock=clock)

    for number in range(50):
        await take(authority, limit(Window.DAY, owner=f"key_{number}"), worker=f"w{number % 2}")
        clock.now += 700

    assert len(authority._counters) <= 3
    assert len(authority._of_owner) == len(authority._bounds) == len(authority._counters)
    assert sum(map(len, authority._leased.values())) <= 3


async def test_what_was_told_is_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would grow with every key that ever came to its limit."""
    monkeypatch.setattr(memory, "MOST_COUNTERS", 3)
    authority = MemoryAuthority(Books(), clock=Clock())

    for number in range(50):
        await take(authority, limit(Window.DAY, 1, owner=f"key_{number}"))

    assert len(authority._told) <= 3
    assert len(authority.crossings) == 50
