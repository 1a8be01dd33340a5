"""Pricing recorded requests again: the records, what was added up from them, and what hangs on it, together."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.heard import Heard
from fakes.price_rules import RULES
from fakes.stored_keys import StoredKeys, log_of
from fakes.usage_records import START_MS, WorkerJournal, refused, request_id, served
from keyturn import system
from keyturn.control.ingest import Ingest
from keyturn.domain import ids
from keyturn.domain.journal import Served
from keyturn.domain.prices import PriceVersion
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.services import rerate as module
from keyturn.services.models import ModelChange, Models
from keyturn.services.prices import NewPrice, Prices
from keyturn.services.rerate import Portion, Rerate, RerateOrder
from keyturn.store import requests, tables, usage_tables
from keyturn.store.engine import Store

BY = Principal(OPERATOR)
ORDER = RerateOrder(system.new_id(ids.RERATE), START_MS)
FREE: dict[str, Any] = {"model": "mine", "upstream_model": "nothing", "cost_nano_usd": 0, "priced": False}
TOKENS = {"input_nano_usd": 10**9, "output_nano_usd": 2 * 10**9}
COST = 9 * 1_000 + 21 * 2_000
"""Of the tokens that ``served`` says, at a dollar and two."""


class Books:
    """A node's records, and what is made of them."""

    def __init__(self, store: Store, journals: Path) -> None:
        self.store = store
        self.moved: list[dict[str, int]] = []
        self.rerate = Rerate(store, RULES, self._moved)
        self._folder = journals
        self._workers = 0

    async def _moved(self, _connection: AsyncConnection, moved: dict[str, int]) -> None:
        self.moved.append(moved)

    async def record(self, *records: Any) -> None:
        """Have a worker write records and the control process take them."""
        self._workers += 1
        journal = WorkerJournal(self._folder, f"{self._workers}-aaaa")
        journal.write(*records)
        ingest = Ingest(self.store, self._folder)
        await ingest.load()
        assert await ingest.flush()
        journal.close()

    async def of(self, record: Served) -> Served:
        """Return a record as it is kept."""
        async with self.store.reading() as connection:
            found = await requests.ended(connection, record.request_id)
        assert isinstance(found, Served)
        return found

    async def sums(self, key_id: str) -> dict[str, tuple[int, int]]:
        """Return cost and unpriced requests of a key by period; under ``key`` what its row says."""
        columns = usage_tables.rollups.c
        joined = usage_tables.rollups.join(usage_tables.series, usage_tables.series.c.id == columns.series_id)
        rollups = (
            select(columns.period, columns.cost_nano_usd, columns.unpriced)
            .select_from(joined)
            .where(usage_tables.series.c.key_id == key_id)
        )
        query = select(tables.key_usage.c.cost_nano_usd).where(tables.key_usage.c.key_id == key_id)
        async with self.store.reading() as connection:
            found = {
                row.period: (row.cost_nano_usd, row.unpriced) for row in await connection.execute(rollups)
            }
            found["key"] = (await connection.scalar(query) or 0, 0)
            await self._agree(connection)
        return found

    async def _agree(self, connection: AsyncConnection) -> None:
        """Assert that what is summed up over keys, and of keys for ranking, is the same as what it is made of."""
        costs = {}
        names = ("rollups", "overall", "totals", "key_sums", "owner_sums")
        for table in (getattr(usage_tables, name) for name in names):
            columns = table.c
            summed = select(columns.period, func.sum(columns.cost_nano_usd)).group_by(columns.period)
            costs[table.name] = {row[0]: row[1] for row in await connection.execute(summed)}
        days = costs["rollups"].get("day")
        assert costs["overall"] == costs["totals"] == costs["rollups"]
        minutes = {"minute": costs["rollups"].get("minute")} if costs["rollups"] else {}
        assert costs["owner_sums"] | minutes == costs["rollups"]
        assert costs["key_sums"] == ({"day": days, "six_days": days} if costs["rollups"] else {})


@pytest.fixture
def books(furnished: Store, tmp_path: Path) -> Books:
    """The records of a node with a model of its own."""
    folder = tmp_path / "journals"
    folder.mkdir()
    return Books(furnished, folder)


@pytest.fixture
async def owner(furnished: Store, stored_keys: StoredKeys, models: Models) -> tuple[str, str]:
    """Key and account, and a model that nobody has priced."""
    async with furnished.reading() as connection:
        row = (await connection.execute(select(tables.projects))).one()
    key_id, _ = await stored_keys.put(row.id)
    await models.add("mine", ModelChange(upstream="demo", upstream_model="nothing"), by=BY)
    return key_id, row.account_id


async def price(store: Store, at_ms: int = START_MS, **figures: int) -> PriceVersion:
    """Say a price of the model, from this morning on."""
    found = await Prices(store, Heard(), RULES).add(NewPrice("mine", figures or TOKENS, at_ms), by=BY)
    assert isinstance(found, PriceVersion)
    return found


async def run(books: Books, **changes: Any) -> Portion:
    """Walk one portion."""
    members = {"id": ORDER.id, "since_ms": START_MS, **changes}
    return await books.rerate.run(RerateOrder(**members), by=BY)


async def test_without_apply_the_difference_is_shown_and_nothing_is_changed(
    books: Books, owner: tuple[str, str]
) -> None:
    """One looks before one changes what customers are charged."""
    key_id, account_id = owner
    record = served(key_id=key_id, **FREE)
    await books.record(record)
    await price(books.store)
    before = await books.sums(key_id)

    portion = await run(books)

    (row,) = portion.rows
    assert (row.key_id, row.account_id, row.model) == (key_id, account_id, "mine")
    assert (row.requests, row.before, row.after) == (1, 0, COST)
    assert (portion.scanned, portion.after) == (1, None)
    assert await books.of(record) == record
    assert (await books.sums(key_id), books.moved) == (before, [])


async def test_applied_it_changes_the_records_and_everything_added_up_from_them(
    books: Books, owner: tuple[str, str]
) -> None:
    """Reports, keys and accounts must go on to add up to the requests."""
    key_id, account_id = owner
    records = [served(key_id=key_id, **FREE), served(key_id=key_id, **FREE, status=500)]
    await books.record(*records, refused(key_id=key_id))
    version = await price(books.store)

    portion = await run(books, apply=True)

    for record in records:
        kept = await books.of(record)
        assert (kept.cost_nano_usd, kept.price, kept.priced) == (COST, version.id, True)
    assert [row.requests for row in portion.rows] == [2]
    sums = await books.sums(key_id)
    assert sums.pop("key") == (2 * COST, 0)
    assert set(sums.values()) == {(COST, 0)}
    assert books.moved == [{account_id: 2 * COST}]
    assert (await log_of(books.store))[-1] == ("operator", "price.rerate", ORDER.id)


async def test_a_second_time_changes_nothing(books: Books, owner: tuple[str, str]) -> None:
    """Whoever is not sure whether it ran to its end runs it again."""
    key_id, _ = owner
    await books.record(served(key_id=key_id, **FREE))
    await price(books.store)
    await run(books, apply=True)
    sums = await books.sums(key_id)

    again = await run(books, apply=True)

    assert (again.scanned, again.rows) == (1, [])
    assert (await books.sums(key_id), len(books.moved)) == (sums, 1)


async def test_a_request_is_priced_as_of_when_it_was_let_in(books: Books, owner: tuple[str, str]) -> None:
    """A price of this noon says nothing of this morning."""
    key_id, _ = owner
    noon = START_MS + 12 * 3_600_000
    early = served(key_id=key_id, **FREE, started_us=(noon - 1) * 1000)
    late = served(key_id=key_id, **FREE, started_us=noon * 1000)
    await books.record(early, late)
    first = await price(books.store)
    second = await price(books.store, noon, input_nano_usd=0, output_nano_usd=10**9)

    await run(books, apply=True)

    assert (await books.of(early)).price == first.id
    kept = await books.of(late)
    assert (kept.price, kept.cost_nano_usd) == (second.id, 21_000)


async def test_only_what_was_asked_for_is_priced_again(books: Books, owner: tuple[str, str]) -> None:
    """Neither other models nor what came before."""
    key_id, _ = owner
    before = served(
        key_id=key_id, **FREE, request_id=request_id(START_MS - 1), started_us=(START_MS - 1) * 1000
    )
    other = served(key_id=key_id, cost_nano_usd=1)
    await books.record(before, other, served(key_id=key_id, **FREE))
    await price(books.store, START_MS - 3_600_000)

    portion = await run(books, apply=True, model="mine")

    assert [(row.model, row.requests) for row in portion.rows] == [("mine", 1)]
    assert await books.of(before) == before
    assert await books.of(other) == other


async def test_what_nobody_knows_a_price_for_keeps_the_one_it_has(
    books: Books, owner: tuple[str, str]
) -> None:
    """Not knowing is no reason to give money back."""
    key_id, _ = owner
    record = served(key_id=key_id, model="gone", upstream="gone", upstream_model="gone")
    await books.record(record)

    portion = await run(books, apply=True)

    assert portion.rows == []
    assert await books.of(record) == record


async def test_a_corrected_figure_gives_back_what_was_charged_too_much(
    books: Books, owner: tuple[str, str]
) -> None:
    """The difference may be negative; a request of a dead worker is priced where its model goes."""
    key_id, account_id = owner
    record = served(key_id=key_id, model="demo-chat", upstream_model="", price="demo/demo-chat#00000000")
    await books.record(record)

    portion = await run(books, apply=True)

    kept = await books.of(record)
    expected = 6 * 150 + 3 * 75 + 21 * 600
    assert kept.cost_nano_usd == expected
    assert kept.price.startswith("demo/demo-chat#")
    assert kept.price != record.price
    assert (portion.rows[0].before, portion.rows[0].after) == (5_000, expected)
    assert books.moved == [{account_id: expected - 5_000}]


async def test_a_long_walk_goes_on_where_the_portion_before_ended(
    books: Books, owner: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left out between two portions, and nothing is done twice."""
    monkeypatch.setattr(module, "STEP", 2)
    monkeypatch.setattr(module, "STEPS_A_PORTION", 2)
    key_id, _ = owner
    records = [
        served(key_id=key_id, **FREE, request_id=request_id(at), started_us=at * 1000)
        for at in range(START_MS, START_MS + 9 * 240_000, 240_000)
    ]
    await books.record(*records)
    await price(books.store)

    portions = [await run(books, apply=True)]
    while portions[-1].after is not None:
        portions.append(await run(books, apply=True, after=portions[-1].after))

    assert [portion.scanned for portion in portions] == [4, 4, 1]
    assert [portion.reached_ms for portion in portions] == sorted(portion.reached_ms for portion in portions)
    assert (await books.sums(key_id))["key"] == (9 * COST, 0)
    assert sum(sum(moved.values()) for moved in books.moved) == 9 * COST


async def test_what_fails_on_the_way_leaves_a_step_undone_as_a_whole(
    books: Books, owner: tuple[str, str]
) -> None:
    """Records that changed without their account would never be right again."""
    key_id, _ = owner
    record = served(key_id=key_id, **FREE)
    await books.record(record)
    await price(books.store)

    async def fail(_connection: AsyncConnection, _moved: dict[str, int]) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await Rerate(books.store, RULES, fail).run(RerateOrder(ORDER.id, START_MS, apply=True), by=BY)

    assert await books.of(record) == record
    assert (await books.sums(key_id))["key"] == (0, 0)
