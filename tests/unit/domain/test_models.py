"""Names of models."""

import pytest
from hypothesis import given, strategies as st

from fakes.price_rules import ever
from keyturn.domain.models import Sold, Starred, Target, near
from keyturn.domain.prices import Price

KNOWN = ["gpt-4o", "gpt-4o-mini", "gpt-4", "claude-sonnet", "demo-chat", "demo-embed"]


def test_a_mistyped_name_finds_what_was_meant() -> None:
    """A 404 that names the right model saves a search."""
    assert near("gtp-4o", KNOWN)[0] == "gpt-4o"


def test_three_names_at_most_are_offered() -> None:
    """More would be a list, not a hint."""
    assert len(near("gpt-4", KNOWN)) == 3


def test_a_name_like_no_other_finds_nothing() -> None:
    """A wild guess would mislead."""
    assert near("zzzzzz", KNOWN) == []
    assert near("gpt-4", []) == []


# ── names with a star ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai/gpt-4o", ("openai/gpt-*", "4o")),
        ("openai/o3", ("openai/*", "o3")),
        ("openai/a/b", ("openai/*", "a/b")),
        ("openai/", None),
        ("x-latest", ("*-latest", "x")),
        ("openai/x-latest", ("openai/*", "x-latest")),
        ("plain", None),
        ("other", None),
    ],
)
def test_the_name_that_says_most_is_meant(name: str, found: tuple[str, str] | None) -> None:
    """A rule for one family of models holds before the rule for all; a star is never nothing."""
    starred = Starred(["plain", "openai/*", "*-latest", "openai/gpt-*"])

    assert starred.find(name) == found


@given(st.text("ab*", max_size=4), st.text("ab", max_size=4), st.text("ab", min_size=1, max_size=4))
def test_a_star_and_what_it_stands_for_make_the_name(before: str, after: str, text: str) -> None:
    """Otherwise a client would get a model that it did not ask for."""
    before = before.replace("*", "")
    name = before + text + after

    assert Starred([before + "*" + after]).find(name) == (before + "*" + after, text)


def test_a_target_is_filled_in_with_what_is_known_of_the_model() -> None:
    """The price is that of the model, not of the star."""
    own, other = ever(Price(5)), ever(Price(7))
    target = Target("openai", "gpt-*", own, 9, 100, sold={"gpt-4o": Sold(other, 50)})

    assert target.at("4o") == Target("openai", "gpt-4o", other, 9, 50)
    assert target.at("5") == Target("openai", "gpt-5", own, 9, 100)
    assert Target("openai", "gpt-4o").at("x") == Target("openai", "gpt-4o")
