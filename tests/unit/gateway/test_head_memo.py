"""The memo must never make of a request what the parser would not."""

import pytest

from keyturn.config.sections import Server
from keyturn.gateway.head_memo import HEADS_KEPT, HeadMemo
from keyturn.gateway.paths import OPERATIONS
from keyturn.gateway.request import Plan, Request
from keyturn.gateway.request_reader import RequestReader

PATH = b"/v1/chat/completions"
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\nAuthorization: Bearer x\r\n\r\n"
)


class Reader(RequestReader):
    """Keeps what it reads."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        super().__init__(Server(max_body_bytes=1000))
        self.requests: list[Request] = []

    def completed(self, request: Request) -> None:
        """Keep it."""
        self.requests.append(request)


def read(data: bytes) -> Request:
    """Return the one request that the parser makes of ``data``."""
    reader = Reader()
    reader.feed(data)
    assert reader.refusal is None
    (request,) = reader.requests
    return request


def planned(data: bytes) -> Plan:
    """Return the plan of a request, as the handler makes it."""
    request, plan = read(data), Plan()
    plan.method, plan.path, plan.headers = request.method, request.path, request.headers
    plan.operation, plan.credential, plan.digest, plan.forwarded = OPERATIONS[PATH], b"x", b"d", {}
    return plan


def taught(data: bytes) -> HeadMemo:
    """Return a memo that has seen one request."""
    memo = HeadMemo(1000)
    memo.learn(data, planned(data))
    return memo


def request(body: bytes) -> bytes:
    """Return a whole request."""
    return HEAD % str(len(body)).encode() + body


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 9, b"y" * 10, b"z" * 1000])
def test_a_known_head_with_another_length_gives_the_request_the_parser_gives(body: bytes) -> None:
    """Only the digits of the length may differ, and they count."""
    memo = taught(request(b"hello"))

    recalled = memo.recall(request(body))

    assert recalled is not None
    parsed = read(request(body))
    for name in ("method", "path", "query", "body", "repeated", "keep_alive", "http_10"):
        assert getattr(recalled, name) == getattr(parsed, name)
    without_length = parsed.headers.keys() - {b"content-length"}
    assert {name: recalled.headers[name] for name in without_length} == {
        name: parsed.headers[name] for name in without_length
    }


@pytest.mark.parametrize(
    "data",
    [
        HEAD % b"5" + b"hell",
        HEAD % b"5" + b"hello!",
        HEAD % b"+5" + b"hello",
        HEAD % b" 5" + b"hello",
        HEAD % b"5 " + b"hello",
        HEAD % b"5, 5" + b"hello",
        HEAD % b"" + b"",
        HEAD % b"5\r\nContent-Length: 5" + b"hello",
        HEAD % b"5\r\nTransfer-Encoding: chunked" + b"hello",
        HEAD % b"1001" + b"x" * 1001,
        HEAD % b"5000000000" + b"hello",
        HEAD.replace(b"Host: a", b"Host: b") % b"5" + b"hello",
        (HEAD % b"5" + b"hello").replace(b"Content-Length: ", b"Content-Length:"),
        (HEAD % b"5" + b"hello").replace(b"\r\n\r\n", b"\n\n"),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"",
        request(b"hello") + request(b"hello"),
    ],
)
def test_anything_else_is_left_to_the_parser(data: bytes) -> None:
    """A request that is not exactly the known one plus digits is not the memo's business."""
    memo = taught(request(b"hello"))

    assert memo.recall(data) is None


@pytest.mark.parametrize("extra", [b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n"])
def test_a_head_that_asks_the_edge_for_more_than_parsing_is_not_learned(extra: bytes) -> None:
    """A go-ahead or a declined upgrade is an act, not a parse."""
    data = HEAD.replace(b"Host", extra + b"Host") % b"2" + b"{}"
    memo = HeadMemo(1000)
    plan = planned(request(b"{}"))
    plan.headers = {**plan.headers, extra.split(b":")[0].lower(): b""}

    memo.learn(data, plan)

    assert memo.recall(data) is None


def test_two_requests_in_one_read_are_not_learned() -> None:
    """Their bytes say nothing about one head."""
    memo = HeadMemo(1000)

    memo.learn(request(b"hello") * 2, planned(request(b"hello")))

    assert memo.recall(request(b"hello")) is None


def test_the_memo_is_bounded_and_drops_the_oldest() -> None:
    """An application that changes a header with every request must not fill the worker's memory."""
    memo = taught(request(b"hello"))
    plan = planned(request(b"hello"))

    for number in range(HEADS_KEPT):
        memo.learn(request(b"hello").replace(b"Host: a", b"Host: a%d" % number), plan)

    assert memo.recall(request(b"hello")) is None
    assert memo.recall(request(b"hello").replace(b"Host: a", b"Host: a%d" % (HEADS_KEPT - 1))) is not None
