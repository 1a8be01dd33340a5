"""Answers that are kept while they go to the client."""

import pytest

from keyturn.domain.attempts import LONGEST_ANSWER, Answer
from keyturn.gateway.recorder import Recorder, read_answer

UPSTREAM = b"content-type: application/json\r\nx-a: b\r\n"
OURS = b"x-request-id: req_1\r\nserver-timing: auth;dur=1\r\nx-ratelimit-limit-requests: 9\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + UPSTREAM + OURS
PLAIN = HEAD + b"x-keyturn-cost: 1.0\r\ncontent-length: 4\r\n\r\nbody"
ANSWER = Answer(200, UPSTREAM, b"body")


class Client:
    """Takes an answer."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append
        self.proxied = True
        self.ends: list[object] = []

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- as ``Transmitter`` has it
        """Take the end of it."""
        self.ends.append(keep_alive)

    def abort(self) -> None:
        """Take a cut."""
        self.ends.append("cut")


class Call:
    """Whose answer is kept, and how much room there is for it."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.held = 0
        self.told: list[object] = []

    def hold(self, length: int) -> bool:
        """Give room."""
        fits = self.held + length <= self.room
        self.held += length if fits else 0
        return fits

    def let_go(self, length: int) -> None:
        """Take room back."""
        self.held -= length

    def too_long(self) -> None:
        """Hear that it is not kept."""
        self.told.append("too long")

    def answered(self, status: int, answer: Answer | None, held: int) -> None:
        """Hear the end."""
        self.told.append((status, answer, held))

    def broke_off(self) -> None:
        """Hear of a cut."""
        self.told.append("broke off")


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (PLAIN, ANSWER),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n", ANSWER),
        (HEAD + b"connection: close\r\n\r\nbody", ANSWER),
        (b"HTTP/1.1 204 No Content\r\n" + OURS + b"\r\n", Answer(204, b"", b"")),
        (
            HEAD.replace(b"x-a: b", b"x-a: transfer-encoding: chunked") + b"\r\n2\r\nbo",
            Answer(200, UPSTREAM.replace(b"x-a: b", b"x-a: transfer-encoding: chunked"), b"2\r\nbo"),
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nbody", Answer(200, b"", b"body")),
    ],
    ids=["plain", "chunked", "until the end", "without a body", "looks chunked", "nothing of ours"],
)
def test_an_answer_is_kept_without_what_is_true_of_one_request_only(raw: bytes, answer: Answer) -> None:
    """Its framing, its identifier, its times and its limits."""
    assert read_answer(raw) == answer


def test_the_client_gets_what_is_kept() -> None:
    """At once, piece by piece."""
    client, call = Client(), Call()
    recorder = Recorder(client, call)

    recorder.write(PLAIN[:-2])
    recorder.write(PLAIN[-2:])
    recorder.finish(keep_alive=True)

    assert client.written == [PLAIN[:-2], PLAIN[-2:]]
    assert client.ends == [True]
    assert call.told == [(200, ANSWER, len(PLAIN))]
    assert recorder.proxied


def test_an_answer_goes_on_when_the_client_has_left() -> None:
    """It may come back for it."""
    client, call = Client(), Call()
    recorder = Recorder(client, call)
    recorder.write(PLAIN[:-2])

    recorder.left = True
    recorder.write(PLAIN[-2:])
    recorder.finish(keep_alive=True)

    assert client.written == [PLAIN[:-2]]
    assert client.ends == []
    assert call.told == [(200, ANSWER, len(PLAIN))]


@pytest.mark.parametrize(("room", "pad"), [(1 << 30, LONGEST_ANSWER), (len(PLAIN), 1)])
def test_an_answer_that_does_not_fit_goes_to_the_client_only(room: int, pad: int) -> None:
    """It is not worth the memory."""
    client, call = Client(), Call(room)
    recorder = Recorder(client, call)

    recorder.write(PLAIN)
    recorder.write(b"x" * pad)
    recorder.write(b"x")
    recorder.finish(keep_alive=False)

    assert b"".join(client.written) == PLAIN + b"x" * pad + b"x"
    assert call.told == ["too long", (200, None, 0)]
    assert call.held == 0
    assert not recorder.keeps


def test_a_refusal_is_not_kept() -> None:
    """The next attempt may do better."""
    client, call = Client(), Call()
    refusal = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
    recorder = Recorder(client, call)

    recorder.write(refusal)
    recorder.finish(keep_alive=True)

    assert call.told == [(503, None, len(refusal))]


@pytest.mark.parametrize("left", [False, True])
def test_an_answer_that_breaks_off_is_not_kept(*, left: bool) -> None:
    """Half an answer looks like a whole one."""
    client, call = Client(), Call()
    recorder = Recorder(client, call)
    recorder.write(PLAIN)

    recorder.left = left
    recorder.abort()
    recorder.close()

    assert call.told == ["broke off"]
    assert call.held == 0
    assert client.ends == ([] if left else ["cut"])


def test_what_was_held_is_let_go_when_the_exchange_ends_without_a_word() -> None:
    """Its client had left."""
    call = Call()
    recorder = Recorder(Client(), call)
    recorder.write(PLAIN)

    recorder.close()
    recorder.abort()

    assert call.held == 0
