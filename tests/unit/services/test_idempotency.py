"""Requests that may be sent again."""

import asyncio
from typing import Any

import pytest

from keyturn import system
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import idempotency as service
from keyturn.services.idempotency import KEPT_MS, Idempotency, KeptAnswer, Once
from keyturn.store import idempotency as queries, milestones
from keyturn.store.engine import Store
from keyturn.store.vault import Vault

CREATED = KeptAnswer(201, [("content-type", "application/json")], b'{"key":"sk-secret"}')
REQUEST = b"\n{}"


def render(result: object) -> KeptAnswer | None:
    """Make the answer of a text; nothing else is one."""
    return KeptAnswer(201, [], result.encode()) if isinstance(result, str) else None


@pytest.fixture
def idempotency(store: Store, vault: Vault) -> Idempotency:
    """The use cases in this process."""
    return Idempotency(store, vault)


@pytest.fixture
def restarted(store: Store, vault: Vault) -> Idempotency:
    """The use cases in the process after the one that died."""
    return Idempotency(store, vault)


async def send(to: Idempotency, key: str = "k1", **members: Any) -> Once | KeptAnswer | Refused:
    """Send the request, in a task of its own, as a server does."""
    asked: dict[str, Any] = {
        "caller": "key_1",
        "path": "/api/v1/keys",
        "request": REQUEST,
        "render": render,
    } | members
    return await asyncio.create_task(to.begin(key, **asked))


async def send_and_change(to: Idempotency, store: Store, name: str, *, keep: str = "") -> Once:
    """Send the request, and make a change for it; the answer is not given."""

    async def work() -> Once:
        once = await to.begin("k1", caller="key_1", path="/api/v1/keys", request=REQUEST, render=render)
        assert isinstance(once, Once)
        async with store.writing() as connection:
            await milestones.reach(connection, name, now_ms=1)
            if keep:
                await service.keep(connection, keep)
        return once

    return await asyncio.create_task(work())


def is_refused(result: object, reason: Reason) -> bool:
    """Say whether the answer is this refusal."""
    return isinstance(result, Refused) and result.reason is reason


async def test_the_second_request_gets_the_answer_of_the_first(
    idempotency: Idempotency, restarted: Idempotency
) -> None:
    """Whoever lost the answer on the way must not end up with two keys."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    await idempotency.finish(once, CREATED)

    assert await send(idempotency) == CREATED
    assert await send(restarted) == CREATED


async def test_another_body_with_the_same_key_is_refused(idempotency: Idempotency) -> None:
    """It is a mistake of the caller's, and either answer would be the wrong one."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    await idempotency.finish(once, CREATED)

    assert is_refused(await send(idempotency, request=b"\n[]"), Reason.IDEMPOTENCY_KEY_REUSED)


@pytest.mark.parametrize("other", [{"caller": "key_2"}, {"path": "/api/v1/projects"}, {"key": "k2"}])
async def test_an_answer_belongs_to_its_caller_path_and_key(
    idempotency: Idempotency, other: dict[str, str]
) -> None:
    """The answer holds a secret: nobody else may fetch it by guessing the key."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    await idempotency.finish(once, CREATED)

    assert isinstance(await send(idempotency, **other), Once)


async def test_while_the_first_is_worked_on_the_second_is_told_to_wait(idempotency: Idempotency) -> None:
    """Two at once would make two keys."""
    first, second = await asyncio.gather(send(idempotency), send(idempotency))

    assert isinstance(first, Once)
    assert is_refused(second, Reason.IDEMPOTENCY_IN_FLIGHT)


@pytest.mark.parametrize("key", ["", "a" * 256, "with space", "caf\u00e9", "tab\t"])
async def test_a_key_that_is_none_is_refused(idempotency: Idempotency, key: str) -> None:
    """It would not come back the same through every proxy."""
    assert is_refused(await send(idempotency, key), Reason.IDEMPOTENCY_KEY_INVALID)


async def test_the_shortest_and_the_longest_key_are_taken(idempotency: Idempotency) -> None:
    """The limits are inclusive."""
    assert isinstance(await send(idempotency, "!"), Once)
    assert isinstance(await send(idempotency, "~" * 255), Once)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_an_answer_that_may_be_another_next_time_is_not_kept(
    idempotency: Idempotency, status: int
) -> None:
    """A node that had a bad moment must not fail a client for a day."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    await idempotency.finish(once, KeptAnswer(status, [], b""))

    assert isinstance(await send(idempotency), Once)


async def test_a_refusal_is_kept(idempotency: Idempotency) -> None:
    """The first answer stands, whatever was made possible since."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    refused = KeptAnswer(409, [("x-should-retry", "false")], b"{}")
    await idempotency.finish(once, refused)

    assert await send(idempotency) == refused


async def test_a_request_cut_short_before_it_changed_anything_is_worked_on_again(
    idempotency: Idempotency, restarted: Idempotency
) -> None:
    """The process was killed in time: nothing happened."""
    await send(idempotency)

    assert isinstance(await send(restarted), Once)


async def test_a_request_cut_short_after_a_change_is_never_worked_on_again(
    idempotency: Idempotency, restarted: Idempotency, store: Store
) -> None:
    """Nobody knows its answer, but a second key would be worse."""
    await send_and_change(idempotency, store, "made")

    again = await send(restarted)

    assert is_refused(again, Reason.CONFLICT)
    assert isinstance(again, Refused)
    assert "keyturn audit show" in again.text


async def test_an_answer_kept_with_the_change_outlives_the_process(
    idempotency: Idempotency, restarted: Idempotency, store: Store
) -> None:
    """Killed between the commit and the answer: the key exists, so its secret must still reach its owner."""
    await send_and_change(idempotency, store, "made", keep="sk-secret")

    assert await send(restarted) == KeptAnswer(201, [], b"sk-secret")


async def test_a_change_that_was_undone_leaves_no_answer(
    idempotency: Idempotency, restarted: Idempotency, store: Store
) -> None:
    """The answer would hold a secret of a key that does not exist."""

    async def fail() -> None:
        await idempotency.begin("k1", caller="key_1", path="/api/v1/keys", request=REQUEST, render=render)
        async with store.writing() as connection:
            await service.keep(connection, "sk-secret")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await asyncio.create_task(fail())

    assert isinstance(await send(restarted), Once)


async def test_a_failure_after_a_change_is_not_worked_on_again(
    idempotency: Idempotency, store: Store
) -> None:
    """An internal error behind the commit is an unknown outcome like any other."""
    once = await send_and_change(idempotency, store, "made")
    await idempotency.finish(once, KeptAnswer(500, [], b""))

    assert is_refused(await send(idempotency), Reason.CONFLICT)


async def test_a_change_that_was_not_confirmed_is_asked_for_again(
    idempotency: Idempotency, store: Store
) -> None:
    """The second call waits for the workers anew; a kept 503 would never."""
    once = await send_and_change(idempotency, store, "made")
    await idempotency.finish(once, KeptAnswer(503, [], b""))

    assert isinstance(await send(idempotency), Once)


async def test_an_unconfirmed_change_with_a_secret_gives_the_secret_the_next_time(
    idempotency: Idempotency, store: Store
) -> None:
    """Working on it again would make another secret."""
    once = await send_and_change(idempotency, store, "made", keep="sk-secret")
    await idempotency.finish(once, KeptAnswer(503, [], b""))

    assert await send(idempotency) == KeptAnswer(201, [], b"sk-secret")


async def test_without_an_idempotency_key_nothing_is_kept(store: Store) -> None:
    """Services call ``keep`` whoever asks."""
    async with store.writing() as connection:
        await service.keep(connection, "sk-secret")
        rows = await connection.exec_driver_sql("SELECT count(*) FROM idempotency")

        assert rows.scalar() == 0


async def test_answers_are_sealed(idempotency: Idempotency, store: Store) -> None:
    """A copy of the database must not hold the secret of the key just made."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    await idempotency.finish(once, CREATED)

    async with store.reading() as connection:
        stored = await queries.get(connection, once.try_id)

    assert stored is not None
    assert stored.sealed is not None
    assert b"sk-secret" not in stored.sealed


async def test_answers_are_forgotten_after_a_day(idempotency: Idempotency) -> None:
    """Until then they are given, to the millisecond that the contract says."""
    once = await send(idempotency)
    assert isinstance(once, Once)
    await idempotency.finish(once, CREATED)
    now_ms = system.now_ms()

    await idempotency.forget_old(now_ms + KEPT_MS - 60_000)
    kept = await send(idempotency)
    await idempotency.forget_old(now_ms + KEPT_MS + 60_000)

    assert kept == CREATED
    assert isinstance(await send(idempotency), Once)
