"""What of an Anthropic request no other dialect knows."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.anthropic_messages import read_request
from keyturn.dialects.canonical import (
    Chat,
    Loss,
    Read,
    Text,
    ToolResult,
)

PLAIN: dict[str, Any] = {
    "model": "claude-opus-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Hello, Claude"}],
}
WEATHER = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
EPHEMERAL = {"type": "ephemeral"}


def read(**members: Any) -> Read:
    """Read the plain request with other members."""
    found = read_request(msgspec.json.encode(PLAIN | members))
    assert isinstance(found, Read), found
    return found


def said(**members: Any) -> Chat:
    """Read a request that nothing of is lost."""
    found = read(**members)
    assert found.losses == ()
    return found.chat


def turn(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    """Return a message of blocks."""
    return {"role": role, "content": list(blocks)}


TEXT = {"type": "text", "text": "x"}
LOST: list[tuple[dict[str, Any], list[str]]] = [
    ({"service_tier": "standard_only", "inference_geo": "us"}, ["service_tier", "inference_geo"]),
    ({"mcp_servers": [{"type": "url", "url": "https://x"}]}, ["mcp_servers"]),
    ({"metadata": {"user_id": "u", "plan": 1}}, ["metadata.plan"]),
    ({"system": [TEXT | {"cache_control": EPHEMERAL}]}, ["system[0].cache_control"]),
    (
        {
            "messages": [
                turn(TEXT, TEXT | {"cache_control": EPHEMERAL, "citations": [{"type": "page_location"}]})
            ]
        },
        ["messages[0].content[1].cache_control", "messages[0].content[1].citations"],
    ),
    (
        {
            "messages": [
                turn(TEXT),
                turn({"type": "server_tool_use", "id": "s", "name": "web_search"}, TEXT, role="assistant"),
            ]
        },
        ["messages[1].content[0]"],
    ),
    (
        {"messages": [turn({"type": "image", "source": {"type": "file", "file_id": "f"}}, TEXT)]},
        ["messages[0].content[0].source"],
    ),
    (
        {
            "messages": [
                turn(
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "search_result", "source": "s"}, TEXT],
                    }
                )
            ]
        },
        ["messages[0].content[0].content[0]"],
    ),
    (
        {
            "messages": [
                turn(
                    {
                        "type": "document",
                        "source": {"type": "url", "url": "https://x/y.pdf"},
                        "citations": {"enabled": True},
                        "context": "old",
                    }
                )
            ]
        },
        ["messages[0].content[0].citations", "messages[0].content[0].context"],
    ),
    (
        {
            "tools": [
                {"type": "web_search_20250305", "name": "web_search"},
                {
                    "name": "f",
                    "input_schema": {"type": "object"},
                    "cache_control": EPHEMERAL,
                    "defer_loading": True,
                },
            ]
        },
        ["tools[0]", "tools[1].cache_control", "tools[1].defer_loading"],
    ),
    ({"thinking": {"type": "between_tools"}}, ["thinking"]),
    ({"output_config": {"effort": "low", "task_budget": {"total": 9}}}, ["output_config.task_budget"]),
]


@pytest.mark.parametrize(("members", "paths"), LOST)
def test_what_no_other_dialect_knows_is_named(members: dict[str, Any], paths: list[str]) -> None:
    """By the client's own path, in the order in which it stands."""
    assert [loss.path for loss in read(**members).losses] == paths


def test_what_only_tunes_the_providers_own_doing_is_a_minor_loss() -> None:
    """Claude Code sends some of it with every request, and can't leave it out."""
    found = read(
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        service_tier="standard_only",
        speed="fast",
        betas=["context-management-2025-06-27"],
        diagnostics={"previous_message_id": "msg_1"},
        fallbacks=[{"model": "claude-opus-4-8"}],
        tools=[{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}],
    )

    assert {loss.path for loss in found.losses if loss.minor} == {
        "context_management",
        "service_tier",
        "speed",
        "betas",
        "diagnostics",
        "fallbacks",
        "tools[0].defer_loading",
    }
    assert all(loss.minor for loss in found.losses)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inference_geo", "us"),
        ("container", "c"),
        ("compaction", {"type": "summarize"}),
        ("mcp_servers", [{"type": "url", "url": "https://x"}]),
        ("metadata", {"context_management": {"edits": [1]}}),
    ],
)
def test_what_says_where_or_with_what_an_answer_is_made_is_no_minor_loss(name: str, value: object) -> None:
    """Who asks for it must not be served as if it hadn't been asked for."""
    (loss,) = read(**{name: value}).losses

    assert not loss.minor


def test_what_stands_beside_a_loss_keeps_its_path() -> None:
    """Nothing moves up."""
    found = read(
        system=[{"type": "new"}, TEXT],
        tools=[{"type": "bash_20250124", "name": "bash"}, {"name": "f", "input_schema": {"type": "object"}}],
        messages=[
            turn({"type": "container_upload", "file_id": "f"}, TEXT),
            turn({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference"}, TEXT]}),
        ],
    )

    assert found.chat.instructions == (Text("x", "system[1]"),)
    assert found.chat.tools[0].path == "tools[1]"
    assert found.chat.messages[0].parts == (Text("x", "messages[0].content[1]"),)
    result = found.chat.messages[1].parts[0]
    assert isinstance(result, ToolResult)
    assert result.parts == (Text("x", "messages[1].content[0].content[1]"),)
    why = "for the type 'tool_reference', no other provider's API has a counterpart"
    assert Loss("messages[1].content[0].content[0]", why) in found.losses


def test_a_turn_of_which_nothing_is_left_is_no_turn() -> None:
    """It would be empty."""
    found = read(messages=[turn({"type": "container_upload"}), turn(TEXT)])

    assert [message.path for message in found.chat.messages] == ["messages[1]"]


def test_what_changes_nothing_is_no_loss() -> None:
    """SDKs and applications write defaults."""
    tool = {
        "name": "f",
        "input_schema": {"type": "object"},
        "cache_control": None,
        "allowed_callers": ["direct"],
        "defer_loading": False,
        "eager_input_streaming": True,
    }
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}}
    said(
        service_tier="auto",
        speed="standard",
        container=None,
        context_management={"edits": []},
        tools=[tool],
        messages=[turn(TEXT | {"citations": None}), turn(call, role="assistant")],
    )


def test_what_is_left_out_may_stand_in_a_body_with_white_space() -> None:
    """Free JSON is copied as it stands, the rest is cut around it."""
    body = b"""
      { "model" : "m", "max_tokens" : 9, "x" : { "a" : [ 1 ] },
        "tools" : [ { "name" : "f", "input_schema" : { "type" : "object" }, "new" : 1 } ],
        "messages" : [ { "role" : "user", "content" : "hi", "id" : "x" } ] }
    """

    found = read_request(body)

    assert isinstance(found, Read)
    assert [loss.path for loss in found.losses] == ["x", "tools[0].new", "messages[0].id"]
    assert found.chat.tools[0].schema == '{ "type" : "object" }'
