"""Running the load generators, each in a process of its own, and reading what they measured."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench import open_loop, streams
from bench.subjects import Failure, Subject

SCRIPT = Path(__file__).parent / "chat.lua"
MARK = "RESULT "
PATIENCE_S = 300
ERRORS_ALLOWED = 0.001


class WrkOutcome(msgspec.Struct, frozen=True):
    """What wrk measured."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(subject: Subject, *, headers: str, seconds: float, connections: int = 64) -> WrkOutcome:
    """Ask as fast as the answers come.

    Args:
        subject: Who is asked.
        headers: ``sdk`` or ``minimal``, see chat.lua.
        seconds: How long; wrk takes whole seconds only, so it is rounded up.
        connections: How many at once.
    """
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "10s",
        "-s",
        str(SCRIPT),
    ]
    command += [subject.url, "--", subject.key, headers, subject.model]
    outcome = msgspec.json.decode(_run(command).rpartition(MARK)[2], type=WrkOutcome)
    _insist(subject, outcome.errors, outcome.requests)
    return outcome


def stream(subject: Subject, *, concurrent: int, total: int, words: int, interval_ms: int) -> streams.Outcome:
    """Read streams until ``total`` have ended; with 0 words the answers are as long and as fast as the model's own."""
    order = streams.Order(
        subject.port, subject.key, concurrent, total, words, interval_ms, model=subject.model
    )
    outcome = msgspec.json.decode(_run(_command("bench.streams", order)), type=streams.Outcome)
    _insist(subject, outcome.errors, outcome.streams)
    return outcome


@contextmanager
def held_streams(subject: Subject, *, count: int, words: int, interval_ms: int) -> Iterator[None]:
    """Hold streams open inside the block.

    Raises:
        Failure: One of them broke.
    """
    order = streams.Order(subject.port, subject.key, count, count, words, interval_ms, hold=True)
    with subprocess.Popen(
        _command("bench.streams", order), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "open\n":
                raise Failure(f"{subject.name}: the streams could not be opened")
            yield
            said, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    outcome = msgspec.json.decode(said, type=streams.Outcome)
    if outcome.streams != count:
        raise Failure(f"{subject.name}: {count - outcome.streams} of {count} idle streams broke")


def at_rate(subject: Subject, *, per_second: int, seconds: float) -> open_loop.Outcome:
    """Ask at a fixed rate."""
    order = open_loop.Order(subject.port, subject.key, per_second, seconds)
    outcome = msgspec.json.decode(_run(_command("bench.open_loop", order)), type=open_loop.Outcome)
    _insist(subject, outcome.errors, outcome.requests)
    return outcome


def _command(module: str, order: msgspec.Struct) -> list[str]:
    return [sys.executable, "-m", module, msgspec.json.encode(order).decode()]


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed; on Debian: apt-get install nginx wrk") from error
    if done.returncode:
        raise Failure(f"{' '.join(command[:3])} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _insist(subject: Subject, errors: int, asked: int) -> None:
    """Refuse numbers that come from failures."""
    if not asked or errors > asked * ERRORS_ALLOWED:
        raise Failure(f"{subject.name}: {errors} of {asked} requests failed")
