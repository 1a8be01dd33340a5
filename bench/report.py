"""Telling what was measured: tables on the terminal, and docs/benchmarks.md with its chart."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import chart
from bench.parts import (
    CONCURRENT_STREAMS,
    CONNECTIONS,
    IDLE_INTERVAL_MS,
    INTERVAL_MS,
    RATE,
    WORDS,
)
from bench.results import Dashboards, KeyCheck, Limits, Pages, Results, UsageCost, difference, median, ratio
from bench.translated import PASSED

LABELS = {"bare": "upstream", "nginx": "nginx", "keyturn": "Keyturn"}
BUSY = 0.5
HEADERS = {"sdk": "header fields of the OpenAI SDK", "minimal": "few header fields"}


class Sheet:
    """One table: a title, column names, rows of text."""

    def __init__(self, title: str, *columns: str) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[list[str]] = []

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(list(cells))

    def markdown(self) -> str:
        """Return it as Markdown."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def rich(self) -> Table:
        """Return it for the terminal."""
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for number, name in enumerate(self.columns):
            table.add_column(name, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table


def show(results: Results, screen: Console) -> None:
    """Print all tables."""
    if results.machine.load > BUSY:
        screen.print(
            f"The machine was busy before the run (load {results.machine.load:.2f}).", style="yellow"
        )
    for sheet in sheets(results):
        screen.print(sheet.rich())


def sheets(results: Results) -> Iterator[Sheet]:
    """Yield a table for each part that was measured."""
    yield from _plain(results)
    if results.streams:
        yield _streams(results)
    if results.latency:
        yield _latency(results)
    if results.idle:
        yield _idle(results)
    if results.memory:
        yield _memory(results)
    if results.key_check is not None:
        yield _key_check(results.key_check)
    yield from _of_one_node(results)
    if results.translated:
        yield _translated(results)
    if results.usage is not None:
        yield _usage(results.usage)


def _of_one_node(results: Results) -> Iterator[Sheet]:
    if results.limits is not None:
        yield _limits(results.limits)
    if results.dashboards is not None:
        yield _dashboards(results.dashboards)
    if results.pages is not None:
        yield _pages(results.pages)


def _plain(results: Results) -> Iterator[Sheet]:
    for headers, taken in results.plain.items():
        title = f"Plain requests, {CONNECTIONS} connections, {HEADERS[headers]}"
        sheet = Sheet(
            title, "", "CPU/request", "in workers", "to nginx", "requests/s", "p50", "p99", "memory"
        )
        for name, rounds in taken.items():
            sheet.add(
                LABELS[name],
                f"{median(rounds, lambda each: each.cpu_us):.1f} µs",
                f"{median(rounds, lambda each: each.workers_us):.1f} µs",
                _to_nginx(
                    ratio(rounds, taken["nginx"], lambda each: each.cpu_us) if "nginx" in taken else None,
                    name,
                ),
                f"{median(rounds, lambda each: each.per_second):,.0f}",
                f"{median(rounds, lambda each: each.p50_ms):.2f} ms",
                f"{median(rounds, lambda each: each.p99_ms):.2f} ms",
                f"{median(rounds, lambda each: each.resident_mib):.0f} MiB",
            )
        yield sheet


def _streams(results: Results) -> Sheet:
    title = f"{CONCURRENT_STREAMS} concurrent streams of {WORDS} chunks, one each {INTERVAL_MS} ms"
    sheet = Sheet(title, "", "CPU/chunk", "CPU/stream", "to nginx", "first byte p50", "memory")
    taken = results.streams
    for name, rounds in taken.items():
        sheet.add(
            LABELS[name],
            f"{median(rounds, lambda each: each.cpu_us):.1f} µs",
            f"{median(rounds, lambda each: each.stream_us):,.0f} µs",
            _to_nginx(
                ratio(rounds, taken["nginx"], lambda each: each.cpu_us) if "nginx" in taken else None, name
            ),
            f"{median(rounds, lambda each: each.first_byte_p50_ms):.2f} ms",
            f"{median(rounds, lambda each: each.resident_mib):.0f} MiB",
        )
    return sheet


def _latency(results: Results) -> Sheet:
    sheet = Sheet(f"First byte at {RATE:,} requests a second", "", "p50", "p99", "added p50", "added p99")
    taken = results.latency
    for name, rounds in taken.items():
        added = ["", ""]
        if "bare" in taken and name != "bare":
            added = [
                f"{difference(rounds, taken['bare'], lambda each: each.p50_ms):.2f} ms",
                f"{difference(rounds, taken['bare'], lambda each: each.p99_ms):.2f} ms",
            ]
        sheet.add(
            LABELS[name],
            f"{median(rounds, lambda each: each.p50_ms):.2f} ms",
            f"{median(rounds, lambda each: each.p99_ms):.2f} ms",
            *added,
        )
    return sheet


def _idle(results: Results) -> Sheet:
    title = f"Open streams, one chunk each {IDLE_INTERVAL_MS // 1_000} s: memory of the workers"
    sheet = Sheet(title, "", "streams", "before", "with all open", "per stream")
    for name, taken in results.idle.items():
        sheet.add(
            LABELS[name],
            f"{taken.streams:,}",
            f"{taken.before_mib:.0f} MiB",
            f"{taken.open_mib:.0f} MiB",
            f"{taken.kib_per_stream:.1f} KiB",
        )
    return sheet


def _memory(results: Results) -> Sheet:
    sheet = Sheet(
        "Memory of the workers over many requests", "", "after requests", "memory", "without mapped files"
    )
    for name, taken in results.memory.items():
        early = next(each for each in taken if each.requests >= taken[-1].requests / 10)
        for each in (early, taken[-1]):
            sheet.add(
                LABELS[name],
                f"{each.requests:,}",
                f"{each.resident_mib:.1f} MiB",
                f"{each.anonymous_mib:.1f} MiB",
            )
    return sheet


def _key_check(taken: KeyCheck) -> Sheet:
    sheet = Sheet("Checking a key", "", "")
    sheet.add("the worker remembers it; permissions only", f"{taken.plain_us:.1f} µs")
    sheet.add("the worker remembers it; addresses, models and an expiry too", f"{taken.fenced_us:.1f} µs")
    sheet.add(f"look-up among {taken.keys:,} keys in SQLite, p50", f"{taken.lookup_p50_us:.0f} µs")
    sheet.add(f"look-up among {taken.keys:,} keys in SQLite, p99", f"{taken.lookup_p99_us:.0f} µs")
    sheet.add(f"memory of {taken.cached:,} remembered keys", f"{taken.cache_mib:.0f} MiB")
    return sheet


def _usage(taken: UsageCost) -> Sheet:
    sheet = Sheet("Usage", "", "")
    sheet.add(
        "ingest into SQLite, reports asked for meanwhile, CPU a request", f"{taken.ingest_cpu_us:.1f} µs"
    )
    sheet.add("requests a second that is on one core", f"{1e6 / taken.ingest_cpu_us:,.0f}")
    sheet.add("requests a second on the clock", f"{taken.ingest_per_second:,.0f}")
    name = f"overview of 30 days, {taken.keys:,} keys, {taken.minutes:,} sums by the minute"
    sheet.add(name, f"{taken.overview_ms:.0f} ms")
    sheet.add("CPU of that", f"{taken.overview_cpu_ms:.0f} ms")
    return sheet


def _limits(taken: Limits) -> Sheet:
    sheet = Sheet("Limits", "", "")
    more = statistics.median(
        above / below - 1 for above, below in zip(taken.limited_us, taken.plain_us, strict=True)
    )
    sheet.add("CPU of a request, key without limits", f"{statistics.median(taken.plain_us):.1f} µs")
    sheet.add("CPU of a request, four limits and a budget", f"{statistics.median(taken.limited_us):.1f} µs")
    sheet.add("more, median of the rounds", f"{more:+.1%}")
    sheet.add(f"asking for one request at a time, p50 of {taken.asks:,}", f"{taken.ask_p50_us:.0f} µs")
    sheet.add("asking for one request at a time, p99", f"{taken.ask_p99_us:.0f} µs")
    sheet.add("a byte to another process and back meanwhile, p50", f"{taken.bare_p50_us:.0f} µs")
    sheet.add("a byte to another process and back meanwhile, p99", f"{taken.bare_p99_us:.0f} µs")
    return sheet


def _dashboards(taken: Dashboards) -> Sheet:
    sheet = Sheet("Open dashboards", "", "none open", f"{taken.pages} open", "more")
    for name, alone, watched in (
        ("CPU of a request", taken.alone_us, taken.watched_us),
        ("in the workers alone", taken.workers_alone_us, taken.workers_watched_us),
    ):
        more = statistics.median(above / below - 1 for above, below in zip(watched, alone, strict=True))
        sheet.add(
            name, f"{statistics.median(alone):.1f} µs", f"{statistics.median(watched):.1f} µs", f"{more:+.1%}"
        )
    sheet.add("of one core, without requests", "", f"{taken.at_rest_share:.1%}", "")
    return sheet


def _pages(taken: Pages) -> Sheet:
    title = f"Pages of the dashboard, {taken.keys:,} keys, {taken.requests:,} requests in a month"
    sheet = Sheet(title, "", "median", "slowest", "first since the start")
    for name, median_ms in taken.median_ms.items():
        sheet.add(
            name, f"{median_ms:.0f} ms", f"{taken.slowest_ms[name]:.0f} ms", f"{taken.first_ms[name]:.0f} ms"
        )
    return sheet


def _translated(results: Results) -> Sheet:
    title = "Translated from OpenAI's dialect"
    sheet = Sheet(title, "upstream", "CPU/request", "to passed", "CPU/chunk")
    passed = results.translated[PASSED]
    for name, taken in results.translated.items():
        to_passed = statistics.median(
            above / below for above, below in zip(taken.request_us, passed.request_us, strict=True)
        )
        sheet.add(
            "OpenAI, passed through" if taken is passed else name.title(),
            f"{statistics.median(taken.request_us):.1f} µs",
            "" if taken is passed else f"{to_passed:.2f}x",
            f"{statistics.median(taken.chunk_us()):.1f} µs",
        )
    return sheet


def _to_nginx(found: float | None, name: str) -> str:
    return "" if found is None or name == "bare" else f"{found:.2f}x"


def write(results: Results, folder: Path) -> None:
    """Write benchmarks.md and benchmarks.svg."""
    folder.mkdir(exist_ok=True)
    (folder / "benchmarks.svg").write_text(chart.draw(_bars(results)))
    (folder / "benchmarks.md").write_text(_page(results))


def _bars(results: Results) -> list[chart.Group]:
    groups = []
    if "sdk" in results.plain:
        taken = results.plain["sdk"]
        bars = [
            (LABELS[name], median(taken[name], lambda each: each.cpu_us)) for name in taken if name != "bare"
        ]
        groups.append(chart.Group("One request", bars))
    if results.streams:
        told = results.streams
        bars = [
            (LABELS[name], median(told[name], lambda each: each.cpu_us)) for name in told if name != "bare"
        ]
        groups.append(chart.Group("One streamed chunk", bars))
    return groups


def _page(results: Results) -> str:
    machine = results.machine
    tables = "\n\n".join(f"## {sheet.title}\n\n{sheet.markdown()}" for sheet in sheets(results))
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return f"""# Benchmarks

What a request costs when it goes through Keyturn with everything on (key check, journal, usage, metrics, request id),
beside nginx as a bare proxy with one key check, and beside the upstream alone. `make bench` wrote this page.

![CPU time of nginx and Keyturn for one request and for one streamed chunk](benchmarks.svg)

{tables}

## Machine

{machine.cpu}, {machine.cores} cores, {machine.memory_gib:.0f} GiB; Linux {machine.kernel}; {versions}.
nginx and Keyturn with {results.workers} worker{"s" if results.workers > 1 else ""} each. Taken {results.taken_at}; load average before: {machine.load:.2f}.
Load generator, upstream and subject share the machine.

{_METHOD}"""


_METHOD = f"""## Method

- **Subjects.** All stand in front of the same upstream, `python -m keyturn.demo`, over kept-alive connections on 127.0.0.1.
  nginx checks one key by `map $http_authorization` and swaps it for the upstream's; no access log; no buffering for
  streams. Keyturn is a whole node: supervisor, control process, workers; its database and journals are on disk.
- **CPU** is user and system time, from `/proc/PID/stat`, of all processes of the subject, the control process included,
  until they have come to rest after the load: what Keyturn writes later, it pays for too. For the upstream alone it is
  what the upstream itself uses. The upstream is not counted for the others. "In workers" leaves out supervisor and control process.
- **Rounds.** Every subject is started afresh and warmed, then they take turns, each round in the opposite order of the
  one before. A number is the median of its rounds. "To nginx" is the median of the ratios within each round.
- **Plain requests**: wrk, one thread, {CONNECTIONS} connections, a chat completion of about 700 bytes.
- **Streams**: an own generator; a stream is a role chunk, {WORDS} words, an end with usage. All of a stream's cost, its request
  included, is divided by {WORDS}.
- **First byte**: an own generator that sends {RATE:,} requests a second, due or not; from writing the request to the first
  byte of the answer. "Added" is the difference to the upstream alone in the same round.
- **Open streams**: resident memory of the workers (for nginx of its worker processes) with the streams open and at least
  one chunk passed on in each, less what they held after warming. With more than one worker if the limit on open files asks for it.
- **Memory**: resident memory of the workers, early and late in one run. Of mapped files (the journal, shared libraries) the
  kernel may drop pages when others need the memory; the last column leaves them out.
- **Limits**: plain requests with a key without limits and with one that has four and a budget, too high to be reached, in
  turns on one node. Asking for one request at a time is what `Server-Timing` says that limits of 10 a minute took; between
  two of them a byte goes to another process and back, which nothing on that machine can beat.
- **Open dashboards**: plain requests with no page open and with 50 in turns, on one node; half of the pages show requests
  as they come in, half only figures. At rest: the 50 open, and no requests.
- **Pages**: from asking for a page to having all of it, by the clock, one at a time, with a request to a model before each.
- **Usage**: 300,000 requests of 1,000 keys are taken into a database that holds a month of 10,000 keys, while reports are asked
  for; the overview is that month by the hour, its ten dearest keys and its models.
- **Translated**: one node, one upstream under three names, one for each dialect it speaks; a client of OpenAI's dialect
  asks them in turns. A chunk's cost is what a stream costs more than a plain request, by the times that data came.
- **Checking a key**: the real code inside one process. Remembered: finding the credential, its hash, the look-up and the
  decision, median of 30 rounds. Look-up: a worker's question over the bus, another key each time, with verifier, query,
  binding and record at the other end. `.venv/bin/python -m bench.key_check` measures it alone.

## Repeat it

Debian's `nginx` and `wrk` are needed (`apt-get install nginx wrk`).

```
make bench                                   # everything, about twenty minutes; rewrites this page
.venv/bin/python -m bench --only plain --quick   # a first look, half a minute
.venv/bin/python -m bench --long             # a million requests, pages over ten million
```

Each run is also saved as JSON in `bench/results`.
"""
