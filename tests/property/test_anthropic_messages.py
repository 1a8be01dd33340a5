"""What is written in Anthropic's dialect is read as what it was."""

import itertools
from collections.abc import Iterable

import msgspec
from hypothesis import HealthCheck, given, settings, strategies as st

from fakes import canonical_values as values
from fakes.assembled import assembled
from keyturn.dialects import anthropic_messages as codec
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Choice,
    Effort,
    Event,
    Format,
    Message,
    Opened,
    Role,
    Stop,
    Text,
    ToolCall,
)
from keyturn.domain.refusals import Refused

SEVERAL = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
"""A conversation is much to draw."""

WORDS = values.TEXTS.filter(lambda text: not text.text.isspace())
GIVEN = WORDS | values.IMAGES | values.IMAGES_BY_URL | values.DOCUMENTS
SAID = WORDS | values.SIGNED_THOUGHTS | values.SEALED_THOUGHTS
CONVERSATIONS = values.conversations(given=GIVEN, said=SAID, results=WORDS | values.IMAGES, fails=True)
STOPS = (Stop.END, Stop.LENGTH, Stop.SEQUENCE, Stop.REFUSED, Stop.PAUSED)
USAGES = values.usages(cached=True, written=True)
ANSWERS = values.answers(said=SAID, stops=STOPS, usage=USAGES, created=False)


def chats(model: str, *settings: str) -> st.SearchStrategy[Chat]:
    """Return requests for a model."""
    return values.chats(
        conversation=CONVERSATIONS, settings=settings, formats=(Format.TEXT, Format.SCHEMA), streams=True
    ).map(lambda chat: msgspec.structs.replace(chat, model=model))


def agreed(chat: Chat) -> Chat:
    """Return what a request says in this dialect: the default choice is said where one call at a time is asked for."""
    chat = values.normal(chat)
    choice, parallel = chat.tool_choice, chat.parallel_tool_calls
    if parallel is not False or choice is Choice.NONE:
        parallel = None
    elif choice is None:
        choice = Choice.AUTO
    said = tuple(text for text in chat.instructions if not text.text.isspace())
    stop = tuple(text for text in chat.stop if not text.isspace())
    tokens = 0 if chat.effort is Effort.NONE else chat.reasoning_tokens
    effort = (
        {Effort.NONE: None, Effort.MINIMAL: Effort.LOW}.get(chat.effort, chat.effort) if chat.effort else None
    )
    shown = None if tokens == 0 else chat.show_reasoning
    return msgspec.structs.replace(
        chat,
        instructions=said,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        stop=stop,
        effort=effort,
        reasoning_tokens=tokens,
        show_reasoning=shown,
    )


def read(body: bytes) -> Chat:
    """Return the request that nothing of is lost."""
    found = codec.read_request(body)
    assert not isinstance(found, Refused), found
    assert found.losses == ()
    return values.normal(found.chat)


@SEVERAL
@given(chats("any", "max_output_tokens", "temperature", "top_p", "top_k", "stop", "user"))
def test_a_request_is_read_as_it_was_written(chat: Chat) -> None:
    """Nothing that both sides can say may change on the way."""
    written = codec.write_request(chat, default_cap=4096)

    assert {loss.path for loss in written.losses} <= {"stop"}
    cap = chat.max_output_tokens or 4096
    assert read(written.body) == msgspec.structs.replace(agreed(chat), max_output_tokens=cap)


@SEVERAL
@given(chats("claude-opus-5", "effort", "show_reasoning", "user"))
def test_an_effort_is_read_as_it_was_written(chat: Chat) -> None:
    """The least that Anthropic has stands for minimal, and no thought is none."""
    written = codec.write_request(chat, default_cap=4096)

    expected = msgspec.structs.replace(agreed(chat), max_output_tokens=4096)
    if {loss.path for loss in written.losses} == {"tool_choice"}:
        expected = msgspec.structs.replace(expected, tool_choice=Choice.AUTO, tool_name="")
    else:
        assert written.losses == ()
    assert read(written.body) == expected


@SEVERAL
@given(st.integers(1024, 50_000), st.none() | st.booleans(), st.none() | st.integers(60_000, 70_000))
def test_a_budget_is_read_as_it_was_written(tokens: int, shown: bool | None, cap: int | None) -> None:  # noqa: FBT001 -- drawn
    """And there is always room for it."""
    chat = Chat(
        model="claude-sonnet-4-5",
        messages=(Message(Role.USER, (Text("hi"),)),),
        reasoning_tokens=tokens,
        show_reasoning=shown,
        max_output_tokens=cap,
    )

    found = read(codec.write_request(chat, default_cap=4096).body)

    assert found == msgspec.structs.replace(chat, max_output_tokens=found.max_output_tokens)
    assert found.max_output_tokens is not None
    assert found.max_output_tokens > tokens
    assert cap in (None, found.max_output_tokens)


@SEVERAL
@given(chats("any"))
def test_a_count_asks_for_the_same_request(chat: Chat) -> None:
    """Without what only an answer needs."""
    found = codec.read_count(codec.write_count_request(chat).body)

    assert not isinstance(found, Refused)
    assert values.normal(found.chat) == msgspec.structs.replace(agreed(chat), stream=False)


@SEVERAL
@given(values.answers(said=SAID, stops=STOPS, usage=USAGES, created=False))
def test_an_answer_is_read_as_it_was_written(answer: Answer) -> None:
    """Usage, too."""
    body = codec.write_answer(answer, created=1)

    assert codec.read_answer(body) == answer
    assert codec.usage_of_answer(body) == answer.usage


def told(events: Iterable[Event]) -> Answer:
    """Return the answer that a stream tells."""
    return assembled(events)


@SEVERAL
@given(values.streams(ANSWERS, parallel=True), st.lists(st.integers(0, 4000), max_size=6))
def test_a_stream_is_read_as_it_was_written(events: list[Event], cuts: list[int]) -> None:
    """Wherever it is cut."""
    writer, reader = codec.StreamWriter(created=1, usage=False), codec.StreamReader()
    data = b"".join(writer.write([event]) for event in events)

    found: list[Event] = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        found += reader.take(data[start:end])

    assert told(found) == told(events)
    assert reader.whole
    assert reader.end() == []
    assert codec.usage_of_stream(data, data) == told(events).usage


@SEVERAL
@given(values.streams(ANSWERS, parallel=True), st.integers(0, 40))
def test_a_block_is_over_before_the_next_begins(events: list[Event], length: int) -> None:
    """Also in a stream that is cut short, which tells all that was told to it."""
    writer = codec.StreamWriter(created=1, usage=False)
    data = writer.write(events[:length]) + writer.cut_short()

    told_of = [msgspec.json.decode(line[5:]) for line in data.splitlines() if line.startswith(b"data:")]
    steps = [
        (event["type"].removeprefix("content_block_"), event["index"])
        for event in told_of
        if "index" in event
    ]
    bounds = [step for step in steps if step[0] != "delta"]
    count = len(bounds) // 2
    assert bounds == [(kind, index) for index in range(count) for kind in ("start", "stop")]
    assert [index for _, index in steps] == sorted(index for _, index in steps)
    asked = {
        event.part.id
        for event in events[:length]
        if isinstance(event, Opened) and isinstance(event.part, ToolCall)
    }
    blocks = [event["content_block"] for event in told_of if event["type"] == "content_block_start"]
    assert {block["id"] for block in blocks if block["type"] == "tool_use"} == asked


@SEVERAL
@given(values.streams(ANSWERS))
def test_a_stream_may_be_cut_at_every_byte(events: list[Event]) -> None:
    """Providers cut where they like."""
    data = codec.StreamWriter(created=1, usage=True).write(events)
    reader = codec.StreamReader()

    found = [event for index in range(len(data)) for event in reader.take(data[index : index + 1])]

    assert told(found) == told(events)
