"""The demo upstream's HTTP, over real sockets."""

import json
import socket
import time
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from fakes.demo_upstream import DemoUpstream

PROMPT = {"messages": [{"role": "user", "content": "one two three"}]}
LARGEST_BODY = 64 * 1024 * 1024


def request(
    *,
    path: str = "/v1/chat/completions",
    headers: str = "",
    authorization: str = "Bearer upstream-secret",
    close: bool = True,
    members: Mapping[str, object] = MappingProxyType({}),
    **more: object,
) -> bytes:
    """Return the bytes of a request."""
    content = json.dumps({"model": "echo", **PROMPT, **members, **more}).encode()
    end = "connection: close\r\n" if close else ""
    head = f"POST {path} HTTP/1.1\r\nhost: demo\r\nauthorization: {authorization}\r\n{headers}{end}"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(content) + content


def connect(upstream: DemoUpstream) -> socket.socket:
    """Open a connection that fails a test rather than hang."""
    return socket.create_connection(("127.0.0.1", upstream.port), timeout=20)


def talk(upstream: DemoUpstream, *sent: bytes) -> bytes:
    """Send, and read until the other side closes."""
    with connect(upstream) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in sent:
            peer.sendall(part)
        return read_to_end(peer)


def read_to_end(peer: socket.socket) -> bytes:
    """Read until the other side closes."""
    return b"".join(iter(lambda: peer.recv(65_536), b""))


def test_pipelined_requests_are_answered_in_order(upstream: DemoUpstream) -> None:
    """A slow answer must not be overtaken by the quick one behind it."""
    slow = request(close=False, demo_delay_ms=60, messages=[{"role": "user", "content": "slow"}])
    streamed = request(close=False, stream=True, demo_interval_ms=10)
    quick = request(messages=[{"role": "user", "content": "quick"}])

    answer = talk(upstream, slow + streamed + quick)

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answer.index(b'"slow"') < answer.index(b"[DONE]") < answer.index(b'"quick"')


def test_many_pipelined_requests_all_get_their_answer(upstream: DemoUpstream) -> None:
    """The queue stops the reading, and the reading goes on after it."""
    first = request(close=False, demo_delay_ms=30)
    more = [request(close=False, demo_words=number) for number in range(1, 60)]

    answer = talk(upstream, b"".join([first, *more, request()]))

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 61


def test_a_request_may_arrive_byte_by_byte(upstream: DemoUpstream) -> None:
    """Nothing depends on how the network cuts the bytes."""
    whole = request(stream=True)

    pieces = [whole[at : at + 1] for at in range(len(whole))]

    assert talk(upstream, *pieces).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_a_body_may_be_chunked(upstream: DemoUpstream) -> None:
    """Some clients do not know how long their body is."""
    body = json.dumps({"model": "echo"} | PROMPT).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: demo\r\nauthorization: Bearer upstream-secret\r\n"
    chunks = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:])

    answer = talk(upstream, head + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)

    assert b'"content":"one two three"' in answer


def test_a_client_that_waits_is_told_to_continue(upstream: DemoUpstream) -> None:
    """Otherwise curl holds back a large body for a second."""
    head, body = request(headers="expect: 100-continue\r\n").split(b"\r\n\r\n")

    with connect(upstream) as peer:
        peer.sendall(head + b"\r\n\r\n")
        assert peer.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(body)
        assert read_to_end(peer).startswith(b"HTTP/1.1 200 OK\r\n")


def test_head_is_answered_without_a_body(upstream: DemoUpstream) -> None:
    """A body after HEAD would be read as the next answer."""
    answer = talk(upstream, b"HEAD /healthz HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n")

    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length: 15\r\n" in answer


def test_health_needs_no_key_and_the_rest_does(upstream: DemoUpstream) -> None:
    """Tests use it to see that the gateway sends the upstream's credential, and not the client's."""
    health = talk(upstream, b"GET /healthz HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n")
    listing = talk(upstream, b"GET /v1/models HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n")

    assert health.startswith(b"HTTP/1.1 200 OK\r\n")
    assert listing.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert talk(upstream, request(authorization="Bearer wrong")).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


def test_an_old_client_gets_one_answer_and_the_end(upstream: DemoUpstream) -> None:
    """HTTP/1.0 knows neither keep-alive nor chunks."""
    plain = request(close=False).replace(b"HTTP/1.1", b"HTTP/1.0")
    streamed = request(close=False, stream=True).replace(b"HTTP/1.1", b"HTTP/1.0")

    assert b"HTTP/1.1 200 OK\r\n" in talk(upstream, plain)
    assert b"HTTP/1.1 505 HTTP Version Not Supported\r\n" in talk(upstream, streamed)


@pytest.mark.parametrize(
    "noise", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"\x16\x03\x01\x02"]
)
def test_what_is_not_http_is_refused_and_closed(upstream: DemoUpstream, noise: bytes) -> None:
    """One 400, then the end: what follows can't be trusted."""
    answer = talk(upstream, noise)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"connection: close\r\n" in answer
    assert answer.count(b"\r\ndate: ") == 1


def test_a_wish_to_upgrade_is_answered_and_closed(upstream: DemoUpstream) -> None:
    """There is nothing to upgrade to."""
    answer = talk(
        upstream, b"GET /healthz HTTP/1.1\r\nhost: demo\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    )

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1


def test_a_body_that_is_too_large_is_refused(upstream: DemoUpstream) -> None:
    """It must not fill the memory of the machine."""
    head = b"POST /v1/embeddings HTTP/1.1\r\nhost: demo\r\nauthorization: Bearer upstream-secret\r\n"

    answer = talk(
        upstream, head + b"content-length: %d\r\n\r\n" % (LARGEST_BODY + 1), b" " * (LARGEST_BODY + 1)
    )

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("headers", "body"),
    [("x-demo-delay-ms: 80\r\n", {}), ("", {"demo_delay_ms": 80}), ("", {"model": "demo-slow"})],
)
def test_the_first_byte_waits_as_asked(upstream: DemoUpstream, headers: str, body: dict[str, object]) -> None:
    """Tests of time-outs need a slow provider."""
    began = time.monotonic()

    answer = talk(upstream, request(headers=headers, members=body))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert time.monotonic() - began >= (2.0 if "model" in body else 0.08)


@pytest.mark.parametrize("stream", [False, True])
def test_demo_cut_drops_the_connection(upstream: DemoUpstream, *, stream: bool) -> None:
    """Neither the promised length nor the last chunk ever comes."""
    answer = talk(upstream, request(model="demo-cut", stream=stream, close=False))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not answer.endswith(b"}") if not stream else b"[DONE]" not in answer


def test_a_slow_reader_gets_the_whole_stream(upstream: DemoUpstream) -> None:
    """Megabytes wait in the server's list of pieces, not in its memory for the socket."""
    with connect(upstream) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        peer.sendall(request(stream=True, demo_words=20_000, n=4))
        talk(upstream, request())  # answered by the same thread: the stream has filled the buffers by now
        answer = read_to_end(peer)

    assert answer.count(b'"content":"') == 80_004
    assert answer.endswith(b"0\r\n\r\n")


def test_a_client_that_leaves_does_not_disturb_the_others(upstream: DemoUpstream) -> None:
    """What it asked for ends with it; the server serves on."""
    with connect(upstream) as peer:
        peer.sendall(request(stream=True, demo_words=50, demo_interval_ms=5))
        peer.recv(100)
    with connect(upstream) as peer:
        peer.sendall(request(demo_delay_ms=10))
    talk(upstream, request(demo_delay_ms=30))

    assert talk(upstream, request()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_all_answers_are_logged_before_their_last_byte(upstream: DemoUpstream) -> None:
    """Whoever has read an answer finds it in the log: usage is compared with it after a kill -9."""
    before = len(upstream.served())

    talk(upstream, request(headers="x-request-id: req_1\r\n"))
    talk(upstream, request(headers="x-request-id: req_2\r\n", stream=True))
    talk(upstream, request(model="demo-cut"))
    talk(upstream, request(model="demo-429"))

    assert upstream.served()[before:] == [
        {
            "request_id": "req_1",
            "model": "echo",
            "input_tokens": 3,
            "output_tokens": 3,
            "streamed": False,
            "status": 200,
        },
        {
            "request_id": "req_2",
            "model": "echo",
            "input_tokens": 3,
            "output_tokens": 3,
            "streamed": True,
            "status": 200,
        },
        {
            "request_id": "",
            "model": "demo-429",
            "input_tokens": 0,
            "output_tokens": 0,
            "streamed": False,
            "status": 429,
        },
    ]
