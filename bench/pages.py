"""How long the dashboard's pages take where much is kept: 10,000 keys, and a month of what they used.

Requests go on meanwhile, one before each page: on a node in use nothing about the hour that it is can be remembered.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bench import processes, usage
from bench.results import Pages
from bench.subjects import Failure, Subject
from bench.visits import sign_in
from keyturn.store.engine import open_store

PATHS = {
    "Overview, a day": "/dashboard?range=24h",
    "Overview, a week": "/dashboard?range=7d",
    "Overview, a month": "/dashboard?range=30d",
    "Keys": "/dashboard/keys",
    "Keys, searched": "/dashboard/keys?search=k99",
    "Key hygiene": "/dashboard/keys/hygiene",
    "A key": f"/dashboard/keys/{usage.key_id(1)}",
    "Usage by key, a day": "/dashboard/usage?range=24h",
    "Usage by key, a week": "/dashboard/usage?range=7d",
    "Usage by key, a month": "/dashboard/usage?range=30d",
    "Usage by account, a month": "/dashboard/usage?range=30d&by=account",
    "Usage by model, a month": "/dashboard/usage?range=30d&by=model",
    "Requests": "/dashboard/requests",
    "Models": "/dashboard/models",
    "Upstreams": "/dashboard/models/upstreams",
    "Prices": "/dashboard/models/prices",
    "Playground": "/dashboard/playground",
    "Billing": "/dashboard/billing",
    "Accounts": "/dashboard/billing/accounts",
    "Alerts": "/dashboard/alerts",
    "Team": "/dashboard/team",
    "Projects": "/dashboard/team/projects",
    "Audit": "/dashboard/audit",
    "Settings": "/dashboard/settings",
    "Account": "/dashboard/account",
}
ROUNDS = 9


def furnish(database: Path, *, keys: int, requests: int) -> int:
    """Make a database in which keys have made requests in the last month; return how many sums by the minute it has."""

    async def fill() -> int:
        store = await open_store(database)
        await usage.own(store, keys)
        minutes = await usage.fill(store, keys, sessions=requests // keys // usage.SESSION_MINUTES)
        await store.close()
        return minutes

    return asyncio.run(fill())


def measure(subject: Subject, *, keys: int, requests: int, note: Callable[[str], None]) -> Pages:
    """Open each page of a running node some times, by one who has signed in as its owner.

    Args:
        subject: The node, on such a database, whose dashboard nobody has set up.
        keys: In the database.
        requests: That they made.
        note: Told what is being done.
    """
    (cookies,) = sign_in(subject)
    note("pages: waiting until what a start has to do is done")
    processes.settled_cpu_s(subject.process)
    first_ms: dict[str, float] = {}
    took_ms: dict[str, list[float]] = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{subject.port}", timeout=30) as client:
        for name, path in PATHS.items():
            note(f"pages: {name}")
            first_ms[name], *took_ms[name] = (
                _open(client, subject, path, cookies) for _ in range(1 + ROUNDS)
            )
    return Pages(
        keys=keys,
        requests=requests,
        first_ms=first_ms,
        median_ms={name: statistics.median(each) for name, each in took_ms.items()},
        slowest_ms={name: max(each) for name, each in took_ms.items()},
    )


def _open(client: httpx.Client, subject: Subject, path: str, cookies: str) -> float:
    """Return how many milliseconds it took until all of a page was there."""
    body = {"model": subject.model, "messages": [{"role": "user", "content": "Hello"}]}
    asked = client.post(subject.url, json=body, headers={"authorization": f"Bearer {subject.key}"})
    begun = time.perf_counter()
    page = client.get(path, headers={"cookie": cookies})
    took = (time.perf_counter() - begun) * 1e3
    if asked.status_code != httpx.codes.OK or page.status_code != httpx.codes.OK:
        raise Failure(f"a request was answered with {asked.status_code}, {path} with {page.status_code}")
    return took
