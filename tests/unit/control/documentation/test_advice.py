"""What people are told about errors."""

from pathlib import Path

import pytest

from keyturn.control.documentation import advice
from keyturn.domain.refusals import Reason

ENTRIES = {entry.reason: entry for entry in advice.entries()}


def test_every_reason_has_an_entry_in_its_order() -> None:
    """A problem document leads to the one that it names."""
    assert list(ENTRIES) == list(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_an_entry_says_why_and_what_to_do(reason: Reason) -> None:
    """In sentences."""
    entry = ENTRIES[reason]

    for text in (entry.advice.cause, entry.advice.remedy):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
    assert [rendering.partition(":")[0] for rendering in entry.renderings] == [
        "OpenAI",
        "Anthropic",
        "Gemini",
        "Envelope",
    ]


@pytest.mark.parametrize(
    ("reason", "retry"),
    [
        (Reason.REVOKED_API_KEY, "does not help"),
        (Reason.AUTH_UNAVAILABLE, "helps"),
        (Reason.UPSTREAM_TIMEOUT, "may help"),
    ],
)
def test_an_entry_says_whether_to_try_again(reason: Reason, retry: str) -> None:
    """As the headers of the answer do."""
    assert ENTRIES[reason].retry.startswith(retry)


def test_a_status_that_depends_on_the_dialect_is_named() -> None:
    """The headline has OpenAI's."""
    credits_used = ENTRIES[Reason.INSUFFICIENT_CREDITS]

    assert credits_used.rule.status == 429
    assert [rendering for rendering in credits_used.renderings if "402" in rendering] == [
        "Anthropic: 402, `type` `billing_error`.",
        "Envelope: 402, `code` `INSUFFICIENT_CREDITS`.",
    ]


def test_a_missing_entry_is_an_error_that_names_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a new reason would lead nowhere."""
    start, _, rest = advice.FILE.read_text("utf-8").partition("[missing_api_key]")
    shortened = tmp_path / "errors.toml"
    shortened.write_text(start + rest[rest.index("[") :])
    monkeypatch.setattr(advice, "FILE", shortened)

    with pytest.raises(ValueError, match=r"errors.toml says nothing about missing_api_key"):
        advice.entries()
