"""Telling workers of many keys."""

from fakes.heard import Heard
from keyturn.services.workers import MANY, forget


async def test_many_keys_are_forgotten_all_at_once(workers: Heard) -> None:
    """A list of 100,000 identifiers would hold every worker up."""
    await forget(workers, [])
    await forget(workers, ["key"] * MANY)
    await forget(workers, ["key"] * (MANY + 1))

    assert workers.changes == [["key"] * MANY, None]
