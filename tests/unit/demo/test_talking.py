"""What demo models say to conversations, in every dialect."""

import json
from typing import Any

import msgspec
import pytest

from keyturn.demo.replies import Reply
from keyturn.dialects.canonical import (
    Choice,
    Effort,
    Format,
    Media,
    Reasoning,
    Stop,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from support.demo_answers import (
    PICTURE,
    TIME,
    WEATHER,
    ask,
    asking,
    calls,
    every_dialect,
    model,
    told,
    user,
    words,
)


@every_dialect
def test_words_are_answered_alike_in_every_dialect(dialect: str) -> None:
    """Tests compare what came through a translation with what would have come without."""
    answer = told(dialect, asking("hello big world", model="echo"))

    assert (words(answer), answer.stop, answer.model) == ("hello big world", Stop.END, "echo")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 3)


@every_dialect
def test_tools_that_are_named_are_called_at_once(dialect: str) -> None:
    """Agents run offline: a client asks for a call and gets it, two when it asks for two."""
    chat = asking("Please get_weather and then get time.", tools=(WEATHER, TIME))

    answer = told(dialect, chat)

    assert calls(answer) == [("get_weather", {"city": "city"}), ("get-time", {"zone": "zone"})]
    assert answer.stop is Stop.TOOLS
    assert len({part.id for part in answer.parts if isinstance(part, ToolCall)}) == 2


@every_dialect
@pytest.mark.parametrize(
    ("members", "called"),
    [
        ({}, []),
        ({"tool_choice": Choice.AUTO}, []),
        ({"tool_choice": Choice.REQUIRED}, ["get_weather"]),
        ({"tool_choice": Choice.NAMED, "tool_name": "get-time"}, ["get-time"]),
    ],
)
def test_a_call_may_be_forced(dialect: str, members: dict[str, Any], called: list[str]) -> None:
    """Otherwise a message that names no tool is answered in words."""
    answer = told(dialect, asking("hello", tools=(WEATHER, TIME), **members))

    assert [name for name, _ in calls(answer)] == called


def test_a_call_may_be_forbidden_or_the_only_one() -> None:
    """A client that can run one at a time says so."""
    chat = asking("get_weather and get_time", tools=(WEATHER, TIME))

    never = told("openai_chat", msgspec.structs.replace(chat, tool_choice=Choice.NONE))
    once = told("openai_chat", msgspec.structs.replace(chat, parallel_tool_calls=False))

    assert calls(never) == []
    assert [name for name, _ in calls(once)] == ["get_weather"]


@every_dialect
def test_results_of_tools_are_quoted(dialect: str) -> None:
    """The loop of an agent ends: the result is told, and nothing is called again."""
    chat = asking(
        "",
        tools=(WEATHER,),
        messages=(
            user(Text("get_weather now")),
            model(ToolCall("call_1", "get_weather", '{"city":"Rome"}')),
            user(ToolResult("call_1", "get_weather", (Text("Sunny, 21 degrees"),))),
        ),
    )

    answer = told(dialect, chat)

    assert "answered: Sunny, 21 degrees" in words(answer)
    assert answer.stop is Stop.END


def test_a_tool_that_failed_is_quoted_as_such() -> None:
    """Only some dialects can say that it failed."""
    chat = asking(
        "",
        messages=(
            user(Text("get_weather")),
            model(ToolCall("call_1", "get_weather", "{}")),
            user(ToolResult("call_1", "get_weather", (Text("no such city"),), failed=True)),
        ),
    )

    assert "failed with: no such city" in words(told("anthropic_messages", chat))


@every_dialect
def test_a_schema_is_satisfied(dialect: str) -> None:
    """Structured answers parse into what the schema was made of."""
    schema = (
        '{"type":"object","properties":{"n":{"type":"integer","minimum":3},"kind":{"enum":["a","b"],"type":"string"}},'
        '"required":["n","kind"],"additionalProperties":false}'
    )

    answer = told(dialect, asking("hello", format=Format.SCHEMA, schema=schema, schema_name="it"))

    assert json.loads(words(answer)) == {"n": 3, "kind": "a"}


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "gemini"])
def test_json_is_json(dialect: str) -> None:
    """Any object will do."""
    answer = told(dialect, asking("hello", format=Format.JSON))

    assert json.loads(words(answer))["answer"].startswith("You sent one word.")


@every_dialect
def test_a_thought_stands_before_the_answer_when_it_is_asked_for(dialect: str) -> None:
    """It is signed, its tokens are counted, and it can be sent back."""
    chat = asking("hello", effort=Effort.LOW, show_reasoning=None if dialect == "openai_chat" else True)

    answer = told(dialect, chat)

    thought, said = answer.parts
    assert isinstance(thought, Reasoning)
    assert thought.text.startswith("They wrote one word.")
    assert isinstance(said, Text)
    assert answer.usage is not None
    assert 0 < answer.usage.reasoning_tokens < answer.usage.output_tokens
    again = told(
        dialect,
        msgspec.structs.replace(chat, messages=(*chat.messages, model(*answer.parts), user(Text("more")))),
    )
    assert words(again).startswith("You sent one word.")


def test_a_thought_that_is_not_to_be_shown_is_counted_all_the_same() -> None:
    """Providers bill what they hide."""
    chat = asking("hello", reasoning_tokens=1_024, show_reasoning=False, model="demo-gemini")

    answer = told("gemini", chat)

    assert not any(isinstance(part, Reasoning) and part.text for part in answer.parts)
    assert answer.usage is not None
    assert answer.usage.reasoning_tokens > 0


@pytest.mark.parametrize("members", [{"effort": Effort.NONE}, {}])
def test_nobody_thinks_unasked(members: dict[str, Any]) -> None:
    """Thoughts cost."""
    answer = told("openai_responses", asking("hello", tools=(WEATHER,), **members))

    assert [type(part) for part in answer.parts] == [Text]


def test_a_thought_that_was_changed_is_refused() -> None:
    """So would the provider; a gateway that garbles one on its way is found out."""
    first = told("anthropic_messages", asking("hello", reasoning_tokens=1_024))
    thought, said = first.parts
    assert isinstance(thought, Reasoning)

    def answer_to(sent: Reasoning) -> Reply:
        turns = (user(Text("hello")), model(sent, said), user(Text("more")))
        return ask("anthropic_messages", asking("", reasoning_tokens=1_024, messages=turns))

    assert answer_to(thought).head.startswith(b"HTTP/1.1 200 ")
    assert answer_to(msgspec.structs.replace(thought, text="Changed.")).head.startswith(b"HTTP/1.1 400 ")
    for foreign in ("c29tZWJvZHkgZWxzZQ==", "not base64"):
        assert answer_to(Reasoning("Changed.", foreign)).head.startswith(b"HTTP/1.1 200 ")


@every_dialect
def test_images_and_files_are_counted_in_words_and_tokens(dialect: str) -> None:
    """It shows that they arrived."""
    document = Media("application/pdf", "JVBERi0=", name="a.pdf")

    answer = told(dialect, asking("", messages=(user(Text("see"), PICTURE, PICTURE, document),)))

    assert words(answer).startswith("I see 2 images and one file. You sent one word.")
    assert answer.usage is not None
    assert answer.usage.input_tokens == 1 + 3 * 85


LONG = Tool(
    "get_weather",
    schema='{"type":"object","properties":{"days":{"type":"array","items":{"type":"string"},"minItems":20}},"required":["days"]}',
)
"""Whoever calls it says more than 16 tokens, the fewest that may be asked for in responses."""


@every_dialect
def test_the_limit_on_tokens_is_kept_and_told(dialect: str) -> None:
    """Words, thoughts and calls all count."""
    short = told(dialect, asking("hello", tools=(WEATHER,), max_output_tokens=16))
    none = told(dialect, asking("get_weather", tools=(LONG,), max_output_tokens=16))

    assert (short.stop, none.stop) == (Stop.LENGTH, Stop.LENGTH)
    assert short.usage is not None
    assert short.usage.output_tokens == 16
    assert calls(none) == []


def test_a_thought_that_does_not_fit_is_all_there_is() -> None:
    """Models that think too long say nothing."""
    answer = told("openai_chat", asking("hello", effort=Effort.HIGH, max_output_tokens=5))

    assert (answer.parts, answer.stop) == ((), Stop.LENGTH)
    assert answer.usage is not None
    assert (answer.usage.output_tokens, answer.usage.reasoning_tokens) == (5, 5)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
def test_stop_texts_end_the_answer(dialect: str) -> None:
    """Anthropic tells which it was."""
    answer = told(dialect, asking("one two three", model="echo", stop=("x", " two")))

    assert words(answer) == "one"
    if dialect == "anthropic_messages":
        assert (answer.stop, answer.stop_sequence) == (Stop.SEQUENCE, " two")
    else:
        assert answer.stop is Stop.END


@every_dialect
def test_what_was_sent_before_comes_from_the_cache(dialect: str) -> None:
    """Cached tokens have a price of their own: tests of prices need some."""
    long = "word " * 40
    turns = (user(Text(long)), model(Text("Yes.")), user(Text("and"), PICTURE))

    answer, short = (
        told(dialect, asking("", messages=messages))
        for messages in (turns, (user(Text("a")), model(Text("b")), user(Text("c"), PICTURE)))
    )

    assert answer.usage is not None
    assert (answer.usage.cached_tokens, answer.usage.input_tokens) == (40, 40 + 2 + 1 + 85)
    assert short.usage is not None
    assert short.usage.cached_tokens == 0
