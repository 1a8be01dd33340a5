"""What providers have in common."""

import msgspec
import pytest

from keyturn.providers.anthropic import ANTHROPIC
from keyturn.providers.catalog import PROVIDERS
from keyturn.providers.provider import NATIVE, UNCHANGED, Provider, can_be_sent, in_path


@pytest.mark.parametrize(
    ("credential", "sent"),
    [("sk-1", True), ("", False), ("a b", False), ("a\r\nx: y", False), ("ä", False), ("a\tb", False)],
)
def test_a_credential_that_would_break_a_header_is_a_problem(credential: str, *, sent: bool) -> None:
    """A line end in it would begin another header."""
    assert can_be_sent(credential) is sent
    assert (ANTHROPIC.problem_with_credential(credential) == "") is sent


def test_a_model_is_one_segment_of_a_path() -> None:
    """Its name comes from operators and lists, and may hold what has a meaning in a path."""
    assert in_path("a/b:c ?#..") == "a%2Fb%3Ac%20%3F%23.."


@pytest.mark.parametrize(
    ("name", "said", "whole"),
    [
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("anthropic", "https://host/anthropic", "https://host/anthropic"),
        ("gemini", "http://127.0.0.1:8", "http://127.0.0.1:8/v1beta"),
        ("gemini", "http://127.0.0.1:8/v1", "http://127.0.0.1:8/v1"),
        ("compatible", "http://127.0.0.1:8", "http://127.0.0.1:8"),
    ],
)
def test_a_bare_host_is_made_whole_where_the_providers_sdks_do_it(name: str, said: str, whole: str) -> None:
    """Who copies the base URL of an SDK's setting must not meet 404s."""
    assert PROVIDERS[name].whole_address(said) == whole


def test_bodies_are_not_changed_where_nobody_says_so() -> None:
    """Same dialect on both sides: byte for byte."""
    assert all(ANTHROPIC.change(operation, "m") is UNCHANGED for operation in NATIVE)
    assert ANTHROPIC.problem_with_address("https://anything.example/v1") == ""


def test_a_list_of_models_is_read_as_openai_writes_it() -> None:
    """Most others do as well; what is none is no empty list."""
    assert ANTHROPIC.read_models(b'{"object":"list","data":[{"id":"a"},{"id":"b","x":1}]}') == ["a", "b"]
    with pytest.raises(msgspec.DecodeError):
        ANTHROPIC.read_models(b"<html>")


def test_a_provider_that_says_nothing_can_not_be_asked() -> None:
    """The base has no dialect."""
    bare = Provider(id="x", title="X", source="https://x.example")

    with pytest.raises(NotImplementedError):
        bare.codec("chat")
    with pytest.raises(NotImplementedError):
        bare.path("chat")
