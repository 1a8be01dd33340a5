"""What was measured. Written as JSON, read by the report and the chart."""

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

Sample = TypeVar("Sample")


class Plain(msgspec.Struct, frozen=True):
    """One round of plain requests."""

    cpu_us: float
    """CPU time of all processes of the subject per request, in microseconds."""
    workers_us: float
    """Of it in the processes that carry the traffic; the rest is the control process and the supervisor."""
    per_second: float
    p50_ms: float
    p99_ms: float
    resident_mib: float


class Streams(msgspec.Struct, frozen=True):
    """One round of streams."""

    cpu_us: float
    """CPU time per streamed chunk; a stream's request, head and end are spread over its chunks."""
    stream_us: float
    """CPU time per whole stream."""
    first_byte_p50_ms: float
    resident_mib: float


class Latency(msgspec.Struct, frozen=True):
    """One round at a fixed rate."""

    p50_ms: float
    p99_ms: float


class Idle(msgspec.Struct, frozen=True):
    """Many open streams in which little happens."""

    streams: int
    before_mib: float
    """Memory of the workers before."""
    open_mib: float
    """Memory of the workers with all streams open."""

    @property
    def kib_per_stream(self) -> float:
        """Memory that one open stream takes."""
        return (self.open_mib - self.before_mib) * 1_024 / self.streams


class Memory(msgspec.Struct, frozen=True):
    """Memory of the workers after so many requests."""

    requests: int
    resident_mib: float
    anonymous_mib: float
    """Without mapped files, such as the journal, which the kernel may write out and drop."""


class KeyCheck(msgspec.Struct, frozen=True):
    """What checking a key costs inside a process, in microseconds."""

    plain_us: float
    """A key that the worker remembers, with nothing to check but its permissions."""
    fenced_us: float
    """The same with addresses, models and an expiry."""
    keys: int
    """In the database that look-ups were made in."""
    lookup_p50_us: float
    lookup_p99_us: float
    lookup_max_us: float
    cached: int
    """Keys remembered by the worker whose memory was taken."""
    cache_mib: float


class UsageCost(msgspec.Struct, frozen=True):
    """What taking in usage and reporting it costs."""

    requests: int
    """Taken in, of 1,000 keys."""
    ingest_cpu_us: float
    """CPU time for each, that of the reports asked for meanwhile included."""
    ingest_per_second: float
    """On the clock."""
    keys: int
    """In the database that the overview was asked of."""
    minutes: int
    """Sums by the minute in it."""
    overview_ms: float
    overview_cpu_ms: float


class Limits(msgspec.Struct, frozen=True):
    """What limits cost, in microseconds."""

    plain_us: list[float]
    """CPU time of all processes per request with a key without limits, by round."""
    limited_us: list[float]
    """The same with four limits and a budget, in the same rounds."""
    asks: int
    """Requests that had to ask one by one."""
    ask_p50_us: float
    ask_p99_us: float
    bare_p50_us: float
    """For a byte to another process and back, in between."""
    bare_p99_us: float


class Dashboards(msgspec.Struct, frozen=True):
    """What open dashboards cost, by round; microseconds of CPU per plain request."""

    pages: int
    alone_us: list[float]
    """In all processes, with no page open."""
    watched_us: list[float]
    """The same with ``pages`` open, in the same rounds."""
    workers_alone_us: list[float]
    """In the workers alone."""
    workers_watched_us: list[float]
    events: int
    """That the pages were told meanwhile."""
    at_rest_share: float
    """Of one core, that all processes use with the pages open and no requests."""


class Pages(msgspec.Struct, frozen=True):
    """How long pages of the dashboard took, by name; milliseconds until all of a page was there."""

    keys: int
    """In the database."""
    requests: int
    """That they made in the last month."""
    first_ms: dict[str, float]
    """When each was opened for the first time since the start."""
    median_ms: dict[str, float]
    """Of the other times."""
    slowest_ms: dict[str, float]


class Translated(msgspec.Struct, frozen=True):
    """What requests cost whose upstream speaks one dialect, by round; the client's is OpenAI's."""

    request_us: list[float]
    """CPU time of all processes per plain request, in microseconds."""
    stream_us: list[float]
    """The same per stream of the same answer."""
    chunks: list[float]
    """Times that a stream's data came."""

    def chunk_us(self) -> list[float]:
        """Return the CPU time of a chunk by round: what streaming adds to a request."""
        rounds = zip(self.stream_us, self.request_us, self.chunks, strict=True)
        return [(stream - request) / chunks for stream, request, chunks in rounds]


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    load: float
    """How many processes wanted to run in the minute before; above 0 something else disturbed the numbers."""
    versions: dict[str, str]


class Results(msgspec.Struct):
    """Everything one run measured; parts that were left out are empty. The inner keys are subjects."""

    taken_at: str
    quick: bool
    workers: int
    machine: Machine
    plain: dict[str, dict[str, list[Plain]]] = {}
    """By kind of header fields: ``sdk``, ``minimal``."""
    streams: dict[str, list[Streams]] = {}
    latency: dict[str, list[Latency]] = {}
    idle: dict[str, Idle] = {}
    memory: dict[str, list[Memory]] = {}
    key_check: KeyCheck | None = None
    limits: Limits | None = None
    dashboards: Dashboards | None = None
    pages: Pages | None = None
    usage: UsageCost | None = None
    translated: dict[str, Translated] = {}
    """By dialect of the upstream; ``openai`` is passed through."""


def median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Return the median of one number over the rounds."""
    return statistics.median(map(value, samples))


def ratio(above: Sequence[Sample], below: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Return the median, over the rounds, of the ratio within a round: what disturbs a round disturbs both."""
    return statistics.median(value(a) / value(b) for a, b in zip(above, below, strict=True))


def difference(above: Sequence[Sample], below: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Return the median, over the rounds, of the difference within a round."""
    return statistics.median(value(a) - value(b) for a, b in zip(above, below, strict=True))
