"""What checking a key costs: ``python -m bench.key_check``.

Three figures, each of the real code: a key that the worker remembers (credential, hash, look-up and decision, as for every
request), one that it does not (the question over the bus, verifier, query, binding, record, and the answer, both ends in this
process), and the memory of a full cache. The database has ``--keys`` keys; making a million takes half a minute.
"""

import argparse
import asyncio
import gc
import os
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.results import KeyCheck
from keyturn import bus, system
from keyturn.config.sections import Settings
from keyturn.control.body_intake import BodyIntake
from keyturn.control.bus_server import BusServer
from keyturn.control.counting import Counting
from keyturn.control.ingest import Ingest
from keyturn.control.once_only import OnceOnly
from keyturn.domain import ids, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.gateway.admission import Admission
from keyturn.gateway.bus_client import BusClient
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.plane import Plane
from keyturn.gateway.request import Request
from keyturn.services import bootstrap
from keyturn.services.attempts import Attempts
from keyturn.services.bodies import Bodies
from keyturn.services.configuration import Known
from keyturn.services.lookup import Lookup
from keyturn.store.engine import open_store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault

KEYS = 1_000_000
ROUNDS, PER_ROUND = 30, 5_000
LOOKUPS = 20_000
CACHED = 50_000
MIB = 1024 * 1024


class _Check(Admission):
    """A request that ends where the exchange with a provider would begin."""

    __slots__ = ()

    def admitted(self) -> None:
        """Do nothing."""


class _Client:
    """Takes an answer that never comes."""

    def __init__(self) -> None:
        self.proxied = False
        self.written: list[bytes] = []
        self.write: Callable[[bytes], None] = self.written.append

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- as ``Transmitter`` has it
        """Take the end."""

    def abort(self) -> None:
        """Take a cut."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=KEYS, help="keys in the database")
    found = measure(parser.parse_args().keys)
    for field in msgspec.structs.fields(found):
        print(f"{field.name} = {getattr(found, field.name):,.2f}")


def measure(count: int) -> KeyCheck:
    """Measure with a database of so many keys."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as folder:
        return uvloop.run(_measure(Path(folder), count))


async def _measure(folder: Path, count: int) -> KeyCheck:
    plane = _plane(folder)
    plain = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}), plain=True)
    fenced = msgspec.structs.replace(
        plain, plain=False, ip=("127.0.0.0/8",), models=("gpt-*",), expires_at=system.now() + 1e7
    )
    plain_us, fenced_us = _hit(plane, plain), _hit(plane, fenced)
    times = await _misses(folder, plane, count)
    marks = statistics.quantiles(times, n=100)
    return KeyCheck(
        plain_us, fenced_us, count, marks[49], marks[98], max(times), CACHED, _cache_memory() / MIB
    )


def _plane(folder: Path) -> Plane:
    journals = folder / "journals"
    journals.mkdir()
    plane = Plane(
        Settings(),
        Journal(journals, "1-bench", 1 << 20),
        KeyCache(lambda _call, _digest: True, limit=CACHED),
        control_socket=folder / "none.sock",
        tasks=system.Tasks(),
        send=lambda _message: True,
        later=lambda _s, _call: None,
    )
    plane.apply(bus.Snapshot(1, {}, {}, frozenset({"header"})))
    return plane


def _hit(plane: Plane, record: KeyRecord) -> float:
    """Return microseconds for one check of a remembered key; the median of the rounds."""
    secret = system.new_key(Kind.SECRET).reveal().encode()
    digest = verifier.digest(secret)
    plane.keys.look(digest, lambda _record, _failed: None, 0.0)
    plane.keys.found(plane.keys._next_call, 1, record, failed=False)  # noqa: SLF001 -- the question just asked
    request = Request()
    request.client, request.handling, request.plan = _Client(), None, None
    request.method, request.path, request.query = b"POST", b"/v1/chat/completions", b""
    request.headers = {b"host": b"localhost", b"authorization": b"Bearer " + secret}
    request.repeated, request.body = None, b"{}"
    request.keep_alive, request.http_10 = True, False
    request.address, request.received = "127.0.0.1", system.monotonic()
    operation = OPERATIONS[b"/v1/chat/completions"]

    def check() -> None:
        _Check(plane, request, operation, b"").start()

    return _median_us(check)


def _median_us(check: Callable[[], Any]) -> float:
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        for _ in range(PER_ROUND):
            check()
        found.append((time.perf_counter_ns() - began) / PER_ROUND / 1_000)
    return statistics.median(found)


async def _misses(folder: Path, plane: Plane, count: int) -> list[float]:
    """Return the microseconds of look-ups in a database of so many keys, each of another key."""
    secrets = folder / "secrets"
    secrets.mkdir()
    vault = Vault(secrets)
    vault.create()
    path = folder / "keyturn.db"
    store = await open_store(path)
    await bootstrap.first_start(store, vault, {})
    await store.close()
    counted = await open_store(path)
    digests = _fill(path, vault, count)
    looking = KeyLookup(path)
    lookup = Lookup(looking.find, vault)
    server = BusServer(
        journals=folder / "journals",
        look=lookup.by_digest,
        configuration=_nothing_configured,
    )
    ingest = Ingest(counted, folder / "journals")
    counting = Counting(counted, ingest, server, journals=folder / "journals")
    once_only = OnceOnly(Attempts(counted, vault), ingest, server, journals=folder / "journals")
    await server.listen(
        folder / "bus.sock",
        first_used=_unheard,
        noticed=_unheard,
        limits=counting,
        attempts=once_only,
        bodies=BodyIntake(Bodies(counted, vault)).take,
    )
    client = BusClient(str(folder / "bus.sock"), "1-bench", cached_keys=LOOKUPS)
    tasks = system.Tasks()
    tasks.spawn(client.run(plane), name="bus")
    await client.configured.wait()
    gc.freeze()  # as the processes do once they stand
    times = [await _ask(client.keys, digests[number * 7_919 % len(digests)]) for number in range(LOOKUPS)]
    await tasks.cancel()
    await counting.close()
    await once_only.close()
    await server.close()
    await counted.close()
    looking.close()
    return times


async def _ask(keys: KeyCache, digest: bytes) -> float:
    """Return microseconds from a worker's question to its answer."""
    answered = asyncio.get_running_loop().create_future()
    began = time.perf_counter_ns()

    def answer(record: KeyRecord | None, _failed: bool) -> None:  # noqa: FBT001 -- the cache's callback
        answered.set_result((time.perf_counter_ns() - began) / 1_000 if record is not None else None)

    keys.look(digest, answer, system.monotonic())
    taken = await answered
    if taken is None:
        raise RuntimeError("a key of the database was not found")
    return float(taken)


async def _nothing_configured() -> Known:
    return Known({}, {})


async def _unheard(_message: object) -> None:
    """Take what workers say beside questions."""


def _fill(path: Path, vault: Vault, count: int) -> list[bytes]:
    """Add keys to a database, each with a secret; returns the secrets' digests."""
    digests = []
    connection = sqlite3.connect(path)
    project = connection.execute("SELECT id FROM projects").fetchone()[0]
    now_ms = system.now_ms()
    for start in range(0, count, 50_000):
        keys, secrets = [], []
        for number in range(start, min(start + 50_000, count)):
            digest = verifier.digest(b"%d" % number)
            digests.append(digest)
            key_id, secret_id = system.new_id(ids.KEY), system.new_id(ids.SECRET)
            pepper, stored = vault.verifier(digest)
            keys.append((key_id, project, f"key {number}", now_ms))
            bound = vault.binding(pepper, stored, key_id)
            secrets.append((secret_id, key_id, stored, bound, pepper, now_ms, now_ms))
        connection.executemany(
            "INSERT INTO keys (id, project_id, name, description, kind, preset, permissions, enabled, created_at,"
            " created_by, version) VALUES (?, ?, ?, '', 'secret', 'production', 'read', 1, ?, 'bench', 1)",
            keys,
        )
        connection.executemany(
            "INSERT INTO secrets (id, key_id, verifier, binding, pepper_id, display, created_at, activated_at)"
            " VALUES (?, ?, ?, ?, ?, 'sk-…', ?, ?)",
            secrets,
        )
        connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    os.sync()  # what was just written must not be on its way to the disk while look-ups are timed
    return digests


def _cache_memory() -> int:
    """Return what a full cache adds to this process's memory, in bytes, records as they come from the bus."""
    cache = KeyCache(lambda _call, _digest: True, limit=CACHED)
    before = _resident()
    for number in range(CACHED):
        record = KeyRecord(
            system.new_id(ids.KEY),
            f"application {number}",
            Kind.SECRET,
            frozenset({Permission.READ}),
            plain=True,
            secret_id=system.new_id(ids.SECRET),
            project_id="proj_VbXhUyU7kT3m9QwErTyU",
            account_id="acct_VbXhUyU7kT3m9QwErTyU",
            environment="production",
        )
        sent = bus.encode(bus.Found(number + 1, 0, record))
        (received,) = bus.Frames[bus.Found](bus.Found).feed(sent)
        cache.look(verifier.digest(b"%d" % number), lambda _record, _failed: None, 0.0)
        cache.found(number + 1, 0, received.record, failed=False)
    return _resident() - before


def _resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
