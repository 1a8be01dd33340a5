"""What is written in OpenAI's responses dialect is read back as it was, whole and in pieces."""

import itertools

import msgspec
from hypothesis import HealthCheck, given, settings, strategies as st

from fakes import canonical_values as values
from fakes.assembled import assembled
from keyturn.dialects import openai_responses
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Event,
    Format,
    Message,
    Part,
    Read,
    Reasoning,
    Role,
    Stop,
)
from openai_schema import problems

CALM = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
STOPS = (Stop.END, Stop.LENGTH, Stop.FILTERED)
SAID = values.TEXTS | values.SEALED_THOUGHTS
TOLD = (
    values.TEXTS
    | values.THOUGHTS
    | values.SIGNED_THOUGHTS
    | values.SEALED_THOUGHTS
    | values.IMAGES.map(lambda image: msgspec.structs.replace(image, mime_type="image/png"))
)
GIVEN = values.TEXTS | values.IMAGES | values.IMAGES_BY_URL | values.DOCUMENTS
SAYABLE = ("max_output_tokens", "temperature", "top_p", "effort", "show_reasoning", "user")
ANSWERS = values.answers(said=TOLD, signed_calls=True, stops=STOPS, usage=values.usages(written=True))


def _speaks(conversation: tuple[Message, ...]) -> bool:
    """Say whether each turn ends with more than thoughts: OpenAI takes none that led to nothing."""
    return not any(isinstance(message.parts[-1], Reasoning) for message in conversation)


CHATS = values.chats(
    conversation=values.conversations(
        given=GIVEN, said=SAID, results=values.TEXTS | values.IMAGES, fails=True
    ).filter(_speaks),
    settings=SAYABLE,
    formats=tuple(Format),
    described=True,
    streams=True,
).map(
    lambda chat: msgspec.structs.replace(
        chat, max_output_tokens=chat.max_output_tokens and chat.max_output_tokens + 15
    )
)


def _said(chat: Chat) -> Chat:
    """Return the request as this dialect says it: a strictness always, no summary where none is wanted."""
    chat = values.normal(chat)
    return msgspec.structs.replace(
        chat,
        tools=tuple(msgspec.structs.replace(tool, strict=bool(tool.strict)) for tool in chat.tools),
        show_reasoning=chat.show_reasoning or None,
    )


def _anonymous(answer: Answer) -> Answer:
    """Return the answer without the ids that its thoughts were given."""
    return msgspec.structs.replace(answer, parts=tuple(map(_nameless, answer.parts)))


def _nameless(part: Part) -> Part:
    return msgspec.structs.replace(part, id="") if isinstance(part, Reasoning) else part


@CALM
@given(CHATS)
def test_a_request_is_read_back_as_it_was_written(chat: Chat) -> None:
    """Nothing may be lost on the way to a provider that speaks this dialect."""
    written = openai_responses.write_request(chat)

    read = openai_responses.read_request(written.body)

    assert written.losses == ()
    assert isinstance(read, Read)
    assert read.losses == ()
    assert values.normal(read.chat) == _said(chat)


@CALM
@given(CHATS)
def test_members_of_no_meaning_are_found_wherever_they_stand(chat: Chat) -> None:
    """The slow way, which is taken because of them, reads the rest as the fast one does."""
    body = openai_responses.write_request(chat).body
    strange = msgspec.json.decode(body)
    strange["input"][0]["strange"] = 1
    strange["more"] = []

    read = openai_responses.read_request(msgspec.json.encode(strange))

    assert isinstance(read, Read)
    assert {loss.path for loss in read.losses} == {"input[0].strange", "more"}
    plain = openai_responses.read_request(body)
    assert isinstance(plain, Read)
    assert read.chat == plain.chat


@CALM
@given(ANSWERS)
def test_an_answer_is_read_back_as_it_was_written(answer: Answer) -> None:
    """A client that sends it back on the next turn sends what was said."""
    body = openai_responses.write_answer(answer, created=1)

    assert problems(msgspec.json.decode(body), "Response") == []
    read = openai_responses.read_answer(body)
    assert read is not None
    assert _anonymous(read) == answer


@CALM
@given(ANSWERS)
def test_an_answer_given_back_is_what_was_said(answer: Answer) -> None:
    """Clients append ``output`` to their next ``input`` as it came: signatures must survive that."""
    output = msgspec.json.decode(openai_responses.write_answer(answer, created=1))["output"]
    body = {"model": "m", "input": [{"role": "user", "content": "Go on."}, *output]}

    read = openai_responses.read_request(msgspec.json.encode(body))

    assert isinstance(read, Read)
    assert read.losses == ()
    said = read.chat.messages[1]
    assert said.role is Role.ASSISTANT
    assert tuple(_nameless(values.pathless(part)) for part in said.parts) == answer.parts


def _read(data: bytes, *places: int) -> list[Event]:
    reader = openai_responses.StreamReader()
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    pieces = (data[start:end] for start, end in itertools.pairwise(edges))
    events = [event for piece in pieces for event in reader.take(piece)]
    assert reader.whole
    assert reader.end() == []
    return events


@CALM
@given(values.streams(ANSWERS, parallel=True), st.lists(st.integers(0), max_size=5))
def test_a_stream_is_read_back_as_it_was_written(events: list[Event], places: list[int]) -> None:
    """Cut wherever it pleases."""
    writer = openai_responses.StreamWriter(created=1, usage=True)
    data = b"".join(writer.write([event]) for event in events)

    read = assembled(_read(data, *places))

    assert _anonymous(read) == assembled(events)


@settings(CALM, max_examples=20)
@given(values.streams(ANSWERS))
def test_a_stream_may_break_at_every_byte(events: list[Event]) -> None:
    """A network cuts as it likes."""
    data = openai_responses.StreamWriter(created=1, usage=True).write(events)

    assert _read(data, *range(len(data))) == _read(data)
