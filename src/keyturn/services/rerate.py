"""Price recorded requests again, with the prices as they are known now: after a correction, or a price that was late.

The walk goes through the records from the oldest on, some thousands to a transaction, and each transaction changes the
records together with everything that was added up from them. A request that carries the price it would get is left
alone, so that a walk that was broken off is simply begun again, and one that is repeated changes nothing. What nobody
knows a price for keeps the one it has.
"""

from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.journal import Served
from keyturn.domain.models import Starred
from keyturn.domain.prices import PriceStep, cost_nano_usd, version_at
from keyturn.domain.principal import Principal
from keyturn.domain.usage import Usage
from keyturn.services import pricing
from keyturn.services.audit import Facts, note
from keyturn.services.pricing import PriceRules, Pricing
from keyturn.store import models, rerates
from keyturn.store.engine import Store
from keyturn.store.events import owners
from keyturn.store.rerates import Block, Place
from keyturn.store.series import SeriesKey

OnDiff = Callable[[AsyncConnection, dict[str, int]], Awaitable[None]]
"""Told, inside the transaction, by how many nano-dollars each account's charges change."""

STEP = 64
"""Blocks in one transaction: some 4,000 requests, 20 to 40 ms."""
STEPS_A_PORTION = 12
"""How far one call walks: some 50,000 requests."""
_PERIODS = (("minute", 60), ("hour", 3_600), ("day", 86_400))


class RerateOrder(msgspec.Struct, frozen=True):
    """What is to be priced again."""

    id: str
    """Names the walk in the audit log, over all its portions."""
    since_ms: int
    """Milliseconds since 1970 UTC."""
    model: str = ""
    """Only requests for this name; empty: all."""
    apply: bool = False
    """Without it nothing is changed."""
    after: Place | None = None
    """Where the portion before ended."""


class Repriced(msgspec.Struct):
    """What comes of it for one key and model. Costs are nano-dollars."""

    account_id: str
    key_id: str
    model: str
    requests: int = 0
    """Those that get another price."""
    before: int = 0
    after: int = 0


class Portion(msgspec.Struct, frozen=True):
    """How far one call has come, and with what."""

    scanned: int
    """Requests that were looked at."""
    rows: list[Repriced]
    reached_ms: int
    """Everything up to here was looked at; milliseconds since 1970 UTC, 0 when there was nothing."""
    after: Place | None
    """Go on from here; ``None``: that was all."""


class Rerate:
    """The use case."""

    def __init__(self, store: Store, rules: PriceRules, on_diff: OnDiff) -> None:
        """Take in what it works with.

        Args:
            store: Holds the records.
            rules: What models cost beside what the operator has said of them.
            on_diff: Keeps whatever else is made of charges in step.
        """
        self._store = store
        self._rules = rules
        self._on_diff = on_diff

    async def run(self, order: RerateOrder, *, by: Principal) -> Portion:
        """Walk one portion of the way. What is still in the journals is not seen: have it stored first."""
        found: dict[tuple[str, str], Repriced] = {}
        scanned = reached_us = 0
        place = order.after
        for _ in range(STEPS_A_PORTION):
            stretch = await self._step(msgspec.structs.replace(order, after=place), by=by)
            for row in stretch.rows:
                sum_ = found.setdefault(
                    (row.key_id, row.model), Repriced(row.account_id, row.key_id, row.model)
                )
                sum_.requests += row.requests
                sum_.before += row.before
                sum_.after += row.after
            scanned += stretch.scanned
            reached_us = max(reached_us, stretch.reached_ms)
            place = stretch.after
            if place is None:
                break
        rows = sorted(found.values(), key=lambda one: (one.model, one.account_id, one.key_id))
        return Portion(scanned, rows, reached_us, place)

    async def _step(self, order: RerateOrder, *, by: Principal) -> Portion:
        transaction = self._store.writing() if order.apply else self._store.reading()
        async with transaction as connection:
            read = await rerates.blocks(connection, order.since_ms, after=order.after, limit=STEP)
            walk = _Walk(await pricing.read(connection, self._rules), await _targets(connection), order)
            changed = [block for block in map(walk.reprice, read) if block is not None]
            accounts = await owners(connection, {key_id for key_id, _ in walk.found})
            for row in walk.found.values():
                row.account_id = accounts.get(row.key_id, ("", ""))[0]
            rows = list(walk.found.values())
            if order.apply and changed:
                for block in changed:
                    await rerates.write(connection, block)
                await self._carry_over(connection, walk, rows)
                await note(connection, by, "price.rerate", order.id, after=_facts(order, rows))
        return Portion(walk.scanned, rows, walk.reached_ms, read[-1].place if len(read) == STEP else None)

    async def _carry_over(self, connection: AsyncConnection, walk: "_Walk", rows: list[Repriced]) -> None:
        keys: dict[str, int] = {}
        accounts: dict[str, int] = {}
        for row in rows:
            keys[row.key_id] = keys.get(row.key_id, 0) + row.after - row.before
            accounts[row.account_id] = accounts.get(row.account_id, 0) + row.after - row.before
        await rerates.adjust(connection, walk.rollup_changes(), keys)
        moved = {account_id: difference for account_id, difference in accounts.items() if difference}
        moved.pop("", None)  # keys that never were, such as none where no key is needed
        if moved:
            await self._on_diff(connection, moved)


class _Walk:
    """Prices the requests of one transaction."""

    def __init__(self, known: Pricing, targets: dict[str, str], order: RerateOrder) -> None:
        self._known = known
        self._targets = targets
        self._starred = Starred(targets)
        self._order = order
        self._steps: dict[tuple[str, str, str], tuple[PriceStep, ...]] = {}
        self._groups: dict[tuple[SeriesKey, int], list[int]] = {}
        self.found: dict[tuple[str, str], Repriced] = {}
        self.scanned = 0
        self.reached_ms = 0

    def reprice(self, block: Block) -> Block | None:
        """Return the block with its requests at their prices of now; ``None``: nothing changes."""
        records = [
            self._repriced(record) if isinstance(record, Served) else record for record in block.records
        ]
        same = all(after is before for after, before in zip(records, block.records, strict=True))
        return None if same else Block(block.place, records)

    def rollup_changes(self) -> list[rerates.RollupChange]:
        """Return what is to be added to the rows of each period."""
        changes: dict[tuple[str, int, SeriesKey], list[int]] = {}
        for (series, minute), (cost, unpriced) in self._groups.items():
            for period, length_s in _PERIODS:
                start = minute * 60 // length_s * length_s
                sums = changes.setdefault((period, start, series), [0, 0])
                sums[0] += cost
                sums[1] += unpriced
        return [
            (cost, unpriced, period, start, *series)
            for (period, start, series), (cost, unpriced) in sorted(changes.items())
        ]

    def _repriced(self, record: Served) -> Served:
        started_ms = record.started_us // 1000
        order = self._order
        if started_ms < order.since_ms or order.model not in {"", record.model}:
            return record
        self.scanned += 1
        self.reached_ms = max(self.reached_ms, started_ms)
        version = version_at(self._steps_of(record), started_ms)
        if version is None or version.price is None or (version.id == record.price and record.priced):
            return record
        cost = cost_nano_usd(version.price, _usage(record))
        row = self.found.setdefault((record.key_id, record.model), Repriced("", record.key_id, record.model))
        row.requests += 1
        row.before += record.cost_nano_usd
        row.after += cost
        series = record.key_id, record.model, record.status, record.operation, record.upstream
        sums = self._groups.setdefault((series, record.started_us // 60_000_000), [0, 0])
        sums[0] += cost - record.cost_nano_usd
        sums[1] -= not record.priced
        return msgspec.structs.replace(record, cost_nano_usd=cost, price=version.id, priced=True)

    def _named(self, model: str) -> str:
        """Return the name that the operator has priced: with a star, for what has no name of its own."""
        if model in self._targets:
            return model
        starred = self._starred.find(model)
        return model if starred is None else starred[0]

    def _steps_of(self, record: Served) -> tuple[PriceStep, ...]:
        # A request whose worker died does not say what the model is called where it went.
        there = record.upstream_model or self._targets.get(record.model, record.model)
        where = self._named(record.model), record.upstream, there
        steps = self._steps.get(where)
        if steps is None:
            steps = self._steps[where] = self._known.steps(*where)
        return steps


def _usage(record: Served) -> Usage:
    return Usage(
        record.input_tokens,
        record.output_tokens,
        record.cached_tokens,
        record.reasoning_tokens,
        record.cache_write_tokens,
        record.images,
        record.audio_ms,
        record.characters,
    )


async def _targets(connection: AsyncConnection) -> dict[str, str]:
    return {one.name: one.upstream_model for one in await models.everything(connection)}


def _facts(order: RerateOrder, rows: list[Repriced]) -> Facts:
    return {
        "from": order.since_ms,
        "model": order.model,
        "requests": sum(one.requests for one in rows),
        "before_nano_usd": sum(one.before for one in rows),
        "after_nano_usd": sum(one.after for one in rows),
    }
