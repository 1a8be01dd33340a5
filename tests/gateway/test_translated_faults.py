"""What clients of one dialect are told when providers of another misbehave before there is a stream, over real sockets."""

from collections.abc import Sequence

import pytest

from fakes.origin import Step, hangs_up, is_read, origin_server, plain, resets
from gateway.faults import CLOSED, JSON_HEAD, MALFORMED, Call
from gateway.pieces import CHUNKED, chunk
from gateway.providers import UPSTREAM_SECRET

# ── before there is an answer ───────────────────────────────────────────────

HEADLESS: dict[str, tuple[tuple[Step, ...], str]] = {
    "hangs up": ((hangs_up,), CLOSED),
    "resets": ((resets,), CLOSED),
    "hangs up in the head": ((b"HTTP/1.1 200 OK\r\ncontent-ty", is_read, hangs_up), CLOSED),
    "speaks no HTTP": ((b"good morning\r\n\r\n", hangs_up), MALFORMED),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", HEADLESS)
def test_a_provider_that_gives_no_answer_is_said_to_have_failed(
    made: Call, fault: str, *, stream: bool
) -> None:
    """In the client's dialect, streamed or not, and nothing is charged."""
    steps, code = HEADLESS[fault]

    answer = made.asks(*steps, stream=stream)

    assert answer.status == 502
    assert made.error(answer).code == code
    noted = made.noted(answer)
    assert (noted["outcome"], noted["status"], noted["output_tokens"]) == (code, 502, 0)
    made.is_well()


# ── whole answers ───────────────────────────────────────────────────────────

HALVES: dict[str, tuple[Sequence[Step], str]] = {
    "hangs up behind the head": ((JSON_HEAD + b"content-length: 90\r\n\r\n", is_read, hangs_up), CLOSED),
    "hangs up in the body": ((JSON_HEAD + b'content-length: 90\r\n\r\n{"id":', is_read, hangs_up), CLOSED),
    "resets in the body": ((JSON_HEAD + b'content-length: 90\r\n\r\n{"id":', is_read, resets), CLOSED),
    "hangs up in mid-chunk": ((JSON_HEAD + CHUNKED + chunk(b'{"id":')[:-4], is_read, hangs_up), CLOSED),
    "hangs up between chunks": ((JSON_HEAD + CHUNKED + chunk(b'{"id":'), is_read, hangs_up), CLOSED),
    "has no length and half a body": ((JSON_HEAD + b'\r\n{"id":', hangs_up), MALFORMED),
    "sends chunks that are none": ((JSON_HEAD + CHUNKED + b"what?\r\n", hangs_up), MALFORMED),
    "sends no JSON": ((plain(b"<html>good morning</html>"),), MALFORMED),
    "sends JSON that is no answer": ((plain(b'[{"id":5}]'),), MALFORMED),
    "sends nothing": ((plain(b""),), MALFORMED),
    "sends no content": ((b"HTTP/1.1 204 No Content\r\n\r\n",), MALFORMED),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", HALVES)
def test_half_an_answer_is_none(made: Call, fault: str, *, stream: bool) -> None:
    """What can't be read whole is never handed on, nor charged; nor where a stream was asked for and this came."""
    steps, code = HALVES[fault]

    answer = made.asks(*steps, stream=stream)

    assert answer.status == 502
    assert made.error(answer).code == code
    noted = made.noted(answer)
    assert (noted["outcome"], noted["status"], noted["output_tokens"]) == (code, 502, 0)
    made.is_well()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_longer_than_its_length_is_cut_there(made: Call, *, stream: bool) -> None:
    """What follows is nobody's answer, least of all the next one's."""
    whole = made.provider.whole
    length = b"content-length: %d\r\n\r\n"

    cut = made.asks(JSON_HEAD + length % (len(whole) - 9) + whole, stream=stream)
    more = made.asks(JSON_HEAD + length % len(whole) + whole + plain(b"{}"), stream=stream)

    assert (cut.status, made.error(cut).code) == (502, MALFORMED)
    assert made.noted(cut)["outcome"] == MALFORMED
    assert more.status == 200
    assert made.noted(more)["outcome"] == "ok"
    assert (made.client.words(more.body) if stream else "Good day") == "Good day"
    made.is_well()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [b"302 Found", b"307 Temporary Redirect"])
def test_a_redirect_is_never_followed(made: Call, status: bytes, *, stream: bool) -> None:
    """It would carry the operator's credential to whoever is named; the client learns no address either."""
    with origin_server() as elsewhere:
        moved = plain(b'{"moved":1}', b"location: " + elsewhere.url.encode(), status=status)
        answer = made.asks(moved, stream=stream)

        assert elsewhere.connections == 0
    assert (answer.status, made.error(answer).code) == (502, MALFORMED)
    assert "location" not in answer.headers
    assert elsewhere.url.encode() not in answer.head + answer.body
    assert len(made.ill.received) == 1
    made.is_well()


# ── errors of the provider's own ────────────────────────────────────────────

KINDS: dict[int, dict[str, object]] = {
    429: {
        "openai-chat": "rate_limit_error",
        "openai-responses": "rate_limit_error",
        "anthropic": "rate_limit_error",
        "gemini": "RESOURCE_EXHAUSTED",
    },
    500: {
        "openai-chat": "server_error",
        "openai-responses": "server_error",
        "anthropic": "api_error",
        "gemini": "INTERNAL",
    },
    529: {
        "openai-chat": "server_error",
        "openai-responses": "server_error",
        "anthropic": "overloaded_error",
        "gemini": "INTERNAL",
    },
}
"""By status, what each client calls the kind of it."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("readable", [True, False], ids=["readable", "unreadable"])
@pytest.mark.parametrize("status", KINDS)
def test_a_providers_error_keeps_its_status_and_when_to_come_again(
    made: Call, status: int, *, readable: bool, stream: bool
) -> None:
    """SDKs go by the status, the kind and the header; a proxy before the provider may send a page in place of an error."""
    body = made.provider.error.replace(b"BUSY", b"BUSY, " + UPSTREAM_SECRET.encode())
    if not readable:
        body = b"<html>%b</html>" % UPSTREAM_SECRET.encode()
    said = plain(body, b"retry-after: 7", b"x-secret: of the provider", status=b"%d So" % status)

    answer = made.asks(said, stream=stream)

    error = made.error(answer)
    assert (answer.status, answer.headers["retry-after"]) == (status, "7")
    assert error.kind == KINDS[status][made.client.name]
    assert error.message.startswith("BUSY" if readable else "The model's provider answered with an error")
    assert "x-secret" not in answer.headers
    assert UPSTREAM_SECRET.encode() not in answer.head + answer.body
    noted = made.noted(answer)
    assert (noted["status"], noted["input_tokens"], noted["output_tokens"]) == (status, 0, 0)
    made.is_well()
