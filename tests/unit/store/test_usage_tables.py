"""Sums of usage that an earlier version wrote."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from sqlalchemy import Connection, create_engine, text

from fakes.used import own, requests, use
from keyturn import system
from keyturn.domain import latency
from keyturn.domain.periods import DAY_S
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.services.usage_plans import Plan, UsageQuery
from keyturn.services.usage_reports import UsageReport, UsageReports
from keyturn.store.engine import open_store
from keyturn.store.migrate import configuration
from keyturn.store.usage_rows import Dimension

TODAY_S = int(system.now()) // DAY_S * DAY_S
ROWS = [
    ("key_a", "fast", 200, 5, 100),
    ("key_a", "fast", 503, 2, 0),
    ("key_b", "fast", 200, 1, 30),
    ("key_b", "slow", 499, 1, 7),
]


def fill(path: Path) -> None:
    """Write a database as version 0003 has it."""
    engine = create_engine(f"sqlite:///{path}")

    def upgrade(connection: Connection) -> None:
        command.upgrade(configuration(connection), "0003")

    with engine.begin() as connection:
        upgrade(connection)
        for period in ("minute", "hour", "day"):
            for key_id, model, status, requests, tokens in ROWS:
                connection.execute(
                    text("INSERT INTO rollups VALUES (:p, :s, :k, :m, :st, :r, :t, 1, 2, 3, 1, 0, 0)"),
                    {
                        "p": period,
                        "s": TODAY_S,
                        "k": key_id,
                        "m": model,
                        "st": status,
                        "r": requests,
                        "t": tokens,
                    },
                )
    engine.dispose()


async def test_what_owners_used_before_there_were_sums_of_them_is_added_up(tmp_path: Path) -> None:
    """By the hour and the day, how long it took included; of a key that nobody knows, too."""
    columns = "period, start, project_id, user_id, requests, cost_nano_usd, errors, unpriced, durations, first_bytes"
    rows = text(f"SELECT {columns} FROM owner_sums ORDER BY 1, 2, 3, 4")  # noqa: S608 -- constants
    path = tmp_path / "k.db"
    store = await open_store(path)
    await own(store)
    records = requests(300, since_s=TODAY_S - 2 * DAY_S, until_s=TODAY_S)
    await use(store, [*records, msgspec.structs.replace(records[0], key_id="key_of_nobody")])
    async with store.writing() as connection:
        written = (await connection.execute(rows)).all()
        await connection.execute(text("DROP TABLE owner_sums"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0015'"))
    await store.close()

    store = await open_store(path)
    async with store.reading() as connection:
        added_up = (await connection.execute(rows)).all()
    await store.close()

    def plain(each: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        return [(*row[:-2], *map(latency.combine, row[-2:])) for row in each]

    assert len({row[2] for row in written}) == 4
    assert plain(added_up) == plain(written)


async def test_sums_of_an_earlier_version_are_taken_over(tmp_path: Path) -> None:
    """An upgrade must not cost the customer's bill."""
    path = tmp_path / "k.db"
    await asyncio.to_thread(fill, path)

    store = await open_store(path)
    reports, found = UsageReports(store), {}
    for by in (Dimension.KEY, Dimension.MODEL, Dimension.STATUS):
        plan = await reports.plan(UsageQuery(by=by, days=1), by=Principal(OPERATOR))
        assert isinstance(plan, Plan)
        report = await reports.report(plan)
        assert isinstance(report, UsageReport)
        assert (report.total.usage.requests, report.total.usage.input_tokens) == (9, 137)
        assert (report.total.usage.errors, report.total.took_us) == (2, (None, None))
        found[by] = {line.usage.group: line.usage.requests for line in report.lines}
    await store.close()

    assert found == {
        Dimension.KEY: {"key_a": 7, "key_b": 2},
        Dimension.MODEL: {"fast": 8, "slow": 1},
        Dimension.STATUS: {"200": 6, "503": 2, "499": 1},
    }
