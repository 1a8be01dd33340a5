"""Gemini's dialect says what the meeting point says, and the other way round, for whatever it can say."""

import itertools
from collections.abc import Sequence

import msgspec
from hypothesis import HealthCheck, given, settings, strategies as st

from fakes import canonical_values as values
from fakes.assembled import assembled
from keyturn.dialects import gemini
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Effort,
    Event,
    Format,
    Media,
    Part,
    Read,
    Reasoning,
    Text,
    Tool,
    ToolCall,
)
from keyturn.dialects.gemini_array import ArrayFraming
from keyturn.dialects.json_array import ArraySplitter

quickly = settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SIGNATURES = st.binary(min_size=1, max_size=12).map(
    lambda data: msgspec.json.encode(data).decode().strip('"')
)
MEDIA = st.one_of(
    values.IMAGES,
    st.builds(
        Media, mime_type=values.MIME_TYPES, url=values.URLS, detail=st.sampled_from(["", "low", "high"])
    ),
    st.builds(Media, mime_type=st.just("application/pdf"), data=values.BASE64),
)
THOUGHTS = st.builds(Reasoning, text=values.WORDS, signature=st.just("") | SIGNATURES)
PROOFS = st.builds(Reasoning, text=st.just(""), signature=SIGNATURES)
SEALED = st.builds(
    Reasoning,
    text=st.just(""),
    signature=st.just("") | values.WORDS,
    sealed=values.WORDS,
    id=st.just("") | values.NAMES,
)
RESULTS = st.one_of(
    values.TEXTS,
    values.ARGUMENTS.map(Text),
    st.sampled_from(['{"output":"x"}', '{"error":"x"}', "{}", '{"output":["a","b"]}', '{"a":1,"a":2}']).map(
        Text
    ),
)
SETTINGS = set(values.SETTINGS) - {"user", "reasoning_tokens", "effort"}


@st.composite
def chats(draw: st.DrawFn) -> Chat:
    """Make a request that Gemini can say whole."""
    made = draw(
        values.chats(
            conversation=values.conversations(
                given=values.TEXTS | MEDIA, said=values.TEXTS | THOUGHTS | PROOFS, results=RESULTS, fails=True
            ),
            settings=SETTINGS,
            tools=st.builds(
                Tool,
                name=values.NAMES,
                description=st.just("") | values.WORDS,
                schema=st.just("") | values.SCHEMAS,
            ),
            formats=tuple(Format),
            parallel=False,
            streams=True,
        )
    )
    thinking = draw(st.sampled_from(["", "effort", "tokens"]))
    effort = draw(st.sampled_from([one for one in Effort if one not in {Effort.NONE, Effort.HIGHEST}]))
    return msgspec.structs.replace(
        made,
        frequency_penalty=made.frequency_penalty or None,
        presence_penalty=made.presence_penalty or None,
        effort=effort if thinking == "effort" else None,
        reasoning_tokens=draw(st.integers(0, 30_000)) if thinking == "tokens" else None,
    )


@quickly
@given(chat=chats())
def test_a_request_comes_back_as_it_was_written(chat: Chat) -> None:
    """What goes to a provider must mean what the client has said."""
    written = gemini.write_request(chat)

    read = gemini.read_request(written.body, model=chat.model, stream=chat.stream)

    assert written.losses == ()
    assert isinstance(read, Read)
    assert read.losses == ()
    assert values.normal(read.chat) == values.normal(chat)


def answers(parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Answer]:
    """Make answers that Gemini can say."""
    return values.answers(said=parts, signed_calls=True, created=False, usage=st.none() | values.usages())


@quickly
@given(answer=answers(values.TEXTS | THOUGHTS | PROOFS | SEALED | values.IMAGES))
def test_an_answer_comes_back_as_it_was_written(answer: Answer) -> None:
    """A client must get what the model has said, with signatures of any kind."""
    assert gemini.read_answer(gemini.write_answer(answer, created=1)) == answer


def merged(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with neighbouring texts and unsigned thoughts joined: a stream doesn't say where one ends."""
    made: list[Part] = []
    for part in parts:
        last = made[-1] if made else None
        if isinstance(part, Text) and isinstance(last, Text):
            made[-1] = Text(last.text + part.text)
        elif (
            isinstance(part, Reasoning)
            and isinstance(last, Reasoning)
            and part.text
            and last.text
            and not last.signature
        ):
            made[-1] = Reasoning(last.text + part.text, part.signature)
        else:
            made.append(part)
    return made


STREAMS = values.streams(answers(values.TEXTS | THOUGHTS | PROOFS | SEALED | values.IMAGES), parallel=True)


def through(events: Sequence[Event], *, array: bool, cuts: Sequence[int]) -> Answer:
    """Write a stream, cut its bytes, read it, and put it together."""
    writer, framing = gemini.StreamWriter(created=0, usage=True), ArrayFraming()
    body = b"".join(writer.write([event]) for event in events)
    if array:
        body = b"".join(framing.take([body]) + framing.end())
    reader = gemini.StreamReader()
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    read = [event for start, end in itertools.pairwise(edges) for event in reader.take(body[start:end])]
    read += reader.end()
    assert reader.whole
    return assembled(read)


@quickly
@given(events=STREAMS, array=st.booleans(), cuts=st.lists(st.integers(0, 10_000), max_size=6))
def test_a_stream_comes_back_as_it_was_written(events: list[Event], array: bool, cuts: list[int]) -> None:  # noqa: FBT001 -- from a strategy
    """In either form, wherever the network cuts it."""
    meant = assembled(events)

    found = through(events, array=array, cuts=cuts)

    calls = [part for part in meant.parts if isinstance(part, ToolCall)]
    others = [part for part in meant.parts if not isinstance(part, ToolCall)]
    assert [part for part in merged(found.parts) if not isinstance(part, ToolCall)] == merged(others)
    assert sorted(map(repr, (part for part in found.parts if isinstance(part, ToolCall)))) == sorted(
        map(repr, calls)
    )
    assert (found.id, found.model, found.stop, found.usage) == (
        meant.id,
        meant.model,
        meant.stop,
        meant.usage,
    )


@quickly
@given(
    objects=st.lists(
        st.dictionaries(
            WORDS, WORDS | st.lists(st.dictionaries(WORDS, st.integers(), max_size=2), max_size=2), max_size=3
        ),
        max_size=4,
    ),
    indent=st.booleans(),
    size=st.integers(1, 9),
)
def test_an_array_is_cut_into_its_objects(objects: list[dict[str, object]], indent: bool, size: int) -> None:  # noqa: FBT001 -- from a strategy
    """Braces and quotes in strings are no ends, wherever the bytes break."""
    body = msgspec.json.encode(objects)
    if indent:
        body = msgspec.json.format(body, indent=2)
    splitter = ArraySplitter()

    pieces = [piece for at in range(0, len(body), size) for piece in splitter.take(body[at : at + size])]

    assert [msgspec.json.decode(piece) for piece in pieces] == objects
    assert splitter.ended
