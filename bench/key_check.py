"""What checking a key costs: ``python -m bench.key_check``.

Three figures, each of the real code: a key that the worker remembers (credential, hash, look-up and decision, as for every
request), one that it does not (the store's part: every pepper's verifier, the query, the binding, the record), and the
memory of a full cache. The database has ``--keys`` keys; making a million takes half a minute.
"""

import argparse
import asyncio
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from keyturn import bus, system
from keyturn.config.sections import Settings
from keyturn.domain import ids, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.gateway.admission import Admission
from keyturn.gateway.journal import Journal
from keyturn.gateway.keycache import KeyCache
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.plane import Plane
from keyturn.gateway.request import Request
from keyturn.services import bootstrap
from keyturn.services.lookup import Lookup
from keyturn.store.engine import open_store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault

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
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys in the database")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as folder:
        for line in asyncio.run(_measure(Path(folder), arguments.keys)):
            print(line, flush=True)


async def _measure(folder: Path, count: int) -> list[str]:
    plane = _plane(folder)
    plain = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}), plain=True)
    fenced = msgspec.structs.replace(
        plain, plain=False, ip=("127.0.0.0/8",), models=("gpt-*",), expires_at=system.now() + 1e7
    )
    lines = [
        f"key check, remembered, nothing to check but permissions: {_hit(plane, plain):.2f} us",
        f"key check, remembered, with addresses, models and expiry: {_hit(plane, fenced):.2f} us",
    ]
    lines += await _misses(folder, count)
    lines.append(f"worker memory of {CACHED:,} remembered keys: {_cache_memory() / MIB:.1f} MiB")
    return lines


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


async def _misses(folder: Path, count: int) -> list[str]:
    secrets = folder / "secrets"
    secrets.mkdir()
    vault = Vault(secrets)
    vault.create()
    path = folder / "keyturn.db"
    store = await open_store(path)
    await bootstrap.first_start(store, vault, {})
    await store.close()
    digests = _fill(path, vault, count)
    looking = KeyLookup(path)
    lookup = Lookup(looking.find, vault)
    times = []
    for number in range(LOOKUPS):
        digest = digests[number * 7_919 % len(digests)]
        began = time.perf_counter_ns()
        record = await lookup.by_digest(digest)
        times.append((time.perf_counter_ns() - began) / 1_000)
        if record is None:
            raise RuntimeError("a key of the database was not found")
    looking.close()
    marks = statistics.quantiles(times, n=100)
    figures = f"p50 {marks[49]:.0f} us, p99 {marks[98]:.0f} us, max {max(times):.0f} us"
    return [f"look-up in the store with {count:,} keys: {figures} ({LOOKUPS:,} look-ups)"]


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
    connection.close()
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
