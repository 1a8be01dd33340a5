"""What a node has on its books, read straight from its files, and how it must agree with itself and the provider."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from keyturn.domain.journal import Refused, Served
from keyturn.system import is_locked
from support.node import Node

SUMS = ("requests", "input_tokens", "output_tokens", "cost_nano_usd")
_decode = msgspec.msgpack.Decoder(list[Served | Refused]).decode

Sums = tuple[int, int, int, int]


class Books(msgspec.Struct):
    """One look into the database."""

    requests: list[Served]
    rollups: dict[str, dict[str, Sums]]
    """Period → key → sums."""
    key_usage: dict[str, Sums]
    marked: dict[str, int]
    """``estimated`` and ``recovered`` as the rollups by the day count them."""
    under_way: int
    refused: list[Refused]
    """On the books for whoever asks why, and in no sum."""
    owned: set[str]
    """The keys that belong to an account."""
    charged: int
    """What the ledger says that all of them cost, in nano-dollars."""
    unbalanced: int
    """Entries of the ledger behind which not the sum of all before them stands."""

    @property
    def by_id(self) -> dict[str, Served]:
        """The requests by their identifier."""
        return {request.request_id: request for request in self.requests}

    def recovered(self) -> list[Served]:
        """Return the requests whose worker died."""
        return [request for request in self.requests if request.source == "recovered"]

    def check(self) -> None:
        """Assert that nothing is twice in them and that every sum is the sum of the requests."""
        every = [one.request_id for one in self.requests] + [one.request_id for one in self.refused]
        twice = [one for one, count in Counter(every).items() if count > 1]
        assert not twice
        sums: dict[str, list[int]] = {}
        for request in self.requests:
            own = sums.setdefault(request.key_id, [0, 0, 0, 0])
            for index, value in enumerate(
                (1, request.input_tokens, request.output_tokens, request.cost_nano_usd)
            ):
                own[index] += value
        expected = {key_id: tuple(own) for key_id, own in sums.items()}
        assert self.key_usage == expected
        assert self.rollups == dict.fromkeys(("minute", "hour", "day"), expected)
        sources = Counter(request.source for request in self.requests)
        assert self.marked == {"estimated": sources["estimated"], "recovered": sources["recovered"]}
        assert self.under_way == 0
        assert self.charged == sum(cost for key_id, (*_, cost) in expected.items() if key_id in self.owned)
        assert self.unbalanced == 0


def read(data: Path) -> Books:
    """Read the books of a node, running or not."""
    with closing(_connect(data)) as connection:
        return _read(connection)


def rows(data: Path) -> int:
    """Return how many rows hold requests."""
    with closing(_connect(data)) as connection:
        return int(connection.execute("SELECT count(*) FROM request_blocks").fetchone()[0])


def _connect(data: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{data / 'keyturn.db'}?mode=ro", uri=True)


def _read(connection: sqlite3.Connection) -> Books:
    connection.execute("BEGIN")
    requests: list[Served] = []
    refused: list[Refused] = []
    for (records,) in connection.execute("SELECT records FROM request_blocks"):
        for record in _decode(records):
            if isinstance(record, Served):
                requests.append(record)
            else:
                refused.append(record)
    columns = ", ".join(f"sum({name})" for name in SUMS)
    rollups: dict[str, dict[str, Sums]] = {}
    for period, key_id, *sums in connection.execute(
        f"SELECT period, key_id, {columns} FROM rollups JOIN series ON id = series_id GROUP BY 1, 2"  # noqa: S608 -- constants
    ):
        rollups.setdefault(period, {})[key_id] = _sums(sums)
    for table in ("overall", "totals", "key_sums", "owner_sums"):
        summed = {
            period: _sums(sums)
            for period, *sums in connection.execute(f"SELECT period, {columns} FROM {table} GROUP BY 1")  # noqa: S608
        }
        assert len(summed) == (2 if table in {"key_sums", "owner_sums"} else 3) * bool(rollups)
        for period, sums in summed.items():
            of_keys = rollups["day" if period == "six_days" else period]
            assert sums == tuple(map(sum, zip(*of_keys.values(), strict=True)))
    key_usage = {
        key_id: _sums(sums)
        for key_id, *sums in connection.execute(f"SELECT key_id, {', '.join(SUMS)} FROM key_usage")  # noqa: S608
    }
    estimated, recovered = connection.execute(
        "SELECT sum(estimated), sum(recovered) FROM rollups WHERE period = 'day'"
    ).fetchone()
    (under_way,) = connection.execute("SELECT count(*) FROM admissions").fetchone()
    marked = {"estimated": estimated or 0, "recovered": recovered or 0}
    owned = {key_id for (key_id,) in connection.execute("SELECT id FROM keys")}
    (charged,) = connection.execute(
        "SELECT -coalesce(sum(amount), 0) FROM ledger WHERE kind = 'charge'"
    ).fetchone()
    (unbalanced,) = connection.execute(
        "SELECT count(*) FROM (SELECT balance, sum(amount) OVER (PARTITION BY account_id ORDER BY seq) AS total "
        "FROM ledger) WHERE balance <> total"
    ).fetchone()
    return Books(requests, rollups, key_usage, marked, under_way, refused, owned, charged, unbalanced)


def _sums(values: list[Any]) -> Sums:
    requests, input_tokens, output_tokens, cost = values
    return requests, input_tokens, output_tokens, cost


def journals(data: Path) -> list[Path]:
    """Return the journals that are there."""
    return sorted((data / "journals").iterdir())


def dead_journals(data: Path) -> list[Path]:
    """Return the journals that no worker writes any more."""
    return [path for path in journals(data) if path.suffix == ".journal" and not is_locked(path)]


def total(node: Node) -> int:
    """Ask the node how many requests it has counted; it reads its journals before it answers."""
    return int(node.manage("GET", "/api/v1/usage?by=key")["data"]["total"]["requests"])
