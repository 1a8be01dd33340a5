"""May this key make this call?"""

import pytest
from msgspec import structs

from keyturn.domain.decision import Facts, decide, refused_by_model
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.refusals import Reason

NOON = 1_790_000_000.0
KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))
FACTS = Facts(Permission.READ, "/v1/chat/completions", "192.0.2.7", "header", "https://app.example")


@pytest.mark.parametrize("preset", list(Preset))
def test_an_active_key_with_the_permission_is_let_in(preset: Preset) -> None:
    """Every preset may call models."""
    key = structs.replace(KEY, permissions=PRESETS[preset])

    assert decide(key, FACTS, NOON) is None
    assert decide(structs.replace(key, plain=True), FACTS, NOON) is None


def test_a_key_is_let_in_until_its_expiry() -> None:
    """Not a second less than it was promised."""
    key = structs.replace(KEY, expires_at=NOON)

    assert decide(key, FACTS, NOON - 0.001) is None
    assert decide(key, FACTS, NOON) is not None


def test_a_key_is_let_in_from_its_first_moment() -> None:
    """Not a second earlier."""
    key = structs.replace(KEY, not_before=NOON)

    assert decide(key, FACTS, NOON) is None
    assert decide(key, FACTS, NOON - 0.001) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"ip": ("198.51.100.0/24", "192.0.2.0/24")},
        {"origins": ("https://*.example", "https://app.example")},
        {"endpoints": ("/v1/chat/*",)},
        {"locations": frozenset({"header"})},
        {"retires_at": NOON + 1},
        {"deprecated_at": NOON - 1, "pending": True},
        {"models": ("gpt-*",), "decoy": True},
    ],
)
def test_a_key_is_let_in_where_its_lists_say_so(changes: dict[str, object]) -> None:
    """A restriction that is met is none."""
    assert decide(structs.replace(KEY, **changes), FACTS, NOON) is None


REFUSED: list[tuple[dict[str, object], Reason]] = [
    ({"locations": frozenset({"body"})}, Reason.LOCATION_NOT_ALLOWED),
    ({"revoked_at": NOON - 1}, Reason.REVOKED_API_KEY),
    ({"revoked_at": NOON + 1}, Reason.REVOKED_API_KEY),
    ({"enabled": False}, Reason.DISABLED_API_KEY),
    ({"expires_at": NOON - 1}, Reason.EXPIRED_API_KEY),
    ({"frozen": True}, Reason.KEY_QUARANTINED),
    ({"retires_at": NOON}, Reason.ROTATED_API_KEY),
    ({"owner_active": False}, Reason.ACCOUNT_INACTIVE),
    ({"ip": ("198.51.100.0/24",)}, Reason.IP_NOT_ALLOWED),
    ({"origins": ("https://other.example",)}, Reason.ORIGIN_NOT_ALLOWED),
    ({"not_before": NOON + 1}, Reason.OUTSIDE_VALIDITY_WINDOW),
    ({"kind": Kind.MANAGEMENT}, Reason.INSUFFICIENT_PERMISSIONS),
    ({"permissions": frozenset({Permission.WRITE})}, Reason.INSUFFICIENT_PERMISSIONS),
    ({"endpoints": ("/v1/images/*",)}, Reason.ENDPOINT_NOT_ALLOWED),
]
"""One change that refuses, in the documented order."""


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_a_key_is_refused_for_what_it_fails(changes: dict[str, object], reason: Reason) -> None:
    """And its holder is told which key it was."""
    refused = decide(structs.replace(KEY, **changes), FACTS, NOON)

    assert refused is not None
    assert refused.reason is reason
    assert refused.details["key_id"] == "key_1"


@pytest.mark.parametrize("number", range(len(REFUSED) - 1))
def test_the_first_check_that_fails_is_the_one_that_is_told(number: int) -> None:
    """In the documented order, whatever else is wrong."""
    first, reason = REFUSED[number]
    changes = {name: value for later, _ in REFUSED[number + 1 :] for name, value in later.items()} | first
    if reason is Reason.EXPIRED_API_KEY:
        changes = {name: value for name, value in changes.items() if name != "enabled"}

    refused = decide(structs.replace(KEY, **changes), FACTS, NOON)

    assert refused is not None
    assert refused.reason is reason or reason is Reason.DISABLED_API_KEY  # expired is told before disabled


def test_a_missing_permission_is_named_beside_those_that_are_there() -> None:
    """Whoever runs the gateway sees at once what to grant."""
    key = structs.replace(KEY, permissions=frozenset({Permission.WRITE, Permission.WEBHOOK}))

    refused = decide(key, FACTS, NOON)

    assert refused is not None
    assert refused.details == {"required": "read", "granted": "webhook write", "key_id": "key_1"}


def test_a_client_that_names_no_origin_is_refused_where_one_is_asked_for() -> None:
    """A publishable key is for pages; the text says what is missing."""
    key = structs.replace(KEY, origins=("https://app.example",))

    refused = decide(key, structs.replace(FACTS, origin=""), NOON)

    assert refused is not None
    assert "a client that names no origin" in refused.text


def test_a_model_must_be_on_the_list_where_there_is_one() -> None:
    """The list is matched whole, with a star for any characters."""
    key = structs.replace(KEY, models=("gpt-4o*", "demo"))

    assert refused_by_model(KEY, "anything") is None
    assert refused_by_model(key, "gpt-4o-mini") is None
    assert refused_by_model(key, "demo") is None
    refused = refused_by_model(key, "demo-2")
    assert refused is not None
    assert (refused.reason, refused.param) == (Reason.MODEL_NOT_ALLOWED, "model")
