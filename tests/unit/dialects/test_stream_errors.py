"""How streams fail."""

import pytest

from keyturn.dialects.stream_errors import ends_in_error

CHUNK = b'data: {"id":"c","choices":[]}\n\n'


@pytest.mark.parametrize(
    "tail",
    [
        CHUNK + b'data: {"error":{"message":"no"}}\n\n',
        CHUNK + b'data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
        b"event: error\ndata: it is over\n\n",
        b'event: response.failed\ndata: {"type":"response.failed","response":{}}\n\n',
        b'data: {"error":{"code":503,"status":"UNAVAILABLE"}}\r\n\r\n',
        b'half an event"}\n\n' + b'data: {"type":"error","code":"server_error"}',
    ],
)
def test_an_error_is_one_in_every_dialect(tail: bytes) -> None:
    """Whether or not something follows it."""
    assert ends_in_error(tail)


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        CHUNK + b"data: [DONE]\n\n",
        b'data: {"error":null,"choices":[]}\n\n',
        b'data: {"choices":[{"delta":{"content":"error"}}]}\n\n',
        b'event: response.incomplete\ndata: {"type":"response.incomplete","response":{"error":null}}\n\n',
        b"data: \xff\n\n",
        b"data: " + b"[" * 5_000 + b"\n\n",
    ],
)
def test_what_is_none_is_none(tail: bytes) -> None:
    """An answer that is told to be long enough is a good one."""
    assert not ends_in_error(tail)
