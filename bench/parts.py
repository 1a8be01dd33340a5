"""The parts of the benchmark: what is done to each subject, in what order, for how long."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bench import (
    dashboards as dashboard_pages,
    key_check,
    limits as limited,
    load,
    pages as dashboard_times,
    processes,
    subjects,
    translated,
    usage,
)
from bench.results import Idle, Latency, Memory, Plain, Results, Streams
from bench.subjects import Setting, Subject

MIB = 1024 * 1024
CONNECTIONS = 64
CONCURRENT_STREAMS = 500
WORDS = 50
INTERVAL_MS = 20
RATE = 1_000
IDLE_STREAMS = 10_000
IDLE_INTERVAL_MS = 5_000
IDLE_WORDS = 100
FILES_PER_STREAM = 2.2
"""Two sockets, and room for what else is open and for workers that get more than their share."""


class Plan(msgspec.Struct, frozen=True):
    """How much of everything."""

    names: Sequence[str]
    """The subjects."""
    workers: int
    rounds: int
    plain_s: float
    streams_each: int
    """Streams per connection and round."""
    latency_s: float
    memory_requests: int
    keys: int
    """In the database of the key checks."""
    page_requests: int
    """In the database of the pages, of ``usage.KEYS`` keys."""
    note: Callable[[str], None]
    """Told what is being done."""
    step: Callable[[], None]
    """Called after each measurement."""

    def steps(self, part: str) -> int:
        """Return how many measurements a part takes."""
        everyone = len(self.names) * self.rounds
        proxies = len(self.proxies())
        return {
            "plain": 2 * everyone,
            "streams": everyone,
            "latency": everyone,
            "idle": proxies,
            "memory": 1,
            "keys": 1,
            "limits": 1,
            "dashboards": 1,
            "pages": 1,
            "translated": 1,
            "usage": 1,
        }[part]

    def proxies(self) -> list[str]:
        """Return the subjects that stand between."""
        return [name for name in self.names if name != "bare"]


@contextmanager
def started(plan: Plan, names: Sequence[str], *, streams: bool, workers: int = 0) -> Iterator[list[Subject]]:
    """Start subjects afresh, in front of one upstream, and end them after the block."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as folder, ExitStack() as stack:
        upstream = stack.enter_context(subjects.upstream(Path(folder)))
        running = []
        for name in names:
            plan.note(f"starting {name}")
            own = Path(folder) / name
            own.mkdir()
            setting = Setting(upstream, own, workers or plan.workers, streams)
            running.append(stack.enter_context(subjects.ALL[name](setting)))
        yield running


def in_turns(plan: Plan, running: list[Subject], what: str) -> Iterator[Subject]:
    """Yield the subjects round by round, each round in the opposite order of the one before."""
    for number in range(plan.rounds):
        for subject in running if number % 2 == 0 else reversed(running):
            plan.note(f"{what}, round {number + 1} of {plan.rounds}: {subject.name}")
            yield subject
            plan.step()


def plain(plan: Plan, results: Results) -> None:
    """Measure plain chat completions on 64 connections, with the header fields of an SDK and with few."""
    with started(plan, plan.names, streams=False) as running:
        for subject in running:
            plan.note(f"warming {subject.name}")
            load.wrk(subject, headers="sdk", seconds=1)
        for headers in ("sdk", "minimal"):
            taken: dict[str, list[Plain]] = {subject.name: [] for subject in running}
            for subject in in_turns(plan, running, f"plain requests, {headers} headers"):
                before = processes.settled_cpu_s(subject.process)
                workers, workers_before = subject.workers(), processes.own_cpu_s(subject.workers())
                outcome = load.wrk(subject, headers=headers, seconds=plan.plain_s, connections=CONNECTIONS)
                used = processes.settled_cpu_s(subject.process) - before
                used_by_workers = processes.own_cpu_s(workers) - workers_before
                taken[subject.name].append(
                    Plain(
                        cpu_us=used * 1e6 / outcome.requests,
                        workers_us=used_by_workers * 1e6 / outcome.requests,
                        per_second=outcome.requests / outcome.seconds,
                        p50_ms=outcome.p50_ms,
                        p99_ms=outcome.p99_ms,
                        resident_mib=subject.resident_bytes() / MIB,
                    )
                )
            results.plain[headers] = taken


def streams(plan: Plan, results: Results) -> None:
    """Measure 500 concurrent streams of 50 chunks."""
    total = CONCURRENT_STREAMS * plan.streams_each
    with started(plan, plan.names, streams=True) as running:
        for subject in running:
            plan.note(f"warming {subject.name}")
            load.stream(
                subject, concurrent=CONCURRENT_STREAMS, total=CONCURRENT_STREAMS, words=WORDS, interval_ms=5
            )
        results.streams = {subject.name: [] for subject in running}
        for subject in in_turns(plan, running, "streams"):
            before = processes.settled_cpu_s(subject.process)
            outcome = load.stream(
                subject, concurrent=CONCURRENT_STREAMS, total=total, words=WORDS, interval_ms=INTERVAL_MS
            )
            used = processes.settled_cpu_s(subject.process) - before
            results.streams[subject.name].append(
                Streams(
                    cpu_us=used * 1e6 / outcome.streams / WORDS,
                    stream_us=used * 1e6 / outcome.streams,
                    first_byte_p50_ms=outcome.first_byte_p50_ms,
                    resident_mib=subject.resident_bytes() / MIB,
                )
            )


def latency(plan: Plan, results: Results) -> None:
    """Measure the time to the first byte at 1,000 requests a second."""
    with started(plan, plan.names, streams=True) as running:
        for subject in running:
            plan.note(f"warming {subject.name}")
            load.at_rate(subject, per_second=RATE, seconds=1)
        results.latency = {subject.name: [] for subject in running}
        for subject in in_turns(plan, running, f"{RATE:,} requests a second"):
            outcome = load.at_rate(subject, per_second=RATE, seconds=plan.latency_s)
            results.latency[subject.name].append(Latency(outcome.p50_ms, outcome.p99_ms))


def idle(plan: Plan, results: Results) -> None:
    """Measure the memory that 10,000 open streams take in the workers."""
    workers = max(plan.workers, math.ceil(IDLE_STREAMS * FILES_PER_STREAM / processes.raise_open_files()))
    for name in plan.proxies():
        with started(plan, [name], streams=True, workers=workers) as (subject,):
            plan.note(f"warming {name}")
            load.stream(subject, concurrent=100, total=1_000, words=5, interval_ms=0)
            before = processes.resident_bytes(subject.workers())
            plan.note(f"{IDLE_STREAMS:,} idle streams: {name}")
            with load.held_streams(
                subject, count=IDLE_STREAMS, words=IDLE_WORDS, interval_ms=IDLE_INTERVAL_MS
            ):
                # Every stream has passed on a chunk when the interval is over.
                time.sleep(IDLE_INTERVAL_MS / 1_000 + 1)
                after = processes.resident_bytes(subject.workers())
            results.idle[name] = Idle(IDLE_STREAMS, before / MIB, after / MIB)
            plan.step()


def memory(plan: Plan, results: Results) -> None:
    """Watch the workers' memory over many requests."""
    name = plan.names[-1]
    with started(plan, [name], streams=False) as (subject,):
        taken: list[Memory] = []
        done = 0
        while done < plan.memory_requests:
            plan.note(f"memory of {name}: {done:,} of {plan.memory_requests:,} requests")
            done += load.wrk(subject, headers="sdk", seconds=1, connections=CONNECTIONS).requests
            workers = subject.workers()
            resident, anonymous = processes.resident_bytes(workers), processes.anonymous_bytes(workers)
            taken.append(Memory(done, resident / MIB, anonymous / MIB))
        results.memory[name] = taken
        plan.step()


def keys(plan: Plan, results: Results) -> None:
    """Check keys inside this process: remembered ones, and others against a large database."""
    plan.note(f"key checks, with {plan.keys:,} keys")
    results.key_check = key_check.measure(plan.keys)
    plan.step()


def usage_cost(plan: Plan, results: Results) -> None:
    """Take in usage, and report a month of it."""
    plan.note("usage: ingest and the overview of a month")
    results.usage = usage.measure()
    plan.step()


def limits(plan: Plan, results: Results) -> None:
    """Measure what limits cost on one node."""
    with started(plan, ["keyturn"], streams=False) as (subject,):
        results.limits = limited.measure(subject, rounds=plan.rounds, seconds=plan.plain_s, note=plan.note)
    plan.step()


def dashboards(plan: Plan, results: Results) -> None:
    """Measure what open dashboards cost on one node."""
    with started(plan, ["keyturn"], streams=False) as (subject,):
        results.dashboards = dashboard_pages.measure(
            subject, rounds=plan.rounds, seconds=plan.plain_s, note=plan.note
        )
    plan.step()


def pages(plan: Plan, results: Results) -> None:
    """Measure how long pages take on a node that keeps much."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        plan.note(f"pages: filling a database with {plan.page_requests:,} requests")
        dashboard_times.furnish(data / "keyturn.db", keys=usage.KEYS, requests=plan.page_requests)
        with (
            subjects.upstream(Path(folder)) as upstream,
            subjects.keyturn(Setting(upstream, Path(folder), plan.workers)) as subject,
        ):
            results.pages = dashboard_times.measure(
                subject, keys=usage.KEYS, requests=plan.page_requests, note=plan.note
            )
    plan.step()


def translation(plan: Plan, results: Results) -> None:
    """Measure what translating costs on one node."""
    with started(plan, ["keyturn"], streams=True) as (subject,):
        results.translated = translated.measure(
            subject,
            rounds=plan.rounds,
            seconds=plan.plain_s,
            streams_each=plan.streams_each,
            note=plan.note,
        )
    plan.step()


ALL: dict[str, Callable[[Plan, Results], None]] = {
    "plain": plain,
    "streams": streams,
    "latency": latency,
    "idle": idle,
    "memory": memory,
    "keys": keys,
    "limits": limits,
    "dashboards": dashboards,
    "pages": pages,
    "translated": translation,
    "usage": usage_cost,
}
"""Every part, in the order they run."""
