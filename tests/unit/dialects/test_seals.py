"""Seals say whose they are, and go to nobody else."""

from itertools import pairwise

import pytest

from keyturn.dialects import seals
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Closed,
    Event,
    Finished,
    Grew,
    Message,
    Opened,
    Part,
    Reasoning,
    Role,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.pieces import events_of
from keyturn.dialects.seals import Marker

ANTHROPIC, CHAT, GEMINI, RESPONSES = "anthropic_messages", "openai_chat", "gemini", "openai_responses"
CALL = ToolCall("call_1", "look", "{}")


def answer(*parts: Part) -> Answer:
    """Return an answer."""
    return Answer(id="a", model="m", parts=parts, stop=Stop.END)


def marked(client: str, made_by: str, *parts: Part) -> tuple[Part, ...]:
    """Return the parts as a client gets them, whole or in pieces."""
    whole = Marker(client, made_by).answer(answer(*parts)).parts
    assert Marker(client, made_by).events(events_of(answer(*parts))) == events_of(answer(*whole))
    return whole


def kept(client: str, target: str, *parts: Part) -> tuple[tuple[Part, ...], list[str]]:
    """Return the parts that a target is told of what a client sends back, and what is dropped."""
    chat = Chat(model="m", messages=(Message(Role.ASSISTANT, parts),))
    found, losses = seals.own_only(chat, client, target)
    assert all(loss.minor for loss in losses)
    return tuple(part for one in found.messages for part in one.parts), [loss.path for loss in losses]


# ── who ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("codec", "host", "model", "name"),
    [
        (ANTHROPIC, "anthropic", "claude-x", "anthropic"),
        (ANTHROPIC, "vertex", "claude-x", "anthropic"),
        (GEMINI, "vertex", "gemini-x", "gemini"),
        (RESPONSES, "azure", "deployment", "openai"),
        (RESPONSES, "perplexity", "sonar", "perplexity"),
        (CHAT, "openrouter", "anthropic/claude-x", "openrouter"),
        ("bedrock_converse", "bedrock", "eu.anthropic.claude-x-v1:0", "anthropic"),
        ("bedrock_converse", "bedrock", "arn:aws:bedrock:eu:1:inference-profile/eu.anthropic.x", "anthropic"),
        (
            "bedrock_converse",
            "bedrock",
            "arn:aws:bedrock:eu:1:application-inference-profile/ab1",
            "anthropic",
        ),
        ("bedrock_converse", "bedrock", "us.amazon.nova-lite-v1:0", "bedrock"),
        ("bedrock_converse", "bedrock", "deepseek.r1-v1:0", "bedrock"),
    ],
)
def test_the_maker_is_known_by_where_its_models_run(codec: str, host: str, model: str, name: str) -> None:
    """Anthropic takes back at one place what it has signed at another."""
    assert seals.maker(codec, host, model) == name


# ── to a client ─────────────────────────────────────────────────────────────


def test_what_is_sealed_says_who_has_sealed_it() -> None:
    """In words that no seal begins with."""
    parts = (Reasoning("so", "sig"), Reasoning("", sealed="abc"), Text("yes"))

    assert marked(CHAT, "anthropic", *parts) == (
        Reasoning("so", "keyturn:anthropic:sig"),
        Reasoning("", sealed="keyturn:anthropic:abc"),
        Text("yes"),
    )


def test_what_the_maker_of_the_clients_dialect_has_sealed_says_nothing() -> None:
    """It is what the client would have got from there: Claude at Bedrock signs as Claude."""
    parts = (Reasoning("so", "sig"), Reasoning("so"), Reasoning("", sealed="abc"))

    assert marked(ANTHROPIC, "anthropic", *parts) == parts


def test_a_signed_call_is_googles() -> None:
    """Whoever has passed it on."""
    (found,) = marked(ANTHROPIC, "openrouter", ToolCall("call_1", "look", "{}", "sig"))

    assert found == ToolCall("call_1", "look", "{}", "keyturn:gemini:sig")
    assert marked(GEMINI, "openrouter", ToolCall("call_1", "look", "{}", "sig"))[0] == ToolCall(
        "call_1", "look", "{}", "sig"
    )


@pytest.mark.parametrize(
    ("client", "thought", "call"),
    [
        (ANTHROPIC, "keyturn:deepseek:", ""),
        (RESPONSES, "keyturn:deepseek:", ""),
        (GEMINI, "", "keyturn:deepseek:"),
        (CHAT, "", ""),
    ],
)
def test_what_has_no_seal_where_the_client_expects_one_says_so(client: str, thought: str, call: str) -> None:
    """Sent to the maker of the dialect as it is, it would be refused."""
    found = marked(client, "deepseek", Reasoning("so"), CALL)

    assert [getattr(part, "signature", None) for part in found] == [thought, call]


def test_a_seal_that_comes_late_is_the_only_one() -> None:
    """Parallel parts are told apart."""
    events: list[Event] = [
        Started("a", "m"),
        Opened(0, Reasoning("")),
        Opened(1, ToolCall("call_1", "look", "")),
        Grew(0, "so"),
        Signed(1, "c"),
        Signed(0, "t"),
        Closed(0),
        Closed(1),
        Stopped(Stop.END),
        Finished(),
    ]
    marker = Marker(ANTHROPIC, "gemini")

    found = [marked for event in events for marked in marker.events([event])]

    assert [event for event in found if isinstance(event, Signed)] == [
        Signed(1, "keyturn:gemini:c"),
        Signed(0, "keyturn:gemini:t"),
    ]
    assert len(found) == len(events)


# ── and back ────────────────────────────────────────────────────────────────


def test_a_maker_gets_its_own_back() -> None:
    """Without the mark."""
    parts = (
        Reasoning("so", "keyturn:anthropic:sig", path="p0"),
        Reasoning("", sealed="keyturn:anthropic:abc", path="p1"),
    )

    assert kept(CHAT, "anthropic", *parts) == (
        (Reasoning("so", "sig", path="p0"), Reasoning("", sealed="abc", path="p1")),
        [],
    )


def test_no_maker_gets_anothers() -> None:
    """The words of a thought stay: what to do with them each dialect knows; a seal alone is gone."""
    parts = (
        Text("yes"),
        Reasoning("so", "keyturn:anthropic:sig", path="p0"),
        Reasoning("", sealed="keyturn:anthropic:abc", path="p1"),
        ToolCall("call_1", "look", "{}", "keyturn:gemini:sig", path="p2"),
    )

    assert kept(CHAT, "openai", *parts) == (
        (Text("yes"), Reasoning("so", path="p0"), ToolCall("call_1", "look", "{}", path="p2")),
        ["p0", "p1", "p2"],
    )


def test_a_turn_of_nothing_but_anothers_seals_is_gone() -> None:
    """An empty one is refused."""
    assert kept(CHAT, "openai", Reasoning("", sealed="keyturn:x:abc")) == ((), ["messages"])


@pytest.mark.parametrize(
    ("client", "owner"), [(ANTHROPIC, "anthropic"), (GEMINI, "gemini"), (RESPONSES, "openai"), (CHAT, None)]
)
def test_what_is_not_marked_is_the_dialects_own(client: str, owner: str | None) -> None:
    """It came by untouched; in OpenAI's chats it is a third party's."""
    for target in ("anthropic", "gemini", "openai", "openrouter"):
        found, dropped = kept(client, target, Reasoning("so", "sig", path="p"))

        assert found == (Reasoning("so", "sig" if target == owner else "", path="p"),)
        assert dropped == ([] if target == owner else ["p"])


def test_a_signed_call_goes_to_google_alone() -> None:
    """In whichever dialect it has come back."""
    call = ToolCall("call_1", "look", "{}", "sig", path="p")

    assert kept(CHAT, "gemini", call) == ((call,), [])
    assert kept(CHAT, "anthropic", call) == ((ToolCall("call_1", "look", "{}", path="p"),), ["p"])


def test_a_mark_without_a_seal_is_nothing_lost() -> None:
    """There was none."""
    parts = (Reasoning("so", "keyturn:deepseek:"), ToolCall("call_1", "look", "{}", "keyturn:deepseek:"))

    assert kept(ANTHROPIC, "anthropic", *parts) == ((Reasoning("so"), CALL), [])


def test_turns_without_seals_are_left_alone() -> None:
    """In order."""
    turns = (
        Message(Role.USER, (Text("a"),)),
        Message(Role.ASSISTANT, (Reasoning("so", "keyturn:x:s"), Text("b"))),
        Message(Role.USER, (Text("c"),)),
    )

    chat, _ = seals.own_only(Chat(model="m", messages=turns), CHAT, "anthropic")

    assert [message.role for message in chat.messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert chat.messages[::2] == turns[::2]
    assert all(before != after for before, after in pairwise(chat.messages))
