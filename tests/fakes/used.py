"""A database in which two accounts have used models, and every request of it, for comparing sums with."""

import itertools
import random
from collections.abc import Iterable

import msgspec
from sqlalchemy import insert

from fakes.usage_records import request_id, served
from keyturn.control.tally import Tally
from keyturn.domain.journal import Served
from keyturn.store import journals, tables
from keyturn.store.engine import Store

KEYS = [f"key_{number:020d}" for number in range(6)]
PROJECTS = [f"proj_{number:020d}" for number in range(3)]
ACCOUNTS = [f"acct_{number:020d}" for number in range(2)]
USER = f"user_{0:020d}"
_OWNERS = {
    key: (PROJECTS[n // 2], ACCOUNTS[0 if n < 4 else 1], USER if n == 1 else "") for n, key in enumerate(KEYS)
}
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-x")


def group_of(request: Served, by: str) -> str:
    """Return what a request is grouped under."""
    project, account, user = _OWNERS[request.key_id]
    groups = {"key": request.key_id, "project": project, "account": account, "user": user}
    own = {"model": request.model, "status": str(request.status), "operation": request.operation}
    return {**groups, **own, "upstream": request.upstream}[by]


async def own(store: Store, *, time_zone: str = "UTC") -> None:
    """Store the accounts, projects and keys."""
    accounts = [
        {"id": one, "name": f"account {one[-1]}", "created_at": 0, "time_zone": time_zone} for one in ACCOUNTS
    ]
    projects = [
        {"id": one, "account_id": ACCOUNTS[n // 2], "name": f"project {n}", "created_at": 0}
        for n, one in enumerate(PROJECTS)
    ]
    user = {"id": USER, "account_id": ACCOUNTS[0], "email": "ann@example.com", "name": "Ann", "created_at": 0}
    shared = {
        "kind": "secret",
        "preset": "",
        "permissions": "read",
        "enabled": True,
        "created_at": 0,
        "version": 1,
    }
    keys = [
        {
            "id": one,
            "name": f"name of {one[-1]}",
            "project_id": _OWNERS[one][0],
            "created_by": "operator",
            **shared,
        }
        for one in KEYS
    ]
    async with store.writing() as connection:
        await connection.execute(insert(tables.accounts), accounts)
        await connection.execute(insert(tables.projects), projects)
        await connection.execute(insert(tables.users).values(user))
        await connection.execute(
            insert(tables.keys), [{**key, "user_id": _OWNERS[str(key["id"])][2] or None} for key in keys]
        )


def requests(count: int, *, since_s: int, until_s: int) -> list[Served]:
    """Return requests spread over a time, the same each time."""
    chance = random.Random(count)  # noqa: S311 -- the same each time
    found = []
    for _ in range(count):
        at_s = chance.randrange(since_s, until_s)
        status = chance.choice((200, 200, 200, 429, 503))
        request = served(
            request_id=request_id(at_s * 1000),
            key_id=chance.choice(KEYS),
            model=chance.choice(MODELS),
            operation=chance.choice(("chat", "embeddings")),
            status=status,
            outcome="ok" if status == 200 else "upstream_error",
            started_us=at_s * 1_000_000 + 5,
            input_tokens=chance.randrange(1_000),
            output_tokens=chance.randrange(1_000),
            cost_nano_usd=chance.randrange(1_000_000),
            total_us=chance.randrange(500, 90_000_000),
            source=chance.choice(("reported", "estimated")),
        )
        found.append(request)
    return found


async def use(store: Store, records: Iterable[Served], *, batch: int = 100) -> None:
    """Store requests the way ingest does."""
    remaining = iter(records)
    while some := list(itertools.islice(remaining, batch)):
        tally = Tally()
        tally.add([msgspec.msgpack.encode(record) for record in some])
        async with store.writing() as connection:
            await journals.write(connection, tally.batch(journal="", worker="", position=0, finished=True))
