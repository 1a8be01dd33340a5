"""What is said of text that can't be a key."""

import pytest

from keyturn.domain import key_hints, key_text

GOOD = "sk-" + "A" * 26 + key_text.checksum("A" * 26)
REST = GOOD[3:]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        *(
            (text, key_hints.WRAPPED)
            for text in (f'"{GOOD}"', f"' {GOOD}'", f"{GOOD}\n", f"\ufeff{GOOD}", f"\u201c{GOOD}\u201d")
        ),
        *((text, key_hints.BRACKETED) for text in (f"<{GOOD}>", f"[{GOOD}]", f"{{{GOOD}}}")),
        *((text, key_hints.ENDED) for text in (f"{GOOD};", f'"{GOOD}";', f"{GOOD},")),
        *(
            (text, key_hints.BROKEN)
            for text in (f"{GOOD[:9]} {GOOD[9:]}", f"{GOOD[:9]}\r\n{GOOD[9:]}", f"{GOOD}\\n")
        ),
        *(
            (text, key_hints.WORD)
            for text in (f"Bearer {GOOD}", f"bearer Bearer {GOOD}", f"Token {GOOD}", f"Bearer\t{GOOD}")
        ),
        *(
            (text, key_hints.NAMED)
            for text in (f"KEYTURN_API_KEY={GOOD}", f"export KEY='{GOOD}'", f"x-api-key: {GOOD}")
        ),
        (f"sk%2D{REST}", key_hints.ENCODED),
        *((text, key_hints.LONGER) for text in (GOOD + GOOD, GOOD + "x", GOOD + "?a=1")),
        *((text, key_hints.NO_PREFIX) for text in (REST, f"key-{REST}", f'"{REST}"')),
        *(
            (text, key_hints.NO_HYPHEN)
            for text in (f"sk{REST}", f"sk_{REST}", f"ak{REST}", f"pk_{REST}", f"sk\u2013{REST}")
        ),
        *((text, key_hints.CAPITAL_PREFIX) for text in (f"SK-{REST}", f"Pk-{REST}", f"AK-{REST}")),
        *((text, key_hints.EMPTY) for text in ("", "  ", '""', "Bearer", "basic")),
        *(
            (text, key_hints.UNEXPANDED)
            for text in (
                "$KEYTURN_API_KEY",
                "${API_KEY}",
                "%API_KEY%",
                "{{ api_key }}",
                "$(cat key)",
                "OPENAI_API_KEY",
            )
        ),
        *(
            (text, key_hints.PLACEHOLDER)
            for text in (
                "YOUR_API_KEY",
                "<key>",
                "<YOUR API KEY>",
                "sk-...",
                "sk-\u2026",
                "sk-xxxxxxxx",
                "xxx",
                "undefined",
                "null",
            )
        ),
        *(
            (text, key_hints.PLACEHOLDER)
            for text in ("sk-your-key-here", "your-key", "[redacted]", "********", "sk-")
        ),
        *(
            (text, key_hints.DISPLAYED)
            for text in ("sk-AbCd\u2026", "ak-AbCd...", "sk-AbCd\u2026".encode().decode("latin-1"))
        ),
        *((text, key_hints.IDENTIFIER) for text in ("key_" + "a" * 20, "sec_" + "0" * 20)),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", key_hints.TOKEN),
        *(
            (text, key_hints.MISTYPED)
            for text in (GOOD[:-1] + "z", GOOD[:-1], GOOD[:9], "pk-123", "ak-" + "b" * 32)
        ),
        *((text, key_hints.LIKE_OURS) for text in ("sk-" + "a" * 48, "sk-abc_def", "ak-abc-def")),
        *(
            (text, key_hints.NOT_OURS)
            for text in ("hello", "\xff\xfe\x00", "A" * 32, "swordfish", "\u00e9" * 40)
        ),
        *((example, key_hints.EXAMPLE) for example in sorted(key_text.EXAMPLES)),
    ],
)
def test_each_common_slip_is_recognised(text: str, hint: str) -> None:
    """Whoever reads the hint knows what to change; most of them are a copy with too much or too little."""
    assert key_text.problem_with(text) == hint


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("sk-proj-abcdefT3BlbkFJghijkl", "OpenAI"),
        ("sk-abcdefT3BlbkFJghijkl", "OpenAI"),
        ("sk-svcacct-abc", "OpenAI"),
        ("sk-admin-abc", "OpenAI"),
        ("sk-ant-api03-abc", "Anthropic"),
        ("sk-or-v1-0123456789abcdef", "OpenRouter"),
        ("AIzaSyD-abcdefghijklmnopqrstuvwxyz01234", "Google"),
        ("gsk_abcdef", "Groq"),
        ("xai-abcdef", "xAI"),
        ("r8_abcdef", "Replicate"),
        ("hf_abcdef", "Hugging Face"),
        ("pplx-abcdef", "Perplexity"),
        ("nvapi-abcdef", "NVIDIA"),
        ("AKIAIOSFODNN7EXAMPLE", "AWS"),
        ("sk_live_abcdef", "Stripe"),
        ("ghp_abcdef", "GitHub"),
        ("github_pat_abcdef", "GitHub"),
        ("xoxb-1-2-3", "Slack"),
        ('"gsk_abcdef"', "Groq"),
    ],
)
def test_another_vendors_key_is_recognised(text: str, vendor: str) -> None:
    """The most frequent mistake with a gateway: the provider's key goes to the client, the client's to the provider."""
    hint = key_text.problem_with(text)

    assert hint in {f"looks like a {vendor} key", f"looks like an {vendor} key"}


def test_a_key_of_ours_has_no_hint() -> None:
    """Whatever its kind."""
    assert {key_text.problem_with(prefix + REST) for prefix in key_hints.PREFIXES} == {None}


@pytest.mark.parametrize(
    "text", ["sk-" + "a" * 100_000, "$(" * 50_000, "A_" * 50_000, "Bearer " * 20_000, "eyJ" + "." * 90_000]
)
def test_long_text_is_not_looked_at_for_long(text: str) -> None:
    """A pattern that goes back over 64 KiB of header would stop the worker."""
    assert key_text.problem_with(text) in key_hints.HINTS


def test_hints_are_short_and_different() -> None:
    """They stand in an error's details and in the trace, which is cut at 200 characters."""
    assert all(10 < len(hint) <= 100 for hint in key_hints.HINTS)
