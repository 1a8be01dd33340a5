"""Statuses and states, derived from times in any order, against what the words mean."""

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import (
    KeyRecord,
    SecretLife,
    SecretState,
    Status,
    refused_by_status,
    secret_state,
    status,
)
from keyturn.domain.permissions import Permission

KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))

moments = st.integers(0, 12)
"""Few, so that two often fall together: the border is where mistakes are made."""
perhaps = st.none() | moments
lives = st.builds(SecretLife, perhaps, perhaps, perhaps)
keys = st.builds(
    lambda enabled, revoked_at, expires_at, retires_at, frozen: structs.replace(
        KEY,
        enabled=enabled,
        revoked_at=revoked_at,
        expires_at=expires_at,
        retires_at=retires_at,
        frozen=frozen,
    ),
    st.booleans(),
    perhaps,
    perhaps,
    perhaps,
    st.booleans(),
)


@given(keys, moments)
def test_a_key_has_the_status_that_its_life_says(key: KeyRecord, now: int) -> None:
    """A table of the whole truth, in which exactly one row holds."""
    over = key.expires_at is not None and key.expires_at <= now
    table = {
        Status.REVOKED: key.revoked_at is not None,
        Status.EXPIRED: key.revoked_at is None and over,
        Status.DISABLED: key.revoked_at is None and not over and not key.enabled,
        Status.ACTIVE: key.revoked_at is None and not over and key.enabled,
    }

    assert [status(key, now)] == [one for one, holds in table.items() if holds]


@given(keys, moments, moments)
def test_time_alone_brings_no_key_back(key: KeyRecord, now: int, later: int) -> None:
    """A key that is revoked or expired stays so; one that is neither can only expire."""
    before, after = status(key, now), status(key, max(now, later))

    assert after in {before, Status.EXPIRED}
    assert before not in {Status.REVOKED, Status.EXPIRED} or after is before


@given(keys, moments, moments)
def test_a_revoked_key_stays_revoked_when_the_clock_is_set_back(
    key: KeyRecord, revoked_at: int, now: int
) -> None:
    """Whatever else is changed: there is no way back."""
    revoked = structs.replace(key, revoked_at=revoked_at)

    assert status(revoked, now) is Status.REVOKED
    assert status(structs.replace(revoked, enabled=True, expires_at=None), now) is Status.REVOKED


@given(keys, moments)
def test_only_an_active_key_with_a_live_secret_is_let_in(key: KeyRecord, now: int) -> None:
    """And what is refused says which of its times has come, in words of its own."""
    lives = key.retires_at is None or now < key.retires_at
    good = status(key, now) is Status.ACTIVE and not key.frozen and lives

    refused = refused_by_status(key, now)

    assert (refused is None) is good
    assert refused is None or refused.details["key_id"] == key.id


@given(lives, moments)
def test_a_secret_has_the_state_that_its_life_says(life: SecretLife, now: int) -> None:
    """A table of the whole truth, in which exactly one row holds."""
    dead = life.revoked_at is not None or (life.expires_at is not None and life.expires_at <= now)
    used = life.activated_at is not None
    table = {
        SecretState.DEAD: dead,
        SecretState.PENDING: not dead and not used,
        SecretState.ACTIVE: not dead and used and life.expires_at is None,
        SecretState.RETIRING: not dead and used and life.expires_at is not None,
    }

    assert [secret_state(life, now)] == [one for one, holds in table.items() if holds]


@given(lives, moments, moments)
def test_time_alone_only_ends_a_secret(life: SecretLife, now: int, later: int) -> None:
    """It neither takes one into use nor brings one back."""
    before, after = secret_state(life, now), secret_state(life, max(now, later))

    assert after in {before, SecretState.DEAD}


@pytest.mark.parametrize("unit", [1, 1_000])
@given(keys, moments)
def test_a_status_does_not_depend_on_the_unit(unit: int, key: KeyRecord, now: int) -> None:
    """Workers count seconds, the store counts milliseconds; both derive the same."""
    times = {name: getattr(key, name) for name in ("revoked_at", "expires_at")}
    scaled = {name: None if at is None else at * unit for name, at in times.items()}

    assert status(structs.replace(key, **scaled), now * unit) is status(key, now)
