"""Names of answers that nobody has named."""

import pytest

from keyturn.dialects.answer_name import AnswerName
from keyturn.dialects.canonical import Answer, Closed, Event, Opened, Started, Stop, Text


def answer(identity: str = "", model: str = "") -> Answer:
    """Return an answer."""
    return Answer(id=identity, model=model, parts=(), stop=Stop.END)


@pytest.mark.parametrize(
    ("dialect", "identity"),
    [
        ("openai_chat", "chatcmpl-0a1b"),
        ("openai_responses", "resp_0a1b"),
        ("anthropic_messages", "msg_0a1b"),
        ("gemini", "0a1b"),
    ],
)
def test_an_answer_without_a_name_gets_one(dialect: str, identity: str) -> None:
    """Bedrock gives none, and SDKs want an id and a model."""
    name = AnswerName(dialect, request_id="req_0a1b", model="fast")

    assert name.answer(answer()) == answer(identity, "fast")
    assert name.answer(answer("theirs")) == answer("theirs", "fast")
    assert name.answer(answer("theirs", "gpt")) == answer("theirs", "gpt")
    assert name.answer(None) is None


def test_a_stream_is_named_by_its_first_event() -> None:
    """The others have no names."""
    name = AnswerName("openai_chat", request_id="req_1", model="fast")
    rest: list[Event] = [Opened(0, Text("")), Closed(0)]

    assert name.events([]) == []
    assert name.beginning() == [Started("", "")]
    assert name.events([Started("", "", 7), *rest]) == [Started("chatcmpl-1", "fast", 7), *rest]
    assert name.events(rest) is rest
    assert name.beginning() == []


def test_what_does_not_begin_a_stream_stays() -> None:
    """A failure may be all there is."""
    events: list[Event] = [Closed(0)]

    assert AnswerName("gemini", request_id="req_1", model="fast").events(events) is events
