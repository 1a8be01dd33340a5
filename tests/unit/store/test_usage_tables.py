"""Sums of usage that an earlier version wrote."""

import asyncio
from pathlib import Path

from alembic import command
from sqlalchemy import Connection, create_engine, text

from keyturn import system
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
