"""Keys on the screen."""

from typing import Any

from msgspec import convert
from rich.console import Console

from keyturn.cli.answers import Key
from keyturn.cli.key_view import facts, listed

PLAIN: dict[str, Any] = {
    "id": "key_00000000000000000001",
    "name": "my-app",
    "status": "active",
    "display": "sk-AbCd…",
    "created_at": "2026-01-01T00:00:00Z",
}
WHOLE: dict[str, Any] = {
    **PLAIN,
    "project_id": "proj_1",
    "account_id": "acct_1",
    "user_id": "user_1",
    "environment": "staging",
    "models": ["gpt-*", "claude"],
    "endpoints": ["/v1/chat/*"],
    "ip": ["10.0.0.0/8"],
    "origins": ["https://a.b.c"],
    "locations": ["header"],
    "not_before": "2027-01-01T00:00:00Z",
    "rotation": {
        "every_days": 90,
        "overlap_hours": 168,
        "next_at": "2027-02-01T00:00:00Z",
        "self_rotation": True,
        "sink": "/etc/a.env",
        "sealing_key": "abc=",
    },
    "recoverable": True,
    "decoy": True,
    "delete_protected": True,
    "quarantined_at": "2026-01-02T00:00:00Z",
    "deleted_at": "2026-01-03T00:00:00Z",
    "secrets": [
        {
            "id": "sec_1",
            "display": "sk-AbCd…",
            "state": "retiring",
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2030-01-01T00:00:00Z",
            "last_used_at": "2026-01-01T00:00:00Z",
            "last_ip": "10.1.2.3",
        }
    ],
    "tags": ["one", "two"],
    "metadata": {"ticket": "OPS-1"},
}


def shown(what: object) -> str:
    """Return what a terminal would show."""
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def test_everything_about_a_key_is_shown() -> None:
    """Whoever asks why a key is refused must find it here."""
    text = shown(facts(convert(WHOLE, Key)))

    for part in (
        *("proj_1", "acct_1", "user_1", "staging", "one, two", "ticket=OPS-1"),
        *("gpt-*, claude", "/v1/chat/*", "10.0.0.0/8", "https://a.b.c", "header"),
        *(
            "2027-01-01T00:00:00Z",
            "every 90 days, next",
            "7 days",
            "by its holder, into /etc/a.env, sealed",
        ),
        *("retiring until 2030-01-01T00:00:00Z", "from 10.1.2.3", "2026-01-03T00:00:00Z"),
        *("It is a decoy", "keys reveal", "protected from deletion", "Somebody else seems to have it"),
    ):
        assert part in text


def test_what_a_key_has_not_is_not_shown() -> None:
    """A plain key is a dozen lines."""
    text = shown(facts(convert(PLAIN, Key)))

    for word in ("project", "models", "rotates", "not before", "note", "deleted", "new secrets"):
        assert word not in text


def test_a_list_marks_what_must_not_be_overlooked() -> None:
    """A decoy in a list of keys is a trap for its owner too."""
    text = shown(listed([convert(WHOLE, Key), convert(PLAIN, Key)]))

    marked, plain = (line for line in text.splitlines() if "my-app" in line)
    assert "decoy quarantined" in marked
    assert "decoy" not in plain
