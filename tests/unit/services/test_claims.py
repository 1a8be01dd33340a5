"""Links that work once."""

import msgspec
import pytest

from fakes.rotating import BY, NOW, Rotating, done
from keyturn import system
from keyturn.domain.keys import SecretState
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rotation import DAY_MS, Delivery
from keyturn.services.claims import Claimed
from keyturn.services.rotation import Wish
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey
from keyturn.store.vault import Vault

PENDING, ACTIVE, RETIRING, DEAD = SecretState
FRIEND, STRANGER = Principal("", "203.0.113.1"), Principal("", "203.0.113.2")


@pytest.fixture
def rotating(furnished: Store, vault: Vault) -> Rotating:
    """The use cases."""
    return Rotating(furnished, vault)


async def offered(rotating: Rotating) -> tuple[StoredKey, str]:
    """Rotate a key by link; return it and the token."""
    key = await rotating.key()
    successor = done(await rotating.rotation.rotate(key.id, Wish(delivery=Delivery.CLAIM), by=BY))
    assert successor.claim is not None
    assert successor.secret is None
    return key, successor.claim.token.reveal()


def reason(result: object) -> Reason | None:
    """Return why it was refused."""
    return result.reason if isinstance(result, Refused) else None


async def test_a_link_gives_the_secret_once(rotating: Rotating) -> None:
    """Whoever comes second is refused, and the operator hears of both."""
    key, token = await offered(rotating)

    first = await rotating.claims.claim(token, by=FRIEND)
    second = await rotating.claims.claim(token, by=STRANGER)

    assert isinstance(first, Claimed)
    assert (first.key.id, first.secret.reveal()[:7]) == (key.id, first.stored.display[:7])
    assert reason(second) is Reason.CONFLICT
    [(kind, details)] = await rotating.told()
    assert (kind, details["claimed_from"]) == ("key.claimed_twice", "203.0.113.1")
    assert ("claim link", "key.claim") in await rotating.audited()


async def test_an_old_link_can_not_fill_the_events(rotating: Rotating) -> None:
    """Whoever has one may try it as often as they like."""
    _, token = await offered(rotating)
    for _ in range(4):
        await rotating.claims.claim(token, by=FRIEND)

    assert await rotating.kinds() == ["key.claimed_twice"]


async def test_a_link_runs_out(rotating: Rotating) -> None:
    """The secret is destroyed; the rotation, which nobody could finish, is over."""
    key, token = await offered(rotating)
    late = system.now_ms() + 300_000

    refused = await rotating.claims.claim(token, by=FRIEND, now_ms=late)
    await rotating.claims.expire(now_ms=late)

    assert reason(refused) is Reason.RESOURCE_NOT_FOUND
    assert await rotating.states(key, late) == [ACTIVE, DEAD]
    assert await rotating.kinds() == ["key.rotation.failed"]
    assert rotating.heard.changes[-1] == [key.id]


async def test_a_claimed_secret_does_not_run_out(rotating: Rotating) -> None:
    """It is in somebody's hands."""
    key, token = await offered(rotating)
    await rotating.claims.claim(token, by=FRIEND)

    await rotating.claims.expire(now_ms=system.now_ms() + 300_000)

    assert await rotating.states(key, system.now_ms()) == [ACTIVE, PENDING]


async def test_a_used_link_is_remembered_for_a_month(rotating: Rotating) -> None:
    """A second attempt after days is as telling as one after minutes."""
    _, token = await offered(rotating)
    await rotating.claims.claim(token, by=FRIEND)

    for day in (29, 31):
        await rotating.claims.expire(now_ms=system.now_ms() + day * DAY_MS)
        answer = await rotating.claims.claim(token, by=STRANGER)
        assert reason(answer) is (Reason.CONFLICT if day < 30 else Reason.RESOURCE_NOT_FOUND)


@pytest.mark.parametrize("columns", [{"revoked_at": NOW}, {"deleted_at": NOW}, {"expires_at": 1}])
async def test_a_link_to_a_dead_key_leads_nowhere(rotating: Rotating, columns: dict[str, object]) -> None:
    """Nobody is handed what does not work."""
    key, token = await offered(rotating)
    await rotating.change(key, **columns)

    assert reason(await rotating.claims.claim(token, by=FRIEND)) is Reason.RESOURCE_NOT_FOUND


async def test_a_link_to_a_replaced_secret_leads_nowhere(rotating: Rotating) -> None:
    """The rotation after it has ended the secret."""
    key, token = await offered(rotating)
    await rotating.rotation.rotate(key.id, Wish(), by=BY)

    assert reason(await rotating.claims.claim(token, by=FRIEND)) is Reason.RESOURCE_NOT_FOUND


@pytest.mark.parametrize("token", ["", "x", "0" * 32, "0" * 33, "é" * 32, "holder:sec_00000000000000000000"])
async def test_a_guess_leads_nowhere(rotating: Rotating, token: str) -> None:
    """As nowhere as a link whose time is over."""
    assert reason(await rotating.claims.claim(token, by=STRANGER)) is Reason.RESOURCE_NOT_FOUND


async def test_a_secret_moved_to_another_link_does_not_open(rotating: Rotating) -> None:
    """Whoever can write the database must not be able to read it by that."""
    _, token = await offered(rotating)
    _, other = await offered(rotating)
    async with rotating.store.writing() as connection:
        await connection.exec_driver_sql(
            "UPDATE claims SET sealed = (SELECT c.sealed FROM claims c WHERE c.token_hash <> claims.token_hash)"
        )

    with pytest.raises(Exception, match="damaged or belongs to something else"):
        await rotating.claims.claim(token, by=FRIEND)

    assert msgspec.json.encode(other)


async def test_a_new_key_can_be_handed_over_by_link(rotating: Rotating) -> None:
    """Its first secret is in use from the start, so a link that runs out leaves the key as it is."""
    key = await rotating.key()
    [secret] = await rotating.secrets(key)
    text = system.new_token()
    claim = await rotating.claims.offer(key.id, secret.id, text, 60)

    taken = await rotating.claims.claim(claim.token.reveal(), by=FRIEND, now_ms=claim.expires_at_ms - 1)
    await rotating.claims.expire(now_ms=claim.expires_at_ms)

    assert isinstance(taken, Claimed)
    assert taken.secret == text
    assert await rotating.states(key, claim.expires_at_ms) == [ACTIVE]
