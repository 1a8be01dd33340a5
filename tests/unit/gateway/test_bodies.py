"""Bodies that a worker keeps while requests are under way."""

import pytest

from keyturn import bus
from keyturn.domain.bodies import LONGEST_BODY, Body, Exchanged
from keyturn.gateway import bodies
from keyturn.gateway.bodies import Bodies, BodyRecorder

OURS = b"HTTP/1.1 200 OK\r\na: b\r\nx-request-id: req_1\r\n"
PLAIN, CHUNKED = OURS + b"content-length: 4\r\n\r\n", OURS + b"transfer-encoding: chunked\r\n\r\n"


class Client:
    """Takes an answer."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append
        self.proxied = True

    def finish(self, keep_alive: bool) -> None:  # noqa: FBT001 -- as ``Transmitter`` has it
        """Take the end of it."""
        self.written.append(b"end" if keep_alive else b"close")

    def abort(self) -> None:
        """Take a cut."""
        self.written.append(b"cut")


class Scene:
    """A worker with one request under way."""

    def __init__(self, request: bytes = b"asked", *, arrives: bool = True) -> None:
        self.told: list[bus.FromWorker] = []
        self.arrives = arrives
        self.bodies = Bodies(self.send)
        self.client = Client()
        self.recorder = BodyRecorder(self.client, self.bodies, "req_1", "key_1", request)

    def send(self, message: bus.FromWorker) -> bool:
        """Hear a message, or lose it."""
        self.told.append(message)
        return self.arrives

    def exchanged(self) -> Exchanged:
        """Return the only thing that was told."""
        (message,) = self.told
        assert isinstance(message, bus.Bodies)
        return message.exchanged


@pytest.mark.parametrize(
    "pieces",
    [
        [PLAIN + b"body"],
        [PLAIN, b"bo", b"dy"],
        [CHUNKED, b"2\r\nbo\r\n", b"2\r\ndy\r\n0\r\n\r\n"],
        [CHUNKED + b"2\r\nbo\r\n", b"2\r\ndy\r\n", b"0\r\n\r\n"],
    ],
    ids=["at once", "plain", "chunked", "chunked with its head"],
)
def test_both_bodies_are_told_once_without_framing(pieces: list[bytes]) -> None:
    """However the answer was cut into pieces; the client gets exactly what it would have got."""
    scene = Scene()

    for piece in pieces:
        scene.recorder.write(piece)
    scene.recorder.finish(keep_alive=True)
    scene.recorder.end()

    assert scene.client.written == [*pieces, b"end"]
    assert scene.recorder.proxied
    assert scene.exchanged() == Exchanged("req_1", "key_1", Body(b"asked", False), Body(b"body", False))
    assert scene.bodies.held == 0


def test_what_is_too_long_is_cut_and_goes_on_to_the_client() -> None:
    """Bounded on the disk, and in the worker."""
    scene = Scene(b"q" * (LONGEST_BODY + 1))
    piece = b"%x\r\n%b\r\n" % (LONGEST_BODY, b"a" * LONGEST_BODY)

    for data in (CHUNKED, b"1\r\na\r\n", piece, piece):
        scene.recorder.write(data)
    held = scene.bodies.held
    scene.recorder.finish(keep_alive=False)

    assert held == 2 * LONGEST_BODY
    assert scene.client.written == [CHUNKED, b"1\r\na\r\n", piece, piece, b"close"]
    assert scene.exchanged().request == Body(b"q" * LONGEST_BODY, True)
    assert scene.exchanged().answer == Body(b"a" * LONGEST_BODY, True)


@pytest.mark.parametrize("length", [LONGEST_BODY, 0])
def test_what_just_fits_is_whole(length: int) -> None:
    """To the byte."""
    scene = Scene(b"q" * length)

    scene.recorder.write(PLAIN + b"a" * length)
    scene.recorder.finish(keep_alive=True)

    assert scene.exchanged().request == Body(b"q" * length, False)
    assert scene.exchanged().answer == Body(b"a" * length, False)


def test_a_stream_that_breaks_off_is_told_as_far_as_it_came() -> None:
    """That is what the client has, and what it is charged for."""
    scene = Scene()

    scene.recorder.write(CHUNKED)
    scene.recorder.write(b"2\r\nbo\r\n")
    scene.recorder.abort()

    assert scene.client.written[-1] == b"cut"
    assert scene.exchanged().answer == Body(b"bo", False)


def test_a_client_that_leaves_before_the_answer_leaves_its_question() -> None:
    """It may be what made it leave."""
    scene = Scene()

    scene.recorder.end()
    scene.recorder.write(PLAIN + b"body")

    assert scene.exchanged().answer == Body(b"", False)
    assert scene.bodies.held == 0


def test_a_worker_holds_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand streams must not cost it its memory; they go on all the same."""
    monkeypatch.setattr(bodies, "MOST_HELD", 7)
    scene = Scene()
    other = BodyRecorder(Client(), scene.bodies, "req_2", "key_1", b"another")

    scene.recorder.write(PLAIN + b"body")
    held = scene.bodies.held
    other.end()
    scene.recorder.finish(keep_alive=True)

    first, second = scene.told
    assert held == 7
    assert isinstance(first, bus.Bodies)
    assert first.exchanged.request == Body(b"an", True)
    assert isinstance(second, bus.Bodies)
    assert second.exchanged.answer == Body(b"", True)
    assert scene.bodies.held == 0


def test_what_can_not_be_sent_is_let_go() -> None:
    """It is lost, and takes no room."""
    scene = Scene(arrives=False)

    scene.recorder.write(PLAIN + b"body")
    scene.recorder.finish(keep_alive=True)

    assert scene.bodies.held == 0
