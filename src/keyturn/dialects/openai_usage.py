"""Usage as OpenAI-style answers report it, plain and streamed.

Chat completions say ``prompt_tokens`` and ``completion_tokens``, responses say ``input_tokens`` and
``output_tokens``; a stream says it in its last event, alone (chat) or inside ``response`` (responses).
Source: ``CompletionUsage`` and ``ResponseUsage`` of the OpenAI API description.
"""

import re
from typing import Annotated

import msgspec

from keyturn.domain.usage import Usage

TAIL_LENGTH = 16_384
"""How much of the end of a stream or a large answer is looked at: the events that carry usage are far smaller."""

Tokens = Annotated[int, msgspec.Meta(le=10**9)]
"""More is nonsense, and a number without bounds could not be stored."""


class _Details(msgspec.Struct, gc=False):
    cached_tokens: Tokens | None = 0
    cache_write_tokens: Tokens | None = 0
    reasoning_tokens: Tokens | None = 0


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    total_tokens: object = None
    prompt_cache_hit_tokens: Tokens | None = 0
    """DeepSeek's word for cached ones."""
    cached_tokens: Tokens | None = 0
    """Moonshot's."""
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Answer(msgspec.Struct, gc=False):
    usage: _Usage | None = None


_answer = msgspec.json.Decoder(_Answer)
_usage = msgspec.json.Decoder(_Usage)
_OBJECT = re.compile(rb'"usage"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')


def from_answer(body: bytes) -> Usage | None:
    """Read the usage of a whole answer; ``None`` when it says nothing usable."""
    try:
        found = _answer.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if found is None else _convert(found)


def from_object(raw: bytes) -> Usage | None:
    """Read a usage object; ``None`` when it says nothing usable, or is none."""
    try:
        return _convert(_usage.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def from_tail(tail: bytes) -> Usage | None:
    """Read the last usage object in the final bytes of a stream or of a large answer."""
    for match in reversed(list(_OBJECT.finditer(tail))):
        usage = from_object(match[1])
        if usage is not None:
            return usage
    return None


def from_stream(_head: bytes, tail: bytes) -> Usage | None:
    """Read the usage of a stream from its first and its last bytes: it stands in the last."""
    return from_tail(tail)


def _convert(found: _Usage) -> Usage | None:
    given, made = found.prompt_tokens, found.completion_tokens
    before, after = found.prompt_tokens_details, found.completion_tokens_details
    if given is None and made is None:
        given, made = found.input_tokens, found.output_tokens
        before, after = found.input_tokens_details, found.output_tokens_details
        if given is None and made is None:
            return None
    cached = (before.cached_tokens if before else 0) or found.prompt_cache_hit_tokens or found.cached_tokens
    written = before.cache_write_tokens if before else 0
    reasoning = after.reasoning_tokens if after else 0
    if (
        not cached
        and not reasoning
        and not written
        and given is not None
        and made is not None
        and given >= 0 <= made
    ):
        return Usage(given, made)
    given, made = max(0, given or 0), max(0, made or 0)
    if reasoning and reasoning > 0 and found.total_tokens == given + made + reasoning:
        made += reasoning  # xAI counts it beside the completion; only the total tells
    cached = min(given, max(0, cached or 0))
    written = min(given - cached, max(0, written or 0))
    return Usage(given, made, cached, min(made, max(0, reasoning or 0)), written)
