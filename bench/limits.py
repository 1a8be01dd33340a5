"""What limits cost: the same requests with a key that has none and with one that has five, in turns, on one node.

Then requests that each have to ask the process that counts, because their limits are too low to be leased ahead: how
long that takes is what ``Server-Timing`` says of it. Between them a byte goes to another process and back, which is what
the machine takes for any question at all.
"""

import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import httpx
from msgspec import structs

from bench import load, processes
from bench.results import Limits
from bench.subjects import Subject

HIGH: list[dict[str, object]] = [
    {"metric": "requests", "window": "minute", "max": 10_000_000},
    {"metric": "tokens", "window": "minute", "max": 10_000_000_000},
    {"metric": "requests", "window": "day", "max": 1_000_000_000},
    {"metric": "concurrency", "max": 100_000},
    {"metric": "cost_usd", "window": "month", "max": "1000000"},
]
"""Four limits and a budget that nobody reaches."""
LOW: list[dict[str, object]] = [{"metric": "requests", "window": "minute", "max": 10}]
ASKING_KEYS, ASKS_EACH = 200, 10
WARM_S = 1
_SPENT = re.compile(r"limits;dur=([0-9.]+)")


def measure(subject: Subject, *, rounds: int, seconds: float, note: Callable[[str], None]) -> Limits:
    """Measure a running node.

    Args:
        subject: The node.
        rounds: How often both keys have their turn.
        seconds: How long a turn lasts.
        note: Told what is being done.
    """
    with operator(subject) as client:
        limited = structs.replace(subject, key=new_key(client, "limited", HIGH))
        asking = [new_key(client, f"asking {number}", LOW) for number in range(ASKING_KEYS)]
    for one in (subject, limited):
        load.wrk(one, headers="sdk", seconds=WARM_S)
    plain_us: list[float] = []
    limited_us: list[float] = []
    for number in range(rounds):
        turns = [(subject, plain_us), (limited, limited_us)]
        for one, taken in turns if number % 2 == 0 else reversed(turns):
            note(f"limits, round {number + 1} of {rounds}")
            before = processes.settled_cpu_s(subject.process)
            outcome = load.wrk(one, headers="sdk", seconds=seconds)
            taken.append((processes.settled_cpu_s(subject.process) - before) * 1e6 / outcome.requests)
    note("requests that ask one by one")
    asked_us, bare_us = _asked_us(subject, asking)
    return Limits(
        plain_us=plain_us,
        limited_us=limited_us,
        asks=len(asked_us),
        ask_p50_us=statistics.median(asked_us),
        ask_p99_us=_p99(asked_us),
        bare_p50_us=statistics.median(bare_us),
        bare_p99_us=_p99(bare_us),
    )


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def operator(subject: Subject) -> httpx.Client:
    """Return a client of the node's management API, as the machine's operator."""
    socket = httpx.HTTPTransport(uds=str(subject.data / "run" / "control.sock"))
    return httpx.Client(transport=socket, base_url="http://keyturn/api/v1", timeout=30)


def new_key(client: httpx.Client, name: str, limits: Sequence[dict[str, object]], **members: object) -> str:
    """Create a key with limits; returns its secret."""
    answer = client.post("/keys", json={"name": name, "limits": limits, **members})
    answer.raise_for_status()
    return str(answer.json()["key"])


def _asked_us(subject: Subject, secrets: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return how long each request waited for room, the first of a key left out, and a byte for its way there and back."""
    body = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
    asked, bare = [], []
    ours, theirs = socket.socketpair()
    echo = [sys.executable, "-c", _ECHO, str(theirs.fileno())]
    with theirs, subprocess.Popen(echo, pass_fds=[theirs.fileno()]), httpx.Client(timeout=30) as client:
        theirs.close()
        with ours:  # when it is closed, the other process ends
            for secret in secrets:
                for number in range(ASKS_EACH):
                    headers = {"authorization": f"Bearer {secret}"}
                    answer = client.post(subject.url, json=body, headers=headers)
                    answer.raise_for_status()
                    spent = _SPENT.search(answer.headers["server-timing"])
                    begun = time.perf_counter()
                    ours.sendall(b".")
                    ours.recv(1)
                    if number and spent is not None:
                        asked.append(float(spent[1]) * 1_000)
                        bare.append((time.perf_counter() - begun) * 1e6)
    return asked, bare


_ECHO = """\
import socket, sys
with socket.socket(fileno=int(sys.argv[1])) as back:
    while data := back.recv(1):
        back.sendall(data)
"""
