"""The log of single requests, newest first."""

from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import insert

from fakes.usage_records import KEY, START_MS, refused, request_id, served
from keyturn.control.tally import Tally
from keyturn.domain.journal import Refused, Served
from keyturn.store import journals, requests, tables
from keyturn.store.engine import Store
from keyturn.store.requests import BLOCKS_A_PAGE, STEP, RequestFilter, page

Ended = Served | Refused
EVERYTHING = RequestFilter()
KEY_COLUMNS = {
    "name": "k",
    "kind": "secret",
    "preset": "",
    "permissions": "read",
    "enabled": True,
    "created_at": 0,
    "created_by": "operator",
    "version": 1,
}


def ended(number: int, *, at_ms: int = START_MS, key_id: str = KEY, no: bool = False) -> Ended:
    """Return a request; every call names it later than the one before."""
    at_us = (at_ms + number) * 1000
    if no:
        return refused(request_id=request_id(at_ms + number), at_us=at_us, key_id=key_id)
    return served(request_id=request_id(at_ms + number), started_us=at_us, key_id=key_id)


async def store_blocks(store: Store, blocks: Sequence[Sequence[Ended]]) -> None:
    """Store requests, each sequence as one block."""
    rows = [
        (min(ids), max(ids), msgspec.msgpack.encode(block))
        for block in blocks
        for ids in [[one.request_id for one in block]]
    ]
    async with store.writing() as connection:
        batch = Tally().batch(journal="", worker="", position=0, finished=True)
        await journals.write(connection, msgspec.structs.replace(batch, blocks=rows))


async def walk(store: Store, wanted: RequestFilter, *, limit: int) -> tuple[list[str], int]:
    """Go through all pages; return the identifiers in the order they came, and how many pages there were."""
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        async with store.reading() as connection:
            records, following = await page(connection, wanted, before=cursor, limit=limit)
        assert len(records) <= limit
        assert following is None or cursor is None or following < cursor
        found += [one.request_id for one in records]
        cursor, pages = following, pages + 1
    return found, pages


@pytest.mark.parametrize("limit", [1, 7, 64, 1000])
async def test_pages_hold_every_request_once_and_in_order_though_blocks_overlap(
    store: Store, limit: int
) -> None:
    """Requests end in another order than they begin, and nobody may miss one at the edge of a page."""
    every = [ended(number, no=number % 3 == 0) for number in range(600)]
    blocks = [every[start::10] for start in range(10)]
    await store_blocks(store, [part[at : at + 20] for part in blocks for at in range(0, 60, 20)])

    found, _ = await walk(store, EVERYTHING, limit=limit)

    kept = {one.request_id for one in every}
    assert found == sorted(kept, reverse=True)


async def test_each_filter_narrows(store: Store) -> None:
    """Whoever looks for one customer's trouble must not read everybody's."""
    mine, other = ended(1), ended(2, key_id="key_00000000000000000002")
    no, late = ended(3, no=True), ended(60_000)
    await store_blocks(store, [[mine, other, no, late]])

    async def found(wanted: RequestFilter) -> list[str]:
        return (await walk(store, wanted, limit=10))[0]

    assert await found(RequestFilter(key_id=KEY)) == [late.request_id, no.request_id, mine.request_id]
    assert await found(RequestFilter(status=401)) == [no.request_id]
    assert await found(RequestFilter(reason="disabled_api_key")) == [no.request_id]
    assert await found(RequestFilter(reason="ok", key_id=other.key_id)) == [other.request_id]
    assert await found(RequestFilter(refused=True)) == [no.request_id]
    assert await found(RequestFilter(since_ms=START_MS + 60_000)) == [late.request_id]


async def test_a_page_ends_after_so_much_work_and_says_where_to_go_on(store: Store) -> None:
    """A rare key in a long log must not hold up everybody else, nor seem to have no requests."""
    rare = ended(0, key_id="key_00000000000000000002")
    await store_blocks(store, [[rare], *([ended(number)] for number in range(1, BLOCKS_A_PAGE + STEP))])

    async with store.reading() as connection:
        first, cursor = await page(connection, RequestFilter(key_id=rare.key_id), before=None, limit=10)
    found, pages = await walk(store, RequestFilter(key_id=rare.key_id), limit=10)

    assert first == []
    assert cursor is not None
    assert (found, pages) == ([rare.request_id], 2)


async def test_only_keys_within_reach_are_listed(store: Store) -> None:
    """One customer must not see another's requests, nor those of keys that nobody knows."""
    async with store.writing() as connection:
        for number in (1, 2):
            await connection.execute(
                insert(tables.accounts).values(id=f"acct_{number}", name="a", created_at=0)
            )
            project = {"id": f"proj_{number}", "account_id": f"acct_{number}", "name": "p", "created_at": 0}
            await connection.execute(insert(tables.projects).values(project))
            key = {"id": f"key_{number}", "project_id": f"proj_{number}"}
            await connection.execute(insert(tables.keys).values(**KEY_COLUMNS, **key))
    own = ended(1, key_id="key_1", no=True)
    await store_blocks(store, [[own, ended(2, key_id="key_2"), ended(3, key_id="", no=True)]])

    by_account, _ = await walk(store, RequestFilter(account_id="acct_1"), limit=10)
    by_project, _ = await walk(store, RequestFilter(account_id="acct_1", project_id="proj_1"), limit=10)
    none, _ = await walk(store, RequestFilter(account_id="acct_1", project_id="proj_2"), limit=10)

    assert (by_account, by_project, none) == ([own.request_id], [own.request_id], [])


async def test_a_refused_request_is_found_by_its_identifier(store: Store) -> None:
    """For a month, not until the worker restarts."""
    no = ended(1, no=True)
    await store_blocks(store, [[ended(0), no]])

    async with store.reading() as connection:
        assert await requests.ended(connection, no.request_id) == no
