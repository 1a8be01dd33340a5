"""May this request pass?"""

import pytest

from keyturn.domain import key_text
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import gate
from keyturn.gateway.gate import Places
from keyturn.schemes.presented import Presented

GOOD = b"sk-" + b"A" * 26 + key_text.checksum("A" * 26).encode()
PATH = b"/v1/chat/completions"
EVERYWHERE = frozenset({"header", "query", "body"})
HEADER_ONLY = frozenset({"header"})


# ── finding the credential ──────────────────────────────────────────────────


def test_a_key_is_found_in_a_header() -> None:
    """The common case."""
    found = gate.credential({b"authorization": b"Bearer k"}, None, PATH, b"", Places(EVERYWHERE))

    assert found == (Presented(b"k", "authorization"), b"")


def test_a_key_in_the_query_is_found_and_taken_out() -> None:
    """It must not travel on."""
    assert gate.credential({}, None, PATH, b"a=1&api_key=k", Places(EVERYWHERE)) == (
        Presented(b"k", "query"),
        b"a=1",
    )


def test_no_key_leaves_the_question_to_the_body() -> None:
    """Only the body is left to look in; the query stays as it was."""
    assert gate.credential({b"host": b"a"}, None, PATH, b"a=1", Places(EVERYWHERE)) == (None, b"a=1")


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
    found, _ = gate.credential(headers, repeated, PATH, query, Places(EVERYWHERE))

    assert found == Refused(Reason.MULTIPLE_CREDENTIALS, details={"locations": locations})


def test_two_different_credentials_are_refused_wherever_they_stand() -> None:
    """Not even an empty one beside a good one passes; the key is taken out of the query all the same."""
    found, query = gate.credential({b"x-api-key": GOOD}, None, PATH, b"api_key=&a=1", Places(EVERYWHERE))

    assert isinstance(found, Refused)
    assert query == b"a=1"


def test_the_same_credential_twice_is_fine() -> None:
    """Some clients set two headers; if one was in the URL, the key has been seen there."""
    headers = {b"authorization": b"Bearer k", b"x-api-key": b"k"}

    assert gate.credential(headers, None, PATH, b"", Places(EVERYWHERE))[0] == Presented(
        b"k", "authorization"
    )
    assert gate.credential(headers, None, PATH, b"api_key=k", Places(EVERYWHERE))[0] == Presented(
        b"k", "query"
    )
    assert gate.credential(headers, [(b"x-api-key", b"k")], PATH, b"", Places(EVERYWHERE))[0] == Presented(
        b"k", "authorization"
    )


def test_googles_parameter_counts_on_googles_paths_only() -> None:
    """Elsewhere `key` may be anything."""
    found = gate.credential({}, None, b"/v1beta/models", b"key=k&a=1", Places(EVERYWHERE))

    assert found == (Presented(b"k", "query"), b"a=1")
    assert gate.credential({}, None, PATH, b"key=k&a=1", Places(EVERYWHERE)) == (None, b"key=k&a=1")


def test_a_header_that_the_operator_named_carries_a_key() -> None:
    """Clients that can't be changed send it where they always did."""
    places = Places(EVERYWHERE, (b"x-company-key",))

    found = gate.credential({b"x-company-key": b"k"}, [(b"x-company-key", b"k")], PATH, b"", places)

    assert found == (Presented(b"k", "x-company-key"), b"")


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
    found, query = gate.credential({b"x-api-key": b"k"}, None, PATH, b"api_key=k", Places(HEADER_ONLY))

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
        (GOOD[3:], "missing prefix: sk- for secret keys, pk- for publishable ones, ak- for management keys"),
        (b"sk-proj-abcT3BlbkFJabc", "looks like an OpenAI key"),
        (b"sk-ant-api03-abc", "looks like an Anthropic key"),
        (GOOD[:-1] + b"z", "mistyped or cut short: the checksum does not match"),
        (GOOD[:-1], "mistyped or cut short: the checksum does not match"),
        (b"pk-123", "mistyped or cut short: the checksum does not match"),
        (b"ak-123", "mistyped or cut short: the checksum does not match"),
        (b"", "there is no key: the variable it comes from may be empty"),
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


# ── imported ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"sk-or-v1-" + b"0" * 64, True),
        (b"sk-or-v1-" + b"0" * 63, False),
        (b"sk-" + b"0" * 70, False),
        (b"", False),
    ],
)
def test_an_imported_secret_is_known_by_its_prefix_and_length(text: bytes, *, expected: bool) -> None:
    """Anything else that is not ours is refused without a look-up."""
    assert gate.is_foreign(text, frozenset({("sk-or-v1-", 73)})) is expected
