"""Credentials stay out of logs."""

import pytest

from keyturn.domain.secret import REDACTED
from keyturn.telemetry.redact import redact

KEY = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ39Fg38"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"GET /v1/models?api_key={KEY}&a=1",
        f"Authorization: Bearer {KEY}",
        f"('authorization', 'bearer {KEY}')",
        f'{{"api_key":"{KEY}"}}',
        f"key={KEY}",
        "ak-" + "a" * 32,
        "sk-proj-abc_DEF-0123456789",
        "Basic c2stQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_",
        "https://x/?token=abcdef&password=hunter2",
    ],
)
def test_what_looks_like_a_credential_is_replaced(text: str) -> None:
    """Logs are copied, shipped and pasted into issues."""
    shown = redact(text)

    assert REDACTED in shown
    for secret in ("ABCDEFGHIJKL", "abc_DEF", "c2stQUJD", "eyJzdWIi", "abcdef", "hunter2", "a" * 32):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "request_id=req_1",
        "a task-based design",
        "the bearer of news",
        "key_0123456789abcdefghij",
        "sk-AbCd…",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """A log that hides what happened is no log; what may be shown of a key may be logged."""
    assert redact(text) == text
