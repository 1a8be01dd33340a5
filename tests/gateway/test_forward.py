"""What is not model traffic: handed on to the control process, and answered for it when it is not there."""

from collections.abc import Iterator

import msgspec
import pytest

from gateway.flow import SMALL
from support.node import Node, until, without_control
from support.wire import Answer, Wire, call, chunked, request


@pytest.fixture
def wire(node: Node) -> Iterator[Wire]:
    """A connection to the node."""
    with Wire(node.port) as wire:
        yield wire


@pytest.fixture(scope="session")
def admin(node: Node) -> str:
    """A key that may manage."""
    return node.new_key("manager", kind="management")[1]


# ── there and back ──────────────────────────────────────────────────────────


def test_the_documentation_is_shown_in_a_browser(wire: Wire) -> None:
    """The first address that a person types has no path."""
    home = wire.ask(request("GET", "/"))
    docs = wire.ask(request("GET", "/docs"))

    assert (home.status, home.headers["location"]) == (302, "/dashboard")
    assert docs.status == 200
    assert docs.headers["content-type"].startswith("text/html")
    assert b"gateway.test" in docs.body


def test_the_management_api_is_reached_through_the_same_port(wire: Wire, admin: str) -> None:
    """One address for everything."""
    body = msgspec.json.encode({"name": "made over the port"})

    created = wire.ask(request("POST", "/api/v1/keys", key=admin, body=body))
    piecewise = wire.ask(
        request("POST", "/api/v1/keys", key=admin, headers=("Transfer-Encoding: chunked",))
        + chunked(body[:3], body[3:])
    )
    listed = wire.ask(request("GET", "/api/v1/keys?search=over&limit=5", key=admin))

    assert (created.status, piecewise.status, listed.status) == (201, 201, 200)
    assert created.headers["x-request-id"].startswith("req_")
    assert created.head.lower().count(b"x-request-id") == 1
    names = [key["name"] for key in msgspec.json.decode(listed.body)["data"]]
    assert names == ["made over the port"] * 2


def test_head_and_errors_of_the_control_process_come_back(wire: Wire, admin: str) -> None:
    """The framing of an answer depends on the question, and the connection goes on."""
    got = wire.ask(request("GET", "/api/v1/openapi.json"))
    head = wire.ask(request("HEAD", "/api/v1/openapi.json"), to="HEAD")
    missing = wire.ask(request("GET", "/api/v1/keys/key_nobody", key=admin))
    wrong = wire.ask(request("DELETE", "/api/v1/openapi.json", key=admin))
    stranger = wire.ask(request("GET", "/api/v1/keys"))
    bad = wire.ask(request("POST", "/api/v1/keys", key=admin, body=b"{"))

    assert (got.status, missing.status, wrong.status, stranger.status, bad.status) == (
        200,
        404,
        405,
        401,
        400,
    )
    assert head.status in {200, 405}
    assert "GET" in wrong.headers["allow"]
    assert missing.json()["success"] is False
    assert wire.ask(request("GET", "/healthz")).status == 200


def test_http_10_is_handed_on_too(node: Node) -> None:
    """Monitoring may be old."""
    with Wire(node.port) as wire:
        answer = wire.ask(b"GET /docs HTTP/1.0\r\n\r\n")

        assert answer.status == 200
        assert b"</html>" in answer.body
        assert wire.rest() == b""


def test_pipelined_requests_for_both_planes_are_answered_in_order(wire: Wire, node: Node, admin: str) -> None:
    """To the client it is one server."""
    wire.send(
        request("GET", "/api/v1/keys", key=admin)
        + call("demo-chat", node.key)
        + request("GET", "/")
        + request("GET", "/healthz")
    )

    answers = [wire.answer() for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 302, 200]
    assert b"chat.completion" in answers[1].body


# ── who is asking ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "forged",
    [
        ("X-Forwarded-For: 127.0.0.1",),
        ("X-Forwarded-For: 8.8.8.8", "X-Forwarded-For: 9.9.9.9"),
        ("x-forwarded-FOR: 8.8.8.8", "Forwarded: for=8.8.8.8", "X-Real-IP: 8.8.8.8"),
    ],
)
def test_the_clients_address_cannot_be_forged(wire: Wire, forged: tuple[str, ...]) -> None:
    """Metrics are for this machine, and what says so must not come from the client."""
    answer = wire.ask(request("GET", "/metrics", headers=forged))

    assert answer.status == 200  # the peer is 127.0.0.1, whatever the headers claim


def test_host_protocol_and_request_id_cannot_be_forged(wire: Wire) -> None:
    """The examples in the documentation would lead elsewhere, and the logs be about somebody else."""
    forged = (
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: https",
        "X-Request-Id: req_forged",
        "Connection: X-Forwarded-For, X-Request-Id",
    )

    answer = wire.ask(request("GET", "/docs", headers=forged))

    assert b"http://gateway.test" in answer.body
    assert b"evil.example" not in answer.body
    assert b"https://gateway.test" not in answer.body
    assert "forged" not in answer.headers["x-request-id"]


# ── clients that are slow or gone ───────────────────────────────────────────


def test_a_slow_reader_of_management_is_no_trap_for_others(node: Node) -> None:
    """Its connection to the control process goes back to the pool while the client is still reading."""
    page = request("GET", "/api/v1/openapi.json")
    slow = [Wire(node.port, buffer=SMALL) for _ in range(8)]
    for wire in slow:
        wire.send(page * 200)
        wire.head()

    expected = set()
    for _ in range(20):
        with Wire(node.port) as wire:
            expected.add(wire.ask(page).body)
    bodies = {wire.exactly(len(next(iter(expected)))) for wire in slow}
    for wire in slow:
        wire.reset()

    assert bodies == expected
    assert len(expected) == 1


def test_clients_that_leave_early_do_not_disturb_the_next(node: Node) -> None:
    """The answer to somebody who has left must not be given to somebody else."""
    for _ in range(10):
        wire = Wire(node.port)
        wire.send(request("GET", "/api/v1/openapi.json"))
        wire.reset()

    for _ in range(5):
        with Wire(node.port) as wire:
            assert wire.ask(request("GET", "/")).status == 302


# ── nobody there ────────────────────────────────────────────────────────────


def test_model_traffic_goes_on_without_the_control_process(wire: Wire, node: Node, admin: str) -> None:
    """Management may restart; what applications call may not."""
    _, never_seen = node.new_key("not yet in any cache")
    chat = call("demo-chat", node.key)
    assert wire.ask(chat).status == 200
    with without_control(node):
        down = until(lambda: _unless(200, wire, request("GET", "/api/v1/keys", key=admin)))
        head = wire.ask(request("HEAD", "/docs"), to="HEAD")
        models = [wire.ask(chat).status for _ in range(20)]
        stranger = wire.ask(call("demo-chat", never_seen))

    back = until(lambda: wire.ask(request("GET", "/api/v1/keys", key=admin)).status == 200, within_s=20)

    assert (down.status, down.code, down.headers["retry-after"]) == (503, "CONTROL_UNAVAILABLE", "1")
    assert down.headers["x-request-id"].startswith("req_")
    assert head.status == 503
    assert models == [200] * 20
    assert (stranger.status, stranger.code) == (503, "auth_unavailable")
    assert back
    assert until(lambda: wire.ask(call("demo-chat", never_seen)).status == 200)
    assert wire.ask(chat).status == 200


@pytest.mark.parametrize("path", ["/dashboard/keys?status=active", "/docs", "/"])
def test_a_browser_is_shown_a_page_that_comes_again_by_itself(wire: Wire, node: Node, path: str) -> None:
    """A person reads no JSON; what a form sends must not be sent again without being asked."""
    accepts = ("Accept: text/html,application/xhtml+xml,*/*;q=0.8",)
    with without_control(node):
        opened = until(lambda: _while_down(wire, request("GET", path, headers=accepts)))
        head = wire.ask(request("HEAD", path, headers=accepts), to="HEAD")
        sent = wire.ask(request("POST", path, headers=accepts, body=b"name=app"))
        program = wire.ask(request("GET", path, headers=("Accept: */*",)))
        called = wire.ask(request("GET", "/api/v1/keys", headers=accepts))

    assert (opened.headers["content-type"], opened.headers["retry-after"]) == (
        "text/html; charset=utf-8",
        "1",
    )
    assert opened.headers["cache-control"] == "no-store"
    assert "unsafe" not in opened.headers["content-security-policy"]
    assert b'http-equiv="refresh"' in opened.body
    assert (head.status, head.headers) == (
        503,
        {**opened.headers, "x-request-id": head.headers["x-request-id"]},
    )
    assert (sent.status, b"http-equiv" in sent.body, b"sends it once more" in sent.body) == (503, False, True)
    assert (program.code, called.code) == ("CONTROL_UNAVAILABLE",) * 2
    assert until(lambda: wire.ask(request("GET", "/docs")).status == 200, within_s=20)


def _while_down(wire: Wire, asked: bytes) -> Answer | None:
    answer = wire.ask(asked)
    return answer if answer.status == 503 else None


def _unless(status: int, wire: Wire, asked: bytes) -> object:
    answer = wire.ask(asked)
    return None if answer.status == status else answer
