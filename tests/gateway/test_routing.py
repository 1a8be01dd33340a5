"""Models with several targets: what clients get while providers fail, and what providers see of it."""

import threading

import pytest

from fakes.origin import Step, hangs_up, is_read, plain, waits_for
from gateway.pieces import CHUNKED, DONE, EVENT, SSE, chunk
from gateway.routed import BAD, BUSY, DOWN, REFUSED, UNKNOWN, Pair, busy_for
from support.conversations import HELLO
from support.node import free_port
from support.wire import Wire, call

# ── one after the other ─────────────────────────────────────────────────────


def test_the_answer_says_who_gave_it(pair: Pair) -> None:
    """Whoever compares models must know which one it was."""
    answer = pair.chat()

    assert answer.status_code == 200
    assert answer.headers["x-keyturn-target"] == pair.target(0)
    assert b'"model":"small"' in pair.first.received[0].body
    assert not pair.second.received
    assert pair.node.story(answer)["attempts"] == []


FAILURES: dict[str, tuple[tuple[Step, ...], int, str]] = {
    "down": ((DOWN,), 2, "503"),
    "busy": ((BUSY,), 1, "429"),
    "busy for long": ((busy_for("600"),), 1, "429"),
    "our credential": ((REFUSED,), 1, "401"),
    "no such model": ((UNKNOWN,), 1, "404"),
    "no answer": ((hangs_up,), 2, "closed"),
    "half a head": ((b"HTTP/1.1 200 OK\r\nx", is_read, hangs_up), 2, "closed"),
    "half an answer": ((plain()[:-10], is_read, hangs_up), 2, "closed"),
    "no HTTP": ((b"SSH-2.0-x\r\n\r\n", hangs_up), 2, "malformed"),
}
"""What the first provider does, how often it is asked, and what the trace says of it."""


@pytest.mark.parametrize("name", list(FAILURES))
def test_what_fails_at_one_provider_is_answered_by_the_next(pair: Pair, name: str) -> None:
    """The client does not notice; the operator does."""
    pair.first.otherwise, times, said = FAILURES[name]

    answer = pair.chat()

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-keyturn-target"] == pair.target(1)
    assert len(pair.first.received) == times
    assert b'"model":"large"' in pair.second.received[0].body
    assert pair.tried(answer) == [f"first:{said}"] * times + ["second:ok"]
    story = pair.node.story(answer)
    assert (story["upstream"], story["upstream_model"]) == (pair.names[1], "large")


def test_a_provider_that_cannot_be_reached_is_passed_over(pair: Pair) -> None:
    """The commonest failure of local ones."""
    name = f"gone-{pair.model}"
    body = {"name": name, "base_url": f"http://127.0.0.1:{free_port()}/v1", "models": ["x-" + name]}
    pair.node.manage("POST", "/api/v1/upstreams", body=body)
    pair.route({"upstream": name, "model": "m"}, pair.targets[1])

    answer = pair.chat()

    assert answer.headers["x-keyturn-target"] == pair.target(1)
    found = [one["outcome"] for one in pair.node.story(answer)["attempts"]]
    assert found == ["unreachable", "unreachable", "ok"]


def test_a_silent_provider_is_passed_over(pair: Pair) -> None:
    """As soon as its time to begin is up."""
    silence = threading.Event()
    pair.first.otherwise = (waits_for(silence), plain())

    answer = pair.chat()
    silence.set()

    assert answer.headers["x-keyturn-target"] == pair.target(1)
    assert pair.tried(answer)[-1] == "second:ok"
    assert pair.tried(answer)[0] == "first:timeout"


def test_what_the_client_did_wrong_is_wrong_everywhere(pair: Pair) -> None:
    """Asking others would only cost time."""
    pair.first.arrange(BAD)

    answer = pair.chat()

    assert (answer.status_code, len(pair.second.received)) == (400, 0)
    assert answer.headers["x-keyturn-target"] == pair.target(0)


def test_a_short_failure_is_tried_again_at_the_same_provider(pair: Pair) -> None:
    """503 and then an answer: what every client library would do, done closer."""
    pair.first.arrange(DOWN)

    answer = pair.chat()

    assert answer.headers["x-keyturn-target"] == pair.target(0)
    assert pair.tried(answer) == ["first:503", "first:ok"]
    assert pair.first.received[0].body == pair.first.received[1].body
    assert pair.first.received[0].connection == pair.first.received[1].connection, (
        "its connection is used again"
    )


def test_a_long_wait_is_the_clients(pair: Pair) -> None:
    """It is told how long."""
    pair.route(pair.targets[0])
    pair.first.otherwise = (busy_for("60"),)

    answer = pair.chat()

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert len(pair.first.received) == 1


def test_when_all_are_down_the_last_one_is_heard(pair: Pair) -> None:
    """An error of a provider says more than one of ours."""
    pair.first.otherwise, pair.second.otherwise = (BUSY,), (DOWN,)

    answer = pair.chat()

    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "down"
    assert answer.headers["x-keyturn-target"] == pair.target(1)
    assert pair.tried(answer) == ["first:429", "second:503", "second:503"]


def test_a_redirect_is_never_followed(pair: Pair) -> None:
    """It would carry the operator's credential to whoever is named."""
    elsewhere = f"location: {pair.second.url}/chat/completions".encode()
    pair.first.otherwise = (plain(b"{}", elsewhere, status=b"307 Temporary Redirect"),)

    answer = pair.chat()

    assert answer.status_code == 307
    assert (len(pair.first.received), len(pair.second.received)) == (1, 0)


def test_a_stream_is_passed_over_before_its_head_and_never_after(pair: Pair) -> None:
    """What a client has begun to read is not said twice."""
    pair.first.arrange(DOWN)
    pair.first.arrange(DOWN)
    pair.second.arrange(SSE + CHUNKED + chunk(EVENT), is_read, chunk(DONE) + b"0\r\n\r\n")
    streamed = pair.chat(stream=True)
    pair.first.forget()
    pair.first.arrange(SSE + CHUNKED + chunk(EVENT), is_read, hangs_up)

    with Wire(pair.node.port) as wire:
        wire.send(call(pair.model, pair.node.key, stream=True))
        head = wire.head()
        rest = b"".join(wire.chunks())

    assert streamed.status_code == 200
    assert b"[DONE]" in streamed.content
    assert streamed.headers["x-keyturn-target"] == pair.target(1)
    assert head.status == 200
    assert EVENT in rest
    assert len(pair.first.received) == 1
    assert len(pair.second.received) == 1


def test_a_call_that_is_made_once_only_is_answered_by_whoever_can(pair: Pair) -> None:
    """Its attempts are one call: the answer is kept, and given again."""
    pair.first.otherwise = (DOWN,)
    headers = {"authorization": f"Bearer {pair.node.key}", "idempotency-key": pair.model}
    body = {"model": pair.model, "messages": HELLO}

    first, again = (pair.node.send("POST", "/v1/chat/completions", headers=headers, json=body) for _ in "12")

    assert first.headers["x-keyturn-target"] == pair.target(1)
    assert again.headers["idempotency-replayed"] == "true"
    assert (first.status_code, again.content) == (200, first.content)
    assert len(pair.second.received) == 1
    names = {one.values("idempotency-key")[0] for one in pair.first.received + pair.second.received}
    assert len(names) == 1
