"""Usage as Gemini reports it: thoughts stand beside the candidates, what tools were given beside the prompt.

Source: https://ai.google.dev/api/generate-content#UsageMetadata.
"""

import re
from typing import Annotated

import msgspec

from keyturn.domain.usage import Usage

Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
"""More is nonsense, and a number without bounds could not be stored."""


class UsageMetadata(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """The figures of an answer, or of a stream so far."""

    prompt_token_count: Tokens | None = None
    cached_content_token_count: Tokens | None = None
    """Of the prompt."""
    candidates_token_count: Tokens | None = None
    thoughts_token_count: Tokens | None = None
    tool_use_prompt_token_count: Tokens | None = None
    total_token_count: Tokens | None = None


class _Answer(msgspec.Struct, rename="camel", gc=False):
    usage_metadata: UsageMetadata | None = None


_answer = msgspec.json.Decoder(_Answer)
_answers = msgspec.json.Decoder(list[_Answer])
_metadata = msgspec.json.Decoder(UsageMetadata)
_OBJECT = re.compile(rb'"usageMetadata"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})')


def usage_of_answer(body: bytes) -> Usage | None:
    """Read the usage of a whole answer (or of a stream's array); ``None`` when it says nothing usable."""
    try:
        if body.lstrip()[:1] == b"[":
            told = [one.usage_metadata for one in _answers.decode(body) if one.usage_metadata is not None]
            return usage_of(told[-1]) if told else None
        return usage_of(_answer.decode(body).usage_metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def usage_of_tail(tail: bytes) -> Usage | None:
    """Read the last figures in the final bytes of a stream, of either form, or of a large answer."""
    for match in reversed(list(_OBJECT.finditer(tail))):
        try:
            return usage_of(_metadata.decode(match[1]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def usage_of(told: UsageMetadata | None) -> Usage | None:
    """Return the usage that the figures tell; ``None`` when they tell none."""
    if told is None or (told.prompt_token_count is None and told.candidates_token_count is None):
        return None
    given = (told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0)
    made = told.candidates_token_count or 0
    thought = told.thoughts_token_count or 0
    # Some models count their thoughts among the candidates; only the total tells.
    if thought and (thought > made or told.total_token_count != given + made):
        made += thought
    return Usage(given, made, min(given, told.cached_content_token_count or 0), thought)


def metadata_of(usage: Usage) -> UsageMetadata:
    """Return the figures for a client."""
    return UsageMetadata(
        prompt_token_count=usage.input_tokens,
        cached_content_token_count=usage.cached_tokens or None,
        candidates_token_count=usage.output_tokens - usage.reasoning_tokens,
        thoughts_token_count=usage.reasoning_tokens or None,
        total_token_count=usage.input_tokens + usage.output_tokens,
    )
