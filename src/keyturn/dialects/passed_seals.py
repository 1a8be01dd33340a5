"""Thoughts of another maker in a request that goes to its provider as it is: they are cut out.

A client's history may hold what a model of another make has sealed, marked by ``seals`` when that answer was turned
into the client's dialect. The maker of the dialect itself would refuse the whole request for it. Nothing else of the body
is touched: only a message that holds such a seal is written anew, and of that the rest stays as the client spelled it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeGuard

import msgspec

from keyturn.dialects import gemini_signature
from keyturn.dialects.json_scan import Members
from keyturn.dialects.seals import MARK

_MARK, _PACKED = MARK.encode(), gemini_signature.PREFIX.encode()
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_UNSIGNED = msgspec.Raw(msgspec.json.encode(gemini_signature.NO_SIGNATURE))


class Cleaned(msgspec.Struct, frozen=True):
    """What changes in a body.

    Attributes:
        members: Top-level members with their new values as JSON; ``None``: it must not be there any more.
        dropped: What is gone, by path.
    """

    members: Mapping[str, bytes | None]
    dropped: tuple[str, ...]


class _Typed(msgspec.Struct):
    type: str = ""


class _Sealed(msgspec.Struct):
    """A block of Anthropic's, an item of OpenAI's responses or a detail of its chats, as far as it tells of seals."""

    type: str = ""
    signature: str | None = None
    data: str | None = None
    encrypted_content: str | None = None

    @property
    def foreign(self) -> bool:
        """Whether it is another maker's."""
        return any(MARK in text for text in (self.signature, self.data, self.encrypted_content) if text)


_Fields = dict[str, msgspec.Raw]
_items = msgspec.json.Decoder(list[msgspec.Raw])
_fields = msgspec.json.Decoder(_Fields)
_sealed = msgspec.json.Decoder(_Sealed)
_typed = msgspec.json.Decoder(_Typed)
_string = msgspec.json.Decoder(str)
_encoder = msgspec.json.Encoder()


def mark_of(codec: str) -> bytes:
    """Return what a body holds if there is anything to cut out; empty: there never is."""
    return _CLEANERS[codec][0] if codec in _CLEANERS else b""


def clean(codec: str, members: Members) -> Cleaned | None:
    """Return what has to change in a body that holds the mark; ``None``: nothing, it is somebody's words.

    Args:
        codec: In which client and provider speak; one with a mark.
        members: Of the body. What is not as the dialect has it is left alone: to refuse it is the provider's.
    """
    _, name, cleaner = _CLEANERS[codec]
    if not _is_list(members.get(name)):
        return None
    dropped: list[str] = []
    try:
        turns = _items.decode(members[name])
        kept = list(cleaner(turns, dropped))
        if kept == turns:
            return None
        changed: dict[str, bytes | None] = {name: _encoder.encode(kept)}
        if cleaner is _of_anthropic and _thinks_aloud(members) and _calls_without_thoughts(kept):
            changed["thinking"] = None
            dropped.append("thinking")
    except (msgspec.DecodeError, RecursionError):
        return None
    return Cleaned(changed, tuple(dropped))


def _is_list(raw: msgspec.Raw | None) -> TypeGuard[msgspec.Raw]:
    return raw is not None and bytes(raw)[:1] == b"["


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))


def _is_foreign(raw: msgspec.Raw, types: frozenset[str] | None = None) -> bool:
    if _MARK not in bytes(raw):
        return False
    try:
        found = _sealed.decode(raw)
    except msgspec.ValidationError:
        return False
    return found.foreign and (types is None or found.type in types)


def _others(
    raw: msgspec.Raw, path: str, dropped: list[str], types: frozenset[str] | None = None
) -> list[msgspec.Raw]:
    """Return what of a list is no other maker's; the rest is noted."""
    kept = []
    for at, one in enumerate(_items.decode(raw)):
        if _is_foreign(one, types):
            dropped.append(f"{path}[{at}]")
        else:
            kept.append(one)
    return kept


# ── Anthropic's ─────────────────────────────────────────────────────────────


def _of_anthropic(turns: list[msgspec.Raw], dropped: list[str]) -> Iterator[msgspec.Raw]:
    for at, turn in enumerate(turns):
        if _MARK not in bytes(turn) or not _is_list((message := _fields.decode(turn)).get("content")):
            yield turn
            continue
        count = len(dropped)
        kept = _others(message["content"], f"messages[{at}].content", dropped, _THOUGHTS)
        if len(dropped) == count:
            yield turn
        elif kept:  # a turn of nothing is refused, and two of one role in a row are not
            yield _raw(message | {"content": _raw(kept)})


def _thinks_aloud(members: Members) -> bool:
    """Say whether a budget of thought is asked for: then the model's last turn must begin with its thoughts."""
    thinking = members.get("thinking")
    return thinking is not None and _typed.decode(thinking).type == "enabled"


def _calls_without_thoughts(turns: list[msgspec.Raw]) -> bool:
    for turn in reversed(turns):
        message = _fields.decode(turn)
        if bytes(message.get("role", b"")) == b'"assistant"':
            content = message.get("content")
            types = (
                [_typed.decode(block).type for block in _items.decode(content)] if _is_list(content) else []
            )
            return "tool_use" in types and types[0] not in _THOUGHTS
    return False


# ── OpenAI's ────────────────────────────────────────────────────────────────


def _of_responses(items: list[msgspec.Raw], dropped: list[str]) -> Iterator[msgspec.Raw]:
    yield from _others(_raw(items), "input", dropped, _REASONING)


def _of_chats(turns: list[msgspec.Raw], dropped: list[str]) -> Iterator[msgspec.Raw]:
    for at, turn in enumerate(turns):
        if _MARK not in bytes(turn):
            yield turn
            continue
        message, path, count = _fields.decode(turn), f"messages[{at}]", len(dropped)
        if _is_list(details := message.get("reasoning_details")):
            kept = _others(details, f"{path}.reasoning_details", dropped)
            message["reasoning_details"] = _raw(kept)
            if not kept:
                del message["reasoning_details"]
        if _is_list(calls := message.get("tool_calls")):
            message["tool_calls"] = _raw([*_unsigned(_items.decode(calls), f"{path}.tool_calls", dropped)])
        yield turn if len(dropped) == count else _raw(message)


def _unsigned(calls: list[msgspec.Raw], path: str, dropped: list[str]) -> Iterator[msgspec.Raw]:
    """Yield calls without what only Google has any use for."""
    for at, call in enumerate(calls):
        fields = _fields.decode(call)
        if _MARK in bytes(fields.get("extra_content", b"")):
            del fields["extra_content"]
            dropped.append(f"{path}[{at}].extra_content")
            yield _raw(fields)
        else:
            yield call


# ── Gemini's ────────────────────────────────────────────────────────────────


def _of_gemini(turns: list[msgspec.Raw], dropped: list[str]) -> Iterator[msgspec.Raw]:
    for at, turn in enumerate(turns):
        if _PACKED not in bytes(turn) or not _is_list((content := _fields.decode(turn)).get("parts")):
            yield turn
            continue
        parts = _items.decode(content["parts"])
        kept = [*_parts(parts, f"contents[{at}].parts", dropped)]
        if kept == parts:
            yield turn
        elif kept:
            yield _raw(content | {"parts": _raw(kept)})


def _parts(parts: list[msgspec.Raw], path: str, dropped: list[str]) -> Iterator[msgspec.Raw]:
    called = False
    for at, part in enumerate(parts):
        fields = _fields.decode(part)
        calls = not fields.keys().isdisjoint(_CALLS)
        name = next((name for name in _SIGNATURES if _is_packed(fields.get(name))), None)
        if name is None:
            yield part
        else:
            if _holds_a_seal(fields[name]):
                dropped.append(f"{path}[{at}].{name}")
            del fields[name]
            if calls and not called:  # the first call of a turn must have one
                yield _raw(fields | {name: _UNSIGNED})
            elif calls or _says_something(fields):
                yield _raw(fields)
        called = called or calls


def _is_packed(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw)[1:].startswith(_PACKED)


def _holds_a_seal(raw: msgspec.Raw) -> bool:
    signature, sealed, _ = gemini_signature.unpack(gemini_signature.standard(_string.decode(raw)))
    return bool(sealed) or not signature.endswith(":")


def _says_something(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Say whether a part is anything without its signature, and no thought."""
    if bytes(fields.get("thought", b"")) == b"true":
        return False
    return bool(fields) and bytes(fields.get("text", b"")) != b'""'


_REASONING = frozenset({"reasoning"})
_CALLS = frozenset({"functionCall", "function_call"})
_SIGNATURES = ("thoughtSignature", "thought_signature")
_Cleaner = Callable[[list[msgspec.Raw], list[str]], Iterator[msgspec.Raw]]
_CLEANERS: Mapping[str, tuple[bytes, str, _Cleaner]] = {
    "anthropic_messages": (_MARK, "messages", _of_anthropic),
    "anthropic_tokens": (_MARK, "messages", _of_anthropic),
    "openai_chat": (_MARK, "messages", _of_chats),
    "openai_responses": (_MARK, "input", _of_responses),
    "gemini": (_PACKED, "contents", _of_gemini),
    "gemini_tokens": (_PACKED, "contents", _of_gemini),
}
"""By codec: what the body holds if there is anything, the member that holds it, and how that is cleaned."""
