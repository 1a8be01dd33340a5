"""How long a model of Google's is asked to think."""

from typing import Any

import pytest

from keyturn.dialects.canonical import Chat, Effort, Loss
from keyturn.dialects.gemini_shapes import ThinkingConfig
from keyturn.dialects.gemini_thinking import thinking_of


def asked(model: str, **said: Any) -> tuple[ThinkingConfig | None, list[str]]:
    """Return what is written, and the names of what is not as it was said."""
    losses: list[Loss] = []
    found = thinking_of(Chat(model=model, **said), losses)
    assert all(loss.minor for loss in losses)
    return found, [loss.path for loss in losses]


def test_nothing_said_is_nothing_asked() -> None:
    """The model thinks as it likes."""
    assert asked("gemini-3-pro") == asked("gemini-2.5-pro") == asked("tuned") == (None, [])


def test_thoughts_may_be_shown_however_long_they_are() -> None:
    """Or hidden, in so many words."""
    assert asked("gemini-3-pro", show_reasoning=False) == (ThinkingConfig(include_thoughts=False), [])


@pytest.mark.parametrize(
    ("model", "effort", "level", "lost"),
    [
        ("gemini-3-flash-preview", Effort.MINIMAL, "MINIMAL", []),
        ("gemini-3.6-flash", Effort.LOW, "LOW", []),
        ("gemini-3.1-pro-preview", Effort.MEDIUM, "MEDIUM", []),
        ("gemini-flash-latest", Effort.HIGH, "HIGH", []),
        ("tuned", Effort.LOW, "LOW", []),
        ("gemini-3.1-pro-preview", Effort.HIGHEST, "HIGH", ["effort"]),
        ("tuned", Effort.HIGHEST, "HIGH", ["effort"]),
        ("gemini-3.1-pro-preview", Effort.MINIMAL, "LOW", ["effort"]),
        ("google/gemini-3.7-flash", Effort.MINIMAL, "LOW", ["effort"]),
        ("gemini-3-pro-preview", Effort.MEDIUM, "HIGH", ["effort"]),
        ("gemini-3-flash-preview", Effort.NONE, "MINIMAL", ["effort"]),
        ("gemini-3-pro-preview", Effort.NONE, "LOW", ["effort"]),
    ],
)
def test_a_model_with_levels_is_given_the_nearest_it_has(
    model: str, effort: Effort, level: str, lost: list[str]
) -> None:
    """They came with the third generation; no model of it can be kept from thinking."""
    assert asked(model, effort=effort) == (ThinkingConfig(thinking_level=level), lost)


@pytest.mark.parametrize(
    ("tokens", "level"), [(0, "MINIMAL"), (2048, "LOW"), (8192, "MEDIUM"), (8193, "HIGH"), (60_000, "HIGH")]
)
def test_a_model_with_levels_is_given_one_for_a_count_of_tokens(tokens: int, level: str) -> None:
    """It takes a count for the sake of older clients only, and thinks worse for it."""
    found = asked("gemini-3-flash-preview", reasoning_tokens=tokens)

    assert found == (ThinkingConfig(thinking_level=level), ["reasoning_tokens"])


def test_a_model_with_levels_goes_by_the_effort() -> None:
    """Of two that were said."""
    found = asked("gemini-3-flash-preview", effort=Effort.LOW, reasoning_tokens=9000)

    assert found == (ThinkingConfig(thinking_level="LOW"), ["reasoning_tokens"])


@pytest.mark.parametrize(
    ("model", "said", "budget", "lost"),
    [
        ("gemini-2.5-flash", {"effort": Effort.MEDIUM}, 8192, []),
        ("gemini-2.5-flash", {"effort": Effort.HIGHEST}, 24_576, []),
        ("gemini-2.5-flash", {"effort": Effort.NONE}, 0, []),
        ("gemini-2.5-flash", {"reasoning_tokens": 5}, 5, []),
        ("gemini-2.5-flash", {"reasoning_tokens": 60_000}, 24_576, ["reasoning_tokens"]),
        ("gemini-2.5-flash-lite", {"reasoning_tokens": 5}, 512, ["reasoning_tokens"]),
        ("gemini-2.5-flash-lite", {"reasoning_tokens": 0}, 0, []),
        ("gemini-2.5-pro", {"effort": Effort.HIGHEST}, 32_768, []),
        ("gemini-2.5-pro", {"effort": Effort.NONE}, 128, ["effort"]),
        ("google/gemini-2.5-pro", {"reasoning_tokens": 0}, 128, ["reasoning_tokens"]),
        ("gemini-2.5-pro", {"effort": Effort.LOW, "reasoning_tokens": 9000}, 9000, ["effort"]),
        ("gemini-2.5-flash", {"effort": Effort.NONE, "reasoning_tokens": 9000}, 0, []),
        ("tuned", {"reasoning_tokens": 60_000}, 60_000, []),
        ("tuned", {"effort": Effort.NONE}, 0, []),
    ],
)
def test_a_count_of_tokens_is_one_that_the_model_takes(
    model: str, said: dict[str, Any], budget: int, lost: list[str]
) -> None:
    """Google refuses what is beyond the range of a model of the 2.5 generation; of others nothing is known."""
    assert asked(model, **said) == (ThinkingConfig(thinking_budget=budget), lost)
