"""Which calls of models were made already."""

import msgspec
import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from fakes.usage_records import admitted, payload, refused, served
from keyturn import system
from keyturn.domain.attempts import KEPT_MS, Answer, Fate
from keyturn.domain.journal import ADMITTED, Admitted, Refused as RefusedRecord, Served
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.attempts import GO, HEARD, ORPHANED, Again, Attempts, Begin, End
from keyturn.store import journals
from keyturn.store.attempt_tables import attempt_answers, attempts as table
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

ANSWER = Answer(200, b"content-type: application/json\r\n", b'{"a":"\xff"}')
LIVING = {"1-aaaa", "2-bbbb"}


@pytest.fixture
def attempts(store: Store, vault: Vault) -> Attempts:
    """The use cases in this process."""
    return Attempts(store, vault)


def begin(request_id: str = "req_1", *, name: str = "a", body: str = "x", worker: str = "1-aaaa") -> Begin:
    """Ask for a call."""
    return Begin(name.encode() * 32, body.encode() * 32, request_id, worker)


def end(
    fate: Fate | None, request_id: str = "req_1", *, name: str = "a", answer: Answer | None = None
) -> End:
    """Tell the end of one."""
    return End(name.encode() * 32, request_id, fate, answer)


async def served_once(attempts: Attempts, number: int, answer: Answer = ANSWER) -> None:
    """Have a call made and answered."""
    name, request_id = chr(ord("a") + number), f"req_{number}"
    await attempts.decide([begin(request_id, name=name)], LIVING)
    await attempts.decide([end(Fate.SERVED, request_id, name=name, answer=answer)], LIVING)


async def test_the_first_goes_on_and_the_others_wait(attempts: Attempts) -> None:
    """Also those that come with it."""
    together = await attempts.decide([begin(), begin("req_2"), begin("req_3", name="b")], LIVING)
    later = await attempts.decide([begin("req_4", worker="2-bbbb")], LIVING)

    assert together == [GO, Refused(Reason.IDEMPOTENCY_IN_FLIGHT), GO]
    assert later == [Refused(Reason.IDEMPOTENCY_IN_FLIGHT)]


async def test_another_process_knows_what_this_one_let_go_on(
    attempts: Attempts, store: Store, vault: Vault
) -> None:
    """It is in the store before it is told."""
    await attempts.decide([begin()], LIVING)

    found = await Attempts(store, vault).decide([begin("req_2"), begin()], LIVING)

    assert found == [Refused(Reason.IDEMPOTENCY_IN_FLIGHT), GO]


async def test_another_request_under_the_same_name_is_refused(attempts: Attempts) -> None:
    """Before and after the first has ended."""
    await attempts.decide([begin()], LIVING)
    before = await attempts.decide([begin("req_2", body="y")], LIVING)
    await attempts.decide([end(Fate.SERVED)], LIVING)

    after = await attempts.decide([begin("req_3", body="y")], LIVING)

    assert before == after == [Refused(Reason.IDEMPOTENCY_KEY_REUSED)]


async def test_an_answer_is_given_again_as_it_was(attempts: Attempts) -> None:
    """Byte by byte."""
    await attempts.decide([begin()], LIVING)
    ended = await attempts.decide([end(Fate.SERVED, answer=ANSWER)], LIVING)

    again = await attempts.decide([begin("req_2")], set())

    assert ended == [HEARD]
    assert again == [Again("req_1")]
    assert await attempts.answer("req_1") == ANSWER


async def test_an_answer_that_is_not_kept_is_said_to_be_lost(attempts: Attempts) -> None:
    """The call is not made a second time for that."""
    await attempts.decide([begin(), end(Fate.SERVED)], LIVING)

    again = await attempts.decide([begin("req_2")], LIVING)
    answer = await attempts.answer("req_1")

    assert again == [Again("req_1")]
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.details["outcome"]) == (Reason.CONFLICT, "served")


@pytest.mark.parametrize("fate", [Fate.BROKEN, Fate.UNKNOWN])
async def test_a_call_that_was_charged_is_not_made_again(attempts: Attempts, fate: Fate) -> None:
    """Whatever its client got."""
    await attempts.decide([begin(), end(fate)], LIVING)

    (again,) = await attempts.decide([begin("req_2")], LIVING)

    assert isinstance(again, Refused)
    assert (again.reason, again.details["outcome"]) == (Reason.CONFLICT, fate.value)


async def test_a_call_that_came_to_nothing_is_made_anew(attempts: Attempts) -> None:
    """It was refused, or failed and was charged nothing."""
    await attempts.decide([begin(), end(None)], LIVING)

    assert await attempts.decide([begin("req_2")], LIVING) == [GO]


async def test_an_end_counts_for_its_own_attempt_and_once(attempts: Attempts) -> None:
    """It is told until it is noted, and a late one must not end another attempt."""
    await attempts.decide([begin(), end(None), begin("req_2")], LIVING)

    heard = await attempts.decide([end(None), end(Fate.SERVED), end(None, name="z")], LIVING)
    await attempts.decide([end(Fate.SERVED, "req_2", answer=ANSWER)], LIVING)
    await attempts.decide([end(None, "req_2"), end(Fate.SERVED, "req_2", answer=ANSWER)], LIVING)

    assert heard == [HEARD] * 3
    assert await attempts.decide([begin("req_3")], LIVING) == [Again("req_2")]


async def test_a_name_is_free_after_a_day(attempts: Attempts, store: Store) -> None:
    """As in the management API."""
    await served_once(attempts, 0)
    async with store.writing() as connection:
        await connection.execute(update(table).values(begun_at=system.now_ms() - KEPT_MS))

    assert await attempts.decide([begin("req_2")], LIVING) == [GO]


async def test_what_is_old_is_forgotten(attempts: Attempts, store: Store) -> None:
    """With its answer."""
    await served_once(attempts, 0)
    await attempts.forget_old(system.now_ms())
    kept = await rows(store)

    await attempts.forget_old(system.now_ms() + KEPT_MS + 1)

    assert kept == (1, 1)
    assert await rows(store) == (0, 0)


async def rows(store: Store) -> tuple[int, int]:
    """Return how many attempts and answers there are."""
    async with store.reading() as connection:
        found = [
            await connection.scalar(text(f"SELECT count(*) FROM {name}"))  # noqa: S608 -- constants
            for name in (table.name, attempt_answers.name)
        ]
    return found[0], found[1]


async def test_the_oldest_answers_make_room(store: Store, vault: Vault) -> None:
    """What they take is bounded; that they were given is remembered."""
    attempts = Attempts(store, vault, kept_bytes=3_000)
    for number in range(3):
        await served_once(attempts, number, Answer(200, b"", b"x" * 900))

    found = [await attempts.answer(f"req_{number}") for number in range(3)]
    again = await attempts.decide([begin("req_9", name="a")], LIVING)

    assert [isinstance(one, Answer) for one in found] == [False, True, True]
    assert again == [Again("req_0")]


async def test_an_answer_whose_master_key_is_gone_is_lost(attempts: Attempts, store: Store) -> None:
    """The operator hears of it; the call is not made again."""
    await served_once(attempts, 0)
    async with store.writing() as connection:
        await connection.execute(update(attempt_answers).values(sealed=b"\1\x08master-9" + bytes(40)))

    with capture_logs() as logs:
        answer = await attempts.answer("req_0")

    assert isinstance(answer, Refused)
    assert [one["event"] for one in logs] == ["an answer can't be given again"]


# ── workers that died ───────────────────────────────────────────────────────


async def test_what_became_of_a_dead_workers_call_has_to_be_looked_up(attempts: Attempts) -> None:
    """Nobody will tell."""
    await attempts.decide([begin()], LIVING)

    assert await attempts.decide([begin("req_2")], {"2-bbbb"}) == [ORPHANED]


DIED = admitted()
ENDS: dict[str, tuple[Served | RefusedRecord | None, Fate | None]] = {
    "served": (served(DIED), Fate.SERVED),
    "broken": (served(DIED, outcome="client_left"), Fate.BROKEN),
    "unknown": (served(DIED, outcome="recovered", source="recovered"), Fate.UNKNOWN),
    "failed": (
        served(DIED, outcome="upstream_closed", status=502, input_tokens=0, output_tokens=0, cost_nano_usd=0),
        None,
    ),
    "refused": (refused(request_id=DIED.request_id), None),
    "nothing": (None, None),
}


async def put(store: Store, begun: Admitted | None, ended: bytes | None) -> None:
    """Store what stands in a journal of a request."""
    batch = journals.Batch(
        "",
        0,
        finished=False,
        admitted=[],
        settled=[],
        blocks=[],
        rollups=[],
        overall=[],
        keys=[],
        secrets=[],
        named=[],
    )
    if begun is not None:
        record = msgspec.msgpack.encode((ADMITTED, *msgspec.structs.astuple(begun)))
        batch.admitted.append((begun.request_id, "1-aaaa", record))
    if ended is not None:
        batch.blocks.append((DIED.request_id, DIED.request_id, b"\x91" + ended))
    async with store.writing() as connection:
        await journals.write(connection, batch)


@pytest.mark.parametrize("what", ENDS)
async def test_a_journal_says_what_its_dead_worker_did_not(
    attempts: Attempts, store: Store, what: str
) -> None:
    """Charged is charged; what came to nothing may be made anew."""
    record, fate = ENDS[what]
    await attempts.decide([begin(DIED.request_id), begin("req_2", name="b", worker="2-bbbb")], LIVING)
    await put(store, None, None if record is None else payload(record))

    await attempts.settle({"2-bbbb"})
    found = await attempts.decide([begin("req_3"), begin("req_4", name="b")], {"2-bbbb"})

    if fate is None:
        assert found[0] == GO
    elif fate is Fate.SERVED:
        assert found[0] == Again(DIED.request_id)
    else:
        assert isinstance(found[0], Refused)
        assert found[0].details["outcome"] == fate.value
    assert found[1] == Refused(Reason.IDEMPOTENCY_IN_FLIGHT)


async def test_a_call_whose_journal_can_not_be_read_to_the_end_stays_under_way(
    attempts: Attempts, store: Store
) -> None:
    """Nobody knows, so nobody may make it again."""
    await attempts.decide([begin(DIED.request_id)], LIVING)
    await put(store, DIED, None)

    await attempts.settle(set())

    assert await attempts.decide([begin("req_2")], set()) == [ORPHANED]
