"""Models with several targets: which one is asked, by health, weight, conditions, credentials and room."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from fakes.origin import hangs_up, plain, waits_for
from gateway.pieces import CHUNKED, DONE, EVENT, SSE, chunk
from gateway.routed import BAD, BUSY, DOWN, REFUSED, UNKNOWN, Pair
from support.node import until
from support.wire import Wire, call

TURNS = 12
"""How often targets change, at least."""
CONFLICT = plain(b'{"error":{"message":"not now"}}', status=b"409 Conflict")

# ── who is well ─────────────────────────────────────────────────────────────


def test_a_provider_that_keeps_failing_is_left_alone_and_then_tried_by_one(pair: Pair) -> None:
    """Requests must not wait for it each time, nor must all of them come back to it at once."""
    pair.first.otherwise = (DOWN,)
    pair.chat()
    pair.chat()
    asked = len(pair.first.received)
    for _ in range(5):
        assert pair.chat().headers["x-keyturn-target"] == pair.target(1)
    left_alone = len(pair.first.received) - asked
    pair.first.otherwise = (plain(),)

    found = until(
        lambda: [answer for answer in [pair.chat()] if answer.headers["x-keyturn-target"] == pair.target(0)],
        what="the provider's return",
    )

    assert left_alone == 0
    assert pair.node.story(found[0])["attempts"] == []


def test_one_request_tries_a_provider_that_has_cooled_down(pair: Pair) -> None:
    """The others go on elsewhere until it is known."""
    pair.first.otherwise = (DOWN,)
    pair.chat()
    pair.chat()
    let_go = threading.Event()
    pair.first.forget()
    pair.first.otherwise = (waits_for(let_go), plain())
    answers: list[httpx.Response] = []

    def try_it() -> bool:
        answers.append(pair.chat())
        return bool(pair.first.received)

    trying = threading.Thread(target=lambda: until(try_it, what="the trial"))
    trying.start()
    pair.first.has_received(1)
    others = [pair.chat() for _ in range(4)]
    let_go.set()
    trying.join()

    assert {one.headers["x-keyturn-target"] for one in others} == {pair.target(1)}
    assert len(pair.first.received) == 1
    assert answers[-1].headers["x-keyturn-target"] == pair.target(0)
    assert pair.chat().headers["x-keyturn-target"] == pair.target(0)


@pytest.mark.parametrize("said", [UNKNOWN, CONFLICT], ids=["404", "409"])
def test_a_provider_that_refuses_what_it_was_tried_with_lives(pair: Pair, said: bytes) -> None:
    """The request was to blame: nobody needs to wait for another one that tries it."""
    pair.first.otherwise = (DOWN,)
    pair.chat()
    pair.chat()
    pair.first.forget()
    pair.first.otherwise = (said,)
    until(lambda: [pair.chat()] and pair.first.received, what="the trial")
    pair.first.otherwise = (plain(),)

    assert pair.chat().headers["x-keyturn-target"] == pair.target(0)


# ── which one ───────────────────────────────────────────────────────────────


def test_weights_share_the_requests(pair: Pair) -> None:
    """Roughly: it is left to chance."""
    pair.route({**pair.targets[0], "weight": 3}, {**pair.targets[1], "priority": 0})

    found = Counter(pair.chat().headers["x-keyturn-target"] for _ in range(80))

    assert 40 < found[pair.target(0)] < 76


def test_conditions_choose_by_the_request(pair: Pair) -> None:
    """Streams here, the rest there; what nobody takes is refused."""
    pair.route(
        {**pair.targets[0], "when": {"stream": True}},
        {**pair.targets[1], "when": {"stream": False, "max_input_tokens": 100}},
    )

    streamed = pair.chat(stream=True)
    plainly = pair.chat()
    long = pair.chat(content="x" * 1000)

    assert streamed.headers["x-keyturn-target"] == pair.target(0)
    assert plainly.headers["x-keyturn-target"] == pair.target(1)
    assert (long.status_code, long.json()["error"]["code"]) == (404, "model_not_found")


def test_a_star_stands_for_what_is_asked_for(pair: Pair) -> None:
    """A provider's new model can be used on the day that it comes out."""
    name = f"{pair.names[0]}/*"
    pair.node.manage("POST", "/api/v1/models", body={"name": name, "upstream": pair.names[0]})

    answer = pair.node.chat(model=f"{pair.names[0]}/org/new-1")
    blank = pair.node.chat(model=f"{pair.names[0]}/new 1\r\nx: y")
    listed = pair.node.send("GET", "/v1/models", headers={"authorization": f"Bearer {pair.node.key}"}).json()

    assert answer.status_code == 200
    assert answer.headers["x-keyturn-target"] == f"{pair.names[0]}/org/new-1"
    assert b'"model":"org/new-1"' in pair.first.received[0].body
    story = pair.node.story(answer)
    assert (story["model"], story["upstream_model"]) == (f"{pair.names[0]}/org/new-1", "org/new-1")
    assert blank.status_code == 404
    assert name not in [one["id"] for one in listed["data"]]


# ── credentials ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("refusal", [REFUSED, BUSY])
def test_the_next_credential_is_used_when_one_is_refused_or_used_up(pair: Pair, refusal: bytes) -> None:
    """Before anybody else is asked, and from then on by all requests."""
    pair.set(0, api_keys=["key-one", "key-two"])
    pair.first.arrange(refusal)

    answer, after = pair.chat(), pair.chat()

    assert answer.headers["x-keyturn-target"] == after.headers["x-keyturn-target"] == pair.target(0)
    sent = [one.values("authorization") for one in pair.first.received]
    assert sent == [["Bearer key-one"], ["Bearer key-two"], ["Bearer key-two"]]


def test_no_credential_is_told_to_a_client(pair: Pair) -> None:
    """Providers quote the one that they refuse, whichever it was."""
    pair.set(0, api_keys=["key-one", "key-two"])
    pair.route(pair.targets[0])
    pair.first.otherwise = (plain(b'{"error":{"message":"key-two, key-one"}}', status=b"400 Bad Request"),)

    answer = pair.chat()

    assert answer.status_code == 400
    assert "key-one" not in answer.text
    assert "key-two" not in answer.text


def test_a_provider_that_refuses_all_credentials_is_told_apart_from_the_clients_key(pair: Pair) -> None:
    """Its client can do nothing about it."""
    pair.set(0, api_keys=["key-one", "key-two"])
    pair.route(pair.targets[0])
    pair.first.otherwise = (REFUSED,)

    answer = pair.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "upstream_credential")
    assert len(pair.first.received) == 2


# ── room ────────────────────────────────────────────────────────────────────


@contextmanager
def held(pair: Pair) -> Iterator[None]:
    """Keep one request at the first provider."""
    let_go = threading.Event()
    pair.first.arrange(waits_for(let_go), plain())
    asking = threading.Thread(target=pair.chat)
    asking.start()
    pair.first.has_received(1)
    try:
        yield
    finally:
        let_go.set()
        asking.join()


def test_no_more_requests_are_at_a_provider_than_it_has_room_for(pair: Pair) -> None:
    """The next target takes them."""
    pair.set(0, max_concurrency=1)

    with held(pair):
        answer = pair.chat()
        asked = len(pair.first.received)

    assert answer.headers["x-keyturn-target"] == pair.target(1)
    assert pair.tried(answer) == ["first:busy", "second:ok"]
    assert asked == 1
    assert pair.chat().headers["x-keyturn-target"] == pair.target(0), "the room is free again"


def test_every_attempt_gives_its_room_back(pair: Pair) -> None:
    """However it ends: what leaks is missing for ever."""
    pair.set(0, max_concurrency=1)
    silence = threading.Event()
    # The first to hang up is taken for a connection that had died in the pool, and replaced within its attempt.
    for step in (DOWN, DOWN, plain(), hangs_up, hangs_up, hangs_up, BAD):
        pair.first.arrange(step)
    pair.first.arrange(waits_for(silence), plain())

    found = [pair.tried(pair.chat()) for _ in range(3)]
    refused = pair.chat()
    with Wire(pair.node.port) as wire:
        wire.send(call(pair.model, pair.node.key))
        pair.first.has_received(8)
    silence.set()
    answer = until(
        lambda: [one for one in [pair.chat()] if one.headers["x-keyturn-target"] == pair.target(0)],
        what="room at the first provider",
    )[0]

    assert found == [
        ["first:503", "first:503", "second:ok"],
        [],
        ["first:closed", "first:closed", "second:ok"],
    ]
    assert refused.status_code == 400
    assert pair.node.story(answer)["attempts"] == []


def test_where_there_is_no_other_room_is_waited_for(pair: Pair) -> None:
    """For a while; then the answer is clear."""
    pair.set(0, max_concurrency=1)
    pair.route(pair.targets[0])
    with Wire(pair.node.port) as waiting:
        with held(pair):
            waiting.send(call(pair.model, pair.node.key), b"")  # until it is read
        answer = waiting.answer()

    silence = threading.Event()
    pair.first.forget()
    pair.first.arrange(SSE + CHUNKED + chunk(EVENT), waits_for(silence), b"0\r\n\r\n")
    with Wire(pair.node.port) as wire:
        wire.send(call(pair.model, pair.node.key, stream=True))
        wire.head()
        refused = pair.chat()
        silence.set()

    assert answer.status == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "upstream_busy")
    assert refused.headers["retry-after"] == "1"
    assert pair.tried(refused) == ["first:busy"]


def test_no_more_requests_a_minute_go_to_a_provider_than_it_takes(pair: Pair) -> None:
    """Ours are refused there by nobody, because they do not come."""
    pair.set(0, requests_per_minute=3)

    found = [pair.chat().headers["x-keyturn-target"] for _ in range(5)]

    assert found == [pair.target(0)] * 3 + [pair.target(1)] * 2
    assert len(pair.first.received) == 3


def test_a_request_that_waits_for_room_and_leaves_takes_none(pair: Pair) -> None:
    """And is charged nothing."""
    pair.set(0, max_concurrency=1)
    pair.route(pair.targets[0])
    with held(pair):
        with Wire(pair.node.port) as wire:
            wire.send(call(pair.model, pair.node.key))
            assert wire.is_silent()
        left = until(
            lambda: [
                one
                for one in pair.node.manage("GET", "/api/v1/requests?reason=client_left&limit=10")["data"]
                if one["model"] == pair.model
            ],
            what="the end of the request",
        )

    assert [(one["status"], one["input_tokens"], one["cost_usd"]) for one in left] == [(499, 0, "0")]
    assert pair.chat().status_code == 200


# ── and everything else ─────────────────────────────────────────────────────


def test_what_is_reserved_is_enough_for_the_dearest_target(pair: Pair) -> None:
    """A budget must hold whoever answers in the end."""
    budget = [{"metric": "cost_usd", "window": "day", "max": "0.0005"}]
    _, key = pair.node.new_key("budgeted-" + pair.model, limits=budget)
    cheap = {"upstream": pair.names[0], "model": "gpt-4o-mini"}
    dear = {"upstream": pair.names[1], "model": "gpt-4o", "priority": 1}
    pair.route(cheap)
    alone = pair.chat(key=key, max_tokens=100)
    pair.route(cheap, dear)

    refused = pair.chat(key=key, max_tokens=100)

    assert alone.status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert len(pair.first.received) == 1


def test_targets_change_under_load_without_a_failed_request(pair: Pair) -> None:
    """Nor does a stream end that has begun."""
    going_on = threading.Event()
    pair.second.arrange(SSE + CHUNKED + chunk(EVENT), waits_for(going_on), chunk(DONE) + b"0\r\n\r\n")
    pair.route(pair.targets[1])
    with Wire(pair.node.port) as wire:
        wire.send(call(pair.model, pair.node.key, stream=True))
        wire.head()
        statuses: Counter[int] = Counter()
        over, turns = threading.Event(), itertools.count()

        def ask() -> None:
            while not over.is_set():
                statuses[pair.chat().status_code] += 1

        def change() -> bool:
            turn = next(turns) % TURNS
            pair.route(pair.targets[turn % 2], {**pair.targets[1 - turn % 2], "weight": turn, "priority": 0})
            pair.set(turn % 2, max_concurrency=100 + turn)
            return turn == TURNS - 1 and statuses[200] > TURNS

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for one in asking:
            one.start()
        try:
            until(change, within_s=30, what="more answers than changes")
        finally:
            over.set()
            for one in asking:
                one.join()
        going_on.set()
        rest = b"".join(wire.chunks())

    assert set(statuses) == {200}
    assert statuses[200] > TURNS
    assert b"[DONE]" in rest


def test_a_model_stays_when_one_of_its_upstreams_goes(pair: Pair) -> None:
    """Its other targets take over."""
    pair.node.manage("DELETE", f"/api/v1/upstreams/{pair.names[0]}")

    answer = pair.chat()
    shown = pair.node.manage("GET", f"/api/v1/models/{pair.model}")["data"]

    assert answer.headers["x-keyturn-target"] == pair.target(1)
    assert (shown["upstream"], len(shown["targets"])) == (pair.names[1], 1)


def test_the_command_line_shows_every_attempt(pair: Pair) -> None:
    """``explain`` is where an operator looks."""
    pair.first.otherwise = (DOWN,)
    answer = pair.chat()

    said = pair.node.cli("explain", answer.headers["x-request-id"]).stdout

    assert f"503 {pair.target(0)}" in said
    assert f"ok {pair.target(1)}" in said
