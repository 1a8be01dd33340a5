"""What a worker knows of keys."""

from collections import Counter
from itertools import count

import pytest

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.gateway import keycache
from keyturn.gateway.keycache import LOOK_TIMEOUT_S, UNKNOWN_TTL_S, KeyCache

NOON = 1000.0
KNOWN = 50_000
DIGEST = b"d" * 32


def record(name: str = "key_1") -> KeyRecord:
    """Make a key."""
    return KeyRecord(name, name, Kind.SECRET, frozenset({Permission.READ}))


class Asked:
    """A cache, the questions it has asked and the answers it has given."""

    def __init__(self, *, limit: int = KNOWN) -> None:
        self.questions: list[tuple[int, bytes]] = []
        self.answers: list[tuple[KeyRecord | None, bool]] = []
        self.cache = KeyCache(self._ask, limit=limit)

    def _ask(self, call: int, digest: bytes) -> bool:
        self.questions.append((call, digest))
        return True

    def look(self, digest: bytes = DIGEST, now: float = NOON) -> None:
        """Look a digest up."""
        self.cache.look(digest, lambda *answer: self.answers.append(answer), now)

    def found(self, key: KeyRecord | None, *, sequence: int = 0, failed: bool = False) -> None:
        """Answer the last question."""
        self.cache.found(self.questions[-1][0], sequence, key, failed=failed)


def test_a_key_is_asked_for_once_and_known_from_then_on() -> None:
    """The hot path asks nobody."""
    asked = Asked()
    asked.look()

    asked.found(record())

    assert asked.questions == [(1, DIGEST)]
    assert asked.answers == [(record(), False)]
    assert asked.cache.get(DIGEST) == record()


def test_concurrent_misses_share_one_question() -> None:
    """A restart under load does not flood the store."""
    asked = Asked()
    for _ in range(3):
        asked.look()

    asked.found(record())

    assert len(asked.questions) == 1
    assert asked.answers == [(record(), False)] * 3


def test_an_unknown_digest_costs_one_question_for_a_while() -> None:
    """Guessing costs the store nothing; a key created meanwhile is found soon."""
    asked = Asked()
    asked.look()
    asked.found(None)

    asked.look(now=NOON + UNKNOWN_TTL_S - 0.001)
    assert (len(asked.questions), asked.answers) == (1, [(None, False)] * 2)

    asked.look(now=NOON + UNKNOWN_TTL_S)
    assert len(asked.questions) == 2


def test_a_store_that_cannot_be_asked_is_not_taken_for_an_unknown_key() -> None:
    """A 503 must not turn into ten seconds of 401."""
    asked = Asked()
    asked.look()
    asked.found(None, failed=True)

    asked.look()

    assert asked.answers == [(None, True)]
    assert len(asked.questions) == 2


def test_unknown_digests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guessing can't fill the memory; the oldest go first."""
    monkeypatch.setattr(keycache, "UNKNOWN_LIMIT", 2)
    asked = Asked()
    for digest in (b"a", b"b", b"c"):
        asked.look(digest)
        asked.found(None)

    for digest in (b"c", b"b", b"a"):
        asked.look(digest)

    assert [digest for _, digest in asked.questions] == [b"a", b"b", b"c", b"a"]


def test_known_keys_are_bounded_and_the_oldest_is_forgotten_whole() -> None:
    """Memory is flat over a million keys."""
    asked = Asked(limit=2)
    for number in (1, 2, 3):
        asked.look(b"%d" % number)
        asked.found(record(f"key_{number}"))

    assert asked.cache.get(b"1") is None
    assert asked.cache.get(b"3") == record("key_3")
    assert set(asked.cache._digests) == {"key_2", "key_3"}


def test_a_forgotten_secret_leaves_the_others_of_its_key() -> None:
    """An invalidation must still find them."""
    asked = Asked(limit=2)
    for digest in (b"1", b"2", b"3"):
        asked.look(digest)
        asked.found(record())

    asked.cache.forget(["key_1"], 1)

    assert [asked.cache.get(digest) for digest in (b"1", b"2", b"3")] == [None] * 3


def test_an_invalidation_takes_out_every_secret_of_the_key_and_no_other_key() -> None:
    """When it is confirmed, nobody gets in with any of them."""
    asked = Asked()
    for digest, key in ((b"a", "key_1"), (b"b", "key_1"), (b"c", "key_2")):
        asked.look(digest)
        asked.found(record(key))

    asked.cache.forget(["key_1", "key_9"], 7)

    assert [asked.cache.get(digest) for digest in (b"a", b"b", b"c")] == [None, None, record("key_2")]
    assert asked.cache.sequence == 7


@pytest.mark.parametrize("change", ["forget", "clear"])
def test_a_change_takes_out_unknown_digests_too(change: str) -> None:
    """A key that was just created works at once."""
    asked = Asked()
    asked.look()
    asked.found(None)

    if change == "forget":
        asked.cache.forget([], 1)
    else:
        asked.cache.clear(1)
    asked.look()

    assert len(asked.questions) == 2


def test_a_snapshot_takes_out_everything() -> None:
    """After a restart of the control process nothing is certain."""
    asked = Asked()
    asked.look()
    asked.found(record())

    asked.cache.clear(3)

    assert asked.cache.get(DIGEST) is None
    assert asked.cache.sequence == 3


def test_an_answer_older_than_an_invalidation_is_asked_for_again() -> None:
    """The store may have been read before the key was disabled in it."""
    asked = Asked()
    asked.look()
    asked.cache.forget(["key_1"], 5)

    asked.found(record(), sequence=4)

    assert asked.cache.get(DIGEST) is None
    assert asked.answers == []
    assert asked.questions == [(1, DIGEST), (2, DIGEST)]
    asked.found(record(), sequence=5)
    assert asked.answers == [(record(), False)]


def test_a_failure_older_than_an_invalidation_is_still_a_failure() -> None:
    """It says nothing about the key."""
    asked = Asked()
    asked.look()
    asked.cache.forget([], 5)

    asked.found(None, sequence=4, failed=True)

    assert asked.answers == [(None, True)]


def test_questions_under_way_are_repeated_on_a_new_connection() -> None:
    """The control process may have restarted; whichever answer comes first counts, once."""
    asked = Asked()
    asked.look()

    asked.cache.ask_again()
    asked.found(record())
    asked.found(None)

    assert asked.questions == [(1, DIGEST), (1, DIGEST)]
    assert asked.answers == [(record(), False)]
    assert asked.cache.get(DIGEST) == record()


def test_a_question_that_nobody_answers_fails_in_time() -> None:
    """A caller is told 503 rather than left waiting; the next one asks anew."""
    asked = Asked()
    asked.look()

    asked.cache.sweep(NOON + LOOK_TIMEOUT_S)
    assert asked.answers == []

    asked.cache.sweep(NOON + LOOK_TIMEOUT_S + 0.001)
    assert asked.answers == [(None, True)]
    asked.look()
    assert len(asked.questions) == 2


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    """It is older than it should be."""
    asked = Asked()
    asked.look()
    asked.cache.sweep(NOON + LOOK_TIMEOUT_S + 1)

    asked.found(record())

    assert asked.cache.get(DIGEST) is None


def test_every_look_up_is_answered_exactly_once() -> None:
    """Whatever happens in between: a request that is answered twice or never is a broken connection."""
    answers: Counter[int] = Counter()
    questions: list[int] = []

    def ask(call: int, _digest: bytes) -> bool:
        questions.append(call)
        return True

    cache = KeyCache(ask, limit=KNOWN)
    numbers = count()

    for digest in (b"a", b"a", b"b", b"c"):
        number = next(numbers)
        cache.look(digest, lambda *_answer, number=number: answers.update([number]), NOON)
    cache.found(questions[0], 0, record(), failed=False)
    cache.forget(["key_1"], 1)
    cache.found(questions[1], 0, None, failed=False)
    cache.ask_again()
    cache.found(questions[-1], 1, None, failed=False)
    cache.clear(2)
    cache.sweep(NOON + 100)

    assert answers == {0: 1, 1: 1, 2: 1, 3: 1}
