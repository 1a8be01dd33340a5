"""Frames between a worker and the control process."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest

from keyturn import bus
from keyturn.domain.attempts import Answer, Fate
from keyturn.domain.bodies import Body, Exchanged
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.journal import Refused
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.leases import Ask, Denial, Grant, Return
from keyturn.domain.limits import Bound, Limit, Metric, Scope, Window
from keyturn.domain.models import Target
from keyturn.domain.permissions import Permission
from keyturn.domain.prices import Price, PriceStep, PriceVersion
from keyturn.domain.refusals import Reason, Refused as Refusal

KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}), expires_at=1.5)
BOUND = Bound("key_1", Scope.KEY, Limit(Metric.REQUESTS, Window.MINUTE, 10))
TRACE = Refused("req_1", "", "missing_api_key", 401, 1, "chat", "/v1", "m", "query", "::1", "")
FROM_WORKER: list[bus.FromWorker] = [
    bus.Hello("1-abc", 1),
    bus.Look(1, b"d" * 32),
    bus.Confirmed(7),
    bus.Counted([("chat", 200, 3)], [("missing_api_key", 1)], [("input", 5)], [0, 1], 0.5, {"open": 1.0}),
    bus.FirstUse("sec_1"),
    bus.Noticed([Notice(EventKind.GUESSING, 1.5, address="::1", details={"count": "9"})]),
    bus.Take(1, [Ask(BOUND, 1, 8)]),
    bus.Give([Return(BOUND.counter, 3, -2, 9)]),
    bus.Attempt(b"a" * 32, b"f" * 32, "req_1"),
    bus.AttemptEnded(b"a" * 32, "req_1", Fate.SERVED, Answer(200, b"a: b\r\n", b"\x00\xff")),
    bus.Bodies(Exchanged("req_1", "key_1", Body(b"\x00\xff", True), Body(b"", False))),
    bus.Traced(1, None),
    bus.Traced(2, TRACE),
]
FROM_CONTROL: list[bus.FromControl] = [
    bus.Snapshot(
        1,
        {"m": Target("demo", "demo-chat", (PriceStep(5, PriceVersion("p", "m", Price(1, 2))),), 3, 4)},
        {"demo": bus.Upstream("demo", "http://127.0.0.1:1/v1", "k")},
        frozenset({"header"}),
    ),
    bus.Found(1, 7, KEY),
    bus.Found(2, 7, None, True),
    bus.Invalidate(8, ["key_1"]),
    bus.Granted(1, [Grant(9, 0.5, 3, 9, 10, -1.0, 60)]),
    bus.Denied(1, Denial(0, 10, 10, 1.5)),
    bus.Recount(9, ["key_1"]),
    bus.Recall(BOUND.counter),
    bus.Proceed(b"a" * 32, "req_1"),
    bus.Repeat("req_2", "req_1", Answer(200, b"a: b\r\n", b"\x00\xff")),
    bus.Refrain("req_2", Refusal(Reason.CONFLICT, "no", details={"first_request_id": "req_1"})),
    bus.Noted("req_1"),
    bus.Trace(1, "req_1"),
]
Reading: TypeAlias = "bus.Frames[bus.FromWorker]"


def from_worker() -> Reading:
    """Make the reader of a worker's frames."""
    return bus.Frames(bus.FromWorker)  # type: ignore[arg-type]


def from_control() -> "bus.Frames[bus.FromControl]":
    """Make the reader of the control process's frames."""
    return bus.Frames(bus.FromControl)  # type: ignore[arg-type]


def test_every_message_of_a_worker_arrives_as_it_was_sent() -> None:
    """In order, and many in one read."""
    assert from_worker().feed(b"".join(map(bus.encode, FROM_WORKER))) == FROM_WORKER


def test_every_message_of_the_control_process_arrives_as_it_was_sent() -> None:
    """In order, and many in one read."""
    assert from_control().feed(b"".join(map(bus.encode, FROM_CONTROL))) == FROM_CONTROL


def test_a_message_is_told_by_its_number_in_both_directions() -> None:
    """A new message must not take the number of another."""
    tags = [
        type(one).__struct_config__.tag for one in (*FROM_WORKER[:-1], *FROM_CONTROL[:2], *FROM_CONTROL[3:])
    ]

    assert len(tags) == len(set(tags)) == len(bus.FromWorker.__args__) + len(bus.FromControl.__args__)


def test_bytes_are_kept_until_a_message_is_whole() -> None:
    """A socket cuts where it likes."""
    frames = from_worker()
    data = bus.encode(FROM_WORKER[0])

    found = [frames.feed(data[place : place + 1]) for place in range(len(data))]

    assert found == [[]] * (len(data) - 1) + [[FROM_WORKER[0]]]


@pytest.mark.parametrize(
    "data",
    [
        (bus.LARGEST_FRAME + 1).to_bytes(4, "big"),
        b"\0\0\0\1\xc1",
        b"\0\0\0\1\x90",
        b"\0\0\0\2\x91\x63",
        bus.encode(bus.Invalidate(1, [])),
    ],
)
def test_what_is_no_message_loses_the_connection(data: bytes) -> None:
    """The other side is of another version, or not who it should be; it must not be guessed at."""
    with pytest.raises(ValueError):
        from_worker().feed(data)


def test_a_secret_is_no_message() -> None:
    """Workers learn digests, never secrets."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"call": "x"}, bus.Look)


Ends: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def hearing(path: Path, hear: Callable[[bus.FromWorker], None]) -> tuple[asyncio.Server, list[Ends]]:
    """Return what listens at a socket, and the ends of its connections."""
    ends: list[Ends] = []

    def conversation() -> bus.Conversation[bus.FromWorker]:
        return bus.Conversation(bus.FromWorker, hear, lambda *both: ends.append(both))  # type: ignore[arg-type]

    return await asyncio.get_running_loop().create_unix_server(conversation, path), ends


async def test_messages_are_heard_in_order_once_they_are_whole() -> None:
    """Half a message is not the end of the conversation."""
    heard: list[bus.FromWorker] = []
    talk = bus.Conversation(bus.FromWorker, heard.append, lambda *_both: None)  # type: ignore[arg-type]
    data = bus.encode(FROM_WORKER[0]) + bus.encode(FROM_WORKER[2])

    talk.data_received(data[:5])
    half = list(heard)
    talk.data_received(data[5:])

    assert (half, heard) == ([], [FROM_WORKER[0], FROM_WORKER[2]])


async def test_nothing_is_heard_after_what_could_not_be_obeyed() -> None:
    """Messages lean on those before them, and who skipped one does not know where it stands."""
    heard: list[bus.FromWorker] = []

    def hear(message: bus.FromWorker) -> None:
        heard.append(message)
        raise ValueError("not now")

    talk = bus.Conversation(bus.FromWorker, hear, lambda *_both: None)  # type: ignore[arg-type]

    talk.data_received(bus.encode(FROM_WORKER[0]) + bus.encode(FROM_WORKER[2]))
    talk.data_received(bus.encode(FROM_WORKER[2]))

    assert heard == [FROM_WORKER[0]]


async def test_the_end_of_a_conversation_says_why(tmp_path: Path) -> None:
    """Whoever waits for it hangs up, and tells what was wrong with a message; nothing, where the other side hung up."""

    def hear(message: bus.FromWorker) -> None:
        if message == FROM_WORKER[2]:
            raise ValueError("not now")

    server, ends = await hearing(tmp_path / "s", hear)
    async with server:
        for message in (FROM_WORKER[0], FROM_WORKER[2]):
            _, writer = await bus.connect(str(tmp_path / "s"), bus.FromControl, print)  # type: ignore[arg-type]
            writer.write(bus.encode(message))
            writer.close()
            await writer.wait_closed()

        left = await ends[0][0].read()
        with pytest.raises(ValueError, match="not now"):
            await ends[1][0].read()
        for _, writer in ends:
            writer.close()

    assert left == b""
