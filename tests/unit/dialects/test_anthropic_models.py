"""What Claude models take."""

import pytest

from keyturn.dialects.anthropic_models import claude


@pytest.mark.parametrize(
    ("name", "version", "family"),
    [
        ("claude-3-7-sonnet-20250219", (3, 7), "sonnet"),
        ("claude-3-opus-20240229", (3, 0), "opus"),
        ("claude-sonnet-4-20250514", (4, 0), "sonnet"),
        ("claude-opus-4-1-20250805", (4, 1), "opus"),
        ("claude-haiku-4-5", (4, 5), "haiku"),
        ("anthropic.claude-sonnet-4-6-v1:0", (4, 6), "sonnet"),
        ("claude-opus-4@20250514", (4, 0), "opus"),
        ("anthropic/claude-4.7-opus", (4, 7), "opus"),
        ("claude-fable-5-1", (5, 1), "fable"),
        ("claude-mythos-preview", (99, 0), ""),
        ("MiniMax-M2", (0, 0), ""),
    ],
)
def test_a_version_is_read_from_the_name(name: str, version: tuple[int, int], family: str) -> None:
    """Wherever the model is hosted; a date is no version."""
    assert (claude(name).version, claude(name).family) == (version, family)


@pytest.mark.parametrize(
    ("name", "traits"),
    [
        ("deepseek-chat", (False, True, True, True, False)),
        ("claude-opus-4-5", (False, True, True, False, False)),
        ("claude-sonnet-4-6", (True, True, True, False, False)),
        ("claude-opus-4-7", (True, False, False, False, False)),
        ("claude-opus-4-8", (True, False, False, False, True)),
        ("claude-sonnet-5", (True, False, False, False, False)),
        ("claude-sonnet-5-1", (True, False, False, False, True)),
        ("claude-haiku-5", (True, False, False, False, True)),
    ],
)
def test_models_take_what_their_generation_takes(name: str, traits: tuple[bool, ...]) -> None:
    """As the table says."""
    model = claude(name)

    assert (
        model.takes_effort,
        model.takes_budget,
        model.takes_sampling,
        model.takes_both,
        model.takes_system_turns,
    ) == traits


def test_the_highest_effort_has_two_names() -> None:
    """One model had ``max`` before there was ``xhigh``."""
    assert claude("claude-opus-4-6").highest_effort == "max"
    assert claude("claude-opus-4-7").highest_effort == "xhigh"
