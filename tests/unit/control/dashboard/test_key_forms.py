"""What is typed into the forms of keys."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec import UNSET

from keyturn.control.dashboard import key_forms
from keyturn.control.dashboard.key_forms import (
    FIELDS,
    NEW_FIELDS,
    changes_between,
    merged,
    read_new,
    read_terms,
    read_was,
    standing_limits,
    texts_in,
    texts_of,
)
from keyturn.domain.key_text import Kind
from keyturn.domain.limits import Limit, Metric, Window, write_limits
from keyturn.domain.permissions import Permission, Preset
from keyturn.domain.refusals import Refused
from keyturn.services.key_terms import NewKey, Terms
from keyturn.store.keys import StoredKey

BERLIN = ZoneInfo("Europe/Berlin")
NOW = 1_800_000_000.0
NEW_YEAR_MS = 1_798_758_000_000
"""2027-01-01 00:00 in Berlin."""
RAISED = Limit(Metric.REQUESTS, Window.MINUTE, 60, raised_max=90, raised_until=NOW + 60)
KEY = StoredKey(
    id="key_VbXhUyUBKUlzDND0IYtt",
    project_id="proj_VbXhUyU7kT3m9QwErTyU",
    name="app",
    description="one\r\ntwo",
    kind="secret",
    preset="production",
    permissions="read",
    enabled=True,
    revoked_at=None,
    expires_at=NEW_YEAR_MS,
    deleted_at=None,
    created_at=0,
    created_by="operator",
    version=3,
    models="gpt-* claude-*",
    ip="127.0.0.1/32",
    tags="a b",
    rotate_every_days=30,
    limits=write_limits([RAISED]),
)
BLANK = dict.fromkeys((*FIELDS, *NEW_FIELDS), "")


def test_a_form_that_is_sent_as_it_was_shown_changes_nothing() -> None:
    """Also of what a form can't show: seconds of times, raises of limits."""
    shown = texts_of(KEY, BERLIN, NOW)

    assert read_terms(shown, shown, BERLIN, standing_limits(KEY.limits, NOW)) == Terms()


def test_only_what_was_changed_is_asked_for() -> None:
    """What somebody else changes meanwhile is theirs."""
    shown = texts_of(KEY, BERLIN, NOW)
    typed = shown | {
        "name": "app 2",
        "models": "gpt-*, demo-chat\ngpt-*",
        "expires_at": "",
        "not_before": "2027-01-01T00:00",
        "every_days": "",
        "overlap_hours": "0",
        "self_rotation": "on",
        "locations": "body header",
        "limits": "requests/minute=60\ncost_usd/month:gpt-*=1.5 shadow",
    }

    terms = read_terms(typed, shown, BERLIN, standing_limits(KEY.limits, NOW))

    assert isinstance(terms, Terms)
    budget = Limit(Metric.COST, Window.MONTH, 1_500_000_000, "gpt-*", shadow=True)
    assert terms == Terms(
        name="app 2",
        models=("gpt-*", "demo-chat"),
        expires_at_ms=None,
        not_before_ms=NEW_YEAR_MS,
        rotate_every_days=None,
        overlap_hours=0,
        self_rotation=True,
        locations=("body", "header"),
        limits=(RAISED, budget),
    )


def test_a_preset_stands_for_its_permissions_and_none_for_those_that_are_ticked() -> None:
    """Both can't hold."""
    shown = texts_of(KEY, BERLIN, NOW)
    ticked = read_terms(shown | {"preset": "", "permissions": "read webhook"}, shown, BERLIN)
    chosen = read_terms(shown | {"preset": "admin", "permissions": "read"}, shown, BERLIN)
    neither = read_terms(shown | {"preset": ""}, shown, BERLIN)

    assert isinstance(ticked, Terms)
    assert ticked.permissions == frozenset({Permission.READ, Permission.WEBHOOK})
    assert isinstance(chosen, Terms)
    assert (chosen.preset, chosen.permissions) == (Preset.ADMIN, UNSET)
    assert isinstance(neither, Refused)
    assert neither.param == "preset"


def test_a_new_key_has_the_quick_limits_and_the_lines() -> None:
    """And whatever nobody said is as it usually is."""
    typed = BLANK | {
        "name": "new",
        "kind": "publishable",
        "origins": "https://app.example.com",
        "requests_a_minute": "60",
        "usd_a_month": "20.50",
        "limits": "concurrency=5",
        "expires_in": "30",
        "decoy": "on",
        "user_id": "kim@example.com",
    }

    wanted = read_new(typed, BERLIN)

    assert isinstance(wanted, NewKey)
    assert (wanted.kind, wanted.user, wanted.decoy) == (Kind.PUBLISHABLE, "kim@example.com", True)
    assert wanted.limits == (
        Limit(Metric.REQUESTS, Window.MINUTE, 60),
        Limit(Metric.COST, Window.MONTH, 20_500_000_000),
        Limit(Metric.CONCURRENCY, Window.NONE, 5),
    )
    assert isinstance(wanted.expires_at_ms, int)
    plain = read_new(BLANK | {"name": "plain"}, BERLIN)
    assert plain == NewKey(name="plain")


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("requests_a_minute", "-5", "A whole number, such as 30"),
        ("tokens_a_day", "1,5", "A whole number, such as 30"),
        ("usd_a_month", "0,50", "An amount in US dollars, such as 20, 0.50 or 1,234.50"),
    ],
)
def test_a_quick_limit_is_refused_in_the_words_of_its_field(field: str, text: str, says: str) -> None:
    """Nobody typed requests/minute=-5 there."""
    refused = read_new(BLANK | {"name": "n", field: text}, BERLIN)

    assert isinstance(refused, Refused)
    assert refused.param == field
    assert refused.text.startswith(says)


def test_quick_limits_may_have_commas_between_thousands() -> None:
    """Tokens come in thousands."""
    wanted = read_new(BLANK | {"name": "n", "tokens_a_day": "1,000,000", "usd_a_month": "$1,200"}, BERLIN)

    assert isinstance(wanted, NewKey)
    assert wanted.limits == (
        Limit(Metric.TOKENS, Window.DAY, 1_000_000),
        Limit(Metric.COST, Window.MONTH, 1_200_000_000_000),
    )


def test_the_moment_that_was_typed_wins_over_the_choice() -> None:
    """It is the more exact one."""
    wanted = read_new(BLANK | {"name": "n", "expires_in": "7", "expires_at": "2027-01-01T00:00"}, BERLIN)

    assert isinstance(wanted, NewKey)
    assert wanted.expires_at_ms == NEW_YEAR_MS


@pytest.mark.parametrize(
    ("typed", "param"),
    [
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"not_before": "0001-01-01T00:00"}, "not_before"),
        ({"every_days": "³"}, "every_days"),
        ({"every_days": "9" * 13}, "every_days"),
        ({"expires_in": "x"}, "expires_in"),
        ({"expires_in": "999999"}, "expires_in"),
        ({"limits": "requests=1"}, "limits"),
        ({"tokens_a_day": "1.5"}, "tokens_a_day"),
        ({"preset": "king"}, "preset"),
        ({"permissions": "read fly"}, "preset"),
        ({"kind": "odd"}, "kind"),
    ],
)
def test_what_cannot_be_read_names_its_field(typed: dict[str, str], param: str) -> None:
    """So that the reason stands beside it."""
    refused = read_new(BLANK | {"name": "n"} | typed, BERLIN)

    assert isinstance(refused, Refused)
    assert refused.param == param
    assert refused.message


def test_an_emptied_overlap_is_asked_for_again() -> None:
    """Nobody knows whether none or the usual one is meant."""
    shown = texts_of(KEY, BERLIN, NOW)

    refused = read_terms(shown | {"overlap_hours": ""}, shown, BERLIN)

    assert isinstance(refused, Refused)
    assert refused.param == "overlap_hours"


def test_after_a_conflict_each_field_has_what_was_typed_or_what_it_is_by_now() -> None:
    """Nothing that anybody typed is lost."""
    was = texts_of(KEY, BERLIN, NOW)
    other = msgspec.structs.replace(KEY, name="theirs", description="theirs", models="")
    now = texts_of(other, BERLIN, NOW)

    shown = merged(was | {"name": "mine", "tags": "c"}, was, now)

    assert (shown["name"], shown["description"], shown["tags"]) == ("mine", "theirs", "c")
    assert changes_between(was, now) == [
        ("Name", "app", "theirs"),
        ("Description", "one\ntwo", "theirs"),
        ("Models", "gpt-*\nclaude-*", ""),
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": 3}'])
def test_what_a_form_carries_along_may_be_anything(text: str) -> None:
    """Whoever sends it can write there what they like."""
    assert read_was(text) == {}
    assert read_was('{"name": "a", "odd": "b"}') == {"name": "a"}


def test_boxes_of_one_name_are_read_together_and_lines_end_in_one_way() -> None:
    """Browsers send lines with carriage returns, and a field that came twice counts as its last."""
    fields: Any = {"permissions": ["write", "read"], "limits": ["a\r\nb "], "name": ["x", " y"]}

    found = texts_in(fields, ("permissions", "limits", "name", "tags"))

    assert found == {"permissions": "read write", "limits": "a\nb", "name": "y", "tags": ""}


def test_limits_that_have_ended_are_not_shown() -> None:
    """They would be refused when they are sent again; a raise that has ended leaves its limit."""
    over = Limit(Metric.TOKENS, Window.DAY, 5, until=NOW - 1)
    once_raised = msgspec.structs.replace(RAISED, raised_until=NOW - 1)

    found = standing_limits(write_limits([over, once_raised]), NOW)

    assert found == [Limit(Metric.REQUESTS, Window.MINUTE, 60)]


def test_every_field_has_a_label() -> None:
    """A conflict names it."""
    assert set(key_forms._LABELS) == set(FIELDS)
