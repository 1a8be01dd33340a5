"""What is worth saying about a key."""

import pytest
from msgspec import structs

from keyturn.domain.events import EventKind
from keyturn.domain.key_text import Kind, checksum
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import key_notes
from keyturn.gateway.key_notes import WARN_BEFORE_S, event_of, from_browser, header_lines, keys_in, origin_of

NOON = 1_790_000_000.0
KEY = KeyRecord("key_1", "one", Kind.SECRET, frozenset({Permission.READ}))
APP = "https://app.example"
TEXT = b"sk-" + b"A" * 26 + checksum("A" * 26).encode()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"expires_at": NOON + WARN_BEFORE_S + 1}, []),
        (
            {"expires_at": NOON + 60},
            ["sunset: Mon, 21 Sep 2026 14:14:20 GMT", "x-keyturn-key-expires-at: 2026-09-21T14:14:20Z"],
        ),
        ({"deprecated_at": NOON - 60}, ["deprecation: @1789999940"]),
        ({"deprecated_at": NOON + 30 * 86_400}, ["deprecation: @1792592000"]),
        ({"deprecated_at": NOON + 30 * 86_400 + 1}, []),
        (
            {"deprecated_at": NOON - 60, "retires_at": NOON + 20 * 86_400},
            [
                "deprecation: @1789999940",
                "sunset: Sun, 11 Oct 2026 14:13:20 GMT",
                "x-keyturn-key-expires-at: 2026-10-11T14:13:20Z",
            ],
        ),
        (
            {"expires_at": NOON + 60, "retires_at": NOON + 120},
            ["sunset: Mon, 21 Sep 2026 14:14:20 GMT", "x-keyturn-key-expires-at: 2026-09-21T14:14:20Z"],
        ),
    ],
)
def test_answers_tell_when_a_key_ends(changes: dict[str, object], expected: list[str]) -> None:
    """RFC 8594 and RFC 9745: before and while a rotation runs, and two weeks before an expiry; whichever comes first."""
    lines = header_lines(structs.replace(KEY, **changes), "", NOON)

    assert lines.decode().splitlines() == expected


def test_only_a_publishable_key_lets_a_page_read_and_only_one_of_its_origins() -> None:
    """The browser keeps everything else from the page."""
    page = structs.replace(KEY, kind=Kind.PUBLISHABLE, origins=(APP,))

    assert b"access-control-allow-origin: https://app.example\r\n" in header_lines(page, APP, NOON)
    assert header_lines(page, "https://evil.example", NOON) == b""
    assert header_lines(page, "", NOON) == b""
    assert header_lines(structs.replace(KEY, origins=(APP,)), APP, NOON) == b""


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ""),
        ({b"origin": b"https://App.example:443"}, APP),
        ({b"origin": b"null"}, "null"),
        ({b"referer": b"https://app.example/page?q=1"}, APP),
        ({b"origin": b"https://a.example", b"referer": b"https://app.example/"}, "https://a.example"),
        ({b"origin": b"https://a.example\x80"}, "null"),
    ],
)
def test_the_origin_is_what_the_browser_names(headers: dict[bytes, bytes], expected: str) -> None:
    """What can't be read is an origin that is on no list."""
    assert origin_of(headers) == expected


def test_a_browser_is_known_by_what_only_browsers_send() -> None:
    """Node.js sends `Sec-Fetch-Mode` from servers."""
    assert from_browser({b"origin": b"x"})
    assert from_browser({b"sec-fetch-site": b"none"})
    assert not from_browser({b"sec-fetch-mode": b"cors", b"referer": b"x"})


@pytest.mark.parametrize(
    ("changes", "reason", "expected"),
    [
        ({}, Reason.REVOKED_API_KEY, EventKind.DEAD_KEY_USED),
        ({}, Reason.EXPIRED_API_KEY, EventKind.DEAD_KEY_USED),
        ({}, Reason.ROTATED_API_KEY, EventKind.DEAD_KEY_USED),
        ({}, Reason.DISABLED_API_KEY, None),
        ({}, Reason.MODEL_NOT_ALLOWED, None),
        ({"decoy": True}, Reason.UNKNOWN_API_KEY, EventKind.DECOY_USED),
    ],
)
def test_the_operator_hears_of_keys_that_should_be_in_nobodys_hands(
    changes: dict[str, object], reason: Reason, expected: EventKind | None
) -> None:
    """A disabled key is the operator's own doing."""
    assert event_of(structs.replace(KEY, **changes), Refused(reason)) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"sk-learn and week-long", []),
        (TEXT, [TEXT]),
        (b'{"a":"' + TEXT + b'","b":"' + TEXT + b'"}', [TEXT, TEXT]),
        (TEXT[:-1], []),
        (TEXT[:-1] + b"!", []),
        (b"\xff" * 10 + TEXT, [TEXT]),
        (b"k-" * 20 + TEXT, [TEXT]),
    ],
)
def test_keys_in_a_body_are_found_by_prefix_and_checksum(body: bytes, expected: list[bytes]) -> None:
    """No false alarm, wherever they stand."""
    assert keys_in(body) == expected


def test_a_body_made_to_look_suspicious_costs_a_bounded_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody stalls a worker with a prompt."""
    monkeypatch.setattr(key_notes, "MOST_PLACES", 3)

    assert keys_in(b"k-" * 3 + TEXT) == []
    assert keys_in(b"k-" * 2 + TEXT) == [TEXT]


def test_a_body_full_of_keys_costs_a_few_look_ups() -> None:
    """Not more than a person would paste are looked up."""
    drawn = (f"{number:026d}" for number in range(100))
    texts = [f"sk-{one}{checksum(one)}".encode() for one in drawn]

    found = keys_in(b" ".join(texts))

    assert found == texts[: key_notes.MOST_KEYS]
