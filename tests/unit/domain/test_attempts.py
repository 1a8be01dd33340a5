"""Calls of models that may be sent again."""

from typing import Any

import pytest

from fakes.usage_records import served
from keyturn.domain.attempts import Fate, attempt_id, fate_of, fingerprint, is_idempotency_key, not_again
from keyturn.domain.journal import Served
from keyturn.domain.refusals import Reason

NOTHING: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0, "cost_nano_usd": 0}


@pytest.mark.parametrize("text", ["a", "~" * 255, "8a7c!", "a,b"])
def test_visible_text_names_an_attempt(text: str) -> None:
    """A UUID, most often."""
    assert is_idempotency_key(text)


@pytest.mark.parametrize("text", ["", "a" * 256, "a b", "a\t", "é", "\x7f"])
def test_anything_else_names_none(text: str) -> None:
    """Two such headers in one request are joined with a comma and a space, and refused too."""
    assert not is_idempotency_key(text)


def test_an_attempt_is_its_callers_at_its_path() -> None:
    """Nobody gets another one's answer, whatever both have chosen."""
    ids = {
        attempt_id("key_1", b"/v1/chat/completions", "a"),
        attempt_id("key_2", b"/v1/chat/completions", "a"),
        attempt_id("key_1", b"/v1/completions", "a"),
        attempt_id("key_1", b"/v1/chat/completions", "b"),
    }

    assert len(ids) == 4
    assert {len(one) for one in ids} == {32}


def test_another_request_has_another_fingerprint() -> None:
    """The query belongs to it."""
    assert len({fingerprint(b"", b"{}"), fingerprint(b"a=1", b"{}"), fingerprint(b"", b"{ }")}) == 3


@pytest.mark.parametrize(
    ("ended", "fate"),
    [
        (served(), Fate.SERVED),
        (served(**NOTHING), Fate.SERVED),
        (served(outcome="client_left"), Fate.BROKEN),
        (served(outcome="upstream_closed", output_tokens=0, cost_nano_usd=0), Fate.BROKEN),
        (served(outcome="upstream_closed", **NOTHING | {"output_tokens": 1}), Fate.BROKEN),
        (served(outcome="upstream_closed", **NOTHING | {"images": 1}), Fate.BROKEN),
        (served(outcome="upstream_closed", **NOTHING | {"audio_ms": 1}), Fate.BROKEN),
        (served(outcome="upstream_closed", **NOTHING | {"characters": 1}), Fate.BROKEN),
        (served(outcome="ok", status=502), Fate.BROKEN),
        (served(outcome="recovered", source="recovered", status=0), Fate.UNKNOWN),
        (served(outcome="recovered", source="recovered", status=0, **NOTHING), Fate.UNKNOWN),
        (served(outcome="upstream_unreachable", status=502, **NOTHING), None),
        (served(outcome="ok", status=503, **NOTHING), None),
    ],
)
def test_what_was_charged_or_may_have_been_is_not_made_again(ended: Served, fate: Fate | None) -> None:
    """Only what certainly cost nobody anything is."""
    assert fate_of(ended) is fate


@pytest.mark.parametrize("fate", [Fate.SERVED, Fate.BROKEN, Fate.UNKNOWN])
def test_who_is_not_answered_is_told_why_and_that_asking_again_is_no_use(fate: Fate) -> None:
    """With the request to look for in the books."""
    refused = not_again(fate, "req_1")

    assert (refused.reason, refused.should_retry) == (Reason.CONFLICT, False)
    assert "req_1" in refused.text
    assert refused.details == {"first_request_id": "req_1", "outcome": fate.value}


def test_who_is_early_is_told_to_wait() -> None:
    """There will be an answer."""
    assert not_again(Fate.UNDER_WAY, "req_1").should_retry
