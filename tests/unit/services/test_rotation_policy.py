"""What the scheduler does about rotation."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fakes.rotating import BY, NOW, Rotating, days, done
from keyturn.domain.keys import SecretState
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret
from keyturn.services.delivery_sinks import Sinks, Staged
from keyturn.services.rotation import Rotation, Wish
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey
from keyturn.store.vault import Vault

PENDING, ACTIVE, RETIRING, DEAD = SecretState
DUE = {"rotate_every_days": 90, "next_rotation_at": days(90)}


@pytest.fixture
def rotating(furnished: Store, vault: Vault, tmp_path: Path) -> Rotating:
    """The use cases; keys may be written below ``sinks``."""
    (tmp_path / "sinks").mkdir()
    return Rotating(furnished, vault, [str(tmp_path / "sinks")])


def sink(rotating: Rotating) -> Path:
    """Return a file that keys may be written to."""
    return rotating.store.path.parent / "sinks" / "key"


async def with_overlap(rotating: Rotating) -> StoredKey:
    """Return a key whose old secret retires from now on, for 7 days."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))
    await rotating.rotation.first_used(successor.secret_id, now_ms=NOW)
    return key


async def test_a_key_that_is_due_is_written_to_its_file(rotating: Rotating) -> None:
    """The whole point of a policy: nobody has to remember."""
    key = await rotating.key(**DUE, sink=str(sink(rotating)))

    await rotating.policy.run_due(now_ms=days(90) - 1)
    early = sink(rotating).exists()
    await rotating.policy.run_due(now_ms=days(90))
    await rotating.policy.run_due(now_ms=days(91))

    secrets = await rotating.secrets(key)
    assert not early
    assert sink(rotating).read_text().startswith(secrets[-1].display[:7])
    assert await rotating.states(key, days(91)) == [ACTIVE, PENDING]
    assert (await rotating.stored(key)).next_rotation_at == days(180)
    assert await rotating.kinds() == ["key.rotation.pending"]
    assert await rotating.audited() == [("scheduler", "key.rotate")]


async def test_a_key_that_is_due_is_sealed_to_its_holder(rotating: Rotating) -> None:
    """Its holder fetches the box, or takes it from the event: it is of no use to anybody else."""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    key = await rotating.key(**DUE, sealing_key=public)

    await rotating.policy.run_due(now_ms=days(90))
    fetched = await rotating.rotation.sealed_successor(
        by=rotating.holder(key, (await rotating.secrets(key))[0])
    )

    [(kind, details)] = await rotating.told()
    assert isinstance(fetched, tuple)
    assert (kind, details["sealed"]) == ("key.rotation.pending", fetched[1])
    assert fetched[0].id == (await rotating.secrets(key))[-1].id


async def test_a_successor_that_waits_is_not_replaced_by_the_next(rotating: Rotating) -> None:
    """Its holder may have fetched it and be about to use it."""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    key = await rotating.key(**DUE, sealing_key=public)
    await rotating.policy.run_due(now_ms=days(90))

    await rotating.policy.run_due(now_ms=days(180))

    assert await rotating.states(key, days(180)) == [ACTIVE, PENDING]


@pytest.mark.parametrize(
    ("self_rotation", "to_do"), [(False, "keyturn keys rotate"), (True, "POST /api/v1/key/rotate")]
)
async def test_a_key_that_nothing_can_be_delivered_to_is_told_of_once(
    rotating: Rotating, *, self_rotation: bool, to_do: str
) -> None:
    """A secret that nobody can get would only be one more that can leak."""
    key = await rotating.key(**DUE, self_rotation=self_rotation)

    for at in (90, 90.001, 91):
        await rotating.policy.run_due(now_ms=days(at))

    [(kind, details)] = await rotating.told()
    assert await rotating.states(key, days(91)) == [ACTIVE]
    assert kind == "key.rotation.pending"
    assert to_do in details["to_do"]


@pytest.mark.parametrize("columns", [{"enabled": False}, {"revoked_at": NOW}, {"frozen_at": NOW}])
async def test_a_key_that_does_not_work_is_not_due(rotating: Rotating, columns: dict[str, Any]) -> None:
    """It gets no secrets and raises no events."""
    key = await rotating.key(**DUE, sink=str(sink(rotating)), **columns)

    await rotating.policy.run_due(now_ms=days(90))

    assert len(await rotating.secrets(key)) == 1
    assert await rotating.kinds() == []


async def test_a_file_that_can_not_be_written_leaves_the_key_as_it_was(rotating: Rotating) -> None:
    """Tried again in the next hour, and rotated when it works again."""
    key = await rotating.key(**DUE, sink=str(sink(rotating)))
    sink(rotating).mkdir()

    for at in (90, 90.001):
        await rotating.policy.run_due(now_ms=days(at))
    failed = await rotating.kinds(), await rotating.states(key, days(90))
    sink(rotating).rmdir()
    await rotating.policy.run_due(now_ms=days(90.1))

    assert failed == (["key.rotation.failed"], [ACTIVE])
    assert await rotating.states(key, days(91)) == [ACTIVE, PENDING]


class Slow(Sinks):
    """A folder where putting a file in place takes until the next file is written beside it, or a moment."""

    def stage(self, sink: str, secret: Secret) -> Staged:
        """Write the secret beside its place."""
        staged = super().stage(sink, secret)
        self.next.set()
        self.next = threading.Event()
        return SlowlyStaged(staged, self.next)

    next = threading.Event()


class SlowlyStaged(Staged):
    """See ``Slow``."""

    def __init__(self, staged: Staged, following: threading.Event) -> None:
        self._staged, self._following = staged, following

    def publish(self) -> None:
        """Wait, then put it in place."""
        self._following.wait(0.2)
        self._staged.publish()

    def discard(self) -> None:
        """Take it away."""
        self._staged.discard()


async def test_two_keys_share_a_file(rotating: Rotating, vault: Vault) -> None:
    """Each has a line of its own, and neither is lost when both are rotated at once."""
    path = sink(rotating).with_name(".env")
    slow = Rotation(rotating.store, vault, rotating.heard, Slow([str(path.parent)]))
    keys = [await rotating.key(**DUE, sink=f"{path}#{name}") for name in ("A", "B")]

    await asyncio.gather(*(slow.rotate(key.id, Wish(), by=BY, now_ms=NOW) for key in keys))

    lines = dict(line.split("=") for line in path.read_text().splitlines())
    newest = [(await rotating.secrets(key))[-1].display[:7] for key in keys]
    assert [lines[name][:7] for name in ("A", "B")] == newest


class Meddled(Sinks):
    """A folder in which somebody is at work between two steps of ours."""

    def stage(self, sink: str, secret: Secret) -> Staged:
        """Write the secret beside its place; then the place is taken."""
        staged = super().stage(sink, secret)
        Path(sink).mkdir()
        return staged


async def test_a_file_that_can_not_be_replaced_undoes_the_rotation(rotating: Rotating, vault: Vault) -> None:
    """The secrets are again what they were, the one that waited included, and no copy lies about."""
    key = await rotating.key(**DUE, sink=str(sink(rotating)))
    await rotating.policy.run_due(now_ms=days(90))
    sink(rotating).unlink()
    before, heard = await rotating.secrets(key), len(rotating.heard.changes)
    folder = sink(rotating).parent
    meddled = Rotation(rotating.store, vault, rotating.heard, Meddled([str(folder)]))

    refused = await meddled.rotate(key.id, Wish(revoke_old=True), by=BY, now_ms=days(91))

    assert isinstance(refused, Refused)
    assert await rotating.secrets(key) == before
    assert await rotating.states(key, days(91)) == [ACTIVE, PENDING]
    assert [path.name for path in folder.iterdir()] == ["key"]
    assert rotating.heard.changes[heard:] == [[key.id]]
    assert (await rotating.kinds())[-1] == "key.rotation.failed"
    assert ("operator", "key.rotate.undo") in await rotating.audited()
    assert (await rotating.stored(key)).next_rotation_at == days(180)


async def test_reminders_come_four_times_and_each_once(rotating: Rotating) -> None:
    """30, 14, 7 and 1 days before."""
    await rotating.key(**DUE)
    for at in (0, 59.9, 60, 60.1, 61, 75.9, 76, 76.1, 83, 83.1, 89, 89.1, 89.9, 90, 91):
        await rotating.policy.remind(now_ms=days(at))

    told = await rotating.told()

    assert [kind for kind, _ in told] == ["key.rotation.near"] * 4
    assert [details["days"] for _, details in told] == ["30", "14", "7", "1"]


async def test_a_short_policy_reminds_only_of_what_lies_ahead(rotating: Rotating) -> None:
    """A key that rotates every week is not 30 days from it, nor is it news at its creation."""
    await rotating.key(rotate_every_days=7, next_rotation_at=days(7))
    for at in (0, 0.1, 1, 5.9, 6, 6.1, 7):
        await rotating.policy.remind(now_ms=days(at))

    assert [details["days"] for _, details in await rotating.told()] == ["1"]


async def test_a_rotation_is_stuck_when_the_old_secret_is_used_in_the_last_quarter(
    rotating: Rotating,
) -> None:
    """Somebody must know where to look before it stops working there."""
    key = await with_overlap(rotating)
    old = (await rotating.secrets(key))[0]
    await rotating.use(old, days(1), "203.0.113.1")
    await rotating.policy.watch(now_ms=days(5.5))
    before = await rotating.kinds()
    await rotating.use(old, days(5.4), "203.0.113.2")

    for at in (5.5, 6):
        await rotating.policy.watch(now_ms=days(at))

    kind, details = (await rotating.told())[-1]
    assert before == ["key.rotation.started"]
    assert await rotating.kinds() == ["key.rotation.started", "key.rotation.stuck"]
    assert (kind, details["addresses"]) == ("key.rotation.stuck", "203.0.113.2")


async def test_a_rotation_is_finished_when_the_old_secret_is_dead(rotating: Rotating) -> None:
    """Told once, and from where it was used need not be known any more."""
    key = await with_overlap(rotating)
    await rotating.use((await rotating.secrets(key))[0], days(1), "203.0.113.1")

    for at in (6.9, 7, 8, 20, 40):
        await rotating.policy.watch(now_ms=days(at))

    assert await rotating.kinds() == ["key.rotation.started", "key.rotation.finished"]


async def test_a_new_secret_that_nobody_uses_is_told_of_every_day(rotating: Rotating) -> None:
    """The old one does not die for it, so the rotation would never end unnoticed."""
    key = await rotating.key()
    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    for at in (20.9, 21, 21.3, 22):
        await rotating.policy.watch(now_ms=days(at))

    assert await rotating.kinds() == ["key.rotation.stuck", "key.rotation.stuck"]
    assert await rotating.states(key, days(22)) == [ACTIVE, PENDING]
