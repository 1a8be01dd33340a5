"""What options say, as the management API is asked for it."""

from pathlib import Path

import pytest
from msgspec import structs

from keyturn.cli.failure import CommandFailed
from keyturn.cli.key_terms import Asked, body

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("option", "written", "members"),
    [
        ("name", "x", {"name": "x"}),
        ("description", "", {"description": ""}),
        ("preset", "admin", {"preset": "admin"}),
        ("permissions", ["read", "write"], {"permissions": ["read", "write"]}),
        ("models", ["gpt-*", "none"], {"models": ["gpt-*", "none"]}),
        ("models", ["none"], {"models": []}),
        ("endpoints", ["none"], {"endpoints": []}),
        ("ip", ["none"], {"ip": []}),
        ("ip", ["::1"], {"ip": ["::1"]}),
        ("origins", ["none"], {"origins": []}),
        ("locations", ["header"], {"locations": ["header"]}),
        ("locations", ["none"], {"locations": None}),
        ("tags", ["none"], {"tags": []}),
        ("metadata", ["a=1", "b=c=d", "e="], {"metadata": {"a": "1", "b": "c=d", "e": ""}}),
        ("metadata", ["none"], {"metadata": {}}),
        ("environment", "staging", {"environment": "staging"}),
        ("environment", "none", {"environment": ""}),
        ("recoverable", False, {"recoverable": False}),
        ("delete_protected", True, {"delete_protected": True}),
        ("not_before", "2027-01-31", {"not_before": "2027-01-31T00:00:00Z"}),
        ("not_before", "2d", {"not_before": "2026-01-03T12:00:00Z"}),
        ("not_before", "none", {"not_before": None}),
        ("rotate_every", "90d", {"rotation": {"every_days": 90}}),
        ("rotate_every", "2w", {"rotation": {"every_days": 14}}),
        ("rotate_every", "never", {"rotation": {"every_days": None}}),
        ("overlap", "7d", {"rotation": {"overlap_hours": 168}}),
        ("overlap", "12h", {"rotation": {"overlap_hours": 12}}),
        ("overlap", "0h", {"rotation": {"overlap_hours": 0}}),
        ("self_rotation", False, {"rotation": {"self_rotation": False}}),
        ("sealing_key", "abc=", {"rotation": {"sealing_key": "abc="}}),
        ("sealing_key", "none", {"rotation": {"sealing_key": None}}),
        ("sink", "/etc/a.env", {"rotation": {"sink": "/etc/a.env"}}),
        ("sink", "none", {"rotation": {"sink": None}}),
    ],
)
def test_an_option_asks_for_its_member_and_no_other(
    option: str, written: object, members: dict[str, object]
) -> None:
    """An option that gets lost would make a key stronger than it was meant to be."""
    assert body(structs.replace(Asked(), **{option: written}), NOON) == members


def test_what_no_option_says_is_not_asked_for() -> None:
    """An edit changes what it names."""
    assert body(Asked(), NOON) == {}


def test_a_sink_is_where_the_command_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node runs in another directory."""
    monkeypatch.chdir(tmp_path)

    assert body(Asked(sink="a.env"), NOON) == {"rotation": {"sink": f"{tmp_path}/a.env"}}


@pytest.mark.parametrize(
    ("option", "written", "said"),
    [
        ("rotate_every", "12h", "number of days"),
        ("rotate_every", "often", "number of days"),
        ("overlap", "30m", "number of hours"),
        ("metadata", ["a"], "NAME=VALUE"),
        ("metadata", ["=a"], "NAME=VALUE"),
        ("not_before", "soon", "90d, 12h"),
    ],
)
def test_what_can_not_be_understood_is_refused(option: str, written: object, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(CommandFailed, match=said):
        body(structs.replace(Asked(), **{option: written}), NOON)
