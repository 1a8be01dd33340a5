"""Chat completions in pieces, read."""

from typing import Any

import msgspec
import pytest

from fakes.assembled import assembled
from keyturn.dialects.canonical import (
    Answer,
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
    Opened,
    Reasoning,
    Refusal,
    Started,
    Stop,
    Stopped,
    Text,
)
from keyturn.dialects.openai_chat import StreamReader, usage_of_tail
from keyturn.domain.usage import Usage
from support.chat_chunks import DONE, FIGURES, ROLE, call, chunk, detail, function, usage_chunk


def heard(*chunks: bytes) -> list[Event]:
    """Return the events of a stream that comes to its own end."""
    reader = StreamReader()
    events = [*reader.take(b"".join(chunks)), *reader.end()]
    assert reader.whole
    return events


def answer(*chunks: bytes) -> Answer:
    """Return the answer that a stream tells."""
    return assembled(heard(*chunks))


def test_a_stream_is_told_as_it_comes() -> None:
    """OpenAI's own: role, words, reason, usage, end."""
    reader = StreamReader()

    assert reader.take(chunk(ROLE)) == [Started("c1", "m", 5)]
    assert reader.take(chunk({"content": "Hel"})) == [Opened(0, Text("")), Grew(0, "Hel")]
    assert reader.take(chunk({"content": "lo"}, usage=None, obfuscation="x")) == [Grew(0, "lo")]
    assert reader.take(chunk({}, "stop")) == []
    last = reader.take(usage_chunk(prompt_tokens_details={"cached_tokens": 2}))
    assert (last, reader.whole) == ([], False)
    assert reader.take(DONE) == [Closed(0), Stopped(Stop.END), Finished(Usage(9, 4, 2))]
    assert reader.whole
    assert reader.end() == []


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_thoughts_come_before_words(member: str) -> None:
    """Each is closed when the other begins; a host may go back to the first."""
    events = heard(
        chunk({member: "Hm", "content": None}),
        chunk({member: "m"}),
        chunk({"content": "Hi", member: None}),
        chunk({member: "Ah"}),
        chunk({"refusal": "No"}, "stop"),
        DONE,
    )

    assert events[1:] == [
        Opened(0, Reasoning("")),
        Grew(0, "Hm"),
        Grew(0, "m"),
        Closed(0),
        Opened(1, Text("")),
        Grew(1, "Hi"),
        Closed(1),
        Opened(2, Reasoning("")),
        Grew(2, "Ah"),
        Closed(2),
        Opened(3, Refusal("")),
        Grew(3, "No"),
        Closed(3),
        Stopped(Stop.REFUSED),
        Finished(),
    ]


@pytest.mark.parametrize(
    ("deltas", "parts"),
    [
        (
            [
                {"reasoning": "H"} | detail(type="reasoning.text", text="H", index=0),
                {"reasoning": "m"} | detail(type="reasoning.text", text="m", index=0),
                {"reasoning": None} | detail(type="reasoning.text", signature="proof", index=0),
            ],
            (Reasoning("Hm", "proof"),),
        ),
        ([detail(text="H"), detail(text="m"), detail(signature="proof")], (Reasoning("Hm", "proof"),)),
        ([{"reasoning_content": "Hm"}, detail(text="Hm", signature="proof")], (Reasoning("Hm", "proof"),)),
        ([detail(text="Hm", signature="proof")], (Reasoning("Hm", "proof"),)),
        ([detail(signature="proof")], (Reasoning("", "proof"),)),
        (
            [detail(text="a", signature="one"), detail(text="b", signature="two")],
            (Reasoning("a", "one"), Reasoning("b", "two")),
        ),
        (
            [
                detail(summary="Hm"),
                detail(type="reasoning.encrypted", data="x", id="rs_1"),
                {"content": "Hi"},
            ],
            (Reasoning("Hm"), Reasoning("", sealed="x", id="rs_1"), Text("Hi")),
        ),
        ([detail(type="reasoning.text")], ()),
    ],
)
def test_thoughts_are_read_with_their_proofs(deltas: list[dict[str, Any]], parts: tuple[object, ...]) -> None:
    """The same words are told once."""
    assert answer(*(chunk(delta) for delta in deltas), chunk({}, "stop"), DONE).parts == parts


def test_thoughts_among_the_content_are_read() -> None:
    """As Mistral gives them."""
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]

    told = answer(chunk({"content": thinking}), chunk({"content": "Hi"}), chunk({}, "stop"), DONE)

    assert told.parts == (Reasoning("Hm"), Text("Hi"))


def test_an_image_comes_at_once() -> None:
    """And closes the words before it."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    events = heard(chunk({"content": "Here"}), chunk({"images": [image]}, "stop"), DONE)

    assert events[3:6] == [Closed(0), Opened(1, Media("image/png", "AAAA")), Closed(1)]


def test_a_stream_may_leave_out_its_end() -> None:
    """The reason is enough: some hosts send no [DONE], or no empty line behind it."""
    for last in (b"", b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r"):
        told = answer(chunk({"content": "Hi"}), chunk({}, "length"), usage_chunk(), last)

        assert (told.stop, told.usage) == (Stop.LENGTH, Usage(9, 4))


def test_a_stream_may_leave_out_its_reason() -> None:
    """Its end is enough."""
    assert answer(chunk({"content": "Hi"}), DONE).stop is Stop.END
    assert answer(chunk(call(0, id="a", function=function("x"))), DONE).stop is Stop.TOOLS


def test_a_reason_that_comes_early_ends_nothing() -> None:
    """Some hosts send it with every piece, and the usage too."""
    told = answer(
        chunk({"content": "Hel"}, "stop", usage=FIGURES | {"completion_tokens": 1}),
        chunk({"content": "lo"}, "stop", usage=FIGURES),
        chunk({}, None, usage=None),
        DONE,
    )

    assert told.parts == (Text("Hello"),)
    assert told.usage == Usage(9, 4)


def test_usage_that_is_nonsense_is_no_usage() -> None:
    """The answer is whole all the same."""
    assert answer(chunk({"content": "Hi"}, "stop", usage={"prompt_tokens": "x"}), DONE).usage is None


def test_a_stream_that_was_cut_off_has_no_end() -> None:
    """Nobody may take it for whole."""
    for last in (b"", b": ping\n\n", b"data: [DO", b'data: {"id":"c1","choi', chunk({"content": "lo"})[:-9]):
        reader = StreamReader()
        reader.take(chunk({"content": "Hi"}) + last)

        assert reader.end() == []
        assert not reader.whole


def test_a_last_piece_without_its_empty_line_is_read() -> None:
    """It is whole JSON."""
    reader = StreamReader()
    reader.take(chunk({"content": "Hi"}) + chunk({"content": "!"}, "stop").strip())

    assert reader.end() == [Grew(0, "!"), Closed(0), Stopped(Stop.END), Finished()]


def test_an_empty_stream_is_an_empty_answer() -> None:
    """Its end says that it is whole; before it may come what is no answer (Azure)."""
    azure = b'data: {"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[{"prompt_index":0}]}\n\n'

    assert heard(azure, DONE) == [Started("", ""), Stopped(Stop.END), Finished()]
    assert heard(azure, chunk({"content": "Hi"}), DONE)[0] == Started("c1", "m", 5)


def test_other_answers_than_the_first_are_passed_over() -> None:
    """Nobody has asked for them."""
    other = {"index": 1, "delta": {"content": "Ho"}, "finish_reason": "length"}

    told = answer(chunk({"content": "Hi"}, "stop"), chunk({}, choices=[other]), DONE)

    assert (told.parts, told.stop) == ((Text("Hi"),), Stop.END)


def test_a_choice_may_say_little() -> None:
    """No delta, no index, or null for one."""
    told = answer(
        chunk({}, choices=[{"finish_reason": None}]),
        chunk({}, choices=[{"index": None, "delta": {"content": "Hi"}}]),
        chunk({}, choices=[{"delta": None, "finish_reason": "stop"}]),
        DONE,
    )

    assert told.parts == (Text("Hi"),)


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        ({"message": "Busy", "type": "server_error", "code": "overloaded"}, Failed("Busy", "overloaded")),
        ({"message": "Busy", "code": 502}, Failed("Busy")),
        ("Busy", Failed("Busy")),
        ({}, Failed("")),
    ],
)
def test_an_error_ends_the_stream(error: object, failed: Failed) -> None:
    """Whatever follows it."""
    reader = StreamReader()
    broken = chunk({"content": ""}, "error", error=error)

    events = reader.take(chunk({"content": "Hi"}) + broken + chunk({"content": "!"}, "stop") + DONE)

    assert events[-1] == failed
    assert reader.end() == []
    assert not reader.whole


def test_nothing_is_told_behind_the_end() -> None:
    """Some hosts go on with events of their own."""
    reader = StreamReader()
    reader.take(chunk({"content": "Hi"}, "stop") + DONE)

    assert reader.take(DONE + chunk({"content": "!"}) + b"data: what\n\n") == []
    assert reader.end() == []
    assert reader.whole


@pytest.mark.parametrize(
    "data", [b"data: what\n\n", b'data: {"choices":5}\n\n', b"data: []\n\n", b'data: {"id":"\xff"}\n\n']
)
def test_what_makes_no_sense_is_a_fault(data: bytes) -> None:
    """Nothing more can be read behind it."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        StreamReader().take(data)


def test_the_usage_of_a_stream_that_passed_through_is_found() -> None:
    """In its last bytes."""
    assert usage_of_tail(chunk({"content": "Hi"}) + usage_chunk() + DONE) == Usage(9, 4)
