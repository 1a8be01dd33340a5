"""How a request for thought is put to Anthropic."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import write_request
from keyturn.dialects.canonical import (
    Chat,
    Effort,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

HELLO = Message(Role.USER, (Text("Hello"),))
WEATHER = Tool("get_weather", "Look", '{"type":"object","properties":{"location":{"type":"string"}}}')


def write(*messages: Message, cap: int = 4096, **members: Any) -> tuple[dict[str, Any], list[str]]:
    """Write a request, and return it with the paths of what is lost."""
    chat = Chat(**({"model": "m", "messages": messages or (HELLO,)} | members))
    written = write_request(chat, default_cap=cap)
    return msgspec.json.decode(written.body), [loss.path for loss in written.losses]


def written(*messages: Message, **members: Any) -> dict[str, Any]:
    """Write a request that loses nothing."""
    body, lost = write(*messages, **members)
    assert lost == []
    return body


def user(*parts: Part) -> Message:
    """Return a user's turn."""
    return Message(Role.USER, parts, "messages[0]")


def assistant(*parts: Part) -> Message:
    """Return a model's turn."""
    return Message(Role.ASSISTANT, parts)


OLD, MIDDLE, NEW = "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-5"
THOUGHT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        OLD,
        {"effort": Effort.MINIMAL},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
    ),
    (
        OLD,
        {"effort": Effort.MEDIUM},
        {"thinking": {"type": "enabled", "budget_tokens": 8192}, "max_tokens": 4096 + 8192},
    ),
    (
        OLD,
        {"effort": Effort.HIGHEST, "max_output_tokens": 4000},
        {"thinking": {"type": "enabled", "budget_tokens": 3000}, "max_tokens": 4000},
    ),
    (
        OLD,
        {"effort": Effort.HIGH, "max_output_tokens": 1100},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1100},
    ),
    (
        OLD,
        {"reasoning_tokens": 2000, "show_reasoning": True, "effort": Effort.LOW},
        {
            "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
            "output_config": {"effort": "low"},
            "max_tokens": 4096,
        },
    ),
    (
        OLD,
        {"reasoning_tokens": 9000, "max_output_tokens": 2000},
        {"thinking": {"type": "enabled", "budget_tokens": 1999}, "max_tokens": 2000},
    ),
    (OLD, {"reasoning_tokens": 0}, {"thinking": {"type": "disabled"}, "max_tokens": 4096}),
    (OLD, {"show_reasoning": False}, {"max_tokens": 4096}),
    (NEW, {"effort": Effort.NONE}, {"thinking": {"type": "disabled"}, "max_tokens": 4096}),
    (
        MIDDLE,
        {"effort": Effort.HIGHEST},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}, "max_tokens": 4096},
    ),
    (
        MIDDLE,
        {"reasoning_tokens": 2048},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
    ),
    (
        NEW,
        {"effort": Effort.HIGHEST, "show_reasoning": False},
        {
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "xhigh"},
            "max_tokens": 4096,
        },
    ),
    (
        NEW,
        {"reasoning_tokens": 5000},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}, "max_tokens": 4096},
    ),
    (
        NEW,
        {"show_reasoning": True},
        {"thinking": {"type": "adaptive", "display": "summarized"}, "max_tokens": 4096},
    ),
]


@pytest.mark.parametrize(("model", "members", "expected"), THOUGHT)
def test_thought_is_asked_for_as_the_model_takes_it(
    model: str, members: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The budget is below the maximum, and the client's maximum holds."""
    body = written(model=model, **members)

    assert {
        name: body[name] for name in ("thinking", "output_config", "max_tokens") if name in body
    } == expected


@pytest.mark.parametrize(
    ("members", "lost"),
    [
        ({"reasoning_tokens": 500}, "reasoning_tokens"),
        ({"effort": Effort.LOW, "max_output_tokens": 1024}, "effort"),
        ({"show_reasoning": True}, "show_reasoning"),
    ],
)
def test_thought_that_is_not_possible_is_named(members: dict[str, Any], lost: str) -> None:
    """Anthropic would refuse the whole request."""
    body, paths = write(model=OLD, **members)

    assert paths == [lost]
    assert "thinking" not in body


def test_a_model_that_counts_its_thoughts_wants_them_back() -> None:
    """Else it refuses the results of its calls."""
    call, result = ToolCall("t", "f", "{}"), user(ToolResult("t", "f", (Text("x"),)))

    bare, lost = write(HELLO, assistant(call), result, model=OLD, effort=Effort.LOW)
    assert (lost, "thinking" in bare) == (["effort"], False)
    whole = written(HELLO, assistant(Reasoning("Hm", "sig"), call), result, model=OLD, effort=Effort.LOW)
    assert "thinking" in whole
    assert "thinking" in written(HELLO, assistant(call), result, model=NEW, effort=Effort.LOW)
    assert write(result, model=OLD, reasoning_tokens=2000)[1] == ["reasoning_tokens"]


def test_a_model_that_counts_its_thoughts_goes_on_without_them_unasked() -> None:
    """They may be another maker's, and are no fault of the client's."""
    call, result = ToolCall("t", "f", "{}"), user(ToolResult("t", "f", (Text("x"),)))
    chat = Chat(model=OLD, messages=(HELLO, assistant(call), result), effort=Effort.LOW)

    assert [loss.minor for loss in write_request(chat, default_cap=4096).losses] == [True]
