"""The life of a key."""

import pytest
from msgspec import structs

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, Status, refused_by_status, status
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused

NOON = 1_790_000_000.0
KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Status.ACTIVE),
        ({"enabled": False}, Status.DISABLED),
        ({"expires_at": NOON + 1}, Status.ACTIVE),
        ({"expires_at": NOON}, Status.EXPIRED),
        ({"expires_at": NOON - 1, "enabled": False}, Status.EXPIRED),
        ({"revoked_at": NOON}, Status.REVOKED),
        ({"revoked_at": NOON + 1}, Status.REVOKED),
        ({"revoked_at": NOON - 1, "expires_at": NOON - 1, "enabled": False}, Status.REVOKED),
    ],
)
def test_what_cannot_be_undone_wins(changes: dict[str, object], expected: Status) -> None:
    """A revoked key is revoked whatever else it is, even if the clocks of two machines differ."""
    assert status(structs.replace(KEY, **changes), NOON) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"expires_at": NOON + 1}, None),
        (
            {"revoked_at": NOON},
            Refused(Reason.REVOKED_API_KEY, details={"key_id": "key_1", "reason": "revoked"}),
        ),
        ({"enabled": False}, Refused(Reason.DISABLED_API_KEY, details={"key_id": "key_1"})),
        (
            {"expires_at": 1_704_067_200.0},
            Refused(
                Reason.EXPIRED_API_KEY, details={"key_id": "key_1", "expired_at": "2024-01-01T00:00:00Z"}
            ),
        ),
    ],
)
def test_the_holder_is_told_what_became_of_the_key(
    changes: dict[str, object], expected: Refused | None
) -> None:
    """Whoever presents the secret may know, and can act on it."""
    assert refused_by_status(structs.replace(KEY, **changes), NOON) == expected
