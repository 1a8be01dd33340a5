"""What taking in usage and reporting it costs, inside this process: ``python -m bench.usage``.

Ingest: requests of 1,000 keys, each key as often as its rank says (Zipf), read from a journal into the database below, while
reports are asked for. Each key belongs to one of 100 accounts, which is charged.

Overview: 10,000 keys, each busy for 100 minutes of a month, in ten sessions of ten minutes: a million sums by the minute.
What a dashboard shows first is asked for: 30 days by the hour with durations, the ten dearest keys, and the models.
"""

import asyncio
import itertools
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import insert

from bench.results import UsageCost
from keyturn.control.ingest import Ingest
from keyturn.control.tally import Tally
from keyturn.domain import ids, journal
from keyturn.domain.journal import Admitted, Served
from keyturn.domain.periods import Interval
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.services.usage_plans import Plan, UsageQuery
from keyturn.services.usage_reports import UsageReports
from keyturn.store import journals, tables
from keyturn.store.engine import Store, open_store
from keyturn.store.series import Series
from keyturn.store.usage_rows import Dimension, Rank

REQUESTS, INGEST_KEYS = 300_000, 1_000
ACCOUNTS = 100
KEYS, SESSIONS, SESSION_MINUTES, DAYS = 10_000, 10, 10, 30
ROUNDS = 7
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet", "gemini-flash", "demo-chat")
OVERVIEW = (
    UsageQuery(interval=Interval.HOUR, days=DAYS),
    UsageQuery(by=Dimension.KEY, days=DAYS, groups=10, rank=Rank.COST),
    UsageQuery(by=Dimension.MODEL, days=DAYS, groups=10, rank=Rank.COST),
)
_numbers = itertools.count()


def measure(*, requests: int = REQUESTS, keys: int = KEYS) -> UsageCost:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        minutes, overview_ms, overview_cpu_ms = asyncio.run(_overview(Path(folder), keys))
        per_second, cpu_us = asyncio.run(_ingest(Path(folder), requests))
    return UsageCost(
        requests=requests,
        ingest_cpu_us=cpu_us,
        ingest_per_second=per_second,
        keys=keys,
        minutes=minutes,
        overview_ms=overview_ms,
        overview_cpu_ms=overview_cpu_ms,
    )


async def _ingest(folder: Path, requests: int) -> tuple[float, float]:
    """Return requests a second on the clock, and CPU microseconds for each, those of the reports included."""
    chance = random.Random(1)  # noqa: S311 -- the same each time
    weights = [1 / rank for rank in range(1, INGEST_KEYS + 1)]
    chosen = chance.choices(range(INGEST_KEYS), weights, k=requests)
    (folder / "journals").mkdir()
    now_us = time.time_ns() // 1_000 - 60_000_000
    with (folder / "journals" / "1-bench.0.journal").open("wb") as stream:
        for number, key in enumerate(chosen):
            for record in _request(key_id(key), chance.choice(MODELS), now_us + number * 100, chance):
                stream.write(journal.frame(msgspec.msgpack.encode(record)))
    store = await open_store(folder / "keyturn.db")
    reports, ingest = UsageReports(store), Ingest(store, folder / "journals")
    await ingest.load()
    begun, cpu = time.perf_counter(), _cpu_s()
    taking = asyncio.ensure_future(ingest.flush())
    while not taking.done():
        await asyncio.wait([taking], timeout=0.5)
        await _ask(reports)
    took, used = time.perf_counter() - begun, _cpu_s() - cpu
    await store.close()
    return requests / took, used / requests * 1e6


async def _overview(folder: Path, keys: int) -> tuple[int, float, float]:
    store = await open_store(folder / "keyturn.db")
    await own(store, keys)
    minutes = await fill(store, keys)
    reports = UsageReports(store)
    times, cpu_times = [], []
    for _ in range(ROUNDS):
        begun, cpu = time.perf_counter(), time.process_time()
        await _ask(reports)
        times.append((time.perf_counter() - begun) * 1e3)
        cpu_times.append((time.process_time() - cpu) * 1e3)
    await store.close()
    return minutes, statistics.median(times), statistics.median(cpu_times)


async def _ask(reports: UsageReports) -> None:
    async def answer(query: UsageQuery) -> None:
        plan = await reports.plan(query, by=Principal(OPERATOR))
        if not isinstance(plan, Plan):
            raise TypeError(plan)
        await reports.report(plan)

    await asyncio.gather(*map(answer, OVERVIEW))


async def own(store: Store, keys: int) -> None:
    """Store keys with the accounts and projects that they belong to."""
    numbers = range(ACCOUNTS)
    accounts = [{"id": f"acct_{one:020d}", "name": f"a{one}", "created_at": 0} for one in numbers]
    projects = [
        {"id": f"proj_{one:020d}", "account_id": f"acct_{one:020d}", "name": f"p{one}", "created_at": 0}
        for one in numbers
    ]
    common = {
        "kind": "secret",
        "preset": "all",
        "permissions": "write",
        "enabled": True,
        "created_at": 0,
        "created_by": "bench",
        "version": 1,
    }
    owned = [
        {
            **common,
            "id": key_id(number),
            "name": f"k{number}",
            "project_id": f"proj_{number % ACCOUNTS:020d}",
        }
        for number in range(keys)
    ]
    async with store.writing() as connection:
        for table, rows in ((tables.accounts, accounts), (tables.projects, projects), (tables.keys, owned)):
            await connection.execute(insert(table), rows)


async def fill(store: Store, keys: int, sessions: int = SESSIONS) -> int:
    """Store a month of requests that ends now, one for each busy minute of each key; return how many there are."""
    chance, series = random.Random(2), Series()  # noqa: S311 -- the same each time
    last_begin = int(time.time()) // 60 - SESSION_MINUTES
    busy: list[tuple[int, str, str]] = []
    for number in range(keys):
        own_id, model = key_id(number), chance.choice(MODELS)
        for _ in range(sessions):
            begin = last_begin - chance.randrange(DAYS * 1_440 - SESSION_MINUTES)
            busy += [((begin + minute) * 60_000_000, own_id, model) for minute in range(SESSION_MINUTES)]
    busy.sort()
    remaining: Iterator[tuple[int, str, str]] = iter(busy)
    while some := list(itertools.islice(remaining, 30_000)):
        tally = Tally()
        for at_us, own_id, model in some:
            tally.add([msgspec.msgpack.encode(_request(own_id, model, at_us, chance)[1])])
        batch = tally.batch(journal="", worker="", position=0, finished=True)
        async with store.writing() as connection:
            await journals.write(connection, msgspec.structs.replace(batch, blocks=[], settled=[]), series)
    return len(busy)


def key_id(number: int) -> str:
    """Return the identifier of one of the keys."""
    return f"key_{number:020d}"


def _request(own_id: str, model: str, at_us: int, chance: random.Random) -> tuple[Admitted, Served]:
    request_id = ids.mint(ids.REQUEST, now_ms=at_us // 1_000, entropy=next(_numbers))
    admitted = Admitted(request_id, own_id, model, "demo", "chat", at_us, 500, 1_000, 675_000, "203.0.113.7")
    served = Served(
        request_id=request_id,
        key_id=own_id,
        model=model,
        upstream="demo",
        upstream_model=model,
        operation="chat",
        status=200 if chance.random() < 0.97 else 503,
        started_us=at_us,
        auth_us=20,
        sent_us=60,
        first_byte_us=int(chance.lognormvariate(12.5, 0.6)),
        total_us=int(chance.lognormvariate(14.5, 0.8)),
        input_tokens=chance.randrange(2_000),
        output_tokens=chance.randrange(1_000),
        cached_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=chance.randrange(1_000_000),
        priced=True,
        source="reported",
        streamed=True,
        outcome="ok",
        location="authorization",
        address="203.0.113.7",
        secret_id=own_id.replace("key_", "sec_"),
        price="2026-11",
    )
    return admitted, served


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(measure()), indent=2).decode())
