"""Requests out of bytes."""

import pytest

from keyturn.config.sections import Server
from keyturn.domain.refusals import Reason
from keyturn.gateway.request import Request, Switching
from keyturn.gateway.request_reader import BODY, HEAD, IDLE, LINGER, METHODS, RequestReader
from support.request_cases import CASES, CHUNKED, GET, PLAIN, POST, Case, Reader, fed, head


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_read_or_refused(case: Case) -> None:
    """What two servers may read in two ways is refused; all else is read as RFC 9112 says."""
    reader = fed(case.data)

    seen = [
        (one.method.decode(), one.path.decode(), one.query.decode(), bytes(one.body), one.keep_alive)
        for one in reader.requests
    ]
    assert seen == case.requests
    assert (reader.refusal and reader.refusal.reason) == case.reason


def test_nothing_is_refused_without_a_word_to_the_client() -> None:
    """Each refusal says what is wrong, and an unknown method which there are."""
    for case in CASES:
        refusal = fed(case.data).refusal
        if refusal is not None:
            assert refusal.text
            assert refusal.allow == (METHODS if refusal.reason is Reason.METHOD_NOT_ALLOWED else "")


def test_a_key_in_a_trailer_is_no_header() -> None:
    """A proxy in front may have checked the headers, and never the trailers."""
    request = fed(
        head(POST, CHUNKED) + b"0\r\nAuthorization: Bearer k\r\nX-API-Key: k\r\nHost: evil\r\n\r\n"
    ).requests[0]

    assert request.headers == {b"host": b"a", b"transfer-encoding": b"chunked"}
    assert request.repeated is None


def test_a_trailer_does_not_reach_the_next_request() -> None:
    """Nor may it authenticate that."""
    second = fed(head(POST, CHUNKED) + b"0\r\nX-API-Key: k\r\n\r\n" + PLAIN).requests[1]

    assert second.headers == {b"host": b"a"}


def test_repeated_headers_are_joined() -> None:
    """As RFC 9110 5.3 has it, and cookies as RFC 6265 has it."""
    request = fed(head(GET, "Accept: a", "ACCEPT: b", "Cookie: c", "Cookie: d")).requests[0]

    assert request.headers[b"accept"] == b"a, b"
    assert request.headers[b"cookie"] == b"c; d"


def test_a_second_key_in_a_header_that_the_operator_names_is_kept_apart() -> None:
    """The headers of ``auth.headers`` are like those that are read anyway."""
    reader = Reader()
    reader._credential_headers |= {b"x-gateway-key"}

    reader.feed(head(GET, "X-Gateway-Key: a", "X-Gateway-Key: b"))

    assert reader.requests[0].repeated == [(b"x-gateway-key", b"b")]
    assert reader.requests[0].headers[b"x-gateway-key"] == b"a"


def test_a_second_key_is_kept_apart() -> None:
    """Joined, the two would look like one that is malformed."""
    request = fed(
        head(GET, "Authorization: Bearer a", "X-API-Key: b", "x-api-key: c", "X-API-Key: b")
    ).requests[0]

    assert request.headers[b"x-api-key"] == b"b"
    assert request.repeated == [(b"x-api-key", b"c")]


def test_a_second_key_does_not_stay_for_the_next_request() -> None:
    """Every request stands for itself."""
    first, second = fed(head(GET, "X-API-Key: b", "X-API-Key: c") + PLAIN).requests

    assert first.repeated
    assert second.repeated is None


def test_the_count_of_headers_starts_anew_with_each_request() -> None:
    """A long connection is not refused for what it has sent in all."""
    one = head(GET, *["A: b"] * 15)

    assert len(fed(one * 5).requests) == len(fed(*[one] * 5).requests) == 5


def test_a_body_is_handed_on_as_one() -> None:
    """However many pieces it came in."""
    pieces = [b"4\r\nabcd\r\n", b"4\r\nefgh\r\n", b"2\r\nij\r\n", b"0\r\n\r\n"]

    request = fed(head(POST, CHUNKED), *pieces).requests[0]

    assert request.body == b"abcdefghij"


def test_the_phase_says_what_is_waited_for() -> None:
    """The time-outs go by it."""
    reader = fed(b"GET /p HT")
    assert (reader.phase, reader.path) == (HEAD, b"/p")

    reader = fed(head(POST, "Content-Length: 5"))
    assert (reader.phase, reader.body_expected, reader.body_announced) == (BODY, 5, False)

    reader.feed(b"hello")
    assert reader.phase == IDLE


@pytest.mark.parametrize(
    ("line", "expect", "wants"),
    [
        (POST, "100-continue", True),
        (POST, "100-Continue ", True),
        ("POST /p HTTP/1.0", "100-continue", False),
    ],
)
def test_a_client_that_waits_for_100_is_noticed(line: str, expect: str, *, wants: bool) -> None:
    """It sends its body only then; HTTP/1.0 knows no 100."""
    assert fed(head(line, f"Expect: {expect}", "Content-Length: 5")).wants_continue is wants


def test_the_wish_for_100_is_forgotten_with_its_request() -> None:
    """The next one has not asked."""
    reader = fed(
        head(POST, "Expect: 100-continue", "Content-Length: 2"), b"hi", head(POST, "Content-Length: 2")
    )

    assert not reader.wants_continue


def test_a_head_that_goes_on_and_on_is_refused_before_it_ends() -> None:
    """Nobody may fill the memory with a head."""
    reader = fed(b"GET /p HTTP/1.1\r\nHost: a\r\nA: ", *[b"b" * 100] * 20)

    assert reader.requests == []
    assert reader.refusal is not None
    assert reader.refusal.reason is Reason.HEAD_TOO_LARGE


@pytest.mark.parametrize("endless", [b"0\r\nA: ", b"2;a=", b"0;a="])
def test_trailers_and_extensions_that_go_on_and_on_are_refused(endless: bytes) -> None:
    """Nor with a trailer, which is kept until its end only to be dropped."""
    reader = fed(head(POST, CHUNKED), endless, *[b"b" * 100] * 20)

    assert reader.refusal is not None
    assert reader.refusal.reason is Reason.HEAD_TOO_LARGE


def test_a_body_in_many_small_chunks_is_taken() -> None:
    """Its framing is longer than the body, but goes on no longer than a chunk."""
    reader = fed(head(POST, CHUNKED), *[b"1", b"\r", b"\n", b"a", b"\r", b"\n"] * 1000, b"0\r\n\r\n")

    assert reader.requests[0].body == b"a" * 1000


def test_a_head_is_measured_alone() -> None:
    """What came in the same read before it does not count."""
    limits = Server(max_head_bytes=1024, max_body_bytes=10_000)
    large = head(POST, "Content-Length: 5000") + b"b" * 5000

    reader = fed(large + b"GET /p HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", settings=limits)

    assert [one.method for one in reader.requests] == [b"POST", b"GET"]


def test_nothing_is_read_behind_the_last_request() -> None:
    """The connection ends with its answer: what follows must not be acted on."""

    class Last(Reader):
        __slots__ = ()

        def completed(self, request: Request) -> None:
            super().completed(request)
            self.phase = LINGER

    reader = Last()

    reader.feed(PLAIN * 3)

    assert len(reader.requests) == 1


def test_a_reader_alone_does_nothing_with_a_request() -> None:
    """What becomes of it is the connection's business."""
    with pytest.raises(NotImplementedError):
        RequestReader(Server()).completed(Request())


OFFER = ("Connection: Upgrade", "Upgrade: WebSocket")
REALTIME = "GET /v1/realtime?model=m HTTP/1.1"


def test_nothing_behind_the_offer_of_a_websocket_is_read() -> None:
    """What follows is for the other protocol, or for nobody: never a request."""
    reader = fed(PLAIN + head(REALTIME, *OFFER) + PLAIN)

    assert [(type(one), one.keep_alive) for one in reader.requests] == [(Request, True), (Switching, False)]
    assert reader.beyond == PLAIN
    assert reader.switching


@pytest.mark.parametrize(
    "data",
    [
        head("POST /v1/realtime HTTP/1.1", *OFFER),
        head("GET /v1/realtime HTTP/1.0", *OFFER),
        head("GET /v1/models HTTP/1.1", *OFFER),
        head("GET /v1/realtime HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket, h2c"),
        head("GET /v1/realtime HTTP/1.1", *OFFER, "Content-Length: 0"),
        head("GET /v1/realtime HTTP/1.1", *OFFER, CHUNKED) + b"0\r\n\r\n",
        head("GET /v1/realtime HTTP/1.1", "Upgrade: websocket"),
    ],
)
def test_every_other_offer_is_declined(data: bytes) -> None:
    """The request is one as if nothing had been offered, and so is the next."""
    reader = fed(data + PLAIN)

    assert [type(one) for one in reader.requests][:1] == [Request]
    assert not reader.switching
    assert reader.beyond == b""
