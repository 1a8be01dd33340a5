"""Streams of Gemini's dialect, in both forms."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from keyturn.dialects import gemini
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
    Opened,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage

NAMES = {"modelVersion": "gemini-2.5-flash", "responseId": "r1"}


def piece(*parts: Any, reason: str = "", usage: Any = None) -> dict[str, Any]:
    """Return a piece of a stream."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    made = {"candidates": [candidate], **NAMES}
    return {**made, "usageMetadata": usage} if usage else made


def as_events(pieces: Sequence[Any]) -> bytes:
    """Return a stream as ``alt=sse`` gives it."""
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in pieces)


def as_array(pieces: Sequence[Any]) -> bytes:
    """Return a stream as it comes otherwise."""
    return b"[" + b"\n,\r\n".join(json.dumps(one, indent=2).encode() for one in pieces) + b"\n]"


FORMS = pytest.mark.parametrize("form", [as_events, as_array])

RECORDED = [
    piece({"text": "**Thinking**", "thought": True}, usage={"promptTokenCount": 9, "totalTokenCount": 9}),
    piece({"text": " more", "thought": True}),
    piece({"text": "The"}),
    piece({"text": " sky"}, {"text": ""}),
    piece({"functionCall": {"name": "f", "args": {"a": '}\\"{'}}, "thoughtSignature": "AAAA"}, reason="STOP"),
    piece(
        {"text": "", "thoughtSignature": "BBBB"},
        reason="STOP",
        usage={
            "promptTokenCount": 9,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "totalTokenCount": 16,
        },
    ),
]
TOLD: list[Event] = [
    Started("r1", "gemini-2.5-flash", usage=Usage(9)),
    Opened(0, Reasoning("")),
    Grew(0, "**Thinking**"),
    Grew(0, " more"),
    Closed(0),
    Opened(1, Text("")),
    Grew(1, "The"),
    Grew(1, " sky"),
    Closed(1),
    Opened(2, ToolCall("call_r1_0", "f", "")),
    Grew(2, '{"a": "}\\\\\\"{"}'),
    Signed(2, "AAAA"),
    Closed(2),
    Opened(3, Reasoning("")),
    Signed(3, "BBBB"),
    Closed(3),
    Stopped(Stop.TOOLS),
    Finished(Usage(9, 7, 0, 2)),
]


def read(body: bytes, size: int = 1 << 20) -> tuple[list[Event], bool]:
    """Read a stream to its end, some bytes at a time."""
    reader = gemini.StreamReader()
    events = [event for at in range(0, len(body), size) for event in reader.take(body[at : at + size])]
    events += reader.end()
    assert reader.end() == []
    return events, reader.whole


def plain(event: Event) -> Any:
    """Return an event; of a call's arguments what they mean, for an array is indented."""
    if isinstance(event, Grew) and event.text.startswith("{"):
        return json.loads(event.text)
    return event


@FORMS
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
def test_a_stream_is_read_wherever_it_is_cut(form: Any, size: int) -> None:
    """Networks cut anywhere."""
    events, whole = read(b"\r\n" + form(RECORDED), size)

    assert [plain(event) for event in events] == [plain(event) for event in TOLD]
    assert whole


def test_what_comes_is_told_at_once() -> None:
    """A translated stream must not wait for the end, in either form."""
    for form in (as_events, as_array):
        reader = gemini.StreamReader()
        told = reader.take(form([piece({"text": "Hi"})]).removesuffix(b"\n]"))
        assert told[-1] == Grew(0, "Hi")
        assert not reader.whole


@FORMS
def test_a_stream_that_was_cut_off_is_not_whole(form: Any) -> None:
    """Nothing is made up for it."""
    reader = gemini.StreamReader()

    reader.take(form([piece({"text": "Hi"})]).removesuffix(b"]"))

    assert reader.end() == []
    assert not reader.whole


def test_an_array_that_ends_is_whole_without_a_reason() -> None:
    """Its bracket says so."""
    events, whole = read(as_array([piece({"text": "Hi"})]))

    assert whole
    assert events[-2:] == [Stopped(Stop.END), Finished(None)]


def test_a_blocked_question_is_a_stream_that_was_filtered() -> None:
    """It has no candidates."""
    plain, whole = read(as_events([{"promptFeedback": {"blockReason": "SAFETY"}, **NAMES}]))
    told, _ = read(as_events([{"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "no"}}]))

    assert whole
    assert plain[1:] == [Stopped(Stop.FILTERED), Finished(None)]
    assert told[1:-2] == [Opened(0, Refusal("")), Grew(0, "no"), Closed(0)]


def test_images_and_signed_thoughts_come_whole() -> None:
    """And what says nothing tells nothing."""
    events, _ = read(
        as_events(
            [
                {**NAMES, "promptFeedback": {}},
                {"candidates": [{"index": 0}], **NAMES},
                piece({"thought": True}, {}, {"text": "a", "thought": True, "thoughtSignature": "AAAA"}),
                piece({"thought": True, "thoughtSignature": "BBBB"}),
                piece({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, reason="STOP"),
            ]
        )
    )

    assert events[1:-2] == [
        Opened(0, Reasoning("")),
        Grew(0, "a"),
        Signed(0, "AAAA"),
        Closed(0),
        Opened(1, Reasoning("")),
        Signed(1, "BBBB"),
        Closed(1),
        Opened(2, Media("image/png", "AAAA")),
        Closed(2),
    ]


@FORMS
def test_an_error_in_a_stream_is_its_last_event(form: Any) -> None:
    """The provider has said so."""
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}

    events, whole = read(form([piece({"text": "Hi"}), error, piece({"text": "there"})]))

    assert events[-2:] == [Closed(0), Failed("overloaded", "UNAVAILABLE")]
    assert not whole


def test_what_is_no_stream_is_an_error() -> None:
    """Whoever reads it ends the client's stream."""
    with pytest.raises(ValueError, match="single object"):
        gemini.StreamReader().take(b"{}")
    for body in (b"data: no\n\n", b'[{"candidates":1}]', b"data: \xff\n\n"):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            gemini.StreamReader().take(body)


# ── writing ─────────────────────────────────────────────────────────────────

EVENTS: list[Event] = [
    Started("r1", "m", usage=Usage(9)),
    Opened(0, Reasoning("", sealed="")),
    Grew(0, "Hm"),
    Grew(0, ""),
    Signed(0, "AAAA"),
    Closed(0),
    Opened(1, Text("Hi")),
    Grew(1, " there"),
    Signed(1, "AAAA"),
    Closed(1),
    Opened(2, ToolCall("c", "f", "")),
    Opened(3, ToolCall("d", "g", "", "BBBB")),
    Grew(2, '{"a"'),
    Grew(3, "{}"),
    Grew(2, ":1}"),
    Signed(2, "CCCC"),
    Closed(3),
    Closed(2),
    Opened(4, Media("image/png", "AAAA")),
    Closed(4),
    Opened(5, Reasoning("", "DDDD")),
    Closed(5),
    Opened(6, Reasoning("said", "")),
    Closed(6),
    Opened(7, Refusal("")),
    Grew(7, "no"),
    Closed(7),
    Stopped(Stop.TOOLS),
    Finished(None),
]
SAID = [
    [{"text": "Hm", "thought": True}],
    [{"text": "", "thought": True, "thoughtSignature": "AAAA"}],
    [{"text": "Hi"}],
    [{"text": " there"}],
    [{"functionCall": {"id": "d", "name": "g", "args": {}}, "thoughtSignature": "BBBB"}],
    [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "CCCC"}],
    [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
    [{"text": "", "thoughtSignature": "DDDD"}],
    [{"text": "said", "thought": True}],
    [{"text": "no"}],
    [{"text": ""}],
]


def pieces_of(body: bytes) -> list[Any]:
    """Return the pieces of a stream that was written."""
    blocks = body.split(b"\r\n\r\n")
    assert blocks.pop() == b""
    return [json.loads(block.removeprefix(b"data: ")) for block in blocks]


def writer() -> gemini.StreamWriter:
    """Return a writer."""
    return gemini.StreamWriter(created=1, usage=False)


def test_a_stream_is_written_as_google_writes_it() -> None:
    """Every piece names the answer and the model; calls come whole; the last says why it ends and what it used."""
    made = writer()

    body = b"".join(made.write([event]) for event in EVENTS)

    found = pieces_of(body)
    assert [one["candidates"][0]["content"] for one in found] == [
        {"parts": parts, "role": "model"} for parts in SAID
    ]
    assert all((one["responseId"], one["modelVersion"]) == ("r1", "m") for one in found)
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"
    assert found[-1]["usageMetadata"]["promptTokenCount"] == 9


def test_a_call_that_is_no_object_ends_a_stream_as_malformed() -> None:
    """As Google's own streams end then."""
    made = writer()

    body = made.write(
        [
            Started("r", "m"),
            Opened(0, ToolCall("c", "f", "{")),
            Closed(0),
            Stopped(Stop.TOOLS),
            Finished(Usage(1, 1)),
        ]
    )

    (last,) = pieces_of(body)
    assert last["candidates"][0]["finishReason"] == "MALFORMED_FUNCTION_CALL"


def test_a_stream_is_cut_short() -> None:
    """An open call is left out: half of one can't be told."""
    made = writer()
    body = made.write(
        [Started("r", "m"), Opened(0, Text("")), Grew(0, "a"), Opened(1, ToolCall("c", "f", "{"))]
    )

    body += made.cut_short()

    found = pieces_of(body)
    assert len(found) == 2
    assert found[1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert found[1]["responseId"] == "r"


@pytest.mark.parametrize("begun", [False, True])
def test_a_stream_fails_with_an_error_that_google_could_have_sent(begun: bool) -> None:  # noqa: FBT001 -- a case
    """Before the first word and behind it; Google's client looks for the error at the beginning of a piece."""
    made = writer()
    body = made.write([Started("r", "m"), Opened(0, Text("a"))]) if begun else b""

    body += made.fail(Refused(Reason.UPSTREAM_CLOSED))

    last = pieces_of(body)[-1]
    assert last["error"]["status"] == "UNAVAILABLE"
    assert b'{"error":' in body


@pytest.mark.parametrize(("code", "status"), [("RESOURCE_EXHAUSTED", 429), ("overloaded_error", 500)])
def test_a_providers_failure_is_told(code: str, status: int) -> None:
    """By its status, where that is one of Google's."""
    (last,) = pieces_of(writer().write([Failed("no", code)]))

    assert last["error"]["code"] == status
    assert last["error"]["message"] == "no"


def test_a_stream_that_passed_through_is_cut_short() -> None:
    """With the names that its first piece has told."""
    begun = as_events([piece({"text": "a"})])

    found = pieces_of(begun + gemini.cut_short(begun))

    assert found[1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert {name: found[1][name] for name in NAMES} == NAMES


@pytest.mark.parametrize("begun", [b"", b"data: no\r\n\r\n"])
def test_a_stream_of_which_nothing_is_known_is_cut_short_too(begun: bytes) -> None:
    """Without names."""
    end = gemini.cut_short(begun)

    assert b"MAX_TOKENS" in end
    assert b"responseId" not in end
    assert len(pieces_of(end)) == 1


@pytest.mark.parametrize("last", [Finished(), Failed("no", "INTERNAL")])
def test_nothing_is_said_behind_the_end(last: Event) -> None:
    """A client that has an answer must not hear of an error, nor of another end."""
    made = writer()
    made.write([Started("r", "m"), Opened(0, Text("a")), last])

    later = [
        made.fail(Refused(Reason.UPSTREAM_CLOSED)),
        made.cut_short(),
        made.write([Grew(0, "b"), Finished()]),
    ]

    assert later == [b"", b"", b""]


def test_a_stream_ends_once_whoever_ends_it() -> None:
    """The first one counts."""
    cut, failed = writer(), writer()
    cut.cut_short()
    failed.fail(Refused(Reason.UPSTREAM_CLOSED))

    later = [
        cut.fail(Refused(Reason.UPSTREAM_CLOSED)),
        failed.cut_short(),
        failed.fail(Refused(Reason.UPSTREAM_CLOSED)),
    ]

    assert later == [b"", b"", b""]
