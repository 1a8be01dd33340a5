"""Calls with an Idempotency-Key whose client was lost, or whose answer could not be kept."""

import threading

import pytest

from fakes.origin import Origin, hangs_up, is_read, plain, waits_for, watches_it_leave
from gateway.calls import asked, charged, code
from gateway.pieces import CHUNKED, DONE, EVENT, SSE, chunk
from gateway.providers import MODEL
from support.node import Node, until
from support.wire import Answer, Wire, call

STREAM = SSE + CHUNKED


@pytest.fixture
def once(request: pytest.FixtureRequest) -> str:
    """An Idempotency-Key of the test's own."""
    return str(request.node.name).replace(" ", "-")


def test_a_client_that_leaves_a_stream_gets_all_of_it_when_it_comes_back(
    node: Node, origin: Origin, once: str
) -> None:
    """That is what the name is for: the connection broke, and the answer was paid for."""
    left = threading.Event()
    origin.arrange(STREAM + chunk(EVENT), waits_for(left), chunk(EVENT), is_read, chunk(DONE) + b"0\r\n\r\n")
    key_id, key = node.new_key(once)
    ask = call(MODEL, key, f"Idempotency-Key: {once}", stream=True)
    with Wire(node.port) as wire:
        wire.send(ask)
        wire.until(EVENT)
        wire.reset()

    with Wire(node.port) as wire:
        waiting = wire.ask(ask)
        left.set()
        answers: list[Answer] = []

        def answered() -> bool:
            answers.append(wire.ask(ask))
            return answers[-1].status == 200

        until(answered, what="the rest of the stream")

    assert code(waiting) == (409, "idempotency_in_flight")
    assert answers[-1].body == EVENT + EVENT + DONE
    assert answers[-1].headers["content-type"] == "text/event-stream"
    assert len(origin.received) == 1
    assert charged(node, key_id)[0] == 1


def test_a_client_that_leaves_before_the_head_gets_the_answer_when_it_comes_back(
    node: Node, origin: Origin, once: str
) -> None:
    """A time-out of the client's own."""
    left = threading.Event()
    origin.arrange(waits_for(left), plain())
    with Wire(node.port) as wire:
        wire.send(asked(node, once))
        origin.has_received(1)
        wire.reset()

    with Wire(node.port) as wire:
        waiting = wire.ask(asked(node, once))
        left.set()
        until(lambda: wire.ask(asked(node, once)).status == 200, what="the answer")

    assert code(waiting) == (409, "idempotency_in_flight")
    assert len(origin.received) == 1


def test_a_call_that_nobody_can_get_the_answer_of_ends_with_its_client(
    node: Node, origin: Origin, once: str
) -> None:
    """Beyond what is kept, going on would only cost."""
    event = b"data: " + b"x" * 65_000 + b"\n\n"
    origin.arrange(STREAM, *[chunk(event)] * 20, watches_it_leave)
    with Wire(node.port) as wire:
        wire.send(asked(node, once, stream=True))
        for _ in range(20):
            wire.until(b"\n\n")
        wire.reset()
    until(lambda: origin.left == 1, what="the end of the call")

    with Wire(node.port) as wire:
        until(lambda: code(wire.ask(asked(node, once, stream=True)))[1] != "idempotency_in_flight")
        answer = wire.ask(asked(node, once, stream=True))

    assert code(answer) == (409, "conflict")
    assert "broke off" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert len(origin.received) == 1


def test_an_answer_that_is_too_long_is_given_once(node: Node, origin: Origin, once: str) -> None:
    """It arrives whole the first time; the second time its end is told, and nothing is charged."""
    body = b'{"pad":"' + b"x" * (1 << 20) + b'"}'
    origin.arrange(plain(body))
    with Wire(node.port) as wire:
        first = wire.ask(asked(node, once))
        until(lambda: code(wire.ask(asked(node, once)))[1] != "idempotency_in_flight")
        again = wire.ask(asked(node, once))

    assert first.body == body
    assert code(again) == (409, "conflict")
    assert "not kept" in again.json()["error"]["message"]
    assert len(origin.received) == 1


def test_a_stream_that_breaks_off_is_not_made_again(node: Node, origin: Origin, once: str) -> None:
    """It was charged for what had come."""
    origin.arrange(STREAM + chunk(EVENT[:-5]), is_read, hangs_up)
    with Wire(node.port) as wire:
        wire.send(asked(node, once, stream=True))
        wire.rest()
    with Wire(node.port) as wire:
        until(lambda: code(wire.ask(asked(node, once, stream=True)))[1] != "idempotency_in_flight")
        answer = wire.ask(asked(node, once, stream=True))

    assert code(answer) == (409, "conflict")
    assert len(origin.received) == 1
