"""New secrets beside old ones."""

import asyncio
import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fakes.rotating import BY, NOW, Rotating, days, done
from keyturn.domain import verifier
from keyturn.domain.keys import SecretState
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rotation import Delivery
from keyturn.services.lookup import Lookup
from keyturn.services.rotation import Wish
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.vault import Vault

PENDING, ACTIVE, RETIRING, DEAD = SecretState


@pytest.fixture
def rotating(furnished: Store, vault: Vault) -> Rotating:
    """The use cases."""
    return Rotating(furnished, vault)


async def test_a_rotation_changes_nothing_until_the_new_secret_is_used(rotating: Rotating) -> None:
    """An old secret that died before the new one works would be an outage, however long it takes."""
    key = await rotating.key()

    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    assert await rotating.states(key, days(3_000)) == [ACTIVE, PENDING]
    assert rotating.heard.changes == [[key.id]]


async def test_the_first_use_starts_the_overlap(rotating: Rotating) -> None:
    """From then on the old one's days are numbered, and everybody who should know is told."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))

    await rotating.rotation.first_used(successor.secret_id, now_ms=days(1))

    assert await rotating.states(key, days(1)) == [RETIRING, ACTIVE]
    assert await rotating.states(key, days(8) - 1) == [RETIRING, ACTIVE]
    assert await rotating.states(key, days(8)) == [DEAD, ACTIVE]
    assert rotating.heard.changes == [[key.id], [key.id]]
    assert await rotating.kinds() == ["key.rotation.started"]
    assert await rotating.audited() == [("operator", "key.rotate"), (key.id, "key.first_use")]


async def test_a_first_use_that_is_told_again_changes_nothing(rotating: Rotating) -> None:
    """A worker tells it with every use until it hears; the overlap must not begin anew each time."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))
    await rotating.rotation.first_used(successor.secret_id, now_ms=days(1))
    before = await rotating.secrets(key)

    await rotating.rotation.first_used(successor.secret_id, now_ms=days(5))

    assert await rotating.secrets(key) == before
    assert await rotating.kinds() == ["key.rotation.started"]
    assert rotating.heard.changes[-1] == [key.id]  # whoever tells it has not forgotten the key yet


async def test_a_use_of_what_nobody_knows_is_let_be(rotating: Rotating) -> None:
    """A worker may report a secret of a key that is deleted by now."""
    await rotating.rotation.first_used("sec_00000000000000000000", now_ms=NOW)

    assert rotating.heard.changes == []


async def test_the_key_stays_what_it_is(rotating: Rotating, vault: Vault) -> None:
    """Its identifier, and with it usage and limits, is the same for both secrets."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))
    assert successor.secret is not None
    secrets = KeyLookup(rotating.store.path)

    record = await Lookup(secrets.find, vault).by_digest(verifier.digest(successor.secret.reveal().encode()))
    secrets.close()

    assert record is not None
    assert (record.id, record.secret_id, record.pending) == (key.id, successor.secret_id, True)


async def test_a_second_rotation_replaces_the_secret_that_waits(rotating: Rotating) -> None:
    """At most one new secret is on its way; the one before it is dead at once and says it was rotated."""
    key = await rotating.key()
    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=days(1))

    assert await rotating.states(key, days(1)) == [ACTIVE, DEAD, PENDING]


async def test_a_replaced_secret_can_not_start_an_overlap(rotating: Rotating) -> None:
    """It was used once before the replacement, and the report came late."""
    key = await rotating.key()
    first = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))
    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=days(1))

    await rotating.rotation.first_used(first.secret_id, now_ms=days(2))

    assert await rotating.states(key, days(2)) == [ACTIVE, DEAD, PENDING]


@pytest.mark.parametrize("wish", [Wish(revoke_old=True), Wish(overlap_hours=0)])
async def test_a_leaked_secret_dies_with_the_call(rotating: Rotating, wish: Wish) -> None:
    """Whoever says so does not want to wait for the new one's first use."""
    key = await rotating.key()
    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    await rotating.rotation.rotate(key.id, wish, by=BY, now_ms=days(1))

    assert await rotating.states(key, days(1)) == [DEAD, DEAD, ACTIVE]


async def test_an_overlap_holds_for_its_rotation_only(rotating: Rotating) -> None:
    """It is asked for once, and the key keeps its own."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(overlap_hours=2), by=BY, now_ms=NOW))

    await rotating.rotation.first_used(successor.secret_id, now_ms=NOW)

    assert [one.expires_at for one in await rotating.secrets(key)] == [NOW + 2 * 3_600_000, None]
    assert (await rotating.stored(key)).overlap_hours == 168


async def test_an_overlap_is_never_prolonged(rotating: Rotating) -> None:
    """A secret that is already retiring dies when it was said to, however often the key is rotated."""
    key = await rotating.key()
    for at in (NOW, days(1)):
        successor = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=at))
        await rotating.rotation.first_used(successor.secret_id, now_ms=at)

    assert [one.expires_at for one in await rotating.secrets(key)] == [days(7), days(8), None]


@pytest.mark.parametrize(
    "columns", [{"enabled": False}, {"revoked_at": NOW}, {"expires_at": NOW}, {"frozen_at": NOW}]
)
async def test_a_key_that_does_not_work_is_not_rotated(rotating: Rotating, columns: dict[str, Any]) -> None:
    """A new secret would not work either, and would look as if it should."""
    key = await rotating.key(**columns)

    refused = await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT
    assert len(await rotating.secrets(key)) == 1


async def test_a_recoverable_key_stays_recoverable(rotating: Rotating) -> None:
    """Its new secret can be shown again, like the first."""
    key = await rotating.key(recoverable=True)

    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    assert [one.sealed is not None for one in await rotating.secrets(key)] == [False, True]


async def test_a_policy_counts_from_the_last_rotation(rotating: Rotating) -> None:
    """Who rotates by hand need not do it again the next day."""
    key = await rotating.key(rotate_every_days=90, next_rotation_at=days(5))

    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    assert (await rotating.stored(key)).next_rotation_at == days(90)


async def test_a_key_with_a_sealing_key_gets_its_secrets_sealed_only(rotating: Rotating) -> None:
    """Not even the operator sees them: a stolen old secret is of no use to get the new one."""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    key = await rotating.key(sealing_key=public)

    clear = await rotating.rotation.rotate(key.id, Wish(delivery=Delivery.RETURN), by=BY, now_ms=NOW)
    sealed = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))

    assert isinstance(clear, Refused)
    assert (sealed.delivery, sealed.secret, sealed.claim) == (Delivery.SEALED, None, None)
    assert len(base64.b64decode(sealed.sealed or "")) == 1 + 32 + 12 + 35 + 16


@pytest.mark.parametrize("delivery", [Delivery.SEALED, Delivery.SINK])
async def test_a_delivery_that_is_not_set_up_is_refused(rotating: Rotating, delivery: Delivery) -> None:
    """Otherwise a secret would be made that reaches nobody."""
    key = await rotating.key()

    refused = await rotating.rotation.rotate(key.id, Wish(delivery=delivery), by=BY, now_ms=NOW)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.CONFLICT, "delivery")
    assert await rotating.states(key, NOW) == [ACTIVE]


async def test_a_key_out_of_reach_does_not_exist(rotating: Rotating) -> None:
    """Whoever asks from another account learns nothing, not even that there is such a key."""
    key = await rotating.key()
    stranger = rotating.holder(key, (await rotating.secrets(key))[0])
    assert stranger.key is not None
    elsewhere = msgspec.structs.replace(
        stranger, key=msgspec.structs.replace(stranger.key, account_id="acct_x", project_id="proj_x")
    )

    refused = await rotating.rotation.rotate(key.id, Wish(), by=elsewhere, now_ms=NOW)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.RESOURCE_NOT_FOUND


async def test_nothing_that_was_written_down_holds_the_secret(rotating: Rotating) -> None:
    """A copy of the database gives nothing away."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(delivery=Delivery.CLAIM), by=BY, now_ms=NOW))
    returned = done(await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW))
    assert successor.claim is not None
    assert returned.secret is not None

    everything = b"".join(path.read_bytes() for path in rotating.store.path.parent.glob("keyturn.db*"))

    assert returned.secret.reveal()[:7].encode() in everything  # it is the right file
    assert returned.secret.reveal().encode() not in everything
    assert successor.claim.token.reveal().encode() not in everything


def reason(result: object) -> Reason | None:
    """Return why it was refused."""
    return result.reason if isinstance(result, Refused) else None


async def test_a_holder_gets_a_successor(rotating: Rotating) -> None:
    """Nobody else has to know that it is time."""
    key = await rotating.key(self_rotation=True)
    [old] = await rotating.secrets(key)

    successor = done(await rotating.rotation.rotate_self(by=rotating.holder(key, old), now_ms=NOW))

    assert successor.secret is not None
    assert await rotating.states(key, NOW) == [ACTIVE, PENDING]
    assert await rotating.audited() == [(key.id, "key.rotate")]


async def test_a_key_must_be_allowed_to(rotating: Rotating) -> None:
    """Whoever has stolen a secret could otherwise outlive its rotation."""
    key = await rotating.key()
    [old] = await rotating.secrets(key)

    refused = await rotating.rotation.rotate_self(by=rotating.holder(key, old), now_ms=NOW)
    operator = await rotating.rotation.rotate_self(by=BY, now_ms=NOW)

    assert reason(refused) is Reason.INSUFFICIENT_PERMISSIONS
    assert reason(operator) is Reason.RESOURCE_NOT_FOUND


@pytest.mark.parametrize("used_first", [False, True])
async def test_a_second_claim_freezes_the_key(rotating: Rotating, *, used_first: bool) -> None:
    """Two have the old secret, and nobody can say which of them has the new one."""
    key = await rotating.key(self_rotation=True)
    [old] = await rotating.secrets(key)
    successor = done(
        await rotating.rotation.rotate_self(by=rotating.holder(key, old, "203.0.113.1"), now_ms=NOW)
    )
    if used_first:
        await rotating.rotation.first_used(successor.secret_id, now_ms=NOW)

    second = await rotating.rotation.rotate_self(by=rotating.holder(key, old, "203.0.113.2"), now_ms=days(1))

    kind, details = (await rotating.told())[-1]
    assert reason(second) is Reason.KEY_QUARANTINED
    assert (await rotating.stored(key)).frozen_at == days(1)
    assert (kind, details["claimed_from"]) == ("key.claimed_twice", "203.0.113.1")
    assert rotating.heard.changes[-1] == [key.id]
    assert len(await rotating.secrets(key)) == 2


async def test_two_claims_at_once_are_one_and_a_freeze(rotating: Rotating) -> None:
    """The race between a thief and the holder has no winner."""
    key = await rotating.key(self_rotation=True)
    [old] = await rotating.secrets(key)
    holder = rotating.holder(key, old)

    results = await asyncio.gather(*(rotating.rotation.rotate_self(by=holder, now_ms=NOW) for _ in range(2)))

    assert sorted(map(reason, results), key=str) == [None, Reason.KEY_QUARANTINED]
    assert (await rotating.stored(key)).frozen_at == NOW


async def test_the_successor_rotates_itself_in_its_turn(rotating: Rotating) -> None:
    """Asking for the next secret is a use of this one."""
    key = await rotating.key(self_rotation=True)
    [old] = await rotating.secrets(key)
    await rotating.rotation.rotate_self(by=rotating.holder(key, old), now_ms=NOW)
    newer = (await rotating.secrets(key))[1]

    await rotating.rotation.rotate_self(by=rotating.holder(key, newer), now_ms=days(1))

    assert await rotating.states(key, days(1)) == [RETIRING, ACTIVE, PENDING]
    assert (await rotating.stored(key)).frozen_at is None


async def test_a_successor_that_the_operator_made_is_no_second_claim(rotating: Rotating) -> None:
    """The holder does not know of it and asks in good faith; what waits is not replaced by that."""
    key = await rotating.key(self_rotation=True)
    [old] = await rotating.secrets(key)
    await rotating.rotation.rotate(key.id, Wish(), by=BY, now_ms=NOW)

    refused = await rotating.rotation.rotate_self(by=rotating.holder(key, old), now_ms=NOW)

    assert reason(refused) is Reason.CONFLICT
    assert (await rotating.stored(key)).frozen_at is None
    assert await rotating.states(key, NOW) == [ACTIVE, PENDING]


async def test_a_holder_with_a_sealing_key_gets_a_box(rotating: Rotating) -> None:
    """A stolen old secret is then of no use to get the new one."""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    key = await rotating.key(self_rotation=True, sealing_key=public)
    [old] = await rotating.secrets(key)

    successor = done(await rotating.rotation.rotate_self(by=rotating.holder(key, old), now_ms=NOW))

    assert (successor.delivery, successor.secret) == (Delivery.SEALED, None)


async def test_rotating_at_once_ends_a_freeze(rotating: Rotating) -> None:
    """Every secret that the two could have is dead then."""
    key = await rotating.key(self_rotation=True)
    [old] = await rotating.secrets(key)
    holder = rotating.holder(key, old)
    for _ in range(2):
        await rotating.rotation.rotate_self(by=holder, now_ms=NOW)

    await rotating.rotation.rotate(key.id, Wish(revoke_old=True), by=BY, now_ms=days(1))

    assert (await rotating.stored(key)).frozen_at is None
    assert await rotating.states(key, days(1)) == [DEAD, DEAD, ACTIVE]
    assert ("operator", "key.thaw") in await rotating.audited()
