"""Values of the meeting point for property tests: requests, answers, streams.

Every strategy makes values that are sensible in themselves: a result answers a call that was made, a tool that must be
called is declared, an answer with calls waits for their results. What a dialect can't say is left out by arguments.
"""

import itertools
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Choice,
    Closed,
    Effort,
    Event,
    Finished,
    Format,
    Grew,
    Media,
    Message,
    Opened,
    Part,
    Reasoning,
    Refusal,
    Role,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from keyturn.domain.usage import Usage

PLAIN_STOPS = (Stop.END, Stop.LENGTH)
"""Those that every dialect can tell of an answer without calls."""

# ── pieces ──────────────────────────────────────────────────────────────────

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,12}", fullmatch=True)
CALL_IDS = st.from_regex(r"call_[a-zA-Z0-9]{6}", fullmatch=True)
SIGNATURES = st.from_regex(r"[A-Za-z0-9+/]{4,16}", fullmatch=True)
BASE64 = st.binary(min_size=1, max_size=30).map(lambda data: msgspec.json.encode(data).decode().strip('"'))
MIME_TYPES = st.sampled_from(["image/png", "image/jpeg", "image/webp", "image/gif"])
URLS = st.from_regex(r"https://example\.com/[a-z0-9]{1,8}\.png", fullmatch=True)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('aé"\\\n☃', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS: SearchStrategy[str] = st.dictionaries(NAMES, _JSON, max_size=3).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
)
"""A JSON object as text, without insignificant white space."""


def _schema(properties: dict[str, str]) -> str:
    value = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": sorted(properties),
        "additionalProperties": False,
    }
    return json.dumps(value, separators=(",", ":"))


SCHEMAS: SearchStrategy[str] = st.dictionaries(
    NAMES, st.sampled_from(["string", "number", "boolean", "integer"]), min_size=1, max_size=3
).map(_schema)
"""An object's JSON Schema as text, without insignificant white space."""

TEXTS = WORDS.map(Text)
IMAGES = st.builds(Media, mime_type=MIME_TYPES, data=BASE64)
IMAGES_BY_URL = st.builds(Media, mime_type=st.just(""), url=URLS)
DOCUMENTS = st.builds(Media, mime_type=st.just("application/pdf"), data=BASE64, name=st.just("report.pdf"))
THOUGHTS = st.builds(Reasoning, text=WORDS)
SIGNED_THOUGHTS = st.builds(Reasoning, text=WORDS, signature=SIGNATURES)
SEALED_THOUGHTS = st.builds(Reasoning, text=st.just(""), sealed=SIGNATURES)
REFUSALS = WORDS.map(Refusal)


@st.composite
def usages(draw: DrawFn, *, cached: bool = True, written: bool = False, reasoning: bool = True) -> Usage:
    """Figures that add up."""
    plain, hit, put = draw(st.tuples(*[st.integers(0, 10_000)] * 3))
    hit, put = hit * cached, put * written
    thought = draw(st.integers(0, 10_000)) * reasoning
    made = thought + draw(st.integers(0, 10_000))
    return Usage(plain + hit + put, made, hit, thought, put)


# ── what is asked ───────────────────────────────────────────────────────────

SETTINGS: Mapping[str, SearchStrategy[Any]] = {
    "max_output_tokens": st.integers(1, 100_000),
    "temperature": st.floats(0, 1),
    "top_p": st.floats(0.01, 1),
    "top_k": st.integers(1, 100),
    "frequency_penalty": st.floats(-2, 2),
    "presence_penalty": st.floats(-2, 2),
    "seed": st.integers(-(2**31), 2**31 - 1),
    "stop": st.lists(WORDS, min_size=1, max_size=4, unique=True).map(tuple),
    "effort": st.sampled_from(Effort),
    "reasoning_tokens": st.integers(1024, 10_000),
    "show_reasoning": st.booleans(),
    "user": NAMES,
}
"""Members of ``Chat`` that depend on no other."""

TOOLS = st.builds(
    Tool, name=NAMES, description=st.just("") | WORDS, schema=SCHEMAS, strict=st.none() | st.booleans()
)


@st.composite
def conversations(
    draw: DrawFn,
    *,
    given: SearchStrategy[Any] = TEXTS,
    said: SearchStrategy[Any] = TEXTS,
    results: SearchStrategy[Any] = TEXTS,
    fails: bool = False,
    signed_calls: bool = False,
) -> tuple[Message, ...]:
    """Turns of user and assistant that take turns, the user's first and last; every call gets its result.

    Args:
        draw: Hypothesis gives it.
        given: Parts of the user.
        said: Parts of the assistant, but calls, which come behind them.
        results: Parts of a tool's result.
        fails: Results may be failures.
        signed_calls: Calls may carry a signature.
    """
    messages: list[Message] = []
    ids = iter(draw(st.lists(CALL_IDS, min_size=6, max_size=6, unique=True)))
    waiting: list[ToolCall] = []
    for turn in range(draw(st.integers(0, 2)) + 1):
        if turn:
            calls = [
                ToolCall(
                    next(ids),
                    draw(NAMES),
                    draw(ARGUMENTS),
                    draw(st.just("") | SIGNATURES) if signed_calls else "",
                )
                for _ in range(draw(st.integers(0, 3)))
            ]
            spoken = draw(st.lists(said, min_size=0 if calls else 1, max_size=3))
            messages.append(Message(Role.ASSISTANT, (*spoken, *calls)))
            waiting = calls
        answers = [
            ToolResult(
                call.id,
                call.name,
                tuple(draw(st.lists(results, min_size=1, max_size=2))),
                draw(st.booleans()) if fails else False,
            )
            for call in waiting
        ]
        asked = draw(st.lists(given, min_size=0 if answers else 1, max_size=3))
        messages.append(Message(Role.USER, (*answers, *asked)))
    return tuple(messages)


@st.composite
def chats(
    draw: DrawFn,
    *,
    conversation: SearchStrategy[tuple[Message, ...]] | None = None,
    settings: Collection[str] = (),
    tools: SearchStrategy[Tool] = TOOLS,
    formats: Collection[Format] = (Format.TEXT,),
    parallel: bool = True,
    described: bool = False,
    streams: bool = False,
) -> Chat:
    """Make a request.

    Args:
        draw: Hypothesis gives it.
        conversation: Its messages.
        settings: The names of ``SETTINGS`` that may be said.
        tools: What may be called; declared once a name.
        formats: Of the answer.
        parallel: ``parallel_tool_calls`` may be said.
        described: A schema has a name, a description, strictness.
        streams: ``stream`` may be true.
    """
    declared = draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool.name))
    choice = draw(st.none() | st.sampled_from(Choice)) if declared else None
    kind = draw(st.sampled_from(list(formats)))
    said = {name: draw(SETTINGS[name]) for name in settings if draw(st.booleans())}
    if kind is Format.SCHEMA:
        said["schema"] = draw(SCHEMAS)
        if described:
            said["schema_name"] = draw(NAMES)
            said["schema_description"] = draw(st.just("") | WORDS)
            said["schema_strict"] = draw(st.none() | st.booleans())
    return Chat(
        model=draw(NAMES),
        instructions=tuple(draw(st.lists(TEXTS, max_size=2))),
        messages=draw(conversations() if conversation is None else conversation),
        tools=tuple(declared),
        tool_choice=choice,
        tool_name=draw(st.sampled_from(declared)).name if choice is Choice.NAMED else "",
        parallel_tool_calls=draw(st.none() | st.booleans()) if declared and parallel else None,
        format=kind,
        stream=streams and draw(st.booleans()),
        **said,
    )


def normal(chat: Chat) -> Chat:
    """Return the request without paths, neighbours of one role joined: what two dialects agree on."""
    messages: list[Message] = []
    for message in chat.messages:
        parts = tuple(pathless(part) for part in message.parts)
        if messages and messages[-1].role is message.role is not Role.SYSTEM:
            messages[-1] = Message(message.role, (*messages[-1].parts, *parts))
        else:
            messages.append(Message(message.role, parts))
    return msgspec.structs.replace(
        chat,
        messages=tuple(messages),
        instructions=tuple(Text(text.text) for text in chat.instructions),
        tools=tuple(msgspec.structs.replace(tool, path="") for tool in chat.tools),
    )


def pathless(part: Part) -> Part:
    """Return the part without the place where it stood."""
    if isinstance(part, ToolResult):
        inner = tuple(msgspec.structs.replace(one, path="") for one in part.parts)
        return msgspec.structs.replace(part, path="", parts=inner)
    return msgspec.structs.replace(part, path="")


# ── what is answered ────────────────────────────────────────────────────────


@st.composite
def answers(
    draw: DrawFn,
    *,
    said: SearchStrategy[Any] = TEXTS,
    calls: bool = True,
    signed_calls: bool = False,
    stops: Collection[Stop] = PLAIN_STOPS,
    usage: SearchStrategy[Usage | None] | None = None,
    created: bool = True,
) -> Answer:
    """Make a whole answer.

    Args:
        draw: Hypothesis gives it.
        said: Its parts, but calls, which come behind them.
        calls: It may have some; it then stops for them.
        signed_calls: Calls may carry a signature.
        stops: Why an answer without calls ends; ``SEQUENCE`` says which one.
        usage: What it used.
        created: The dialect tells when.
    """
    ids = draw(st.lists(CALL_IDS, max_size=3 if calls else 0, unique=True))
    called = [
        ToolCall(one, draw(NAMES), draw(ARGUMENTS), draw(st.just("") | SIGNATURES) if signed_calls else "")
        for one in ids
    ]
    spoken = draw(st.lists(said, min_size=0 if called else 1, max_size=3))
    stop = Stop.TOOLS if called else draw(st.sampled_from(list(stops)))
    return Answer(
        id=draw(NAMES),
        model=draw(NAMES),
        parts=(*spoken, *called),
        stop=stop,
        stop_sequence=draw(WORDS) if stop is Stop.SEQUENCE else "",
        usage=draw(usage if usage is not None else usages()),
        created=draw(st.integers(1, 2**32)) if created else 0,
    )


# ── an answer in pieces ─────────────────────────────────────────────────────


@st.composite
def streams(draw: DrawFn, made: SearchStrategy[Answer], *, parallel: bool = False) -> list[Event]:
    """Make the events of an answer, its texts cut somewhere.

    Args:
        draw: Hypothesis gives it.
        made: The answers.
        parallel: Calls may be open at once and grow in turns.
    """
    answer = draw(made)
    events: list[Event] = [Started(answer.id, answer.model, answer.created)]
    waiting: list[list[Event]] = []
    for index, part in enumerate(answer.parts):
        opened, grown = _opened(index, part)
        inner: list[Event] = [Grew(index, piece) for piece in draw(_cuts(grown))]
        signature = getattr(part, "signature", "")
        in_turns = parallel and isinstance(part, ToolCall)
        if (
            signature
        ):  # of a call whose arguments are whole a dialect may have told the end when the next one begins
            inner.insert(0 if in_turns else len(inner), Signed(index, signature))
        inner.append(Closed(index))
        if in_turns:
            waiting.append([opened, *inner])
        else:
            events += [opened, *inner]
    events += draw(_in_turns(waiting))
    return [*events, Stopped(answer.stop, answer.stop_sequence), Finished(answer.usage)]


@st.composite
def _in_turns(draw: DrawFn, calls: list[list[Event]]) -> list[Event]:
    """Take events of several calls in turns; each begins behind the one before it."""
    places = [place for place, events in enumerate(calls) for _ in events]
    found: list[Event] = []
    begun = 0
    for place in [*draw(st.permutations(places)), *places]:
        if place >= begun:
            place, begun = begun, begun + 1  # noqa: PLW2901 -- the next one begins in its place
        if place < len(calls) and calls[place]:
            found.append(calls[place].pop(0))
    return found


@st.composite
def _cuts(draw: DrawFn, text: str) -> Sequence[str]:
    """Cut a text into pieces, none empty."""
    places = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=3))) if len(text) > 1 else []
    edges = [0, *places, len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges) if end > start]


def _opened(index: int, part: Part) -> tuple[Opened, str]:
    if isinstance(part, ToolCall):
        return Opened(index, ToolCall(part.id, part.name, "")), part.arguments
    if isinstance(part, Reasoning):
        return Opened(index, msgspec.structs.replace(part, text="", signature="")), part.text
    if isinstance(part, Text | Refusal):
        return Opened(index, msgspec.structs.replace(part, text="")), part.text
    if isinstance(part, Media):
        return Opened(index, part), ""
    raise TypeError("an answer has no results of tools")
