"""What another maker has sealed is cut out of a body that goes as it is."""

import json
from typing import Any

import pytest

from keyturn.dialects import gemini_signature, json_scan, passed_seals
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Refused

MINE, THEIRS, NONE = "sig", "keyturn:gemini:sig", "keyturn:deepseek:"
PACKED, EMPTY = gemini_signature.pack("keyturn:anthropic:sig"), gemini_signature.pack(NONE)
USER = {"role": "user", "content": "hello keyturn: you"}


def encoded(value: Any) -> bytes:
    """Return JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def members_of(body: bytes) -> Members:
    """Return a body's members."""
    return json_scan.own_members(body)


def clean(codec: str, body: Any) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return what has to change."""
    raw = body if isinstance(body, bytes) else encoded(body)
    if not passed_seals.mark_of(codec) or passed_seals.mark_of(codec) not in raw:
        return None
    found = passed_seals.clean(codec, members_of(raw))
    if found is None:
        return None
    changed = {name: None if value is None else json.loads(value) for name, value in found.members.items()}
    return changed, found.dropped


def untouched(codec: str, body: Any) -> bool:
    """Say whether nothing changes."""
    return clean(codec, body) is None


# ── Anthropic's ─────────────────────────────────────────────────────────────


def thinking(signature: str) -> dict[str, Any]:
    """Return a thought."""
    return {"type": "thinking", "thinking": "so", "signature": signature}


def turn(*blocks: Any) -> dict[str, Any]:
    """Return a model's turn."""
    return {"role": "assistant", "content": list(blocks)}


WORDS = {"type": "text", "text": "keyturn: a gateway"}
CALL = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}


@pytest.mark.parametrize("codec", ["anthropic_messages", "anthropic_tokens"])
def test_anthropic_gets_only_its_own_thoughts(codec: str) -> None:
    """Others are gone with their words, which it would not take without the signature."""
    redacted = {"type": "redacted_thinking", "data": "keyturn:openai:abc"}
    carried = {"type": "thinking", "thinking": "", "signature": f"keyturn-call:t:{THEIRS}"}
    body = {
        "messages": [USER, turn(thinking(MINE), thinking(THEIRS), redacted, WORDS, CALL, carried), RESULT]
    }

    assert clean(codec, body) == (
        {"messages": [USER, turn(thinking(MINE), WORDS, CALL), RESULT]},
        ("messages[1].content[1]", "messages[1].content[2]", "messages[1].content[5]"),
    )


def test_what_surrounds_a_thought_stays_as_it_was_spelled() -> None:
    """A number, an escape, a member that nobody knows: a cache goes by the bytes."""
    rest = rb'{"type":"text","text":"caf\u00e9","new":1.50}'
    body = b'{"messages":[ {"role":"assistant","content":[%b, %b],"n":1e2} ]}' % (
        encoded(thinking(THEIRS)),
        rest,
    )

    found = passed_seals.clean("anthropic_messages", members_of(body))

    assert found is not None
    assert found.members["messages"] == b'[{"role":"assistant","content":[%b],"n":1e2}]' % rest


def test_a_turn_of_nothing_but_anothers_thoughts_is_gone() -> None:
    """An empty one is refused."""
    body = {"messages": [USER, turn(thinking(NONE)), USER]}

    assert clean("anthropic_messages", body) == ({"messages": [USER, USER]}, ("messages[1].content[0]",))


@pytest.mark.parametrize(
    ("asked", "left", "gone"),
    [
        ({"type": "enabled", "budget_tokens": 2000}, [CALL], True),
        ({"type": "enabled", "budget_tokens": 2000}, [WORDS, CALL], True),
        ({"type": "enabled", "budget_tokens": 2000}, [thinking(MINE), CALL], False),
        ({"type": "enabled", "budget_tokens": 2000}, [WORDS], False),
        ({"type": "adaptive"}, [CALL], False),
    ],
)
def test_no_budget_of_thought_is_asked_for_in_the_midst_of_anothers_calls(
    asked: Any,
    left: list[Any],
    gone: bool,  # noqa: FBT001 -- a case
) -> None:
    """With one the model's last turn would have to begin with its own thoughts, which there are none of."""
    body = {"thinking": asked, "messages": [USER, turn(thinking(THEIRS), *left), RESULT]}

    found = clean("anthropic_messages", body)

    assert found is not None
    assert ("thinking" in found[0], "thinking" in found[1]) == (gone, gone)


def test_a_last_turn_of_words_asks_for_no_thoughts() -> None:
    """Nor does a conversation that the model has no part in any more."""
    asked = {"type": "enabled", "budget_tokens": 2000}
    said = {"role": "assistant", "content": "done"}

    for turns in ([turn(thinking(THEIRS)), said], [turn(thinking(THEIRS)), USER]):
        found = clean("anthropic_messages", {"thinking": asked, "messages": turns})

        assert found is not None
        assert "thinking" not in found[0]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [USER, turn(thinking(MINE))]},
        {"messages": [USER, turn(WORDS, {"type": "tool_result", "content": [WORDS]})]},
        {"messages": [turn({**thinking(THEIRS), "type": "text"}), {**USER, "content": 1}]},
        {"messages": [turn({"type": "thinking", "signature": 1, "thinking": THEIRS})]},
        {"messages": [[THEIRS]]},
        {"messages": [turn(THEIRS)]},
        {"messages": THEIRS},
        {"system": THEIRS},
    ],
)
def test_what_holds_no_seal_passes_as_it_is(body: Any) -> None:
    """However it looks; what is no request of the dialect's is the provider's to refuse."""
    assert untouched("anthropic_messages", body)
    assert untouched("openai_embeddings", body)


# ── OpenAI's ────────────────────────────────────────────────────────────────


def test_openais_responses_get_only_their_own_thoughts() -> None:
    """Words, a call's signature, sealed thoughts: each is an item."""
    items = [
        {"type": "reasoning", "summary": [], "encrypted_content": text}
        for text in ("gAAA", f"signature:{THEIRS}\n", f"call-signature:c\n{THEIRS}", "keyturn:x:abc")
    ]
    message = {"type": "message", "role": "user", "content": "keyturn: you"}

    assert clean("openai_responses", {"input": [message, *items]}) == (
        {"input": [message, items[0]]},
        ("input[2]", "input[3]", "input[4]"),
    )
    assert untouched("openai_responses", {"input": [message, items[0]]})
    assert untouched("openai_responses", {"input": "keyturn: you"})


def test_openais_chats_get_nothing_that_is_anothers() -> None:
    """Neither thoughts nor the signature of a call."""
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    signed = call | {"extra_content": {"google": {"thought_signature": THEIRS}}}
    mine, theirs = ({"type": "reasoning.text", "signature": text} for text in (MINE, THEIRS))
    turns = [
        USER,
        {"role": "assistant", "content": "a", "reasoning_details": [mine, theirs]},
        {"role": "assistant", "reasoning_details": [theirs], "tool_calls": [signed, call]},
    ]

    assert clean("openai_chat", {"messages": turns}) == (
        {
            "messages": [
                USER,
                {"role": "assistant", "content": "a", "reasoning_details": [mine]},
                {"role": "assistant", "tool_calls": [call, call]},
            ]
        },
        (
            "messages[1].reasoning_details[1]",
            "messages[2].reasoning_details[0]",
            "messages[2].tool_calls[0].extra_content",
        ),
    )
    assert untouched("openai_chat", {"messages": [USER, {"role": "assistant", "tool_calls": [call]}]})


# ── Gemini's ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
@pytest.mark.parametrize("codec", ["gemini", "gemini_tokens"])
def test_gemini_gets_only_its_own_signatures(codec: str, name: str) -> None:
    """A call must have one, and there is a word for those that another model has made."""
    call = {"functionCall": {"name": "look"}}
    contents = [
        {"role": "user", "parts": [{"text": "hello"}]},
        {
            "role": "model",
            "parts": [
                {"text": "so", "thought": True, name: PACKED},
                {"text": "", name: PACKED},
                {name: PACKED},
                {"text": "yes", name: PACKED},
                {"text": "mine", name: "c2ln"},
                call | {name: PACKED},
                call | {name: PACKED.replace("+", "-").replace("/", "_").rstrip("=")},
            ],
        },
        {"role": "model", "parts": [call | {name: EMPTY}, {"text": "", name: PACKED}]},
        {"role": "model", "parts": [{"text": "so", "thought": True, name: PACKED}]},
    ]

    assert clean(codec, {"contents": contents}) == (
        {
            "contents": [
                contents[0],
                {
                    "role": "model",
                    "parts": [
                        {"text": "yes"},
                        {"text": "mine", name: "c2ln"},
                        call | {name: gemini_signature.NO_SIGNATURE},
                        call,
                    ],
                },
                {"role": "model", "parts": [call | {name: gemini_signature.NO_SIGNATURE}]},
            ]
        },
        (
            *(f"contents[1].parts[{at}].{name}" for at in (0, 1, 2, 3, 5, 6)),
            f"contents[2].parts[1].{name}",
            f"contents[3].parts[0].{name}",
        ),
    )


def test_sealed_thoughts_in_geminis_signature_are_lost() -> None:
    """They are told of as any others."""
    part = {"thoughtSignature": gemini_signature.pack("", "keyturn:anthropic:abc")}

    assert clean("gemini", {"contents": [{"parts": [part, {"text": "a"}]}]}) == (
        {"contents": [{"parts": [{"text": "a"}]}]},
        ("contents[0].parts[0].thoughtSignature",),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": [{"text": "a", "thoughtSignature": "c2ln"}]}]},
        {"contents": [{"parts": [{"text": PACKED}]}]},
        {"contents": [{"parts": PACKED}]},
        {"contents": [PACKED]},
        {"contents": PACKED},
    ],
)
def test_what_holds_no_signature_of_anothers_passes_as_it_is(body: Any) -> None:
    """What is no request of the dialect's is Google's to refuse."""
    assert untouched("gemini", body)


def deeper(calls: int, members: Members) -> None:
    """Clean a body where fewer calls are left than when it was read, as in a worker."""
    if calls:
        deeper(calls - 1, members)
    else:
        passed_seals.clean("anthropic_messages", members)


def test_a_body_nested_as_deep_as_can_be_is_left_alone() -> None:
    """Whether it is refused is the provider's; it must not end the connection."""
    for depth in range(800, 1_001):
        deep = b"[" * depth + b"]" * depth
        block = b'{"type":"tool_use","id":"keyturn:x","input":{"a":%b}}' % deep
        body = b'{"messages":[{"role":"assistant","content":[%b]}]}' % block
        members = json_scan.members(body)
        if not isinstance(members, Refused):
            deeper(20, members)
