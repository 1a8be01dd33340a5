"""May this request pass?"""

import pytest
from msgspec import structs

from keyturn.domain import key_text
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import gate
from keyturn.schemes.presented import Presented

NOON = 1_790_000_000.0
GOOD = b"sk-" + b"A" * 26 + key_text.checksum("A" * 26).encode()
KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))
EVERYWHERE = frozenset({"header", "query", "body"})
HEADER_ONLY = frozenset({"header"})


# ── finding the credential ──────────────────────────────────────────────────


def test_a_key_is_found_in_a_header() -> None:
    """The common case."""
    found = gate.credential({b"authorization": b"Bearer k"}, None, b"", EVERYWHERE)

    assert found == (Presented(b"k", "authorization"), b"")


def test_a_key_in_the_query_is_found_and_taken_out() -> None:
    """It must not travel on."""
    assert gate.credential({}, None, b"a=1&api_key=k", EVERYWHERE) == (Presented(b"k", "query"), b"a=1")


def test_no_key_leaves_the_question_to_the_body() -> None:
    """Only the body is left to look in; the query stays as it was."""
    assert gate.credential({b"host": b"a"}, None, b"a=1", EVERYWHERE) == (None, b"a=1")


@pytest.mark.parametrize(
    ("headers", "repeated", "query", "locations"),
    [
        ({b"authorization": b"Bearer a", b"x-api-key": b"b"}, None, b"", "authorization, x-api-key"),
        ({b"authorization": b"Bearer a"}, None, b"api_key=b", "authorization, query"),
        ({}, None, b"api_key=a&api_key=b", "query"),
        ({b"x-api-key": b"a"}, [(b"x-api-key", b"b")], b"", "x-api-key"),
    ],
)
def test_two_different_credentials_are_refused(
    headers: dict[bytes, bytes], repeated: list[tuple[bytes, bytes]] | None, query: bytes, locations: str
) -> None:
    """Whose request it is would depend on who looks."""
    found, _ = gate.credential(headers, repeated, query, EVERYWHERE)

    assert found == Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": locations})


def test_two_different_credentials_are_refused_wherever_they_stand() -> None:
    """Not even an empty one beside a good one passes; the key is taken out of the query all the same."""
    found, query = gate.credential({b"x-api-key": GOOD}, None, b"api_key=&a=1", EVERYWHERE)

    assert isinstance(found, Refused)
    assert query == b"a=1"


def test_the_same_credential_twice_is_fine() -> None:
    """Some clients set two headers; if one was in the URL, the key has been seen there."""
    headers = {b"authorization": b"Bearer k", b"x-api-key": b"k"}

    assert gate.credential(headers, None, b"", EVERYWHERE)[0] == Presented(b"k", "authorization")
    assert gate.credential(headers, None, b"api_key=k", EVERYWHERE)[0] == Presented(b"k", "query")
    assert gate.credential(headers, [(b"x-api-key", b"k")], b"", EVERYWHERE)[0] == Presented(
        b"k", "authorization"
    )


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("authorization", "header"),
        ("basic", "header"),
        ("x-api-key", "header"),
        ("query", "query"),
        ("body", "body"),
    ],
)
def test_a_credential_is_refused_where_none_is_accepted(location: str, place: str) -> None:
    """`auth.locations` is obeyed for every place by its own name."""
    presented = Presented(b"k", location)

    assert gate.permitted(presented, frozenset({place})) is None
    assert gate.permitted(presented, EVERYWHERE - {place}) == Refused(
        Reason.LOCATION_NOT_ALLOWED,
        details={"location": place, "allowed": ", ".join(sorted(EVERYWHERE - {place}))},
    )


def test_a_key_in_the_url_is_refused_even_beside_the_same_in_a_header() -> None:
    """Strict means that no URL holds a key."""
    found, query = gate.credential({b"x-api-key": b"k"}, None, b"api_key=k", HEADER_ONLY)

    assert isinstance(found, Refused)
    assert found.reason is Reason.LOCATION_NOT_ALLOWED
    assert query == b""


def test_a_credential_in_the_body_has_to_be_the_same_as_elsewhere() -> None:
    """Two callers in one request are none."""
    header, body = Presented(b"a", "authorization"), Presented(b"b", "body")

    assert gate.same(header, Presented(b"a", "body")) is None
    assert gate.same(body, header) == Refused(
        Reason.MULTIPLE_CREDENTIALS, details={"locations": "authorization, body"}
    )


# ── well formed ─────────────────────────────────────────────────────────────


def test_a_key_of_ours_passes() -> None:
    """By its checksum, without a look-up."""
    assert gate.well_formed(Presented(GOOD, "authorization")) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (b'"' + GOOD + b'"', "quotes or white space around the key"),
        (b"' " + GOOD + b"'", "quotes or white space around the key"),
        (GOOD[3:], "missing prefix sk-"),
        (b"sk-proj-abcT3BlbkFJabc", "looks like an OpenAI key"),
        (b"sk-ant-api03-abc", "looks like an Anthropic key"),
        (GOOD[:-1] + b"z", "mistyped or cut short: the checksum does not match"),
        (GOOD[:-1], "mistyped or cut short: the checksum does not match"),
        (b"pk-123", "mistyped or cut short: the checksum does not match"),
        (b"ak-123", "mistyped or cut short: the checksum does not match"),
        (b"", "not a Keyturn key: those begin with sk-"),
        (b"hello", "not a Keyturn key: those begin with sk-"),
        (b"\xff\xfe\x00", "not a Keyturn key: those begin with sk-"),
        (b"A" * 32, "not a Keyturn key: those begin with sk-"),
        *((example.encode(), "this key is a published example") for example in sorted(key_text.EXAMPLES)),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_a_hint(text: bytes, hint: str) -> None:
    """The hint says what is wrong and never repeats what was sent."""
    refused = gate.well_formed(Presented(text, "authorization"))

    assert refused is not None
    assert refused.reason is Reason.MALFORMED_API_KEY
    assert refused.details["hint"] == hint
    assert not text or text.decode("latin-1") not in str(refused)


# ── deciding ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("preset", [Preset.DEVELOPMENT, Preset.PRODUCTION, Preset.READ_ONLY, Preset.ADMIN])
def test_an_active_key_with_the_permission_is_let_in(preset: Preset) -> None:
    """Every preset may call models."""
    key = structs.replace(KEY, permissions=PRESETS[preset])

    assert gate.decide(key, Permission.READ, NOON) is None


def test_a_key_is_let_in_until_its_expiry() -> None:
    """Not a second less than it was promised."""
    key = structs.replace(KEY, expires_at=NOON)

    assert gate.decide(key, Permission.READ, NOON - 0.001) is None
    assert gate.decide(key, Permission.READ, NOON) is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"revoked_at": NOON - 1}, Reason.REVOKED_API_KEY),
        ({"revoked_at": NOON + 1}, Reason.REVOKED_API_KEY),
        ({"enabled": False}, Reason.DISABLED_API_KEY),
        ({"expires_at": NOON - 1}, Reason.EXPIRED_API_KEY),
        ({"kind": Kind.MANAGEMENT}, Reason.INSUFFICIENT_PERMISSIONS),
        ({"kind": Kind.MANAGEMENT, "permissions": PRESETS[Preset.ADMIN]}, Reason.INSUFFICIENT_PERMISSIONS),
        ({"permissions": frozenset()}, Reason.INSUFFICIENT_PERMISSIONS),
        ({"permissions": frozenset({Permission.WRITE, Permission.WEBHOOK})}, Reason.INSUFFICIENT_PERMISSIONS),
        ({"permissions": frozenset(), "enabled": False}, Reason.DISABLED_API_KEY),
    ],
)
def test_a_key_is_refused_for_the_first_check_it_fails(changes: dict[str, object], reason: Reason) -> None:
    """In the documented order; and its holder is told which key it was."""
    refused = gate.decide(structs.replace(KEY, **changes), Permission.READ, NOON)

    assert refused is not None
    assert refused.reason is reason
    assert refused.details["key_id"] == "key_1"


def test_a_missing_permission_is_named_beside_those_that_are_there() -> None:
    """Whoever runs the gateway sees at once what to grant."""
    key = structs.replace(KEY, permissions=frozenset({Permission.WRITE, Permission.WEBHOOK}))

    refused = gate.decide(key, Permission.READ, NOON)

    assert refused is not None
    assert refused.details == {"required": "read", "granted": "webhook write", "key_id": "key_1"}


def test_an_unknown_key_is_refused() -> None:
    """Well formed is not known."""
    assert gate.decide(None, Permission.READ, NOON) == Refused(Reason.UNKNOWN_API_KEY)
