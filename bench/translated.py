"""What translating costs: the same request to the same demo model, passed through and in other providers' dialects.

The client speaks OpenAI's. A node has a name for the model in each of the dialects that the upstream speaks, and they
take turns. What a chunk costs is what a stream costs more than a plain request, by the chunks that came.
"""

from collections.abc import Callable

from msgspec import structs

from bench import load, processes
from bench.limits import operator
from bench.results import Translated
from bench.subjects import UPSTREAM_KEY, Failure, Subject

MODEL = "demo-claude"
PASSED = "openai"
PROVIDERS = {PASSED: "compatible", "anthropic": "anthropic", "gemini": "gemini"}
"""Who the upstream is taken for, by what the node calls it."""
CONCURRENT = 100
WARM_S = 1


def measure(
    subject: Subject, *, rounds: int, seconds: float, streams_each: int, note: Callable[[str], None]
) -> dict[str, Translated]:
    """Measure a running node; returns what was measured by dialect of the upstream.

    Args:
        subject: The node.
        rounds: How often each dialect has its turn.
        seconds: How long plain requests are sent for in a turn.
        streams_each: Streams per connection and turn.
        note: Told what is being done.
    """
    asked = {name: structs.replace(subject, model=name) for name in _connect(subject)}
    found = {name: Translated([], [], []) for name in asked}
    for one in asked.values():
        load.wrk(one, headers="sdk", seconds=WARM_S)
        load.stream(one, concurrent=CONCURRENT, total=CONCURRENT, words=0, interval_ms=0)
    for number in range(rounds):
        for name in list(asked) if number % 2 == 0 else reversed(asked):
            note(f"translated, round {number + 1} of {rounds}: {name}")
            _take(asked[name], found[name], seconds=seconds, total=CONCURRENT * streams_each)
    return found


def _connect(subject: Subject) -> list[str]:
    """Make a name for the model in each dialect; returns the names."""
    with operator(subject) as client:
        base_url = client.get("/upstreams").raise_for_status().json()["data"][0]["base_url"]
        for name, provider in PROVIDERS.items():
            where = base_url if provider == "compatible" else base_url.removesuffix("/v1")
            upstream = {
                "name": name,
                "provider": provider,
                "base_url": where,
                "api_key": UPSTREAM_KEY,
                "models": [],
            }
            client.post("/upstreams", json=upstream).raise_for_status()
            model = {"name": name, "upstream": name, "upstream_model": MODEL}
            client.post("/models", json=model).raise_for_status()
    return list(PROVIDERS)


def _take(asked: Subject, found: Translated, *, seconds: float, total: int) -> None:
    """Take one turn."""
    before = processes.settled_cpu_s(asked.process)
    plain = load.wrk(asked, headers="sdk", seconds=seconds)
    between = processes.settled_cpu_s(asked.process)
    told = load.stream(asked, concurrent=CONCURRENT, total=total, words=0, interval_ms=0)
    after = processes.settled_cpu_s(asked.process)
    if told.pieces < 2 * told.streams:
        raise Failure(f"{asked.model}: the streams came in one piece")
    found.request_us.append((between - before) * 1e6 / plain.requests)
    found.stream_us.append((after - between) * 1e6 / told.streams)
    found.chunks.append(told.pieces / told.streams)
