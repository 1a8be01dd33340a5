"""What a worker asks and tells about calls that may be made once only."""

import pytest

from keyturn import bus
from keyturn.domain.attempts import Answer, Fate
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.attempts import MOST_HELD, TELL_AGAIN_S, TIMEOUT_S, Attempts

ANSWER = Answer(200, b"", b"body")
WAIT = Refused(Reason.IDEMPOTENCY_IN_FLIGHT)


class Asker:
    """A request with an Idempotency-Key; keeps what it is told."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.attempt_id, self.fingerprint = b"a" * 32, b"f" * 32
        self.told: list[object] = []

    def proceed(self) -> None:
        """Hear yes."""
        self.told.append("proceed")

    def repeat(self, first_id: str, answer: Answer) -> None:
        """Hear an answer."""
        self.told += (first_id, answer)

    def refrain(self, refused: Refused) -> None:
        """Hear no."""
        self.told.append(refused.reason)

    def client_left(self) -> None:
        """Hear that it is over."""
        self.told.append("left")


class World:
    """The bus and the time."""

    def __init__(self) -> None:
        self.sent: list[bus.FromWorker] = []
        self.now = 0.0
        self.up = True
        self.attempts = Attempts(self._send, lambda: self.now)
        self.asker = Asker("req_1")
        self.attempt = bus.Attempt(self.asker.attempt_id, self.asker.fingerprint, "req_1")

    def _send(self, message: bus.FromWorker) -> bool:
        if self.up:
            self.sent.append(message)
        return self.up

    def ended(self, fate: Fate | None, answer: Answer | None = None) -> bus.AttemptEnded:
        """Return what is told of the asker's end."""
        return bus.AttemptEnded(self.asker.attempt_id, "req_1", fate, answer)

    def proceed(self) -> None:
        """Let the asker go on."""
        self.attempts.ask(self.asker)
        self.attempts.hear(bus.Proceed(self.asker.attempt_id, "req_1"))
        self.sent.clear()


@pytest.fixture
def world() -> World:
    """A worker that has just connected."""
    return World()


def test_a_call_is_made_when_the_control_process_says_so(world: World) -> None:
    """Not before: somebody else may be making it."""
    world.attempts.ask(world.asker)
    before = list(world.asker.told)

    world.attempts.hear(bus.Proceed(world.asker.attempt_id, "req_1"))

    assert world.sent == [world.attempt]
    assert before == []
    assert world.asker.told == ["proceed"]
    assert world.attempts.busy


def test_an_answer_is_handed_on_and_a_refusal_too(world: World) -> None:
    """Each once."""
    other = Asker("req_2")
    world.attempts.ask(world.asker)
    world.attempts.ask(other)

    for _ in range(2):
        world.attempts.hear(bus.Repeat("req_1", "req_0", ANSWER))
        world.attempts.hear(bus.Refrain("req_2", WAIT))

    assert world.asker.told == ["req_0", ANSWER]
    assert other.told == [Reason.IDEMPOTENCY_IN_FLIGHT]
    assert not world.attempts.busy


def test_what_was_asked_is_asked_again_on_a_new_connection(world: World) -> None:
    """The control process that was asked may be dead."""
    world.up = False
    world.attempts.ask(world.asker)

    world.up = True
    world.attempts.ask_again()

    assert world.sent == [world.attempt]


def test_an_end_is_told_until_it_is_noted(world: World) -> None:
    """Else the name would be taken for a day."""
    world.proceed()
    world.up = False
    world.attempts.ended(world.asker, Fate.SERVED, ANSWER)
    world.up = True

    world.attempts.ask_again()
    world.now += TELL_AGAIN_S + 1
    world.attempts.sweep()
    busy = world.attempts.busy
    world.attempts.hear(bus.Noted("req_1"))
    world.attempts.hear(bus.Noted("req_1"))
    world.attempts.ask_again()
    world.now += TELL_AGAIN_S + 1
    world.attempts.sweep()

    assert world.sent == [world.ended(Fate.SERVED, ANSWER)] * 2
    assert busy
    assert not world.attempts.busy


def test_who_gives_up_while_asking_lets_the_name_go(world: World) -> None:
    """Whether the control process has noted it or not."""
    world.attempts.ask(world.asker)
    world.attempts.ended(world.asker, None)

    world.attempts.hear(bus.Proceed(world.asker.attempt_id, "req_1"))

    assert world.sent == [world.attempt, world.ended(None)]
    assert world.asker.told == []


def test_what_nobody_waits_for_is_given_back(world: World) -> None:
    """A permission that came too late must not hold the name."""
    world.attempts.hear(bus.Proceed(world.asker.attempt_id, "req_1"))

    assert world.sent == [world.ended(None)]


def test_a_permission_that_comes_twice_is_used_once(world: World) -> None:
    """It was asked for on two connections."""
    world.proceed()

    world.attempts.hear(bus.Proceed(world.asker.attempt_id, "req_1"))

    assert world.asker.told == ["proceed"]
    assert world.sent == []


def test_who_is_not_answered_is_refused_and_lets_the_name_go(world: World) -> None:
    """A client must not wait for ever, and its next try must not find the name taken."""
    world.attempts.ask(world.asker)
    world.now = TIMEOUT_S - 1
    world.attempts.sweep()
    early = list(world.asker.told)

    world.now = TIMEOUT_S + 1
    world.attempts.sweep()

    assert early == []
    assert world.asker.told == [Reason.CONTROL_UNAVAILABLE]
    assert world.sent[-1] == world.ended(None)


def test_who_can_not_be_answered_lets_the_name_go(world: World) -> None:
    """The store failed, perhaps after it had taken it in."""
    world.attempts.ask(world.asker)

    world.attempts.hear(bus.Refrain("req_1", Refused(Reason.CONTROL_UNAVAILABLE)))

    assert world.asker.told == [Reason.CONTROL_UNAVAILABLE]
    assert world.sent[-1] == world.ended(None)


def test_answers_are_held_within_bounds_until_they_are_noted(world: World) -> None:
    """A control process that is away for long must not fill the worker's memory."""
    world.proceed()
    first = world.attempts.hold(MOST_HELD)
    world.attempts.ended(world.asker, Fate.SERVED, ANSWER, MOST_HELD)
    second = world.attempts.hold(1)
    world.attempts.hear(bus.Noted("req_1"))
    third = world.attempts.hold(MOST_HELD)
    world.attempts.ended(world.asker, Fate.SERVED, None, MOST_HELD)
    fourth = world.attempts.hold(MOST_HELD)

    assert (first, second, third, fourth) == (True, False, True, True)


def test_a_worker_that_ends_gives_up_what_goes_on_for_nobody(world: World) -> None:
    """It would be cut off without a word in the journal."""
    world.proceed()

    world.attempts.close()

    assert world.attempts.closing
    assert world.asker.told == ["proceed", "left"]
