"""Calls of models that carry an Idempotency-Key, through a node of two workers."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import openai
import pytest

from fakes.demo_upstream import DemoUpstream, demo_upstream
from fakes.load import RUN
from fakes.origin import (
    JSON,
    Origin,
    Step,
    hangs_up,
    is_read,
    origin_server,
    plain,
    waits_for,
    watches_it_leave,
)
from gateway.calls import asked, charged, chat, code
from gateway.pieces import CHUNKED, DONE, EVENT, SSE, chunk
from gateway.providers import MODEL, connect, unharmed
from keyturn.domain.limits import Limit, Metric, Window, write_limits
from support.conversations import HELLO
from support.node import Node, until
from support.wire import Wire, call

PARALLEL = 200
TRIES = 30
"""Connections at least; more, until the other worker has got one."""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoUpstream]:
    """A provider that keeps an account of its own."""
    with demo_upstream(log=tmp_path_factory.mktemp("provider") / "served.log") as found:
        yield found


@pytest.fixture(scope="module")
def connected(
    tmp_path_factory: pytest.TempPathFactory, upstream: DemoUpstream
) -> Iterator[tuple[Node, Origin]]:
    """A node with that provider, priced, and with one that does what a test says."""
    node = Node(tmp_path_factory.mktemp("node"), workers=2, demo=False, routing__retries="0")
    with unharmed(node), origin_server() as origin:
        node.manage("POST", "/api/v1/upstreams", body={"name": "provider", "base_url": upstream.url})
        connect(node, "origin", origin, MODEL)
        price = {"input_usd_per_million": "100", "output_usd_per_million": "100"}
        for model in ("demo-chat", "echo", MODEL):
            node.manage("PATCH", f"/api/v1/models/{model}", body=price)
        yield node, origin


@pytest.fixture
def node(connected: tuple[Node, Origin]) -> Node:
    """The node."""
    return connected[0]


@pytest.fixture
def origin(connected: tuple[Node, Origin]) -> Origin:
    """The provider that does what a test says."""
    connected[1].forget()
    return connected[1]


@pytest.fixture
def once(request: pytest.FixtureRequest) -> str:
    """An Idempotency-Key of the test's own."""
    return str(request.node.name).replace(" ", "-")


def limit(node: Node, key_id: str, *limits: Limit) -> None:
    """Give a key limits, past the use cases."""
    with closing(sqlite3.connect(node.data / "keyturn.db")) as database, database:
        database.execute("UPDATE keys SET limits = ? WHERE id = ?", (write_limits(limits), key_id))
    node.manage("PATCH", f"/api/v1/keys/{key_id}", body={"description": f"{len(limits)} limits"})


# ── answered from the first attempt ─────────────────────────────────────────


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_retry_gets_the_same_bytes_from_any_worker_for_one_charge(
    node: Node, upstream: DemoUpstream, once: str, *, stream: bool
) -> None:
    """Who lost an answer must get it, and pay for it once."""
    key_id, key = node.new_key(once)
    first = chat(node, once, key=key, stream=stream)
    paid = charged(node, key_id)

    again = [chat(node, once, key=key, stream=stream) for _ in range(TRIES)]

    def both_have_answered() -> bool:
        again.append(chat(node, once, key=key, stream=stream))
        return len({one.headers["x-request-id"][RUN] for one in again}) == 2

    until(both_have_answered, what="an answer of each worker")

    assert first.status_code == 200
    assert "idempotency-replayed" not in first.headers
    assert paid[0] == 1
    assert paid[1] > 0
    assert charged(node, key_id) == paid
    assert [one["request_id"] for one in upstream.served()].count(first.headers["x-request-id"]) == 1
    assert not {one.headers["x-request-id"] for one in again} & {
        entry["request_id"] for entry in upstream.served()
    }
    assert {one.status_code for one in again} == {200}
    assert {one.content for one in again} == {first.content}
    assert {one.headers["content-type"] for one in again} == {first.headers["content-type"]}
    assert {one.headers["idempotency-replayed"] for one in again} == {"true"}
    assert {one.headers["x-keyturn-original-request-id"] for one in again} == {first.headers["x-request-id"]}
    assert {one.headers["x-keyturn-cost"] for one in again} == {"0.000000000"}
    assert len({one.headers["x-request-id"] for one in again}) == len(again) > TRIES


def test_the_native_prompt_and_the_other_operations_are_answered_again(node: Node, once: str) -> None:
    """Each path has its own answers, in its own dialect."""
    headers = {"authorization": f"Bearer {node.key}", "idempotency-key": once}
    asks = {
        "/v1/generate": {"model": "echo", "prompt": "hello"},
        "/v1/completions": {"model": "echo", "prompt": "hello"},
        "/v1/responses": {"model": "echo", "input": "hello"},
        "/v1/engines/echo/completions": {"prompt": "hello hello"},
    }

    first = {path: node.send("POST", path, headers=headers, json=body) for path, body in asks.items()}
    again = {path: node.send("POST", path, headers=headers, json=body) for path, body in asks.items()}

    assert {one.status_code for one in first.values()} == {200}
    assert {path: one.content for path, one in again.items()} == {
        path: one.content for path, one in first.items()
    }
    assert {one.headers["idempotency-replayed"] for one in again.values()} == {"true"}
    assert len({one.content for one in first.values()}) == len(asks)


def test_the_official_sdk_gets_the_first_answer_again(node: Node, once: str) -> None:
    """What people use: ``extra_headers``, plain and streamed."""
    extra = {"Idempotency-Key": once}
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0, timeout=20) as client:
        answers = [
            client.chat.completions.create(model="demo-chat", messages=HELLO, extra_headers=extra)
            for _ in range(2)
        ]
        streams = [
            [
                chunk.model_dump()
                for chunk in client.chat.completions.create(
                    model="demo-chat",
                    messages=HELLO,
                    stream=True,
                    extra_headers={"Idempotency-Key": "s" + once},
                )
            ]
            for _ in range(2)
        ]

    assert answers[0] == answers[1]
    assert streams[0] == streams[1]
    assert len(streams[0]) > 3


def test_a_retry_takes_nothing_from_limits(node: Node, once: str) -> None:
    """It costs nobody anything."""
    key_id, key = node.new_key(once)
    limit(node, key_id, Limit(Metric.REQUESTS, Window.LIFETIME, 2))
    first = chat(node, once, key=key)

    again = [chat(node, once, key=key) for _ in range(5)]
    other = chat(node, once + "-other", key=key)
    third = chat(node, once + "-third", key=key)

    assert first.status_code == 200
    assert {one.headers["idempotency-replayed"] for one in again} == {"true"}
    assert other.status_code == 200
    assert third.status_code == 429


def test_two_keys_may_use_the_same_name(node: Node, once: str) -> None:
    """Names are chosen by callers that do not know each other; an answer is its caller's own."""
    keys = [node.new_key(f"{once}-{number}") for number in range(2)]

    answers = [chat(node, once, key=secret) for _, secret in keys]

    assert not any("idempotency-replayed" in one.headers for one in answers)
    assert [charged(node, key_id)[0] for key_id, _ in keys] == [1, 1]


def test_the_provider_is_told_a_name_that_no_two_callers_share(node: Node, origin: Origin, once: str) -> None:
    """To the provider all callers are one: the operator."""
    _, other = node.new_key(once)
    with Wire(node.port) as wire:
        wire.ask(asked(node, once))
        wire.ask(call(MODEL, other, f"Idempotency-Key: {once}"))

    names = [one.values("idempotency-key") for one in origin.received]

    assert [len(one) for one in names] == [1, 1]
    assert names[0] != names[1]
    assert once not in names[0][0] + names[1][0]


# ── refusals ────────────────────────────────────────────────────────────────


def test_another_request_under_the_same_name_is_refused(node: Node, origin: Origin, once: str) -> None:
    """Two different calls by one name are a mistake."""
    with Wire(node.port) as wire:
        wire.ask(asked(node, once))

        answer = wire.ask(asked(node, once, temperature=1))

    assert code(answer) == (422, "idempotency_key_reused")
    assert answer.headers["x-should-retry"] == "false"
    assert len(origin.received) == 1


@pytest.mark.parametrize("name", ["", "a" * 256, "two words"])
def test_what_is_no_name_is_refused(node: Node, origin: Origin, name: str) -> None:
    """Before anything is done."""
    with Wire(node.port) as wire:
        answer = wire.ask(asked(node, name))

    assert code(answer) == (400, "idempotency_key_invalid")
    assert origin.received == []


def test_a_retry_while_the_first_attempt_is_under_way_is_told_to_wait(
    node: Node, origin: Origin, once: str
) -> None:
    """It comes from a client whose patience is shorter than the model."""
    done = threading.Event()
    origin.arrange(waits_for(done), plain())
    with Wire(node.port) as first, Wire(node.port) as second:
        first.send(asked(node, once))
        origin.has_received(1)

        refused = second.ask(asked(node, once))
        done.set()
        answer = first.answer()
        again = second.ask(asked(node, once))

    assert code(refused) == (409, "idempotency_in_flight")
    assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("1", "true")
    assert answer.body == again.body
    assert again.headers["idempotency-replayed"] == "true"
    assert len(origin.received) == 1


def test_of_many_calls_at_once_one_is_made_and_charged(node: Node, upstream: DemoUpstream, once: str) -> None:
    """The race that the name is there for."""
    key_id, key = node.new_key(once)
    before = len(upstream.served())

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(lambda _: chat(node, once, key=key, stream=True), range(PARALLEL)))

    served = [one for one in answers if one.status_code == 200]
    refused = [one for one in answers if one.status_code != 200]
    first = [one for one in served if "idempotency-replayed" not in one.headers]
    assert len(first) == 1
    assert {one.content for one in served} == {first[0].content}
    assert {code(one) for one in refused} <= {(409, "idempotency_in_flight")}
    assert len(upstream.served()) == before + 1
    assert charged(node, key_id)[0] == 1


# ── attempts that came to nothing ───────────────────────────────────────────


def test_an_attempt_that_a_limit_refused_may_be_made_later(node: Node, once: str) -> None:
    """Nothing was charged for it."""
    key_id, key = node.new_key(once)
    limit(node, key_id, Limit(Metric.REQUESTS, Window.LIFETIME, 1))
    chat(node, once + "-other", key=key)
    refused = chat(node, once, key=key)

    limit(node, key_id)
    allowed = chat(node, once, key=key)

    assert refused.status_code == 429
    assert allowed.status_code == 200
    assert "idempotency-replayed" not in allowed.headers


@pytest.mark.parametrize(
    "steps",
    [
        (JSON + b"content-length: 9\r\n\r\n{", is_read, hangs_up),
        (plain(b"{}", status=b"503 Busy"),),
        (plain(b"{}", status=b"429 Slow Down"),),
        (plain(b"{}", status=b"400 Odd"),),
    ],
    ids=["breaks off", "503", "429", "400"],
)
def test_an_attempt_that_the_provider_failed_is_made_anew(
    node: Node, origin: Origin, once: str, steps: tuple[Any, ...]
) -> None:
    """Nothing was charged for it, and the next may go better."""
    origin.arrange(*steps)
    with Wire(node.port) as wire:
        failed = wire.ask(asked(node, once))
        answer = wire.ask(asked(node, once))
        again = wire.ask(asked(node, once))

    assert failed.status >= 400
    assert answer.status == 200
    assert "idempotency-replayed" not in answer.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(origin.received) == 2


FAILED_STREAMS: dict[str, tuple[Step, ...]] = {
    "error event": (
        SSE + CHUNKED + chunk(EVENT + b'data: {"error":{"message":"overloaded"}}\n\n') + chunk(b""),
    ),
    "error event and an end": (
        SSE + CHUNKED + chunk(EVENT + b'data: {"error":{"message":"overloaded"}}\n\n' + DONE) + chunk(b""),
    ),
    "breaks off": (SSE + CHUNKED + chunk(EVENT), is_read, hangs_up),
}


@pytest.mark.parametrize("name", list(FAILED_STREAMS))
def test_a_stream_that_failed_is_not_given_again_as_an_answer(
    node: Node, origin: Origin, once: str, name: str
) -> None:
    """Its status was 200, and what the client has got is half of what it wanted."""
    origin.arrange(*FAILED_STREAMS[name])
    with Wire(node.port) as wire:
        first = wire.ask(asked(node, once, stream=True))
        again = wire.ask(asked(node, once, stream=True))

    assert first.status == 200
    assert b'"error"' in first.body
    assert code(again) == (409, "conflict")
    assert len(origin.received) == 1


def test_a_stream_that_a_budget_has_cut_is_not_given_again(node: Node, origin: Origin, once: str) -> None:
    """Nor is it whole."""
    key_id, key = node.new_key(once)
    limit(node, key_id, Limit(Metric.OUTPUT_TOKENS, Window.DAY, 50))
    origin.arrange(SSE + CHUNKED + chunk(EVENT * 200), watches_it_leave)
    with Wire(node.port) as wire:
        first = wire.ask(call(MODEL, key, f"Idempotency-Key: {once}", max_tokens=40, stream=True))
        again = wire.ask(call(MODEL, key, f"Idempotency-Key: {once}", max_tokens=40, stream=True))

    assert b'"finish_reason":"length"' in first.body
    assert code(again)[0] == 409
    assert len(origin.received) == 1


# ── what is kept ────────────────────────────────────────────────────────────


def test_answers_are_sealed_in_the_database(node: Node, origin: Origin, once: str) -> None:
    """They are somebody's conversation."""
    origin.arrange(plain(b'{"text":"a very private answer"}'))
    with Wire(node.port) as wire:
        wire.ask(asked(node, once))
        until(lambda: wire.ask(asked(node, once)).status == 200)

    with closing(sqlite3.connect(node.data / "keyturn.db")) as database:
        kept = database.execute("SELECT sealed FROM attempt_answers").fetchall()
    assert kept
    assert not any(b"private" in sealed for (sealed,) in kept)


def test_a_request_without_the_header_is_asked_as_often_as_it_is_sent(node: Node, origin: Origin) -> None:
    """Nothing is noted for it."""
    with Wire(node.port) as wire:
        answers = [wire.ask(call(MODEL, node.key)) for _ in range(2)]

    assert [one.status for one in answers] == [200, 200]
    assert len(origin.received) == 2
